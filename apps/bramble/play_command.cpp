// bramble play: a bag's messages as live ROS 2 topics.
#include <fmt/format.h>

#include <memory>
#include <thread>

#include "bramble/bag/bag_reader.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/interrupt.hpp"
#include "bramble/live/ros_node.hpp"
#include "bramble/ros/messages.hpp"
#include "command.hpp"
#include "ros_options.hpp"

namespace bramble {
namespace {

using Clock = std::chrono::steady_clock;

struct PlayOptions {
  std::filesystem::path bag;
  RosNodeOptions node;
  std::vector<std::string> topics;
  double rate = 1, start_offset_s = 0, delay_s = 1, clock_hz = 0;
  bool loop = false;
};

// The bag's time against the wall's.
class Pace {
 public:
  Pace(StampNs first_ns, double rate) : begin_(Clock::now()), first_ns_(first_ns), rate_(rate) {}
  Clock::time_point when(StampNs stamp_ns) const {
    return begin_ + std::chrono::duration_cast<Clock::duration>(
                        std::chrono::duration<double, std::nano>(static_cast<double>(stamp_ns - first_ns_) / rate_));
  }

 private:
  Clock::time_point begin_;
  StampNs first_ns_;
  double rate_;
};

Message clock_message(StampNs stamp_ns) {
  rosgraph_msgs::Clock clock;
  clock.clock = to_ros_time(stamp_ns);
  return {{"/clock", std::string(rosgraph_msgs::Clock::kType), false},
          stamp_ns,
          std::make_shared<const std::vector<std::uint8_t>>(serialize(clock))};
}

// Plays the bag once; returns how many messages were sent.
std::uint64_t play_once(const PlayOptions& options, RosNode& node) {
  BagReader bag(options.bag, options.topics);
  const StampNs from = bag.metadata().start_ns + static_cast<StampNs>(options.start_offset_s * 1e9);
  const StampNs clock_step = options.clock_hz > 0 ? static_cast<StampNs>(1e9 / options.clock_hz) : 0;
  const Pace pace(from, options.rate);
  StampNs next_clock = from;
  std::uint64_t sent = 0;
  const auto wait_until = [](Clock::time_point when) {  // in pieces, so that Ctrl-C is heard
    while (!interrupted() && Clock::now() < when)
      std::this_thread::sleep_until(std::min(when, Clock::now() + std::chrono::milliseconds(100)));
  };
  while (const auto message = bag.next()) {
    if (message->stamp_ns < from) {
      if (message->topic.latched) node.publish(*message);  // what holds for the rest, too
      continue;
    }
    for (; clock_step > 0 && next_clock <= message->stamp_ns && !interrupted(); next_clock += clock_step) {
      wait_until(pace.when(next_clock));
      node.publish(clock_message(next_clock));
    }
    wait_until(pace.when(message->stamp_ns));
    if (interrupted()) break;
    if (clock_step > 0 && message->topic.name == "/clock") continue;  // there is one already
    node.publish(*message);
    ++sent;
  }
  return sent;
}

}  // namespace

void add_play_command(CLI::App& app, CommonOptions& common) {
  auto options = std::make_shared<PlayOptions>();
  options->node.name = "bramble_player";
  auto* cmd = app.add_subcommand("play", "Play a bag: its messages become live ROS 2 topics");
  cmd->add_option("BAG", options->bag, "folder, .db3 or .mcap file")->required();
  cmd->add_option("-r,--rate", options->rate, "times as fast as recorded")
      ->check(CLI::Range(1e-3, 1e3))
      ->capture_default_str();
  cmd->add_flag("-l,--loop", options->loop, "begin again at the end");
  cmd->add_option("--topics", options->topics, "only these");
  cmd->add_option("--start-offset", options->start_offset_s, "begin so many seconds after the bag's first message")
      ->check(CLI::NonNegativeNumber);
  cmd->add_option("-d,--delay", options->delay_s, "seconds before the first message, in which subscribers find us")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  cmd->add_option("--clock", options->clock_hz, "also publish the bag's time on /clock, so many times a second")
      ->expected(0, 1)
      ->default_str("40")
      ->check(CLI::Range(0.1, 1e4));
  add_ros_options(*cmd, options->node);
  cmd->footer(
      "Examples:\n  bramble play bags/train\n  bramble play bags/train -r 0.5 -l --clock --topics "
      "/carla/hero/rgb_front/image");
  cmd->callback([options, &common] {
    RosNode node(options->node);
    {
      const BagReader bag(options->bag, options->topics);
      for (const TopicInfo& topic : bag.topics()) node.advertise(topic);
    }
    std::this_thread::sleep_for(std::chrono::duration<double>(options->delay_s));
    std::uint64_t sent = 0, rounds = 0;
    do {
      sent += play_once(*options, node);
      ++rounds;
    } while (options->loop && !interrupted());
    node.wait_for_acknowledgments(std::chrono::seconds(5));
    fmt::print("{}: {} messages sent{}\n", options->bag.string(), sent,
               rounds > 1 ? fmt::format(" in {} rounds", rounds) : "");
    write_json(common, {{"messages", sent}, {"rounds", rounds}});
  });
}

}  // namespace bramble
