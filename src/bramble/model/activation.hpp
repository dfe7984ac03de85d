#pragma once
#include <algorithm>
#include <type_traits>

#include "bramble/model/lane.hpp"

namespace bramble {

enum class Activation { kNone, kRelu, kRelu6 };

template <Activation kKind>
float activated(float z) {
  if constexpr (kKind == Activation::kRelu) return std::max(z, 0.0F);
  if constexpr (kKind == Activation::kRelu6) return std::min(std::max(z, 0.0F), 6.0F);
  return z;
}
template <Activation kKind>
Lane activated(Lane z) {  // what is no number stays so: the loss must show it
  const Lane none = {}, six = none + 6.0F;
  if constexpr (kKind != Activation::kNone) z = z < none ? none : z;
  if constexpr (kKind == Activation::kRelu6) z = z > six ? six : z;
  return z;
}

/// The part of a gradient that the activation of z lets through. The bounds themselves are cut off, as in PyTorch.
template <Activation kKind>
float passed(float gradient, float z) {
  if constexpr (kKind == Activation::kRelu) return z > 0 ? gradient : 0;
  if constexpr (kKind == Activation::kRelu6) return (z > 0) & (z < 6) ? gradient : 0;  // no branch
  return gradient;
}
template <Activation kKind>
Lane passed(Lane gradient, Lane z) {  // by hand: compilers make branches of the choice
  const Lane none = {};
  if constexpr (kKind != Activation::kNone) gradient = z > 0.0F ? gradient : none;
  if constexpr (kKind == Activation::kRelu6) gradient = z < 6.0F ? gradient : none;
  return gradient;
}

/// Calls work with the activation as a constant.
template <typename Work>
auto with_kind(Activation kind, const Work& work) {
  switch (kind) {
    case Activation::kRelu:
      return work(std::integral_constant<Activation, Activation::kRelu>());
    case Activation::kRelu6:
      return work(std::integral_constant<Activation, Activation::kRelu6>());
    default:
      return work(std::integral_constant<Activation, Activation::kNone>());
  }
}

}  // namespace bramble
