#include <cstdio>

#include "bramble/bag/bag_check.hpp"
#include "bramble/bag/bag_reader.hpp"
#include "bramble/bag/bag_writer.hpp"
#include "bramble/core/error.hpp"
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
  std::string ros_distro = "humble";
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
  BagOptions to;
  to.ros_distro = options.ros_distro;
  BagWriter writer(options.output, to);
  for (const auto& topic : reader.topics()) writer.add_topic(topic);
  Progress progress("converting", options.topics.empty() ? reader.metadata().message_count : 0);
  const std::vector<Sink*> sinks = {&writer};
  const auto count = pump(reader, sinks, [&](const Message&) {
    progress.advance();
    return true;
  });
  writer.close();
  progress.finish();
  for (const auto& line : reader.damage()) spdlog::warn("{}", line);
  fmt::print("{}: {} messages\n", options.output.string(), count);
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
    sub->add_option("bag", options->bag, "rosbag2 folder, or its .db3 file")->required()->type_name("BAG");
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

  auto* conversion = add(
      "convert", "Write a bag anew: another ROS 2 version, fewer topics, unpacked, or what is whole of a damaged one",
      "Examples:\n  bramble bag convert drive -o drive_jazzy --ros-distro jazzy\n"
      "  bramble bag convert broken -o rescued --recover");
  conversion->add_option("-o,--output", options->output, "folder to make")->required()->type_name("NAME");
  conversion->add_option("--topic", options->topics, "only these topics")->type_name("TOPIC");
  conversion->add_option("--ros-distro", options->ros_distro, "layout to write")
      ->check(CLI::IsMember({"humble", "jazzy"}))
      ->capture_default_str();
  conversion->add_flag("--recover", options->recover, "keep what is whole of a damaged bag");
  conversion->callback([options] { convert(*options); });
}

}  // namespace bramble
