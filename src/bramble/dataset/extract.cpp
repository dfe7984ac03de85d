#include "bramble/dataset/extract.hpp"

#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>

#include "bramble/bag/bag_reader.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/core/interrupt.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/core/progress.hpp"
#include "bramble/dataset/dataset_writer.hpp"
#include "bramble/dataset/decode.hpp"

namespace bramble {
namespace {

struct Pending {
  StampNs stamp_ns = 0;
  std::shared_ptr<const std::vector<std::uint8_t>> cdr;
};
struct Pair {
  std::string name;
  Pending image, label;
};

// Pairs of one bag. Messages of both topics wait until their partner has come or cannot come any more.
class Matcher {
 public:
  Matcher(std::int64_t slop_ns, ExtractReport& report) : slop_ns_(slop_ns), report_(report) {}

  void add(bool is_image, Pending message) {
    auto& mine = is_image ? images_ : labels_;
    if (!mine.emplace(message.stamp_ns, message).second) ++report_.duplicate_stamp;
    newest_[is_image] = std::max(newest_[is_image], message.stamp_ns);
  }
  /// Pairs that are settled: for an image, no label nearer than the best can come.
  std::vector<std::pair<Pending, Pending>> take(bool all) {
    std::vector<std::pair<Pending, Pending>> pairs;
    while (!images_.empty()) {
      const Pending image = images_.begin()->second;
      if (!all && newest_[0] < image.stamp_ns + slop_ns_ && images_.size() + labels_.size() < kMostWaiting) break;
      images_.erase(images_.begin());
      auto best = labels_.end();
      for (auto it = labels_.lower_bound(image.stamp_ns - slop_ns_);
           it != labels_.end() && it->first <= image.stamp_ns + slop_ns_; ++it)
        if (best == labels_.end() || std::llabs(it->first - image.stamp_ns) < std::llabs(best->first - image.stamp_ns))
          best = it;
      if (best == labels_.end()) {
        ++report_.image_without_label;
        continue;
      }
      pairs.emplace_back(image, best->second);
      labels_.erase(best);
      // Labels older than every image still to come find no partner any more.
      while (!labels_.empty() && labels_.begin()->first < image.stamp_ns - slop_ns_) {
        labels_.erase(labels_.begin());
        ++report_.label_without_image;
      }
    }
    if (all) {
      report_.label_without_image += labels_.size();
      labels_.clear();
    }
    return pairs;
  }

 private:
  static constexpr std::size_t kMostWaiting = 64;  // bounds memory when one of the topics stops coming
  std::int64_t slop_ns_;
  ExtractReport& report_;
  std::map<StampNs, Pending> images_, labels_;
  StampNs newest_[2] = {INT64_MIN, INT64_MIN};  // of labels, of images
};

class Extraction {
 public:
  explicit Extraction(const ExtractOptions& options)
      : options_(options), writer_(options.output, options.ontology, options.resume) {}

  void run_bag(BagReader& reader, Progress& progress) {
    const auto bag_name = reader.path().stem().string();
    Matcher matcher(options_.slop_ns, report);
    std::set<StampNs> seen[2];
    std::vector<Pair> batch;
    auto settle = [&](bool all) {
      for (auto& [image, label] : matcher.take(all)) {
        if (pair_count_++ % static_cast<std::uint64_t>(options_.every) != 0) {
          ++report.skipped_by_every;
          continue;
        }
        batch.push_back({fmt::format("{}_{:012}", bag_name, image.stamp_ns / 1000), image, label});
      }
      if (batch.size() >= kBatch || all) write(batch);
    };
    while (auto message = reader.next()) {
      throw_if_interrupted();
      progress.advance();
      const bool is_image = message->topic.name == options_.image_topic;
      ++(is_image ? report.images : report.labels);
      try {
        const StampNs stamp = ImageView::parse(*message->cdr).stamp_ns;
        if (!seen[is_image].insert(stamp).second) {
          ++report.duplicate_stamp;
          problem(fmt::format("{}: second message of {} with stamp {} ns", reader.path().string(), message->topic.name,
                              stamp));
          continue;
        }
        matcher.add(is_image, {stamp, message->cdr});
      } catch (const Error& error) {
        ++report.undecodable;
        problem(fmt::format("{}: {} at {} ns: {}", reader.path().string(), message->topic.name, message->stamp_ns,
                            error.what()));
      }
      settle(false);
    }
    settle(true);
  }

  void finish() {
    if (report.samples == 0)
      fail("no sample came out of {}: {} images, {} labels, none with equal stamps{}", options_.bags.front().string(),
           report.images, report.labels,
           report.first_problems.empty() ? "; try --slop" : "; first problem: " + report.first_problems.front());
    if (options_.strict && !report.first_problems.empty()) fail("--strict: {}", report.first_problems.front());
    writer_.finish();
  }

  ExtractReport report;

 private:
  static constexpr std::size_t kBatch = 32;

  void problem(const std::string& text) {
    const std::lock_guard lock(mutex_);
    if (options_.strict) fail("--strict: {}", text);
    if (report.first_problems.size() < 20) report.first_problems.push_back(text);
  }

  void write(std::vector<Pair>& batch) {
    std::atomic<std::uint64_t> samples{0}, kept{0}, undecodable{0}, mismatched{0}, unknown{0};
    parallel_for(batch.size(), [&](std::size_t i) {
      const auto& pair = batch[i];
      if (options_.resume && writer_.has(pair.name)) {
        writer_.keep(pair.name, pair.image.stamp_ns, options_.split);
        ++kept;
        ++samples;
        return;
      }
      ImageU8 rgb, label;
      std::uint64_t unknown_here = 0;
      try {
        rgb = decode_picture(ImageView::parse(*pair.image.cdr));
        label = decode_label(ImageView::parse(*pair.label.cdr), options_.ontology, unknown_here);
      } catch (const Error& error) {
        ++undecodable;
        problem(fmt::format("{}: {}", pair.name, error.what()));
        return;
      }
      if (rgb.width != label.width || rgb.height != label.height) {
        ++mismatched;
        problem(fmt::format("{}: the picture is {}x{}, the label {}x{}", pair.name, rgb.width, rgb.height, label.width,
                            label.height));
        return;
      }
      if (unknown_here > 0)
        problem(fmt::format("{}: {} label pixels have a value that ontology {} lacks", pair.name, unknown_here,
                            options_.ontology.name()));
      unknown += unknown_here;
      if (options_.width > 0) {
        rgb = resize_picture(rgb, options_.width, options_.height);
        label = resize_labels(label, options_.width, options_.height);
      }
      writer_.add(pair.name, pair.image.stamp_ns, options_.split, rgb, label);
      ++samples;
    });
    report.samples += samples;
    report.kept += kept;
    report.undecodable += undecodable;
    report.size_mismatch += mismatched;
    report.unknown_label_pixels += unknown;
    batch.clear();
  }

  const ExtractOptions& options_;
  DatasetWriter writer_;
  std::mutex mutex_;
  std::uint64_t pair_count_ = 0;
};

}  // namespace

ExtractReport extract(const ExtractOptions& options) {
  if (options.bags.empty()) fail("no bag given");
  // Open every bag before anything is written: a wrong name or topic leaves no trace.
  std::vector<std::unique_ptr<BagReader>> readers;
  std::uint64_t messages = 0, bytes = 0;
  std::set<std::string> names;
  for (const auto& bag : options.bags) {
    readers.push_back(std::make_unique<BagReader>(bag, std::vector{options.image_topic, options.label_topic}));
    for (const auto& topic : readers.back()->metadata().topics)
      if (topic.info.name == options.image_topic || topic.info.name == options.label_topic) {
        messages += topic.message_count;
        if (topic.info.type != "sensor_msgs/msg/Image")
          fail("bag {}: {} is a {}, expected sensor_msgs/msg/Image", bag.string(), topic.info.name, topic.info.type);
      }
    bytes += readers.back()->file_bytes();
    if (!names.insert(readers.back()->path().stem().string()).second)
      fail("two bags are called {}; their samples would have the same names", bag.filename().string());
  }
  require_free_space(options.output, bytes / 3, "the data set");
  Extraction extraction(options);
  Progress progress("extracting", messages);
  for (auto& reader : readers) extraction.run_bag(*reader, progress);
  extraction.finish();
  return extraction.report;
}

}  // namespace bramble
