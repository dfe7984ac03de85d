#pragma once
#include <cstddef>
#include <nlohmann/json.hpp>
#include <vector>

namespace bramble {

/// Durations and their quantiles: of all, or of the newest `window` in an endless run.
class Latency {
 public:
  explicit Latency(std::size_t window = 100'000) : window_(window) {}

  void add(double milliseconds);
  std::size_t count() const { return count_; }
  /// The value that a share `part` in [0, 1] of the durations does not exceed (nearest rank); 0 without durations.
  double quantile(double part) const;
  double median() const { return quantile(0.5); }
  double maximum() const { return maximum_; }
  /// {count, median_ms, p95_ms, max_ms}
  nlohmann::json to_json() const;

 private:
  std::size_t window_;
  std::size_t count_ = 0;
  double maximum_ = 0;
  std::vector<double> newest_;
};

}  // namespace bramble
