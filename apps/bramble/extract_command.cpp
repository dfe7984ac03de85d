#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "bramble/bag/bag_reader.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/log.hpp"
#include "bramble/dataset/extract.hpp"
#include "bramble/dataset/manifest.hpp"
#include "command.hpp"
#include "sizes.hpp"

namespace bramble {

namespace {

/// Seconds as people write them («0.02», «20ms») to nanoseconds, rounded.
std::int64_t parse_slop(const std::string& text) {
  double value = 0;
  int used = 0;
  if (std::sscanf(text.c_str(), "%lf%n", &value, &used) == 1 && value >= 0 && value < 1e9) {
    const std::string unit = text.substr(static_cast<std::size_t>(used));
    const double ns = unit.empty() || unit == "s" ? 1e9
                      : unit == "ms"              ? 1e6
                      : unit == "us"              ? 1e3
                      : unit == "ns"              ? 1
                                                  : 0;
    if (ns > 0) return static_cast<std::int64_t>(value * ns + 0.5);
  }
  fail("'{}' is not a time; write seconds, or a number with ms, us or ns", text);
}

LabelFormat parse_label_format(const std::string& text) {
  return text == "ids"      ? LabelFormat::kIds
         : text == "tags"   ? LabelFormat::kTags
         : text == "colors" ? LabelFormat::kColors
                            : LabelFormat::kAuto;
}

/// «512x384+100+50»: width, height, left, top.
void parse_crop(const std::string& text, ExtractOptions& options) {
  int used = 0;
  if (std::sscanf(text.c_str(), "%dx%d+%d+%d%n", &options.crop_width, &options.crop_height, &options.crop_x,
                  &options.crop_y, &used) != 4 ||
      used != static_cast<int>(text.size()) || options.crop_width < 1 || options.crop_height < 1)
    fail("'{}' is not a crop; write WIDTHxHEIGHT+LEFT+TOP, for example 1024x512+0+128", text);
}

struct TopicOptions {
  std::vector<std::string> images, labels, depths;
  std::string clouds, poses;
  bool depth = false;
};

/// The cameras: those named, else the bridge's front camera when it is there, else what the types and names say.
void choose_topics(const TopicOptions& topics, ExtractOptions& options) {
  const std::string bag = options.bags.front().string();
  const auto there = BagReader(options.bags.front(), {}, Damage::kRecover).topics();
  const auto has = [&](const std::string& name) {
    return std::any_of(there.begin(), there.end(), [&](const TopicInfo& topic) { return topic.name == name; });
  };
  if (topics.images.size() != topics.labels.size() && !(topics.images.size() < 2 && topics.labels.size() < 2))
    fail("{} picture topics and {} label topics are named; name as many of both, in the same order",
         topics.images.size(), topics.labels.size());
  if (!topics.images.empty() || !topics.labels.empty()) {
    for (std::size_t i = 0; i < std::max(topics.images.size(), topics.labels.size()); ++i)
      options.cameras.push_back({topics.images.empty() ? options.image_topic : topics.images[i],
                                 topics.labels.empty() ? options.label_topic : topics.labels[i], "", ""});
  } else if (has(options.image_topic) && has(options.label_topic)) {
    options.cameras = {{options.image_topic, options.label_topic, "", ""}};
  } else {
    options.cameras = find_cameras(there, bag);
    for (const auto& camera : options.cameras)
      spdlog::info("pictures of {}, labels of {} (found by type and name)", camera.image, camera.label);
    if (!topics.depth)
      for (auto& camera : options.cameras) camera.depth.clear();
  }
  if (!topics.depths.empty()) {
    if (topics.depths.size() != options.cameras.size())
      fail("{} depth topics are named for {} cameras", topics.depths.size(), options.cameras.size());
    for (std::size_t i = 0; i < topics.depths.size(); ++i) options.cameras[i].depth = topics.depths[i];
  } else if (topics.depth) {
    std::vector<std::string> candidates;
    for (const auto& topic : there)
      if (role_of(topic) == TopicRole::kDepth) candidates.push_back(topic.name);
    for (auto& camera : options.cameras) {
      if (camera.depth.empty() && candidates.size() == 1 && options.cameras.size() == 1) camera.depth = candidates[0];
      if (camera.depth.empty())
        fail("bag {}: which topic is the depth of {}? Name it with --depth-topic; there are: {}", bag, camera.image,
             fmt::join(candidates, ", "));
    }
  }
  if (topics.clouds == "auto")
    options.cloud_topic = find_only(there, {"sensor_msgs/msg/PointCloud2"}, "--lidar TOPIC", bag);
  else
    options.cloud_topic = topics.clouds;
  const bool place = options.split_rule && options.split_rule->needs_place();
  if (topics.poses == "auto" || (topics.poses.empty() && (place || options.every_metres > 0)))
    options.pose_topic = find_only(there, {"nav_msgs/msg/Odometry"}, "--poses TOPIC", bag);
  else
    options.pose_topic = topics.poses;
}

void print_report(const ExtractReport& report, const ExtractOptions& options) {
  fmt::print("{}: {} samples of {} images and {} labels\n", options.output.string(), report.samples, report.images,
             report.labels);
  const auto line = [](std::uint64_t count, const char* why) {
    if (count > 0) fmt::print("  {:>8}  {}\n", count, why);
  };
  line(report.kept, "of these taken over from the run before");
  line(report.skipped_by_every, "pairs left out by --every");
  line(report.skipped_by_distance, "pairs left out by --every-metres");
  line(report.skipped_by_view, "pairs left out by --min-change");
  line(report.skipped_by_gap, "pairs left out at the borders of splits");
  line(report.image_without_label, "images dropped: no label with that stamp");
  line(report.label_without_image, "labels dropped: no image with that stamp");
  line(report.duplicate_stamp, "messages dropped: a second one with the same stamp");
  line(report.backward_stamp, "messages whose stamp goes back");
  line(report.size_mismatch, "pairs dropped: picture and label differ in size");
  line(report.undecodable, "messages or pairs dropped: not readable as an image");
  line(report.without_depth, "samples without depth");
  line(report.without_cloud, "samples without LiDAR sweep");
  line(report.without_pose, "samples without pose");
  if (report.unknown_label_pixels > 0)
    fmt::print("  {:>8}  samples with label values that the ontology lacks: {} pixels ({:.3f} %) are ignored (255)\n",
               report.label_with_unknown, report.unknown_label_pixels,
               100.0 * static_cast<double>(report.unknown_label_pixels) / static_cast<double>(report.label_pixels));
  for (const auto& problem : report.first_problems) spdlog::warn("{}", problem);
}

}  // namespace

void add_extract_command(CLI::App& app, CommonOptions& common) {
  struct Options {
    ExtractOptions extract;
    TopicOptions topics;
    std::string ontology = "bramble", label_ontology, split = "train", slop = "0", size, crop, label_format = "auto";
    int split_gap = 0;
    bool manifest = false;
  };
  auto options = std::make_shared<Options>();
  ExtractOptions& extract_options = options->extract;
  auto* cmd = app.add_subcommand("extract", "Make a data set of the pictures and labels in bags");
  cmd->add_option("BAG", extract_options.bags, "rosbag2 folders or .db3 files")->required();
  cmd->add_option("-o,--output", extract_options.output, "the data set: a new folder")->required();
  const auto several = CLI::MultiOptionPolicy::TakeAll;
  cmd->add_option("--image", options->topics.images,
                  "topic of the pictures; once a camera (default: the bridge's front camera, else found by type)")
      ->expected(1)
      ->multi_option_policy(several);
  cmd->add_option("--label", options->topics.labels, "topic of the labels; once a camera, in the same order")
      ->expected(1)
      ->multi_option_policy(several);
  cmd->add_option("--label-format", options->label_format, "what label pixels mean (tags: CARLA's)")
      ->check(CLI::IsMember({"auto", "ids", "tags", "colors"}))
      ->capture_default_str();
  cmd->add_option("--ontology", options->ontology, "classes: a file, or a name shipped in ontologies/")
      ->capture_default_str();
  cmd->add_option("--label-ontology", options->label_ontology,
                  "classes of the label pixels where they are others; mapped onto --ontology");
  cmd->add_option("--map", extract_options.mapping, "mapping file from --label-ontology to --ontology")
      ->check(CLI::ExistingFile);
  cmd->add_option("--split", options->split,
                  "train, val, test; or a rule: bag:70/15/15, time:70/15/15, place:20:70/15/15 (squares of 20 m)")
      ->capture_default_str();
  cmd->add_option("--split-gap", options->split_gap, "pictures left out at either side of a border in time")
      ->capture_default_str();
  cmd->add_option("--slop", options->slop, "largest difference of stamps in a pair: 0.02, 20ms, … (0: equal stamps)")
      ->capture_default_str();
  cmd->add_option("--every", extract_options.every, "keep every n-th pair")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  cmd->add_option("--every-metres", extract_options.every_metres, "keep a pair only after so many metres (odometry)")
      ->check(CLI::PositiveNumber);
  cmd->add_option("--min-change", extract_options.min_change,
                  "keep a pair only when its view has changed so much since the last: 0 to 1, 0.05 is a little")
      ->check(CLI::Range(0.0, 1.0));
  cmd->add_option("--crop", options->crop, "cut out this part first, for example 1024x512+0+128")->type_name("WxH+X+Y");
  cmd->add_option("--size,--resize", options->size, "resize to this, for example 512x384")->type_name("WxH");
  cmd->add_flag("--depth", options->topics.depth, "depth pictures too (16-bit PNG, metres * 256)");
  cmd->add_option("--depth-topic", options->topics.depths, "their topic; once a camera")
      ->expected(1)
      ->multi_option_policy(several);
  cmd->add_option("--lidar", options->topics.clouds,
                  "the nearest LiDAR sweep too (KITTI .bin, .label): a topic, or auto");
  cmd->add_flag("--ply", extract_options.ply, "the sweeps as PLY as well");
  cmd->add_option("--poses", options->topics.poses, "poses.csv too: topic of odometry, poses or tf, or auto");
  cmd->add_option("--pose-frame", extract_options.pose_frame, "child frame to take out of tf");
  cmd->add_flag("--calibration", extract_options.calibration, "calibration.json too, out of camera_info");
  cmd->add_option("--shards", extract_options.shards, "spread the files over so many subfolders")
      ->check(CLI::Range(0, 1000));
  cmd->add_flag("--manifest", options->manifest, "write SHA256SUMS too");
  cmd->add_flag("--strict", extract_options.strict, "refuse the bag instead of dropping anything");
  cmd->add_flag("--recover", extract_options.recover, "take what is whole of a damaged bag");
  cmd->add_flag("--resume", extract_options.resume, "go on with an extraction that was stopped");
  cmd->footer(
      "Examples:\n"
      "  bramble extract bags/train -o data/train\n"
      "  bramble extract robot1 robot2 -o data/val --split val --image /camera/image_raw --label /camera/labels "
      "--slop 20ms --every 5 --size 512x384\n"
      "  bramble extract bags/* -o data/all --split place:20:70/15/15 --every-metres 0.5 --lidar auto --calibration");
  cmd->callback([options, &common] {
    ExtractOptions& extract_options = options->extract;
    extract_options.slop_ns = parse_slop(options->slop);
    extract_options.label_format = parse_label_format(options->label_format);
    if (!options->size.empty()) std::tie(extract_options.width, extract_options.height) = parse_size(options->size);
    if (!options->crop.empty()) parse_crop(options->crop, extract_options);
    extract_options.ontology = find_ontology(options->ontology);
    if (!options->label_ontology.empty()) extract_options.label_ontology = find_ontology(options->label_ontology);
    if (!extract_options.mapping.empty() && !extract_options.label_ontology)
      fail("--map needs --label-ontology: what is it that is mapped?");
    extract_options.split_rule = SplitRule::parse(options->split, options->split_gap);
    choose_topics(options->topics, extract_options);
    const ExtractReport report = extract(extract_options);
    print_report(report, extract_options);
    if (options->manifest) write_manifest(extract_options.output);
    write_json(common, {{"dataset", extract_options.output.string()},
                        {"images", report.images},
                        {"labels", report.labels},
                        {"samples", report.samples},
                        {"kept", report.kept},
                        {"skipped_by_every", report.skipped_by_every},
                        {"image_without_label", report.image_without_label},
                        {"label_without_image", report.label_without_image},
                        {"skipped_by_distance", report.skipped_by_distance},
                        {"skipped_by_view", report.skipped_by_view},
                        {"skipped_by_gap", report.skipped_by_gap},
                        {"duplicate_stamp", report.duplicate_stamp},
                        {"backward_stamp", report.backward_stamp},
                        {"without_depth", report.without_depth},
                        {"without_cloud", report.without_cloud},
                        {"without_pose", report.without_pose},
                        {"size_mismatch", report.size_mismatch},
                        {"undecodable", report.undecodable},
                        {"label_pixels", report.label_pixels},
                        {"unknown_label_pixels", report.unknown_label_pixels},
                        {"first_problems", report.first_problems}});
  });
}

}  // namespace bramble
