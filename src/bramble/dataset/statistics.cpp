#include "bramble/dataset/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <set>

#include "bramble/core/byte_counts.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/core/interrupt.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/core/progress.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

void require_equal_size(const Dataset& dataset, std::size_t index, const ImageU8& image, const ImageU8& label) {
  const Sample& sample = dataset.samples()[index];
  if (image.width != label.width || image.height != label.height)
    fail("{}: {} is {}x{}, {} is {}x{}", dataset.folder().string(), sample.image.string(), image.width, image.height,
         sample.label.string(), label.width, label.height);
}

}  // namespace

double DatasetStatistics::share(ClassId id) const {
  const std::uint64_t labelled = label_pixels - ignored_pixels;
  return labelled == 0 ? 0.0 : static_cast<double>(classes.at(id).pixels) / static_cast<double>(labelled);
}

DatasetStatistics dataset_statistics(const Dataset& dataset) {
  DatasetStatistics all;
  all.samples = dataset.size();
  all.classes.resize(dataset.ontology().size());
  std::array<std::uint64_t, 3> sum{}, sum_of_squares{};
  std::mutex mutex;
  Progress progress("reading samples", dataset.size());
  parallel_for(dataset.size(), [&](std::size_t i) {
    throw_if_interrupted();
    if (dataset.samples()[i].image.empty()) {
      UnknownLabels unknown;
      const PointCloud cloud = dataset.load_cloud(i, unknown);
      const auto ids = count_bytes(cloud.labels);
      const std::lock_guard lock(mutex);
      for (std::size_t id = 0; id < all.classes.size(); ++id) {
        all.classes[id].pixels += ids[id];
        all.classes[id].samples += ids[id] > 0;
      }
      all.ignored_pixels += ids[kIgnoreId];
      all.label_pixels += cloud.labels.size();
      all.points += cloud.points.size();
      progress.advance();
      return;
    }
    const ImageU8 image = dataset.load_image(i);
    const ImageU8 label = dataset.load_label(i);
    require_equal_size(dataset, i, image, label);
    const auto ids = count_bytes(label.data);
    std::array<std::array<std::uint64_t, 256>, 3> values{};
    for (std::size_t p = 0; p < image.data.size(); p += 3)
      for (std::size_t c = 0; c < 3; ++c) ++values[c][image.data[p + c]];

    const std::lock_guard lock(mutex);
    for (std::size_t id = 0; id < all.classes.size(); ++id) {
      all.classes[id].pixels += ids[id];
      all.classes[id].samples += ids[id] > 0;
    }
    all.ignored_pixels += ids[kIgnoreId];
    all.label_pixels += label.pixel_count();
    ++all.sizes[{image.width, image.height}];
    for (std::size_t c = 0; c < 3; ++c)
      for (std::uint64_t value = 0; value < 256; ++value) {
        sum[c] += value * values[c][value];
        sum_of_squares[c] += value * value * values[c][value];
      }
    progress.advance();
  });
  for (std::size_t c = 0; c < 3; ++c) {
    const double count = static_cast<double>(std::max<std::uint64_t>(1, all.label_pixels));
    const double mean = static_cast<double>(sum[c]) / count;
    all.mean[c] = mean / 255.0;
    all.stddev[c] = std::sqrt(std::max(0.0, static_cast<double>(sum_of_squares[c]) / count - mean * mean)) / 255.0;
  }
  all.first_ns = std::numeric_limits<StampNs>::max();
  all.last_ns = std::numeric_limits<StampNs>::min();
  for (const auto& sample : dataset.samples()) {
    ++all.splits[sample.split];
    all.first_ns = std::min(all.first_ns, sample.stamp_ns);
    all.last_ns = std::max(all.last_ns, sample.stamp_ns);
  }
  return all;
}

std::vector<std::string> check_dataset(const Dataset& dataset) {
  std::vector<std::vector<std::string>> of_sample(dataset.size());
  std::mutex mutex;
  Progress progress("checking samples", dataset.size());
  parallel_for(dataset.size(), [&](std::size_t i) {
    throw_if_interrupted();
    ImageU8 image, label;
    if (dataset.samples()[i].image.empty()) {
      try {
        UnknownLabels unknown;
        (void)dataset.load_cloud(i, unknown);
        if (unknown.count > 0)
          of_sample[i].push_back(fmt::format("{}: {} points have labels such as {}, which are no class of ontology {}",
                                             dataset.samples()[i].cloud_label.string(), unknown.count, unknown.example,
                                             dataset.ontology().name()));
      } catch (const Error& error) {
        of_sample[i].push_back(error.what());
      }
      const std::lock_guard lock(mutex);
      progress.advance();
      return;
    }
    try {
      image = dataset.load_image(i);
    } catch (const Error& error) {
      of_sample[i].push_back(error.what());
    }
    try {
      label = dataset.load_label(i);
      if (!image.empty()) require_equal_size(dataset, i, image, label);
    } catch (const Error& error) {
      of_sample[i].push_back(error.what());
    }
    const std::lock_guard lock(mutex);
    progress.advance();
  });
  progress.finish();
  std::vector<std::string> problems = dataset.problems().first();
  for (const auto& of : of_sample) problems.insert(problems.end(), of.begin(), of.end());
  if (dataset.format() != "bramble") return problems;
  // Files that nobody names; hashes of the paths are enough to know them.
  std::vector<std::size_t> named;
  for (const Sample& sample : dataset.samples())
    for (const auto& file : {sample.image, sample.label}) named.push_back(fs::hash_value(file));
  std::sort(named.begin(), named.end());
  std::set<fs::path> strays;
  for (const char* folder : {"images", "labels"}) {
    std::error_code error;
    for (const auto& entry : fs::recursive_directory_iterator(dataset.folder() / folder, error)) {
      const fs::path file = entry.path().lexically_relative(dataset.folder());
      if (entry.is_regular_file(error) && !std::binary_search(named.begin(), named.end(), fs::hash_value(file)))
        strays.insert(file);
    }
  }
  for (const auto& file : strays)
    problems.push_back(fmt::format("{}: no sample of index.csv names it", (dataset.folder() / file).string()));
  for (const char* file : {"dataset.parquet", "ontology.json"})
    if (!fs::exists(dataset.folder() / file))
      problems.push_back(fmt::format("{}: missing (PerceptionMetrics reads it)", (dataset.folder() / file).string()));
  return problems;
}

ImageU8 contact_sheet(const Dataset& dataset, const SheetOptions& options, std::vector<std::size_t>& shown) {
  if (options.samples < 1 || options.columns < 1 || options.pair_width < 16)
    fail("a sheet needs at least one sample and column, and pairs of at least 16 pixels");
  const std::size_t count = std::min(dataset.size(), static_cast<std::size_t>(options.samples));
  shown.clear();
  for (std::size_t k = 0; k < count; ++k) shown.push_back(count == 1 ? 0 : k * (dataset.size() - 1) / (count - 1));
  constexpr int kGap = 8;
  const int columns = std::min(options.columns, static_cast<int>(count));
  const int rows = (static_cast<int>(count) + columns - 1) / columns;
  const int width = options.pair_width / 2;
  const ImageU8 first = dataset.load_image(shown[0]);
  const int height = std::max(1, static_cast<int>(static_cast<long>(width) * first.height / first.width));
  ImageU8 sheet(kGap + columns * (2 * width + kGap), kGap + rows * (height + kGap), 3, 24);
  parallel_for(count, [&](std::size_t k) {
    const ImageU8 image = resize_picture(dataset.load_image(shown[k]), width, height);
    const ImageU8 mask = dataset.ontology().colorize(resize_labels(dataset.load_label(shown[k]), width, height));
    const int left = kGap + static_cast<int>(k) % columns * (2 * width + kGap);
    const int top = kGap + static_cast<int>(k) / columns * (height + kGap);
    for (int v = 0; v < height; ++v) {
      std::copy_n(image.row(v), 3 * width, sheet.at(left, top + v));
      std::copy_n(mask.row(v), 3 * width, sheet.at(left + width, top + v));
    }
  });
  return sheet;
}

}  // namespace bramble
