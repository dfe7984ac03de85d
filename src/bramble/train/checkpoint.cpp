#include "bramble/train/checkpoint.hpp"

#include <torch/torch.h>

#include <sstream>

#include "bramble/core/error.hpp"

namespace bramble {

std::string checkpoint_bytes(TrainStep& step) {
  torch::serialize::OutputArchive archive, model, optimizer;
  step.network()->save(model);
  step.optimizer().save(optimizer);
  archive.write("model", model);
  archive.write("optimizer", optimizer);
  archive.write("steps", torch::tensor(step.steps_done(), torch::kLong), true);
  archive.write("loss_scale", torch::tensor(step.loss_scale().factor(), torch::kDouble), true);
  for (std::size_t i = 0; i < step.average().size(); ++i)
    archive.write("average" + std::to_string(i), step.average()[i], true);
  std::ostringstream bytes;
  archive.save_to(bytes);
  return bytes.str();
}

void restore_checkpoint(TrainStep& step, const std::string& bytes, const std::string& file) {
  try {
    torch::serialize::InputArchive archive, model, optimizer;
    archive.load_from(bytes.data(), bytes.size(), step.device());
    archive.read("model", model);
    archive.read("optimizer", optimizer);
    step.network()->load(model);
    step.optimizer().load(optimizer);
    torch::Tensor steps;
    archive.read("steps", steps, true);
    step.set_steps_done(steps.item<std::int64_t>());
    torch::Tensor scale;
    archive.read("loss_scale", scale, true);
    step.loss_scale().set_factor(scale.item<double>());
    for (std::size_t i = 0; i < step.average().size(); ++i)
      archive.read("average" + std::to_string(i), step.average()[i], true);
  } catch (const c10::Error&) {
    fail("{} is missing or damaged; start anew with --no-resume", file);
  }
  step.use_channels_last();
}

}  // namespace bramble
