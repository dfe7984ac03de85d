#include <fmt/format.h>

#include <memory>

#include "bramble/core/error.hpp"
#include "bramble/core/log.hpp"
#include "bramble/dataset/extract.hpp"
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

void print_report(const ExtractReport& report, const ExtractOptions& options) {
  fmt::print("{}: {} samples of {} images and {} labels\n", options.output.string(), report.samples, report.images,
             report.labels);
  const auto line = [](std::uint64_t count, const char* why) {
    if (count > 0) fmt::print("  {:>8}  {}\n", count, why);
  };
  line(report.kept, "of these taken over from the run before");
  line(report.skipped_by_every, "pairs left out by --every");
  line(report.image_without_label, "images dropped: no label with that stamp");
  line(report.label_without_image, "labels dropped: no image with that stamp");
  line(report.duplicate_stamp, "messages dropped: a second one with the same stamp");
  line(report.size_mismatch, "pairs dropped: picture and label differ in size");
  line(report.undecodable, "messages or pairs dropped: not readable as an image");
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
    std::filesystem::path ontology = "bramble";
    std::string slop = "0", size, label_format = "auto";
  };
  auto options = std::make_shared<Options>();
  ExtractOptions& extract_options = options->extract;
  auto* cmd = app.add_subcommand("extract", "Make a data set of the pictures and labels in bags");
  cmd->add_option("BAG", extract_options.bags, "rosbag2 folders or .db3 files")->required();
  cmd->add_option("-o,--output", extract_options.output, "the data set: a new folder")->required();
  cmd->add_option("--image", extract_options.image_topic, "topic of the pictures")->capture_default_str();
  cmd->add_option("--label", extract_options.label_topic, "topic of the labels")->capture_default_str();
  cmd->add_option("--label-format", options->label_format, "what label pixels mean (tags: CARLA's)")
      ->check(CLI::IsMember({"auto", "ids", "tags", "colors"}))
      ->capture_default_str();
  cmd->add_option("--ontology", options->ontology, "classes: a file, or a name shipped in ontologies/")
      ->capture_default_str();
  cmd->add_option("--split", extract_options.split, "written into the index")
      ->check(CLI::IsMember({"train", "val", "test"}))
      ->capture_default_str();
  cmd->add_option("--slop", options->slop, "largest difference of stamps in a pair: 0.02, 20ms, … (0: equal stamps)")
      ->capture_default_str();
  cmd->add_option("--every", extract_options.every, "keep every n-th pair")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  cmd->add_option("--size", options->size, "resize to this, for example 512x384")->type_name("WxH");
  cmd->add_flag("--strict", extract_options.strict, "refuse the bag instead of dropping anything");
  cmd->add_flag("--recover", extract_options.recover, "take what is whole of a damaged bag");
  cmd->add_flag("--resume", extract_options.resume, "go on with an extraction that was stopped");
  cmd->footer(
      "Examples:\n"
      "  bramble extract bags/train -o data/train\n"
      "  bramble extract robot1 robot2 -o data/val --split val --image /camera/image_raw --label /camera/labels "
      "--slop 20ms --every 5 --size 512x384");
  cmd->callback([options, &common] {
    ExtractOptions& extract_options = options->extract;
    extract_options.slop_ns = parse_slop(options->slop);
    extract_options.label_format = parse_label_format(options->label_format);
    if (!options->size.empty()) std::tie(extract_options.width, extract_options.height) = parse_size(options->size);
    extract_options.ontology = Ontology::load(find_shipped(options->ontology, "ontologies", ".yaml"));
    const ExtractReport report = extract(extract_options);
    print_report(report, extract_options);
    write_json(common, {{"dataset", extract_options.output.string()},
                        {"images", report.images},
                        {"labels", report.labels},
                        {"samples", report.samples},
                        {"kept", report.kept},
                        {"skipped_by_every", report.skipped_by_every},
                        {"image_without_label", report.image_without_label},
                        {"label_without_image", report.label_without_image},
                        {"duplicate_stamp", report.duplicate_stamp},
                        {"size_mismatch", report.size_mismatch},
                        {"undecodable", report.undecodable},
                        {"label_pixels", report.label_pixels},
                        {"unknown_label_pixels", report.unknown_label_pixels},
                        {"first_problems", report.first_problems}});
  });
}

}  // namespace bramble
