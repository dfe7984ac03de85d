#include <cstdio>

#include "bag_options.hpp"
#include "bramble/bag/bag_check.hpp"
#include "bramble/bag/bag_reader.hpp"
#include "bramble/bag/bag_writer.hpp"
#include "bramble/bag/metadata.hpp"
#include "bramble/bag/reindex.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/interrupt.hpp"
#include "bramble/core/log.hpp"
#include "bramble/core/progress.hpp"
#include "bramble/ros/message_json.hpp"
#include "bramble/ros/messages.hpp"
#include "bramble/ros/sha256.hpp"
#include "command.hpp"

namespace bramble {

namespace {

struct BagCommandOptions {
  std::filesystem::path bag;
  std::filesystem::path output;
  std::vector<std::string> topics;
  std::vector<std::filesystem::path> bags;  // merge
  BagOptions to;                            // of what is written
  double from_s = 0, until_s = 1e18;        // since the bag's start
  bool decode = false;
  bool recover = false;
};

double rate_hz(std::uint64_t messages, std::int64_t duration_ns) {
  return messages > 1 && duration_ns > 0 ? static_cast<double>(messages - 1) / seconds(duration_ns) : 0.0;
}

void print_info(const BagCommandOptions& options, const CommonOptions& common) {
  const BagReader reader(options.bag);
  const auto& bag = reader.metadata();
  fmt::print("bag       {}\n", reader.path().string());
  for (const auto& file : reader.files())
    fmt::print("file      {} ({:.1f} MB)\n", file.filename().string(),
               static_cast<double>(std::filesystem::file_size(file)) * 1e-6);
  fmt::print("storage   {}{}{}\n", bag.storage, bag.ros_distro.empty() ? "" : ", " + bag.ros_distro,
             bag.compression_mode.empty() ? "" : ", " + bag.compression_format + " by " + bag.compression_mode);
  fmt::print("start     {:.9f} s\nduration  {:.3f} s\nmessages  {}\n", seconds(bag.start_ns), seconds(bag.duration_ns),
             bag.message_count);
  nlohmann::json topics = nlohmann::json::array();
  for (const auto& topic : bag.topics) {
    const double hz = rate_hz(topic.message_count, bag.duration_ns);
    fmt::print("topic     {:<70} {:<32} {:>8} {:8.2f} Hz{}\n", topic.info.name, topic.info.type, topic.message_count,
               hz, topic.info.latched ? "  latched" : "");
    topics.push_back({{"name", topic.info.name},
                      {"type", topic.info.type},
                      {"messages", topic.message_count},
                      {"rate_hz", hz},
                      {"latched", topic.info.latched}});
  }
  std::vector<std::string> files;
  for (const auto& file : reader.files()) files.push_back(file.filename().string());
  write_json(common, {{"bag", reader.path().string()},
                      {"files", files},
                      {"bytes", reader.file_bytes()},
                      {"storage", bag.storage},
                      {"version", bag.version},
                      {"ros_distro", bag.ros_distro},
                      {"start_ns", bag.start_ns},
                      {"duration_ns", bag.duration_ns},
                      {"messages", bag.message_count},
                      {"topics", topics}});
}

void print_check(const BagCommandOptions& options, const CommonOptions& common) {
  const std::uint64_t expected = BagReader(options.bag, {}, Damage::kRecover).metadata().message_count;
  Progress progress("checking", expected);
  const auto found = check_bag(options.bag, [&] { progress.advance(); });
  progress.finish();
  for (const auto& topic : found.topics)
    fmt::print("topic     {:<70} {:<32} {:>8} {:10.1f} MB{}\n", topic.info.name, topic.info.type, topic.message_count,
               static_cast<double>(topic.bytes) * 1e-6, topic.known_type ? "" : "  (type unknown: read, not decoded)");
  for (const auto& problem : found.problems) fmt::print("problem   {}\n", problem);
  fmt::print("{} messages, {:.1f} MB: {}\n", found.message_count, static_cast<double>(found.bytes) * 1e-6,
             found.problems.empty() ? "whole" : fmt::format("{} problems", found.problems.size()));
  write_json(common, {{"messages", found.message_count}, {"bytes", found.bytes}, {"problems", found.problems}});
  std::fflush(stdout);
  if (!found.problems.empty()) fail("{} has {} problems", options.bag.string(), found.problems.size());
}

void print_dump(const BagCommandOptions& options) {
  BagReader reader(options.bag, options.topics, options.recover ? Damage::kRecover : Damage::kRefuse);
  while (const auto message = reader.next()) {
    throw_if_interrupted();
    nlohmann::ordered_json line = {{"topic", message->topic.name},
                                   {"type", message->topic.type},
                                   {"stamp_ns", message->stamp_ns},
                                   {"bytes", message->cdr->size()},
                                   {"sha256", sha256_hex(std::span<const std::uint8_t>(*message->cdr))}};
    if (options.decode && find_message_type(message->topic.type) != nullptr)
      line["message"] = message_to_json(message->topic.type, *message->cdr);
    fmt::print("{}\n", line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }
  for (const auto& line : reader.damage()) spdlog::warn("{}", line);
}

void convert(const BagCommandOptions& options) {
  BagReader reader(options.bag, options.topics, options.recover ? Damage::kRecover : Damage::kRefuse);
  BagWriter writer(options.output, options.to);
  for (const auto& topic : reader.topics()) writer.add_topic(topic);
  Progress progress("converting", options.topics.empty() ? reader.metadata().message_count : 0);
  while (const auto message = reader.next()) {
    throw_if_interrupted();
    progress.advance();
    const double at_s = seconds(message->stamp_ns - reader.metadata().start_ns);
    // What is latched (calibration, static transforms) belongs to every part of a bag.
    if ((at_s >= options.from_s || message->topic.latched) && at_s < options.until_s) writer.write(*message);
  }
  writer.close();
  progress.finish();
  for (const auto& line : reader.damage()) spdlog::warn("{}", line);
  fmt::print("{}: {} messages\n", options.output.string(), writer.message_count());
}

// Several bags into one, by time; of equal times the bag named first comes first.
void merge(const BagCommandOptions& options) {
  std::vector<std::unique_ptr<BagReader>> readers;
  std::vector<std::optional<Message>> heads;
  std::uint64_t total = 0;
  BagWriter writer(options.output, options.to);
  for (const auto& bag : options.bags) {
    readers.push_back(std::make_unique<BagReader>(bag));
    for (const auto& topic : readers.back()->topics()) {
      for (std::size_t i = 0; i + 1 < readers.size(); ++i)
        for (const auto& other : readers[i]->topics())
          if (other.name == topic.name && other.type != topic.type)
            fail("{} is {} in {}, but {} in {}; bags that differ so cannot be merged", topic.name, other.type,
                 options.bags[i].string(), topic.type, bag.string());
      writer.add_topic(topic);
    }
    total += readers.back()->metadata().message_count;
    heads.push_back(readers.back()->next());
  }
  Progress progress("merging", total);
  for (;;) {
    throw_if_interrupted();
    std::size_t first = heads.size();
    for (std::size_t i = 0; i < heads.size(); ++i)
      if (heads[i] && (first == heads.size() || heads[i]->stamp_ns < heads[first]->stamp_ns)) first = i;
    if (first == heads.size()) break;
    writer.write(*heads[first]);
    heads[first] = readers[first]->next();
    progress.advance();
  }
  writer.close();
  progress.finish();
  fmt::print("{}: {} messages of {} bags\n", options.output.string(), writer.message_count(), options.bags.size());
}

void reindex(const BagCommandOptions& options) {
  const BagMetadata metadata =
      reindex_bag(options.bag, options.to.ros_distro, [](const std::string& line) { spdlog::warn("{}", line); });
  fmt::print("{}: {} messages in {} files\n", (options.bag / "metadata.yaml").string(), metadata.message_count,
             metadata.files.size());
}

}  // namespace

void add_bag_command(CLI::App& app, CommonOptions& common) {
  auto* cmd = app.add_subcommand("bag", "Look into bags, check them, convert them");
  cmd->require_subcommand(1);
  cmd->fallthrough();
  auto options = std::make_shared<BagCommandOptions>();
  const auto add = [&](const char* name, const char* help, const char* footer) {
    auto* sub = cmd->add_subcommand(name, help);
    sub->fallthrough();
    sub->add_option("bag", options->bag, "rosbag2 folder, its .db3 or .mcap file, or a .bag of ROS 1")
        ->required()
        ->type_name("BAG");
    sub->footer(footer);
    return sub;
  };

  auto* info = add("info", "Topics, counts, times and files of a bag",
                   "Examples:\n  bramble bag info drive\n  bramble bag info drive/drive_0.db3 --json info.json");
  info->callback([options, &common] { print_info(*options, common); });

  auto* check = add("check", "Read everything, decode every known type; exit status 1 when anything is wrong",
                    "Examples:\n  bramble bag check drive\n  bramble bag check drive --json check.json");
  check->callback([options, &common] { print_check(*options, common); });

  auto* dump = add("dump", "List every message as a line of JSON, with the SHA-256 of its payload",
                   "Examples:\n  bramble bag dump drive\n  bramble bag dump drive --topic /clock --decode");
  dump->add_option("--topic", options->topics, "only these topics")->type_name("TOPIC");
  dump->add_flag("--decode", options->decode, "all fields of known types too");
  dump->add_flag("--recover", options->recover, "read on after damage");
  dump->callback([options] { print_dump(*options); });

  const auto add_writing = [options](CLI::App& sub) {
    sub.add_option("-o,--output", options->output, "folder to make")->required()->type_name("NAME");
    add_bag_options(sub, options->to);
  };
  auto* conversion = add(
      "convert",
      "Write a bag anew: another storage or ROS 2 version, from ROS 1, fewer topics, or what is whole of a damaged one",
      "Examples:\n  bramble bag convert drive -o drive_jazzy --ros-distro jazzy -s mcap\n"
      "  bramble bag convert rellis.bag -o rellis\n"
      "  bramble bag convert broken -o rescued --recover");
  add_writing(*conversion);
  conversion->add_option("--topic", options->topics, "only these topics")->type_name("TOPIC");
  conversion->add_flag("--recover", options->recover, "keep what is whole of a damaged bag");
  auto* cut = add("cut", "A part of a bag by time", "Examples:\n  bramble bag cut drive -o part --from 10 --until 25");
  add_writing(*cut);
  cut->add_option("--from", options->from_s, "seconds after the bag's start")->check(CLI::NonNegativeNumber);
  cut->add_option("--until", options->until_s, "seconds after the bag's start, not included")
      ->check(CLI::PositiveNumber);
  cut->add_option("--topic", options->topics, "only these topics")->type_name("TOPIC");
  cut->callback([options] { convert(*options); });
  auto* merging = cmd->add_subcommand("merge", "Several bags into one, by time");
  merging->fallthrough();
  merging->add_option("bags", options->bags, "rosbag2 folders or files")->required()->type_name("BAG");
  add_writing(*merging);
  merging->footer("Examples:\n  bramble bag merge cameras lidars -o all -s mcap");
  merging->callback([options] { merge(*options); });
  auto* reindexing =
      add("reindex",
          "Make metadata.yaml anew from the files of a bag (as ros2 bag reindex); files without an end or "
          "damaged are mended",
          "Examples:\n  bramble bag reindex killed\n  bramble bag reindex bags/robot --ros-distro jazzy");
  reindexing->add_option("--ros-distro,--distro", options->to.ros_distro, "layout of what is written")
      ->check(CLI::IsMember({"humble", "jazzy"}))
      ->capture_default_str();
  reindexing->callback([options] { reindex(*options); });
  conversion->callback([options] { convert(*options); });
}

}  // namespace bramble
