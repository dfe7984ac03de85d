#pragma once
#include <torch/types.h>

namespace bramble {

/// Zeroes each value with the probability `share` and divides the others by 1 - share, so that the mean stays
/// (Srivastava et al., "Dropout", JMLR 2014); x itself when not training. In float on a processor what is zeroed
/// follows from a number that libtorch's generator gives and the value's place, whatever the threads, and no mask is
/// kept (libtorch draws one value after the other, on one thread); else torch::dropout.
torch::Tensor seeded_dropout(const torch::Tensor& x, double share, bool training);

}  // namespace bramble
