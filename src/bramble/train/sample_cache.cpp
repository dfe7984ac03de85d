#include "bramble/train/sample_cache.hpp"

#include <algorithm>

#include "bramble/core/error.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/core/parallel.hpp"

namespace bramble {

SampleCache::SampleCache(const Dataset& dataset, int width, int height, std::size_t limit,
                         std::uint64_t memory_limit_bytes)
    : dataset_(dataset), width_(width), height_(height) {
  const std::size_t count = limit == 0 ? dataset.size() : std::min(limit, dataset.size());
  for (std::size_t i = 0; i < count; ++i) indices_.push_back(i * dataset.size() / count);
  if (4ULL * width * height * count > memory_limit_bytes) return;
  cached_.resize(count);
  parallel_for(count, [&](std::size_t i) { cached_[i] = load(i); });
}

SampleCache::Pair SampleCache::load(std::size_t i) const {
  Pair pair{dataset_.load_image(indices_[i]), dataset_.load_label(indices_[i])};
  if (pair.rgb.width != pair.label.width || pair.rgb.height != pair.label.height)
    fail("{}: picture and label of sample {} differ in size", dataset_.folder().string(),
         dataset_.samples()[indices_[i]].name);
  return {resize_picture(pair.rgb, width_, height_), resize_labels(pair.label, width_, height_)};
}

const SampleCache::Pair& SampleCache::get(std::size_t i, Pair& keep) const {
  if (!cached_.empty()) return cached_[i];
  keep = load(i);
  return keep;
}

}  // namespace bramble
