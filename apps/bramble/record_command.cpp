#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <regex>
#include <set>

#include "bag_options.hpp"
#include "bramble/bag/bag_writer.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/interrupt.hpp"
#include "bramble/core/log.hpp"
#include "bramble/core/progress.hpp"
#include "bramble/live/ros_node.hpp"
#include "bramble/record/recorder.hpp"
#include "bramble/stream/queued_sink.hpp"
#include "command.hpp"
#include "drive_options.hpp"
#include "ros_options.hpp"

namespace bramble {
namespace {

constexpr std::uint64_t kQueueBytes = 128U << 20;  // of messages that wait for the disk

// What --report-written prints: a promise, made only when it is kept.
void report_written(BagOptions& options) {
  options.on_commit = [](std::uint64_t messages) {
    fmt::print("written {}\n", messages);
    std::fflush(stdout);
  };
}

struct LiveRecording {
  std::string output;
  std::vector<std::string> topics;  // empty: all, or what the expression matches
  std::string regex;
  double duration_s = 0;  // 0: until Ctrl-C
  BagOptions bag;
  RosNodeOptions node;
};

// Records what is on the network, and what appears there, until the time is over or Ctrl-C. Stamps are times of
// arrival.
void record_live(const LiveRecording& options, const CommonOptions& common) {
  using Clock = std::chrono::steady_clock;
  std::optional<std::regex> pattern;
  if (!options.regex.empty()) try {
      pattern = std::regex(options.regex);
    } catch (const std::regex_error& error) {
      fail("'{}' is no regular expression for topics: {}", options.regex, error.what());
    }
  RosNode node(options.node);
  BagWriter bag(options.output, options.bag);
  QueuedSink queue(bag, kQueueBytes, QueuedSink::WhenFull::kDrop);
  std::set<std::string> recorded;
  const auto begin = Clock::now();
  const auto end =
      options.duration_s > 0
          ? begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.duration_s))
          : Clock::time_point::max();
  auto look = begin;
  while (!interrupted() && Clock::now() < end) {
    if (Clock::now() >= look) {
      look = Clock::now() + std::chrono::milliseconds(200);
      for (const RosTopic& topic : node.topics()) {
        if (topic.publishers == 0 || recorded.contains(topic.info.name)) continue;
        const bool named = topic_wanted(topic.info.name, options.topics) && !(pattern && options.topics.empty());
        if (!named && !(pattern && std::regex_match(topic.info.name, *pattern))) continue;
        bag.add_topic(topic.info);
        node.subscribe(topic.info);
        recorded.insert(topic.info.name);
        spdlog::info("recording {} ({})", topic.info.name, topic.info.type);
      }
    }
    const auto message = node.next(std::chrono::milliseconds(50));
    if (message) queue.write(*message);
  }
  while (const auto message = node.next(std::chrono::milliseconds(0))) queue.write(*message);
  queue.close();
  for (const std::string& topic : options.topics)
    if (!recorded.contains(topic)) spdlog::warn("nobody published {}", topic);
  const std::uint64_t dropped = node.dropped() + queue.dropped();
  if (dropped > 0) spdlog::warn("{} messages came faster than they could be written and are lost", dropped);
  fmt::print("{}: {} topics, {} messages, {:.1f} MB\n", options.output, recorded.size(), bag.message_count(),
             static_cast<double>(bag.byte_count()) * 1e-6);
  write_json(common, {{"bag", options.output},
                      {"topics", recorded.size()},
                      {"messages", bag.message_count()},
                      {"bytes", bag.byte_count()},
                      {"dropped", dropped}});
}

}  // namespace

void add_record_command(CLI::App& app, CommonOptions& common) {
  struct Options {
    std::string output;
    std::string source = "sim:meadow";
    std::vector<std::string> topics;
    std::string regex;
    bool all = false, report_written = false;
    double duration_s = 0;
    BagOptions bag;
    DriveOptions drive;
    RosNodeOptions node;
  };
  auto options = std::make_shared<Options>();
  auto* cmd = app.add_subcommand("record", "Record topics of a simulated drive into a rosbag2 bag");
  cmd->add_option("-o,--output", options->output, "the bag: a new folder")->required();
  cmd->add_option("TOPIC", options->topics, "topics to record");
  cmd->add_flag("-a,--all", options->all, "record every topic there is");
  cmd->add_option("--source", options->source,
                  "where topics come from: sim:SCENARIO, or ros for what is live on the network")
      ->capture_default_str();
  cmd->add_option("-d,--duration", options->duration_s, "stop after this many seconds (of simulated time for sim:)")
      ->check(CLI::PositiveNumber);
  cmd->add_option("-e,--regex", options->regex, "record topics whose whole name matches");
  add_bag_options(*cmd, options->bag);
  cmd->add_flag(
      "--report-written", options->report_written,
      "print «written N» whenever the first N messages are on files: a kill of this process loses none of them");
  add_drive_options(*cmd, options->drive);
  options->node.name = "bramble_recorder";
  add_ros_options(*cmd, options->node);
  cmd->footer(
      "Without --frames and -d: a trace is recorded whole, another drive for 600 frames (30 s).\n"
      "Examples:\n"
      "  bramble record -o bags/train --source sim:meadow /carla/hero/rgb_front/image "
      "/carla/hero/semantic_segmentation_front/image\n"
      "  bramble record -o bags/robot -a --source ros -d 60\n"
      "  bramble record -o bags/all -a --source sim:scenarios/tiny.yaml --driver reverse -d 10");
  cmd->callback([options, &common] {
    if (options->topics.empty() && !options->all && options->regex.empty())
      throw CLI::RequiredError("TOPIC: name the topics to record, or -e REGEX, or -a for all of them");
    if (options->report_written) report_written(options->bag);
    if (options->source == "ros")
      return record_live({options->output, options->all ? std::vector<std::string>{} : options->topics,
                          options->all ? "" : options->regex, options->duration_s, options->bag, options->node},
                         common);
    if (!options->source.starts_with("sim:"))
      fail("there is no source '{}'; sources: sim:SCENARIO (for example sim:meadow), ros", options->source);
    DriveOptions& drive = options->drive;
    if (options->duration_s > 0) {
      const auto frames = static_cast<std::int64_t>(std::ceil(options->duration_s / kFrameS - 1e-9));
      drive.simulation.frames = drive.simulation.frames > 0 ? std::min(drive.simulation.frames, frames) : frames;
    }
    if (drive.simulation.frames == 0 && !drive.simulation.driver.starts_with("trace:")) drive.simulation.frames = 600;
    drive.simulation.topics = options->all ? std::vector<std::string>{} : options->topics;
    if (!options->all) drive.simulation.topic_pattern = options->regex;
    if (std::filesystem::exists(options->output))
      fail("{} exists already; choose another name or remove it", options->output);

    const auto simulation = start_drive(options->source.substr(4), drive);
    const std::int64_t frames = simulation->frame_count() - drive.simulation.first_frame;
    const std::uint64_t bytes = simulation->bytes_per_frame() * static_cast<std::uint64_t>(frames);
    require_free_space(options->output, bytes + bytes / 50, "the bag");

    BagWriter bag(options->output, options->bag);
    QueuedSink queue(bag, kQueueBytes, QueuedSink::WhenFull::kWait);  // the next frame is made while one is written
    for (const TopicInfo& topic : simulation->topics())
      if (simulation->wants(topic.name)) bag.add_topic(topic);
    const auto begin = std::chrono::steady_clock::now();
    std::int64_t recorded = 0;
    bool stopped = false;
    {
      Progress progress("recording", static_cast<std::uint64_t>(frames));
      StampNs stamp_ns = -1;
      while (const auto message = simulation->next()) {
        if (message->stamp_ns != stamp_ns) {  // the frame before is complete
          if (stamp_ns >= 0) progress.advance();
          stopped = interrupted();
          if (stopped) break;
          stamp_ns = message->stamp_ns;
          ++recorded;
        }
        queue.write(*message);
      }
      if (!stopped && recorded > 0) progress.advance();
    }
    queue.close();
    const double elapsed_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    write_file_atomically(std::filesystem::path(options->output) / kTraceName, simulation->trace().to_csv());
    save_trace(*simulation, drive);
    if (stopped)
      throw Interrupted(fmt::format("stopped after {} of {} frames; {} is complete as far as it goes", recorded, frames,
                                    options->output));
    fmt::print("{}: {} frames, {} messages, {:.1f} MB, {:.1f} frames/s\n", options->output, recorded,
               bag.message_count(), static_cast<double>(bag.byte_count()) * 1e-6,
               static_cast<double>(recorded) / elapsed_s);
    write_json(common, {{"bag", options->output},
                        {"frames", recorded},
                        {"messages", bag.message_count()},
                        {"bytes", bag.byte_count()},
                        {"frames_per_s", static_cast<double>(recorded) / elapsed_s}});
  });
}

}  // namespace bramble
