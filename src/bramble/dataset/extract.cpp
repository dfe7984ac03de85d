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
#include "bramble/dataset/calibration.hpp"
#include "bramble/dataset/dataset_writer.hpp"
#include "bramble/dataset/pairing.hpp"
#include "bramble/dataset/side_streams.hpp"
#include "bramble/dataset/variation_log.hpp"
#include "bramble/ontology/mapping.hpp"
#include "bramble/ros/messages.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kCloudReach_ns = 60'000'000;
constexpr std::size_t kMostHeld = 200;  // pairs that wait for what goes with them
constexpr const char* kCloudType = "sensor_msgs/msg/PointCloud2";

// What goes down the pipeline: a pair on its way to a sample, or a problem found while reading (no payload).
struct Job {
  Sample sample;  // name, stamp, split, scene
  std::size_t camera = 0;
  StampedPair pair;
  StampedPayload depth, cloud;
  std::optional<Pose> X_MB;
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
nlohmann::ordered_json settings_of(const ExtractOptions& options, const std::vector<CameraTopics>& cameras,
                                   const std::vector<std::string>& names) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const auto& camera : cameras)
    list.push_back({{"name", camera.name}, {"image", camera.image}, {"label", camera.label}, {"depth", camera.depth}});
  return {{"bags", names},
          {"cameras", list},
          {"label_format", static_cast<int>(options.label_format)},
          {"ontology", options.ontology.to_yaml()},
          {"label_ontology", options.label_ontology ? options.label_ontology->to_yaml() : ""},
          {"mapping", options.mapping.empty() ? "" : read_text_file(options.mapping)},
          {"split", options.split_rule ? options.split_rule->text() : options.split},
          {"split_gap", options.split_rule ? options.split_rule->gap() : 0},
          {"slop_ns", options.slop_ns},
          {"every", options.every},
          {"every_metres", options.every_metres},
          {"min_change", options.min_change},
          {"crop", {options.crop_x, options.crop_y, options.crop_width, options.crop_height}},
          {"width", options.width},
          {"height", options.height},
          {"cloud_topic", options.cloud_topic},
          {"ply", options.ply},
          {"pose_topic", options.pose_topic},
          {"pose_frame", options.pose_frame},
          {"shards", options.shards}};
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

template <typename T>
Image<T> cropped(const Image<T>& image, int x, int y, int width, int height) {
  if (x + width > image.width || y + height > image.height)
    fail("the crop {}x{}+{}+{} does not fit into a picture of {}x{}", width, height, x, y, image.width, image.height);
  Image<T> out(width, height, image.channels);
  for (int v = 0; v < height; ++v)
    std::copy_n(image.at(x, y + v), static_cast<std::size_t>(width) * image.channels, out.row(v));
  return out;
}

ImageU16 resize_nearest(const ImageU16& image, int width, int height) {
  ImageU16 out(width, height, 1);
  for (int v = 0; v < height; ++v)
    for (int u = 0; u < width; ++u)
      *out.at(u, v) = *image.at(std::min(image.width - 1, static_cast<int>((u + 0.5) * image.width / width)),
                                std::min(image.height - 1, static_cast<int>((v + 0.5) * image.height / height)));
  return out;
}

/// One bag as the extraction knows it before reading.
struct OpenBag {
  std::unique_ptr<BagReader> reader;
  std::string prefix;
  std::map<std::string, std::string> type_of;          // topic → type
  std::map<std::string, std::uint64_t> message_count;  // by topic
  double middle = 0;                                   // of its pictures among all, 0…1
};

class Extraction {
 public:
  Extraction(const ExtractOptions& options, const std::vector<CameraTopics>& cameras)
      : options_(options),
        cameras_(cameras),
        rule_(options.split_rule ? *options.split_rule : SplitRule::parse(options.split)),
        writer_(options.output, options.ontology, options.resume, options.shards),
        poses_(options.output, 1 << 16, "poses") {
    if (options.label_ontology)
      mapping_ = options.mapping.empty()
                     ? OntologyMapping::find(*options.label_ontology, options.ontology)
                     : OntologyMapping::load(options.mapping, *options.label_ontology, options.ontology);
  }

  void run_bag(OpenBag& bag, std::size_t number, Progress& progress) {
    Reading reading{bag, number, progress, {}, {}, {}, {}, {}, false, 0};
    for (const auto& camera : cameras_)
      reading.tracks.push_back({Pairing(options_.slop_ns, (std::size_t{512} << 20) / cameras_.size()),
                                {},
                                FrameFilter({options_.every, options_.every_metres, options_.min_change}),
                                camera.depth.empty() ? std::nullopt : std::optional<SideStream>(std::in_place),
                                0});
    const std::size_t in_flight = 2 * static_cast<std::size_t>(std::max(1, thread_count())) + 1;
    using JobPointer = std::shared_ptr<Job>;
    tbb::parallel_pipeline(
        in_flight,
        tbb::make_filter<void, JobPointer>(tbb::filter_mode::serial_in_order, [&](tbb::flow_control& control) {
          JobPointer job = next_job(reading);
          if (!job) control.stop();
          return job;
        }) & tbb::make_filter<JobPointer, JobPointer>(tbb::filter_mode::parallel, [&](JobPointer job) {
          if (job->pair.image.cdr) make_sample(*job, bag);
          return job;
        }) & tbb::make_filter<JobPointer, void>(tbb::filter_mode::serial_in_order, [&](const JobPointer& job) {
          account(*job);
        }));
    for (const auto& track : reading.tracks) {
      report.image_without_label += track.pairing.images_without_label();
      report.label_without_image += track.pairing.labels_without_image();
    }
  }

  void finish() {
    report.undecodable += unparsed_;
    const std::string first = report.first_problems.empty() ? "" : report.first_problems.front();
    if (report.samples == 0)
      fail("no sample came out of {}: {} images, {} labels{}", options_.bags.front().string(), report.images,
           report.labels,
           first.empty() ? fmt::format(", none with stamps at most {} ns apart; try a larger --slop", options_.slop_ns)
                         : "; first problem: " + first);
    if (report.label_pixels > 0 && report.unknown_label_pixels == report.label_pixels)
      fail("no label pixel of {} has a value that ontology {} knows; {}; name the right --ontology or --label-format",
           cameras_.front().label, label_ontology().name(), first.empty() ? "all are ignored" : first);
    if (options_.strict && report.image_without_label + report.label_without_image > 0)
      fail("--strict: {} images without label, {} labels without image", report.image_without_label,
           report.label_without_image);
    if (!options_.pose_topic.empty()) {
      LineFile file(options_.output / "poses.csv");
      file.line("name,stamp_ns,x,y,z,qx,qy,qz,qw");
      poses_.merge([&](const std::string& row) { file.line(row); });
      file.finish();
    }
    if (options_.calibration) write_calibration(options_, cameras_);
    writer_.finish();
  }

  /// After an Error: a data set without any sample is no start worth resuming.
  void discard_if_empty() { writer_.discard_if_empty(); }

  ExtractReport report;

 private:
  struct Track {  // one camera
    Pairing pairing;
    StampNs newest_ns[2] = {INT64_MIN, INT64_MIN};
    FrameFilter filter;
    std::optional<SideStream> depth;
    std::size_t pairs = 0;
  };
  struct Held {
    std::size_t camera;
    std::size_t number;
    StampedPair pair;
  };
  struct Reading {
    OpenBag& bag;
    std::size_t number;
    Progress& progress;
    std::vector<Track> tracks;
    SideStream clouds;
    PoseTrack poses;
    std::deque<Held> held;
    std::deque<std::shared_ptr<Job>> ready;
    bool ended = false;
    std::size_t damage_told = 0;
  };

  const Ontology& label_ontology() const {
    return options_.label_ontology ? *options_.label_ontology : options_.ontology;
  }

  // First stage, one call at a time: reads on until a job is ready; null at the end.
  std::shared_ptr<Job> next_job(Reading& reading) {
    while (reading.ready.empty() && !reading.ended) {
      throw_if_interrupted();
      BagReader& reader = *reading.bag.reader;
      const auto message = reader.next();
      const auto& damage = reader.damage();
      for (; reading.damage_told < damage.size(); ++reading.damage_told)
        push_problem(reading, damage[reading.damage_told]);
      if (message) {
        reading.progress.advance();
        take_message(reading, *message);
      }
      reading.ended = !message;
      for (std::size_t i = 0; i < reading.tracks.size(); ++i) {
        Track& track = reading.tracks[i];
        for (auto& pair : reading.ended ? track.pairing.take_rest() : track.pairing.take_settled())
          reading.held.push_back({i, track.pairs++, std::move(pair)});
      }
      release(reading);
    }
    if (reading.ready.empty()) return nullptr;
    auto job = std::move(reading.ready.front());
    reading.ready.pop_front();
    return job;
  }

  void take_message(Reading& reading, const Message& message) {
    const auto problem = [&](const std::string& what) {
      push_problem(reading, fmt::format("{}: {} at {} ns: {}", reading.bag.reader->path().string(), message.topic.name,
                                        message.stamp_ns, what));
    };
    const std::string& name = message.topic.name;
    // The counts of this stage are written by it alone, those of account() by that alone.
    const auto take = [&](Track& track, Pairing::Side side) {
      ++(side == Pairing::kImage ? report.images : report.labels);
      StampNs stamp_ns = 0;
      try {
        stamp_ns = picture_stamp(*message.cdr, message.topic.type);
      } catch (const Error& error) {
        ++unparsed_;
        return problem(error.what());
      }
      if (!track.pairing.add(side, {stamp_ns, message.cdr})) {
        ++report.duplicate_stamp;
        push_problem(reading, fmt::format("{}: second message of {} with stamp {} ns",
                                          reading.bag.reader->path().string(), name, stamp_ns));
        return;
      }
      if (stamp_ns < track.newest_ns[side]) {
        ++report.backward_stamp;
        push_problem(reading, fmt::format("{}: the stamp of {} goes back from {} to {} ns",
                                          reading.bag.reader->path().string(), name, track.newest_ns[side], stamp_ns));
      }
      track.newest_ns[side] = std::max(track.newest_ns[side], stamp_ns);
    };
    try {
      for (std::size_t i = 0; i < cameras_.size(); ++i) {
        Track& track = reading.tracks[i];
        if (name == cameras_[i].image) take(track, Pairing::kImage);
        if (name == cameras_[i].label) take(track, Pairing::kLabel);
        if (track.depth && name == cameras_[i].depth)
          track.depth->add({picture_stamp(*message.cdr, message.topic.type), message.cdr});
      }
      if (name == options_.cloud_topic) {
        CdrReader header(*message.cdr);
        builtin_interfaces::Time stamp;
        header.get(stamp);
        reading.clouds.add({to_stamp(stamp), message.cdr});
      }
      if (name == options_.pose_topic) reading.poses.add(*message.cdr, message.topic.type, options_.pose_frame);
    } catch (const Error& error) {  // of what goes along; pictures and labels have their own count
      problem(error.what());
    }
  }

  // Pairs whose companions have come, or cannot come any more, become jobs.
  void release(Reading& reading) {
    while (!reading.held.empty()) {
      Held& held = reading.held.front();
      Track& track = reading.tracks[held.camera];
      const StampNs stamp_ns = held.pair.image.stamp_ns;
      const bool settled = (!track.depth || track.depth->settled(stamp_ns, options_.slop_ns)) &&
                           (options_.cloud_topic.empty() || reading.clouds.settled(stamp_ns, kCloudReach_ns)) &&
                           (options_.pose_topic.empty() || reading.poses.settled(stamp_ns));
      if (!settled && !reading.ended && reading.held.size() < kMostHeld) return;
      choose(reading, held, track);
      reading.held.pop_front();
      // Other cameras and late labels may ask for a little before.
      if (track.depth) track.depth->forget_before(stamp_ns - kNsPerSecond);
      reading.clouds.forget_before(stamp_ns - kNsPerSecond);
      reading.poses.forget_before(stamp_ns - kNsPerSecond);
    }
  }

  void choose(Reading& reading, Held& held, Track& track) {
    const StampNs stamp_ns = held.pair.image.stamp_ns;
    const auto X_MB = options_.pose_topic.empty() ? std::nullopt : reading.poses.at(stamp_ns);
    const std::string& type = reading.bag.type_of.at(cameras_[held.camera].image);
    ViewSignature signature;
    if (options_.min_change > 0) {
      try {
        signature = type == "sensor_msgs/msg/Image" ? view_signature(ImageView::parse(*held.pair.image.cdr))
                                                    : view_signature(decode_picture(*held.pair.image.cdr, type));
      } catch (const Error&) {  // the stage that decodes will say what is wrong with it
      }
    }
    const auto position = X_MB ? std::optional<Eigen::Vector3d>(X_MB->translation()) : std::nullopt;
    switch (track.filter.judge(position, signature)) {
      case FrameFilter::Verdict::kEvery:
        ++report.skipped_by_every;
        return;
      case FrameFilter::Verdict::kDistance:
        ++report.skipped_by_distance;
        return;
      case FrameFilter::Verdict::kView:
        ++report.skipped_by_view;
        return;
      case FrameFilter::Verdict::kKeep:
        break;
    }
    auto job = std::make_shared<Job>();
    job->camera = held.camera;
    job->sample.stamp_ns = stamp_ns;
    job->sample.name = cameras_.size() == 1
                           ? fmt::format("{}_{:013}", reading.bag.prefix, stamp_ns)
                           : fmt::format("{}_{}_{:013}", reading.bag.prefix, cameras_[held.camera].name, stamp_ns);
    if (cameras_.size() > 1) job->sample.scene = cameras_[held.camera].name;
    SplitRule::Frame frame{reading.number,
                           reading.bag.middle,
                           held.number,
                           static_cast<std::size_t>(reading.bag.message_count.at(cameras_[held.camera].image)),
                           0,
                           0};
    if (position) {
      frame.x_m = position->x();
      frame.y_m = position->y();
    }
    const auto lacks = [&](std::uint64_t& count, const char* what) {
      ++count;
      push_problem(reading, fmt::format("{}: no {} near its stamp", job->sample.name, what));
    };
    if (!options_.pose_topic.empty() && !X_MB) {
      lacks(report.without_pose, "pose");
      if (rule_.needs_place()) return;
    }
    job->sample.split = rule_.of(frame);
    if (job->sample.split.empty()) {
      ++report.skipped_by_gap;
      return;
    }
    job->X_MB = X_MB;
    if (track.depth && !(job->depth = track.depth->nearest(stamp_ns, options_.slop_ns)).cdr)
      lacks(report.without_depth, "depth");
    if (!options_.cloud_topic.empty() && !(job->cloud = reading.clouds.nearest(stamp_ns, kCloudReach_ns)).cdr)
      lacks(report.without_cloud, "LiDAR sweep");
    job->pair = std::move(held.pair);
    reading.ready.push_back(std::move(job));
  }

  static void push_problem(Reading& reading, std::string text) {
    auto job = std::make_shared<Job>();
    job->problem = std::move(text);
    reading.ready.push_back(std::move(job));
  }

  // Second stage, on any thread.
  void make_sample(Job& job, const OpenBag& bag) {
    const CameraTopics& camera = cameras_[job.camera];
    const std::string& name = job.sample.name;
    if (job.depth.cdr) job.sample.depth = writer_.file_of("depth", name);
    if (options_.resume) {
      Sample before = job.sample;
      if (job.cloud.cdr) {
        before.cloud = writer_.file_of("clouds", name);
        const fs::path label = writer_.file_of("cloud_labels", name);
        if (fs::exists(options_.output / label)) before.cloud_label = label;
      }
      if (writer_.keep(std::move(before))) {
        job.outcome = Job::Outcome::kKept;
        return;
      }
    }
    ImageU8 rgb, label;
    ImageU16 depth;
    std::optional<PointCloud> cloud;
    try {
      rgb = decode_picture(*job.pair.image.cdr, bag.type_of.at(camera.image));
      label = decode_label(*job.pair.label.cdr, bag.type_of.at(camera.label), label_ontology(), job.unknown_pixels,
                           options_.label_format);
      if (job.depth.cdr) depth = depth_png_values(decode_depth(ImageView::parse(*job.depth.cdr)));
      if (job.cloud.cdr) cloud = decode_cloud(*job.cloud.cdr, label_ontology());
      job.pair = {};
      job.depth = job.cloud = {};
      if (rgb.width != label.width || rgb.height != label.height) {
        job.outcome = Job::Outcome::kSizeMismatch;
        job.problem = fmt::format("{}: the picture is {}x{}, the label {}x{}", name, rgb.width, rgb.height, label.width,
                                  label.height);
        return;
      }
      job.pixels = label.pixel_count();
      if (options_.crop_width > 0) {
        const auto crop = [&](auto& image) {
          image = cropped(image, options_.crop_x, options_.crop_y, options_.crop_width, options_.crop_height);
        };
        crop(rgb);
        crop(label);
        if (!depth.empty()) crop(depth);
      }
    } catch (const Error& error) {
      job.outcome = Job::Outcome::kUndecodable;
      job.problem = fmt::format("{}: {}", name, error.what());
      return;
    }
    if (mapping_) {
      mapping_->apply(label);
      if (cloud)
        for (auto& id : cloud->labels) id = (*mapping_)[id];
    }
    if (job.unknown_pixels > 0)
      job.problem = fmt::format("{}: {} of {} label pixels have a value that ontology {} lacks", name,
                                job.unknown_pixels, job.pixels, label_ontology().name());
    if (options_.strict && !job.problem.empty()) return;  // account() refuses it
    if (options_.width > 0) {
      rgb = resize_picture(rgb, options_.width, options_.height);
      label = resize_labels(label, options_.width, options_.height);
      if (!depth.empty()) depth = resize_nearest(depth, options_.width, options_.height);
    }
    if (!depth.empty()) write_file_atomically(options_.output / job.sample.depth, encode_png(depth));
    if (cloud && options_.ply) write_file_atomically((options_.output / "ply" / name).string() + ".ply", ply(*cloud));
    writer_.add(job.sample, rgb, label, cloud ? &*cloud : nullptr);
    job.outcome = Job::Outcome::kWritten;
  }

  // Third stage, one call at a time and in order, so that the report does not depend on the threads.
  void account(const Job& job) {
    if (!job.problem.empty()) {
      if (options_.strict) fail("--strict: {}", job.problem);
      if (report.first_problems.size() < kMostProblems) report.first_problems.push_back(job.problem);
    }
    using Outcome = Job::Outcome;
    const bool sample = job.outcome == Outcome::kWritten || job.outcome == Outcome::kKept;
    report.samples += sample;
    report.kept += job.outcome == Outcome::kKept;
    report.undecodable += job.outcome == Outcome::kUndecodable;
    report.size_mismatch += job.outcome == Outcome::kSizeMismatch;
    if (sample && job.X_MB) {
      const Eigen::Vector3d p = job.X_MB->translation();
      const Eigen::Quaterniond q(job.X_MB->linear());
      poses_.add(job.sample.split + '\2' + RowSorter::key_of(job.sample.stamp_ns) + '\2' + job.sample.name,
                 fmt::format("{},{},{:.6f},{:.6f},{:.6f},{:.9f},{:.9f},{:.9f},{:.9f}", job.sample.name,
                             job.sample.stamp_ns, p.x(), p.y(), p.z(), q.x(), q.y(), q.z(), q.w()));
    }
    if (job.outcome != Outcome::kWritten) return;
    report.label_pixels += job.pixels;
    report.unknown_label_pixels += job.unknown_pixels;
    report.label_with_unknown += job.unknown_pixels > 0;
  }

  static constexpr std::size_t kMostProblems = 20;

  const ExtractOptions& options_;
  std::vector<CameraTopics> cameras_;
  SplitRule rule_;
  DatasetWriter writer_;
  RowSorter poses_;
  std::optional<OntologyMapping> mapping_;
  std::uint64_t unparsed_ = 0;  // messages that are no image; of the first stage, as undecodable is of the third
};

void validate(const ExtractOptions& options, const std::vector<CameraTopics>& cameras) {
  if (options.bags.empty()) fail("no bag given");
  if (options.every < 1) fail("every is {}; keep every 1st, 2nd, … pair", options.every);
  if (options.slop_ns < 0 || options.slop_ns > 10 * kNsPerSecond)
    fail("a slop of {} ns is not between 0 and 10 s", options.slop_ns);
  if ((options.width > 0) != (options.height > 0) || options.width < 0 || options.height < 0)
    fail("a size of {}x{} is none", options.width, options.height);
  if (options.crop_x < 0 || options.crop_y < 0 || options.crop_width < 0 || options.crop_height < 0 ||
      (options.crop_width > 0) != (options.crop_height > 0))
    fail("a crop of {}x{}+{}+{} is none", options.crop_width, options.crop_height, options.crop_x, options.crop_y);
  if (options.split != "train" && options.split != "val" && options.split != "test")
    fail("there is no split '{}'; splits: train, val, test", options.split);
  if (options.ontology.size() == 0) fail("extraction needs an ontology with at least one class");
  if (!(options.min_change >= 0 && options.min_change <= 1)) fail("a change of view is between 0 and 1");
  const bool place = options.split_rule && options.split_rule->needs_place();
  if ((options.every_metres > 0 || place) && options.pose_topic.empty())
    fail("choosing by metres or by place needs a topic of poses (odometry)");
  std::set<std::string> names, pictures;
  for (const auto& camera : cameras) {
    if (camera.image == camera.label) fail("{} cannot be both the picture and the label", camera.image);
    if (!pictures.insert(camera.image).second) fail("{} is named twice as picture", camera.image);
    if (!names.insert(camera.name).second) fail("two cameras are called {}", camera.name);
  }
}

// Opens a bag for the topics that are wanted of it.
OpenBag open_bag(const fs::path& path, const ExtractOptions& options, const std::vector<CameraTopics>& cameras) {
  std::set<std::string> wanted;
  for (const auto& camera : cameras) wanted.insert({camera.image, camera.label, camera.depth});
  wanted.insert({options.cloud_topic, options.pose_topic});
  wanted.erase("");
  OpenBag bag;
  bag.reader = std::make_unique<BagReader>(path, std::vector<std::string>(wanted.begin(), wanted.end()),
                                           options.recover ? Damage::kRecover : Damage::kRefuse);
  bag.prefix = sample_prefix(bag.reader->path());
  for (const auto& topic : bag.reader->metadata().topics) {
    bag.type_of[topic.info.name] = topic.info.type;
    bag.message_count[topic.info.name] = topic.message_count;
  }
  const auto require = [&](const std::string& topic, bool fits, const char* types) {
    if (!topic.empty() && !fits)
      fail("bag {}: {} is a {}, expected {}", path.string(), topic, bag.type_of[topic], types);
  };
  for (const auto& camera : cameras) {
    for (const auto& topic : {camera.image, camera.label})
      require(topic, is_picture_type(bag.type_of[topic]), "sensor_msgs/msg/Image or CompressedImage");
    require(camera.depth, bag.type_of[camera.depth] == "sensor_msgs/msg/Image", "sensor_msgs/msg/Image");
  }
  require(options.cloud_topic, bag.type_of[options.cloud_topic] == kCloudType, kCloudType);
  require(options.pose_topic, PoseTrack::reads(bag.type_of[options.pose_topic]),
          "nav_msgs/msg/Odometry, geometry_msgs/msg/PoseStamped or tf2_msgs/msg/TFMessage");
  return bag;
}

}  // namespace

ExtractReport extract(const ExtractOptions& options) {
  std::vector<CameraTopics> cameras = options.cameras;
  if (cameras.empty()) cameras.push_back({options.image_topic, options.label_topic, "", ""});
  name_cameras(cameras);
  validate(options, cameras);
  // Open every bag before anything is written: a wrong name or topic leaves no trace.
  std::vector<OpenBag> bags;
  std::vector<std::string> names;
  std::uint64_t messages = 0, bytes = 0, pictures = 0;
  for (const auto& path : options.bags) {
    bags.push_back(open_bag(path, options, cameras));
    OpenBag& bag = bags.back();
    for (const auto& [topic, count] : bag.message_count) {
      bool wanted = topic == options.cloud_topic || topic == options.pose_topic;
      for (const auto& camera : cameras)
        wanted = wanted || topic == camera.image || topic == camera.label || topic == camera.depth;
      if (wanted) messages += count;
    }
    bytes += bag.reader->file_bytes();
    const std::uint64_t own = bag.message_count[cameras.front().image];
    bag.middle = static_cast<double>(pictures) + static_cast<double>(own) / 2;
    pictures += own;
    names.push_back(bag.prefix);
    if (std::count(names.begin(), names.end(), names.back()) > 1)
      fail("two bags are called {}; their samples would have the same names", names.back());
  }
  for (auto& bag : bags) bag.middle /= static_cast<double>(std::max<std::uint64_t>(1, pictures));
  if (!options.resume && options.every_metres == 0 && options.min_change == 0)
    require_free_space(options.output, bytes / 3 / static_cast<std::uint64_t>(options.every), "the data set");
  Extraction extraction(options, cameras);
  try {
    agree_on_settings(options.output, settings_of(options, cameras, names), options.resume);
    Progress progress("extracting", messages);
    for (std::size_t i = 0; i < bags.size(); ++i) extraction.run_bag(bags[i], i, progress);
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
