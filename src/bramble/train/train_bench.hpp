#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace bramble {

struct TrainBenchOptions {
  std::string backbone = "efficientnet-lite0";
  std::string decoder = "skip2";
  int width = 256, height = 192;
  int batch = 8;
  int classes = 7;
  int steps = 6;  ///< measured before and after the peer, each time after `warm_up` more
  int warm_up = 2;
  std::string device = "cpu";           ///< model/torch_device.hpp
  std::string precision = "f32";        ///< train/mixed_precision.hpp; the peer's autocast is set likewise
  bool record = true;                   ///< TrainStepOptions::record
  std::filesystem::path python{};       ///< empty: no peer
  std::filesystem::path peer_script{};  ///< bench/train_peer.py
};

/// Training steps (normalise, forward, both losses, backward, AdamW) on one made-up batch, without loading of samples,
/// beside Python's PyTorch in eager mode on the same network, weights and batch with as many threads. Ours is measured
/// before and after the peer, so that both see the same machine. Keys: samples_per_s and step_ms (median step),
/// threads, device, precision, recorded, width, height, batch, steps; peer {version, nhwc_samples_per_s,
/// nchw_samples_per_s, loss_difference} or null; ratio = ours beside the faster layout of the peer, or null;
/// ratio_default_layout = beside the one that PyTorch takes unless told otherwise (NCHW); note says why there is none.
/// peak_memory_mb: the most that the process held in its first round; in peer: in the NHWC layout, which is run first;
/// memory_ratio: ours beside the peer's, on the CPU.
/// loss_difference is that of the batch's loss in evaluation mode, relative: it shows that both sides hold the same
/// network. Throws Error when they do not (above 0.1 %).
nlohmann::json bench_train(const TrainBenchOptions& options);

}  // namespace bramble
