#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>

namespace bramble {

struct InferBenchOptions {
  std::filesystem::path model{};        ///< empty: made-up weights
  std::filesystem::path peer_script{};  ///< bench/infer_peer.py; empty or missing: no peers
  std::filesystem::path python = "python3";
  int width = 512;  ///< of a made-up model; a given one has its own size
  int height = 384;
  int runs = 40;
  int threads = 0;  ///< 0: as the rest of the program
};

/// Latency of one picture after the other through the engine, from bytes to labels, beside PyTorch in eager mode (and
/// ONNX Runtime and OpenVINO's own converter, where the Python there has them) on the same weights and the same picture
/// with as many threads. Ours is measured before and after the peers, so that both see the same machine.
/// Keys: width, height, threads, engine, ours_ms (the faster precision of this processor), prepare_ms, network_ms,
/// label_ms, f32_ms, bf16_ms (null without bf16), eager_ms, ratio_eager = eager_ms / ours_ms, ratio_eager_f32,
/// agreement (share of pixels on which eager and our f32 labels agree), peers: {name: {ms, …}}, note. Peers that could
/// not run are null, and `note` says why. All times are medians.
nlohmann::json bench_infer(const InferBenchOptions& options);

}  // namespace bramble
