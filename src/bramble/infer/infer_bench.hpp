#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace bramble {

struct InferBenchOptions {
  std::filesystem::path model{};        ///< empty: made-up weights
  std::filesystem::path peer_script{};  ///< bench/infer_peer.py; empty or missing: no peers
  std::filesystem::path python = "python3";
  std::filesystem::path torch_python{};     ///< another Python for PyTorch; empty: the same
  std::filesystem::path openvino_folder{};  ///< where the peers' Python finds the openvino package; empty: in its own
  std::filesystem::path onnx{};             ///< the model as ONNX for ONNX Runtime; empty: ONNX in the package, if any
  int width = 512;                          ///< of a made-up model; a given one has its own size
  int height = 384;
  int runs = 40;
  int threads = 0;  ///< 0: as the rest of the program
};

/// Latency of one picture after the other through the engine, from bytes to labels, in every precision the model and
/// this processor have, in turns; beside libtorch in eager mode in the same process, and, by the peer script, OpenVINO
/// called from Python on the exported network (and PyTorch and ONNX Runtime, where the Python there has them): the same
/// weights, picture and number of threads. Ours is measured before and after the peers, so that both see the same
/// machine. Keys (times are medians in ms; null: could not be measured, and `note` says why):
///   width, height, threads, engine, ours_ms (the fastest precision), prepare_ms, network_ms, label_ms (its parts),
///   f32_ms, bf16_ms, int8_ms, f32_network_ms, bf16_network_ms, int8_network_ms,
///   pictures_per_s, streams (throughput of the fastest precision with as many streams as threads),
///   libtorch_eager_ms, ratio_libtorch = libtorch_eager_ms / ours_ms, ratio_libtorch_f32,
///   peers: {name: {ms or network_ms, version, …}}, ratio_openvino_f32, ratio_openvino_bf16, ratio_onnxruntime (network
///   time of the peer / ours in that precision), eager_ms, ratio_eager, ratio_eager_f32 (PyTorch from Python),
///   agreement_libtorch, agreement_openvino, agreement (PyTorch): share of pixels with our f32 class, note.
nlohmann::json bench_infer(const InferBenchOptions& options);
/// The same as a table for a terminal.
std::string bench_to_text(const nlohmann::json& figures);

}  // namespace bramble
