#pragma once
#include <cstdint>
#include <vector>

#include "bramble/dataset/dataset.hpp"

namespace bramble {

/// A data set's samples at the network's size: decoded once and kept when they fit into the memory limit, decoded at
/// each use otherwise. Thread-safe for reading.
class SampleCache {
 public:
  /// Reads (and thereby checks) every sample when they fit. `limit`: use only so many, spread evenly; 0: all.
  SampleCache(const Dataset& dataset, int width, int height, std::size_t limit, std::uint64_t memory_limit_bytes);
  std::size_t size() const { return indices_.size(); }
  struct Pair {
    ImageU8 rgb, label;
  };
  /// `keep` holds the sample when it is not cached.
  const Pair& get(std::size_t i, Pair& keep) const;

 private:
  Pair load(std::size_t i) const;
  const Dataset& dataset_;
  int width_, height_;
  std::vector<std::size_t> indices_;
  std::vector<Pair> cached_;
};

}  // namespace bramble
