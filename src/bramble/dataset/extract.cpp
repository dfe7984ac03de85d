#include "bramble/dataset/extract.hpp"

#include <oneapi/tbb/parallel_pipeline.h>

#include <algorithm>
#include <deque>
#include <nlohmann/json.hpp>
#include <set>

#include "bramble/bag/bag_reader.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/core/interrupt.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/core/progress.hpp"
#include "bramble/dataset/dataset_writer.hpp"
#include "bramble/dataset/pairing.hpp"
#include "bramble/dataset/variation_log.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

// What goes down the pipeline: a pair on its way to a sample, or a problem found while reading (no payload).
struct Job {
  std::string name;
  StampedPair pair;
  // Filled by the stage that decodes and writes.
  enum class Outcome { kProblemOnly, kWritten, kKept, kUndecodable, kSizeMismatch } outcome = Outcome::kProblemOnly;
  std::uint64_t pixels = 0, unknown_pixels = 0;
  std::string problem;
};

// The bag's own name, as far as it can stand in a file name and in a table with commas.
std::string sample_prefix(const fs::path& bag) {
  std::string name = bag.extension() == ".db3" ? bag.stem().string() : bag.filename().string();
  for (char& c : name)
    if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '_' && c != '-' &&
        c != '.')
      c = '_';
  return name;
}

// Everything that decides what the samples are.
nlohmann::ordered_json settings_of(const ExtractOptions& options, const std::vector<std::string>& names) {
  return {{"bags", names},
          {"image_topic", options.image_topic},
          {"label_topic", options.label_topic},
          {"label_format", static_cast<int>(options.label_format)},
          {"ontology", options.ontology.to_yaml()},
          {"split", options.split},
          {"slop_ns", options.slop_ns},
          {"every", options.every},
          {"width", options.width},
          {"height", options.height}};
}

// Two runs of one extraction must agree; samples of different settings in one data set would be a silent mixture.
void agree_on_settings(const fs::path& folder, const nlohmann::ordered_json& settings, bool resume) {
  const fs::path file = folder / "extraction.json";
  std::error_code error;
  if (!fs::exists(file, error)) {
    if (resume && fs::exists(folder / "index.csv", error))
      fail("{} was not made by extract (it has no extraction.json); choose another folder", folder.string());
    write_file_atomically(file, settings.dump(2) + "\n");
    return;
  }
  const auto before = nlohmann::ordered_json::parse(read_text_file(file), nullptr, false);
  if (before.is_discarded()) fail("{} is damaged; choose another folder", file.string());
  for (const auto& [key, value] : settings.items())
    if (!before.contains(key) || before.at(key) != value)
      fail("{} was begun with {} = {}, now it is {}; use the same settings or another folder", folder.string(), key,
           before.contains(key) ? before.at(key).dump() : "nothing", value.dump());
}

class Extraction {
 public:
  explicit Extraction(const ExtractOptions& options)
      : options_(options), writer_(options.output, options.ontology, options.resume) {}

  void run_bag(BagReader& reader, Progress& progress) {
    Reading reading{reader, progress, Pairing(options_.slop_ns), sample_prefix(reader.path()), {}, 0, false, 0};
    const std::size_t in_flight = 2 * static_cast<std::size_t>(std::max(1, thread_count())) + 1;
    using JobPointer = std::shared_ptr<Job>;
    tbb::parallel_pipeline(
        in_flight,
        tbb::make_filter<void, JobPointer>(tbb::filter_mode::serial_in_order, [&](tbb::flow_control& control) {
          JobPointer job = next_job(reading);
          if (!job) control.stop();
          return job;
        }) & tbb::make_filter<JobPointer, JobPointer>(tbb::filter_mode::parallel, [&](JobPointer job) {
          if (job->pair.image.cdr) make_sample(*job);
          return job;
        }) & tbb::make_filter<JobPointer, void>(tbb::filter_mode::serial_in_order, [&](const JobPointer& job) {
          account(*job);
        }));
    report.image_without_label += reading.pairing.images_without_label();
    report.label_without_image += reading.pairing.labels_without_image();
  }

  void finish() {
    report.undecodable += unparsed_;
    if (report.samples == 0)
      fail("no sample came out of {}: {} images, {} labels{}", options_.bags.front().string(), report.images,
           report.labels,
           report.first_problems.empty()
               ? fmt::format(", none with stamps at most {} ns apart; try a larger --slop", options_.slop_ns)
               : "; first problem: " + report.first_problems.front());
    if (report.label_pixels > 0 && report.unknown_label_pixels == report.label_pixels)
      fail("no label pixel of {} has a value that ontology {} knows; {}; name the right --ontology or --label-format",
           options_.label_topic, options_.ontology.name(),
           report.first_problems.empty() ? "all are ignored" : report.first_problems.front());
    if (options_.strict && report.image_without_label + report.label_without_image > 0)
      fail("--strict: {} images without label, {} labels without image", report.image_without_label,
           report.label_without_image);
    writer_.finish();
  }

  /// After an Error: a data set without any sample is no start worth resuming.
  void discard_if_empty() { writer_.discard_if_empty(); }

  ExtractReport report;

 private:
  struct Reading {
    BagReader& reader;
    Progress& progress;
    Pairing pairing;
    std::string prefix;
    std::deque<std::shared_ptr<Job>> ready;
    std::uint64_t pairs = 0;
    bool ended = false;
    std::size_t damage_told = 0;
  };

  // First stage, one call at a time: reads on until a job is ready; null at the end.
  std::shared_ptr<Job> next_job(Reading& reading) {
    while (reading.ready.empty() && !reading.ended) {
      throw_if_interrupted();
      const auto message = reading.reader.next();
      const auto& damage = reading.reader.damage();
      for (; reading.damage_told < damage.size(); ++reading.damage_told)
        push_problem(reading, damage[reading.damage_told]);
      if (message) {
        reading.progress.advance();
        take_message(reading, *message);
      }
      reading.ended = !message;
      for (auto& pair : reading.ended ? reading.pairing.take_rest() : reading.pairing.take_settled()) {
        if (reading.pairs++ % static_cast<std::uint64_t>(options_.every) != 0) {
          ++report.skipped_by_every;
          continue;
        }
        auto job = std::make_shared<Job>();
        job->name = fmt::format("{}_{:013}", reading.prefix, pair.image.stamp_ns);
        job->pair = std::move(pair);
        reading.ready.push_back(std::move(job));
      }
    }
    if (reading.ready.empty()) return nullptr;
    auto job = std::move(reading.ready.front());
    reading.ready.pop_front();
    return job;
  }

  void take_message(Reading& reading, const Message& message) {
    // The counts of this stage are written by it alone, those of account() by that alone.
    const auto take = [&](Pairing::Side side) {
      ++(side == Pairing::kImage ? report.images : report.labels);
      StampNs stamp_ns = 0;
      try {
        stamp_ns = ImageView::parse(*message.cdr).stamp_ns;
      } catch (const Error& error) {
        ++unparsed_;
        push_problem(reading, fmt::format("{}: {} at {} ns: {}", reading.reader.path().string(), message.topic.name,
                                          message.stamp_ns, error.what()));
        return;
      }
      if (!reading.pairing.add(side, {stamp_ns, message.cdr})) {
        ++report.duplicate_stamp;
        push_problem(reading, fmt::format("{}: second message of {} with stamp {} ns", reading.reader.path().string(),
                                          message.topic.name, stamp_ns));
      }
    };
    if (message.topic.name == options_.image_topic) take(Pairing::kImage);
    if (message.topic.name == options_.label_topic) take(Pairing::kLabel);
  }

  static void push_problem(Reading& reading, std::string text) {
    auto job = std::make_shared<Job>();
    job->problem = std::move(text);
    reading.ready.push_back(std::move(job));
  }

  // Second stage, on any thread.
  void make_sample(Job& job) {
    const StampNs stamp_ns = job.pair.image.stamp_ns;
    if (options_.resume && writer_.keep(job.name, stamp_ns, options_.split)) {
      job.outcome = Job::Outcome::kKept;
      return;
    }
    ImageU8 rgb, label;
    try {
      rgb = decode_picture(ImageView::parse(*job.pair.image.cdr));
      label = decode_label(ImageView::parse(*job.pair.label.cdr), options_.ontology, job.unknown_pixels,
                           options_.label_format);
    } catch (const Error& error) {
      job.outcome = Job::Outcome::kUndecodable;
      job.problem = fmt::format("{}: {}", job.name, error.what());
      return;
    }
    job.pair = {};
    if (rgb.width != label.width || rgb.height != label.height) {
      job.outcome = Job::Outcome::kSizeMismatch;
      job.problem = fmt::format("{}: the picture is {}x{}, the label {}x{}", job.name, rgb.width, rgb.height,
                                label.width, label.height);
      return;
    }
    job.pixels = label.pixel_count();
    if (job.unknown_pixels > 0)
      job.problem = fmt::format("{}: {} of {} label pixels have a value that ontology {} lacks", job.name,
                                job.unknown_pixels, job.pixels, options_.ontology.name());
    if (options_.strict && !job.problem.empty()) return;  // account() refuses it
    if (options_.width > 0) {
      rgb = resize_picture(rgb, options_.width, options_.height);
      label = resize_labels(label, options_.width, options_.height);
    }
    writer_.add(job.name, stamp_ns, options_.split, rgb, label);
    job.outcome = Job::Outcome::kWritten;
  }

  // Third stage, one call at a time and in order, so that the report does not depend on the threads.
  void account(const Job& job) {
    if (!job.problem.empty()) {
      if (options_.strict) fail("--strict: {}", job.problem);
      if (report.first_problems.size() < kMostProblems) report.first_problems.push_back(job.problem);
    }
    using Outcome = Job::Outcome;
    report.samples += job.outcome == Outcome::kWritten || job.outcome == Outcome::kKept;
    report.kept += job.outcome == Outcome::kKept;
    report.undecodable += job.outcome == Outcome::kUndecodable;
    report.size_mismatch += job.outcome == Outcome::kSizeMismatch;
    if (job.outcome != Outcome::kWritten) return;
    report.label_pixels += job.pixels;
    report.unknown_label_pixels += job.unknown_pixels;
    report.label_with_unknown += job.unknown_pixels > 0;
  }

  static constexpr std::size_t kMostProblems = 20;

  const ExtractOptions& options_;
  DatasetWriter writer_;
  std::uint64_t unparsed_ = 0;  // messages that are no image; of the first stage, as undecodable is of the third
};

void validate(const ExtractOptions& options) {
  if (options.bags.empty()) fail("no bag given");
  if (options.every < 1) fail("every is {}; keep every 1st, 2nd, … pair", options.every);
  if (options.slop_ns < 0 || options.slop_ns > 10 * kNsPerSecond)
    fail("a slop of {} ns is not between 0 and 10 s", options.slop_ns);
  if ((options.width > 0) != (options.height > 0) || options.width < 0 || options.height < 0)
    fail("a size of {}x{} is none", options.width, options.height);
  if (options.split != "train" && options.split != "val" && options.split != "test")
    fail("there is no split '{}'; splits: train, val, test", options.split);
  if (options.ontology.size() == 0) fail("extraction needs an ontology with at least one class");
  if (options.image_topic == options.label_topic)
    fail("{} cannot be both the picture and the label", options.image_topic);
}

}  // namespace

ExtractReport extract(const ExtractOptions& options) {
  validate(options);
  // Open every bag before anything is written: a wrong name or topic leaves no trace.
  std::vector<std::unique_ptr<BagReader>> readers;
  std::vector<std::string> names;
  std::uint64_t messages = 0, bytes = 0;
  for (const auto& bag : options.bags) {
    readers.push_back(std::make_unique<BagReader>(bag, std::vector{options.image_topic, options.label_topic},
                                                  options.recover ? Damage::kRecover : Damage::kRefuse));
    std::uint64_t wanted = 0, all = 0;
    for (const auto& topic : readers.back()->metadata().topics) {
      all += topic.message_count;
      if (topic.info.name != options.image_topic && topic.info.name != options.label_topic) continue;
      wanted += topic.message_count;
      if (topic.info.type != "sensor_msgs/msg/Image")
        fail("bag {}: {} is a {}, expected sensor_msgs/msg/Image", bag.string(), topic.info.name, topic.info.type);
    }
    messages += wanted;
    bytes += readers.back()->file_bytes();
    names.push_back(sample_prefix(readers.back()->path()));
    if (std::count(names.begin(), names.end(), names.back()) > 1)
      fail("two bags are called {}; their samples would have the same names", names.back());
  }
  if (!options.resume)
    require_free_space(options.output, bytes / 3 / static_cast<std::uint64_t>(options.every), "the data set");
  Extraction extraction(options);
  try {
    agree_on_settings(options.output, settings_of(options, names), options.resume);
    Progress progress("extracting", messages);
    for (auto& reader : readers) extraction.run_bag(*reader, progress);
    write_variation_log(options.bags, names, options.output, options.recover ? Damage::kRecover : Damage::kRefuse);
    extraction.finish();
  } catch (const Interrupted&) {
    extraction.discard_if_empty();
    throw Interrupted(
        fmt::format("stopped after {} samples; the same command with --resume goes on", extraction.report.samples));
  } catch (...) {
    extraction.discard_if_empty();
    throw;
  }
  return extraction.report;
}

}  // namespace bramble
