#pragma once
#include <string>

#include "bramble/train/train_step.hpp"

namespace bramble {

/// Network, optimizer and averaged weights as a libtorch archive. No state of a random generator: every step of a
/// training begins with a seed of its own.
std::string checkpoint_bytes(TrainStep& step);
/// And back. Throws Error naming `file` when the bytes are damaged or belong to another network.
void restore_checkpoint(TrainStep& step, const std::string& bytes, const std::string& file);

}  // namespace bramble
