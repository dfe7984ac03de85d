#include "bramble/infer/latency.hpp"

#include <algorithm>
#include <cmath>

namespace bramble {

void Latency::add(double milliseconds) {
  if (newest_.size() < window_) {
    newest_.push_back(milliseconds);
  } else {
    newest_[count_ % window_] = milliseconds;
  }
  ++count_;
  maximum_ = std::max(maximum_, milliseconds);
}

double Latency::quantile(double part) const {
  if (newest_.empty()) return 0;
  const double rank = std::ceil(std::clamp(part, 0.0, 1.0) * static_cast<double>(newest_.size()));
  const std::size_t index = std::max<std::size_t>(static_cast<std::size_t>(rank), 1) - 1;
  std::vector<double> sorted = newest_;
  std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(index), sorted.end());
  return sorted[index];
}

nlohmann::json Latency::to_json() const {
  return {{"count", count_}, {"median_ms", median()}, {"p95_ms", quantile(0.95)}, {"max_ms", maximum_}};
}

}  // namespace bramble
