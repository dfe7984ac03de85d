#include "bramble/live/latency_bench.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "bramble/core/error.hpp"
#include "bramble/live/ros_node.hpp"
#include "bramble/ros/messages.hpp"

namespace bramble {
namespace {

using Clock = std::chrono::steady_clock;  // one for all processes of a machine

StampNs now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch()).count();
}

const TopicInfo kTopic{"/bramble/bench/image", std::string(sensor_msgs::Image::kType), false};

RosNodeOptions node_options(const std::string& name, int domain) {
  RosNodeOptions options;
  options.name = name;
  options.domain = domain;
  return options;
}

// Ends when told by a picture without pixels.
void receive(int domain, int out) {
  RosNode node(node_options("bramble_bench_receiver", domain));
  node.subscribe(kTopic);
  for (int idle = 0; idle < 40;) {
    const auto message = node.next(std::chrono::milliseconds(500));
    const StampNs arrived_ns = now_ns();
    if (!message) {
      ++idle;
      continue;
    }
    idle = 0;
    CdrReader reader(*message->cdr);
    builtin_interfaces::Time sent;
    reader.get(sent);
    const std::int64_t delay_ns = message->cdr->size() < 1000 ? -1 : arrived_ns - to_stamp(sent);
    if (::write(out, &delay_ns, sizeof delay_ns) != sizeof delay_ns || delay_ns < 0) return;
  }
}

sensor_msgs::Image picture(const LatencyBenchOptions& options) {
  sensor_msgs::Image image;
  image.header.frame_id = "bench";
  image.width = options.width;
  image.height = options.height;
  image.encoding = "bgra8";
  image.step = 4 * options.width;
  image.data.assign(std::size_t{image.step} * image.height, 7);
  return image;
}

void send(const LatencyBenchOptions& options, int domain) {
  RosNode node(node_options("bramble_bench_sender", domain));
  node.advertise(kTopic);
  const auto found = [&] {
    for (const RosTopic& topic : node.topics())
      if (topic.info.name == kTopic.name && topic.subscribers > 0) return true;
    return false;
  };
  for (int i = 0; i < 200 && !found(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  if (!found()) fail("the receiver was not found on ROS domain {}", domain);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  std::vector<std::uint8_t> cdr = serialize(picture(options), std::size_t{4} * options.width * options.height);
  const auto step = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1 / options.rate_hz));
  auto due = Clock::now();
  for (int i = 0; i < options.messages; ++i, due += step) {
    std::this_thread::sleep_until(due);
    auto bytes = std::make_shared<std::vector<std::uint8_t>>(cdr);
    const auto stamp = to_ros_time(now_ns());  // in place: making the picture is not what is measured
    std::copy_n(reinterpret_cast<const std::uint8_t*>(&stamp.sec), 4, bytes->begin() + 4);
    std::copy_n(reinterpret_cast<const std::uint8_t*>(&stamp.nanosec), 4, bytes->begin() + 8);
    node.publish({kTopic, 0, std::move(bytes)});
  }
  node.wait_for_acknowledgments(std::chrono::seconds(5));
  node.publish({kTopic, 0, std::make_shared<const std::vector<std::uint8_t>>(serialize(sensor_msgs::Image{}))});
  node.wait_for_acknowledgments(std::chrono::seconds(5));
}

std::vector<double> run_ours(const LatencyBenchOptions& options) {
  int ends[2];
  if (::pipe(ends) != 0) fail("no pipe can be made");
  const int domain = 130 + static_cast<int>(::getpid() % 60);  // not likely to be anybody else's
  const pid_t child = ::fork();
  if (child < 0) fail("no process can be made");
  if (child == 0) {
    ::close(ends[0]);
    try {
      receive(domain, ends[1]);
    } catch (...) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  ::close(ends[1]);
  std::vector<double> delays_ms;
  std::exception_ptr failure;
  try {
    send(options, domain);
  } catch (...) {
    failure = std::current_exception();
  }
  for (std::int64_t delay_ns = 0; ::read(ends[0], &delay_ns, sizeof delay_ns) == sizeof delay_ns;)
    if (delay_ns >= 0) delays_ms.push_back(static_cast<double>(delay_ns) * 1e-6);
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  if (failure) std::rethrow_exception(failure);
  return delays_ms;
}

double share_of(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<std::size_t>(share * static_cast<double>(values.size())))];
}

std::string shell_quoted(const std::filesystem::path& path) {
  std::string out = "'";
  for (const char c : path.string()) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace

nlohmann::json bench_latency(const LatencyBenchOptions& options) {
  const std::vector<double> ours = run_ours(options);
  nlohmann::json out = {{"bytes", std::uint64_t{4} * options.width * options.height},
                        {"rate_hz", options.rate_hz},
                        {"sent", options.messages},
                        {"ours_received", ours.size()},
                        {"ours_median_ms", share_of(ours, 0.5)},
                        {"ours_p99_ms", share_of(ours, 0.99)},
                        {"peer_received", nullptr},
                        {"peer_median_ms", nullptr},
                        {"peer_p99_ms", nullptr},
                        {"median_ratio", nullptr}};
  const std::string command =
      fmt::format("{} {} {} {} {} {} 2>/dev/null", shell_quoted(options.python), shell_quoted(options.peer_script),
                  options.messages, options.rate_hz, options.width, options.height);
  std::string text;
  if (std::FILE* const pipe = ::popen(command.c_str(), "r")) {  // NOLINT: a benchmark starts its peer
    char buffer[4096];
    while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, pipe)) text.append(buffer, got);
    ::pclose(pipe);
  }
  std::vector<double> peer;
  const auto figures = nlohmann::json::parse(text, nullptr, false);
  if (figures.is_array()) peer = figures.get<std::vector<double>>();
  if (peer.empty()) {
    out["note"] = figures.is_object() && figures.contains("note")
                      ? fmt::format("no delays of the peer: {}; raise net.core.rmem_max or try again",
                                    figures["note"].get<std::string>())
                      : fmt::format("the peer did not run: {} needs cyclonedds (./bramble test installs it)",
                                    options.python.string());
    return out;
  }
  out["peer_received"] = peer.size();
  out["peer_median_ms"] = share_of(peer, 0.5);
  out["peer_p99_ms"] = share_of(peer, 0.99);
  out["median_ratio"] = share_of(ours, 0.5) / share_of(peer, 0.5);
  return out;
}

}  // namespace bramble
