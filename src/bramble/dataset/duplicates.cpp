#include "bramble/dataset/duplicates.hpp"

#include <algorithm>
#include <bit>
#include <map>
#include <mutex>

#include "bramble/core/error.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/core/interrupt.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/core/progress.hpp"

namespace bramble {

namespace {

struct Entry {
  PictureHash hash{};
  std::uint64_t content = 0;  // hash of every pixel
  std::uint32_t group = 0;    // data set and split
  std::uint32_t dataset = 0;
  std::size_t index = 0;
};

std::uint64_t content_hash(const ImageU8& image) {
  std::uint64_t hash = 0xcbf29ce484222325ULL ^ static_cast<std::uint64_t>(image.width);
  for (const auto byte : image.data) hash = (hash ^ byte) * 0x100000001b3ULL;
  return hash;
}

}  // namespace

PictureHash picture_hash(const ImageU8& rgb) {
  constexpr int kSide = 16;
  const ImageU8 small = resize_picture(rgb, kSide + 1, kSide);
  PictureHash hash{};
  const auto grey = [&](int u, int v) {
    int sum = 0;
    for (int k = 0; k < small.channels; ++k) sum += small.at(u, v)[k];
    return sum;
  };
  for (int v = 0; v < kSide; ++v)
    for (int u = 0; u < kSide; ++u) {
      const int bit = v * kSide + u;
      if (grey(u, v) > grey(u + 1, v)) hash[static_cast<std::size_t>(bit / 64)] |= std::uint64_t{1} << (bit % 64);
    }
  return hash;
}

int hash_distance(const PictureHash& a, const PictureHash& b) {
  int bits = 0;
  for (std::size_t i = 0; i < a.size(); ++i) bits += std::popcount(a[i] ^ b[i]);
  return bits;
}

DuplicateReport find_duplicates(const std::vector<Dataset>& datasets, const DuplicateOptions& options) {
  std::vector<Entry> entries;
  std::map<std::pair<std::size_t, std::string>, std::uint32_t> groups;
  for (std::size_t d = 0; d < datasets.size(); ++d) {
    std::size_t i = 0;
    for (const Sample& sample : datasets[d].samples()) {
      if (!sample.image.empty()) {
        const auto group = groups.emplace(std::pair(d, sample.split), groups.size()).first->second;
        entries.push_back({{}, 0, group, static_cast<std::uint32_t>(d), i});
      }
      ++i;
    }
  }
  std::vector<std::uint8_t> readable(entries.size(), 0);
  Progress progress("comparing pictures", entries.size());
  std::mutex mutex;
  parallel_for(entries.size(), [&](std::size_t i) {
    throw_if_interrupted();
    try {
      const ImageU8 image = datasets[entries[i].dataset].load_image(entries[i].index);
      entries[i].hash = picture_hash(image);
      entries[i].content = content_hash(image);
      readable[i] = 1;
    } catch (const Interrupted&) {
      throw;
    } catch (const Error&) {  // check_dataset() names it
    }
    const std::lock_guard lock(mutex);
    progress.advance();
  });
  progress.finish();
  std::size_t kept = 0;
  for (std::size_t i = 0; i < entries.size(); ++i)
    if (readable[i]) entries[kept++] = entries[i];
  entries.resize(kept);

  DuplicateReport report;
  report.pictures = entries.size();
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.group < b.group; });
  std::vector<std::size_t> group_end(groups.size(), 0);
  for (std::size_t i = 0; i < entries.size(); ++i) group_end[entries[i].group] = i + 1;
  // Identical ones within a split, by the hash of all pixels.
  std::map<std::pair<std::uint32_t, std::uint64_t>, std::uint64_t> times;
  for (const auto& entry : entries) report.same_within += times[{entry.group, entry.content}]++ > 0;

  struct Found {
    int distance;
    std::size_t first, second;
    bool operator<(const Found& o) const {
      return std::tie(distance, first, second) < std::tie(o.distance, o.first, o.second);
    }
  };
  std::vector<Found> nearest;
  parallel_for(entries.size(), [&](std::size_t i) {
    std::uint64_t same = 0, near = 0;
    std::vector<Found> mine;
    for (std::size_t j = group_end[entries[i].group]; j < entries.size(); ++j) {
      const int distance = hash_distance(entries[i].hash, entries[j].hash);
      if (distance > options.most_bits) continue;
      ++(entries[i].content == entries[j].content ? same : near);
      mine.push_back({distance, i, j});
    }
    if (mine.empty()) return;
    const std::lock_guard lock(mutex);
    report.same_across += same;
    report.near_across += near;
    nearest.insert(nearest.end(), mine.begin(), mine.end());
    if (nearest.size() > 4096 + options.most_named) {
      std::sort(nearest.begin(), nearest.end());
      nearest.resize(options.most_named);
    }
  });
  std::sort(nearest.begin(), nearest.end());
  if (nearest.size() > options.most_named) nearest.resize(options.most_named);
  const auto name = [&](const Entry& entry) {
    const Sample sample = datasets[entry.dataset].samples()[entry.index];
    const std::string inner = sample.split + "/" + sample.name;
    return datasets.size() == 1 ? inner : datasets[entry.dataset].folder().filename().string() + "/" + inner;
  };
  for (const auto& found : nearest)
    report.first_across.push_back({name(entries[found.first]), name(entries[found.second]), found.distance,
                                   entries[found.first].content == entries[found.second].content});
  return report;
}

DatasetDifference compare(const Dataset& first, const Dataset& second) {
  constexpr std::size_t kMost = 50;
  DatasetDifference difference;
  if (!(first.ontology() == second.ontology()))
    difference.ontology = fmt::format("{} has {} classes, {} has {}, or names differ", first.ontology().name(),
                                      first.ontology().size(), second.ontology().name(), second.ontology().size());
  std::map<std::string, std::size_t> of_second;
  for (std::size_t i = 0; i < second.size(); ++i) of_second[second.samples()[i].name] = i;
  std::vector<std::pair<std::size_t, std::size_t>> both;
  for (std::size_t i = 0; i < first.size(); ++i) {
    const std::string name = first.samples()[i].name;
    const auto found = of_second.find(name);
    if (found == of_second.end()) {
      if (difference.only_first_count++ < kMost) difference.only_first.push_back(name);
      continue;
    }
    both.emplace_back(i, found->second);
    of_second.erase(found);
  }
  for (const auto& [name, i] : of_second)
    if (difference.only_second_count++ < kMost) difference.only_second.push_back(name);

  struct Result {
    std::string what;
    bool image = false, label = false, split = false;
    std::uint64_t pixels = 0, changed = 0;
  };
  std::vector<Result> results(both.size());
  Progress progress("comparing samples", both.size());
  std::mutex mutex;
  parallel_for(both.size(), [&](std::size_t k) {
    throw_if_interrupted();
    const auto [i, j] = both[k];
    Result& result = results[k];
    const Sample a = first.samples()[i], b = second.samples()[j];
    result.split = a.split != b.split;
    if (result.split) result.what = fmt::format("split {} became {}", a.split, b.split);
    const auto add = [&](const std::string& text) { result.what += (result.what.empty() ? "" : "; ") + text; };
    try {
      if (!a.image.empty() && !b.image.empty()) {
        result.image = !(first.load_image(i) == second.load_image(j));
        if (result.image) add("the picture differs");
        const ImageU8 la = first.load_label(i), lb = second.load_label(j);
        if (la.width != lb.width || la.height != lb.height) {
          result.label = true;
          add(fmt::format("label {}x{} became {}x{}", la.width, la.height, lb.width, lb.height));
        } else {
          result.pixels = la.pixel_count();
          for (std::size_t p = 0; p < la.data.size(); ++p) result.changed += la.data[p] != lb.data[p];
          result.label = result.changed > 0;
          if (result.label)
            add(fmt::format("{:.2f} % of the label differ",
                            100.0 * static_cast<double>(result.changed) / static_cast<double>(result.pixels)));
        }
      }
    } catch (const Interrupted&) {
      throw;
    } catch (const Error& error) {
      result.image = true;
      add(error.what());
    }
    const std::lock_guard lock(mutex);
    progress.advance();
  });
  for (std::size_t k = 0; k < both.size(); ++k) {
    const Result& result = results[k];
    difference.changed_images += result.image;
    difference.changed_labels += result.label;
    difference.changed_splits += result.split;
    difference.label_pixels += result.pixels;
    difference.changed_label_pixels += result.changed;
    if (result.what.empty())
      ++difference.same;
    else if (difference.changed.size() < kMost)
      difference.changed.push_back({first.samples()[both[k].first].name, result.what});
  }
  return difference;
}

}  // namespace bramble
