#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bramble/ontology/ontology.hpp"
#include "bramble/serve/image_channel.hpp"
#include "bramble/serve/live_recorder.hpp"
#include "bramble/serve/live_source.hpp"
#include "bramble/serve/pace.hpp"
#include "bramble/serve/server.hpp"
#include "bramble/stream/stream.hpp"

namespace bramble {

struct LiveSessionOptions {
  PaceOptions pace;
  bool paused = false;      ///< wait for somebody to press play
  bool stay_at_end = true;  ///< serve on when the source has ended (a bag can be sought back)
  std::filesystem::path record_folder = "out";
  std::vector<std::string> record_topics;  ///< what the record button takes; empty: all
  BagOptions bag;
  Ontology ontology;  ///< of the labels, for /bramble/ontology
  HubLimits limits;
};

/// Something that works on the messages as they come, in the session's thread: the segmentation node.
struct LiveSink {
  std::string name;  ///< in timings_ms: «infer»
  Sink* sink = nullptr;
  std::vector<std::string> inputs;  ///< topics that it needs, always
  std::vector<TopicInfo> outputs;   ///< topics that it publishes on LiveSession::output()
};

/// A source with a dashboard: goes on frame by frame in step with the wall clock, shows everything to the clients of a
/// LiveServer, and does what they want (docs/live_protocol.md). The source runs in the thread that calls run(); the
/// network and the compression of pictures have one thread each.
class LiveSession final : private HubListener {
 public:
  /// Takes the server's port. Throws Error as LiveServer does.
  LiveSession(std::unique_ptr<LiveSource> source, LiveSessionOptions options, ServerOptions server);
  ~LiveSession() override;
  LiveSession(const LiveSession&) = delete;
  LiveSession& operator=(const LiveSession&) = delete;

  /// Before run(). The sink must outlive the session.
  void add_sink(LiveSink sink);
  /// Before run(): the value of «score» in /bramble/status, asked in the session's thread.
  void show_score(std::function<nlohmann::json()> score) { score_ = std::move(score); }
  /// Where sinks publish: recorded and shown like the source's topics. Any thread may write.
  Sink& output();

  const LiveServer& server() const { return server_; }
  const LiveSource& source() const { return *source_; }

  /// Goes on until the source ends (unless it is to stay then), stop() or Ctrl-C. A recording is completed. Throws
  /// Error when source or sink do.
  void run();
  /// Any thread may call.
  void stop();

  struct Figures {
    std::uint64_t frames = 0, skipped = 0;
    double seconds = 0;
    std::map<std::string, double> timings_ms;  ///< means over all frames
  };
  Figures figures() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Order {  // of a client, for the session's thread
    std::optional<ParameterWish> parameters;
    int steps = 0;
    ClientId client = 0;
  };
  class Output;
  // HubListener: called by the network's thread.
  void on_message(ClientMessage message) override;
  void on_parameters(ParameterWish wish) override;
  void on_subscriptions() override;

  void push(Order order);
  void carry_out_orders();
  void set(const foxglove::Parameter& parameter);
  void set_recording(bool on);
  void publish_parameters();
  bool wait_until(Clock::time_point when);
  void add_new_topics();
  void add_topic(const TopicInfo& topic);
  void update_wanted();
  void play_frame();
  void deliver(const Message& message);
  void record(const Message& message);
  void show(const Message& message);
  void count(const std::string& part, double ms);
  void end_second(Clock::time_point now);
  void publish_status(Clock::time_point now);
  void add_own_channels();
  ChannelId add_json_channel(const std::string& topic, const std::string& schema_name, const std::string& schema,
                             bool latched);
  void publish_json(ChannelId channel, const nlohmann::ordered_json& value);

  std::unique_ptr<LiveSource> source_;
  const LiveSessionOptions options_;
  LiveHub hub_;
  LiveServer server_;
  ImageChannels images_;
  LiveRecorder recorder_;
  std::unique_ptr<Output> output_;
  std::vector<LiveSink> sinks_;
  std::function<nlohmann::json()> score_;
  Pace pace_;

  mutable std::mutex channels_mutex_;  // for the topics of sinks with threads of their own
  std::map<std::string, ChannelId> channels_;

  std::mutex orders_mutex_;
  std::condition_variable wake_;
  std::deque<Order> orders_;
  bool subscriptions_changed_ = true;
  bool stop_ = false;

  // Of the session's thread:
  bool paused_ = false;
  bool ended_ = false;
  bool begun_ = false;  // channels of the first topics are there
  int steps_ = 0;
  StampNs stamp_ns_ = 0;
  ChannelId status_channel_ = 0, path_channel_ = 0, ontology_channel_ = 0;
  Clock::time_point begin_{}, next_status_{};
  std::optional<StampNs> play_until_ns_;  // though paused: shows the place that a bag was sought to
  std::string control_topic_;             // constant; also read by the network's thread
  std::atomic<Clock::rep> next_control_warning_ = 0;
  std::map<std::string, double> frame_parts_, second_, all_;  // milliseconds by part: of the frame, sums
  std::map<std::string, double> shown_timings_;
  double delivering_ms_ = 0;  // of the frame
  std::uint64_t frames_ = 0, frames_in_second_ = 0;
  StampNs second_begin_stamp_ns_ = 0;
  Clock::time_point second_begin_{};
  double rate_hz_ = 0, realtime_factor_ = 0, elapsed_s_ = 0;
  std::string notice_, notice_kind_;
};

}  // namespace bramble
