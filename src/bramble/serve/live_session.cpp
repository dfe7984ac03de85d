#include "bramble/serve/live_session.hpp"

#include <algorithm>

#include "bramble/core/error.hpp"
#include "bramble/core/interrupt.hpp"
#include "bramble/core/log.hpp"
#include "bramble/serve/client_message.hpp"
#include "bramble/serve/status_schema.hpp"

namespace bramble {
namespace {

using foxglove::StatusLevel;

constexpr const char* kPaused = "/bramble/paused";
constexpr const char* kSpeed = "/bramble/speed";
constexpr const char* kRecording = "/bramble/recording";
constexpr double kFastest = 16;
constexpr auto kStatusEvery = std::chrono::milliseconds(100);
constexpr auto kLongestWait = std::chrono::milliseconds(100);  // then Ctrl-C is looked for
constexpr std::size_t kMostOrders = 4096;
constexpr StampNs kPreviewNs = 49 * (kNsPerSecond / 1000);  // one frame of ours, one or two of others

double milliseconds(std::chrono::steady_clock::duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

std::string session_id() { return fmt::format("{:x}", std::chrono::system_clock::now().time_since_epoch().count()); }

bool as_bool(const foxglove::Parameter& parameter) {
  if (!parameter.value.is_boolean()) fail("{} must be true or false", parameter.name);
  return parameter.value.get<bool>();
}

}  // namespace

// What sinks publish.
class LiveSession::Output final : public Sink {
 public:
  explicit Output(LiveSession& session) : session_(session) {}
  void write(const Message& message) override {
    session_.record(message);
    session_.show(message);
  }
  void close() override {}

 private:
  LiveSession& session_;
};

LiveSession::LiveSession(std::unique_ptr<LiveSource> source, LiveSessionOptions options, ServerOptions server)
    : source_(std::move(source)),
      options_(std::move(options)),
      hub_({"Bramble: " + source_->name(), server.version, session_id()}, options_.limits),
      server_(hub_, std::move(server)),
      images_(hub_),
      recorder_(options_.record_folder, options_.record_topics, options_.bag),
      output_(std::make_unique<Output>(*this)),
      pace_([&] {
        PaceOptions pace = options_.pace;
        pace.lower_qualities = source_->lower_qualities();
        pace.can_turn = source_->can_take_turns();
        return pace;
      }()),
      paused_(options_.paused),
      control_topic_(source_->control_topic()) {
  hub_.listen(this);
}

LiveSession::~LiveSession() {
  server_.stop();
  hub_.listen(nullptr);
}

void LiveSession::add_sink(LiveSink sink) {
  for (const TopicInfo& topic : sink.outputs) add_topic(topic);
  sinks_.push_back(std::move(sink));
}

Sink& LiveSession::output() { return *output_; }

// --- what clients want, as the network's thread hears it ------------------------------------------------------------

void LiveSession::on_message(ClientMessage message) {
  try {
    if (message.topic == kStepTopic) return push({std::nullopt, parse_step(message), message.client});
    const bool control = message.topic == control_topic_ || message.topic == kTwistTopic;
    if (!control || control_topic_.empty())
      return hub_.status(message.client, StatusLevel::kWarning,
                         fmt::format("nobody here listens to {}", message.topic));
    if (source_->drive(parse_control(message))) return;
    // Held keys repeat many times a second; once in a while is enough.
    const auto now = Clock::now().time_since_epoch();
    if (now.count() < next_control_warning_) return;
    next_control_warning_ = (now + std::chrono::seconds(5)).count();
    hub_.status(message.client, StatusLevel::kWarning,
                "another driver is at the wheel; set /bramble/driver to manual first");
  } catch (const Error& error) {
    hub_.status(message.client, StatusLevel::kError, error.what());
  }
}

void LiveSession::on_parameters(ParameterWish wish) {
  const ClientId client = wish.client;
  push({std::move(wish), 0, client});
}

void LiveSession::on_subscriptions() {
  {
    const std::lock_guard lock(orders_mutex_);
    subscriptions_changed_ = true;
  }
  wake_.notify_one();
}

void LiveSession::push(Order order) {
  {
    const std::lock_guard lock(orders_mutex_);
    if (orders_.size() >= kMostOrders) orders_.pop_front();
    orders_.push_back(std::move(order));
  }
  wake_.notify_one();
}

void LiveSession::stop() {
  {
    const std::lock_guard lock(orders_mutex_);
    stop_ = true;
  }
  wake_.notify_one();
}

// --- and as the session's thread carries it out ---------------------------------------------------------------------

void LiveSession::carry_out_orders() {
  for (;;) {
    Order order;
    {
      const std::lock_guard lock(orders_mutex_);
      if (orders_.empty()) return;
      order = std::move(orders_.front());
      orders_.pop_front();
    }
    steps_ = std::min(steps_ + order.steps, kMostSteps);
    if (!order.parameters) continue;
    std::vector<std::string> names;
    for (const auto& parameter : order.parameters->parameters) {
      names.push_back(parameter.name);
      try {
        set(parameter);
      } catch (const Error& error) {
        hub_.status(order.client, StatusLevel::kError, error.what());
      }
    }
    publish_parameters();
    if (order.parameters->request_id) hub_.answer_parameters(order.client, names, *order.parameters->request_id);
  }
}

void LiveSession::set(const foxglove::Parameter& parameter) {
  if (parameter.name == kPaused) {
    paused_ = as_bool(parameter);
    steps_ = 0;
    pace_.restart();
  } else if (parameter.name == kSpeed) {
    pace_.set_speed(number_within(kSpeed, parameter.value, 0, kFastest));
  } else if (parameter.name == kRecording) {
    set_recording(as_bool(parameter));
  } else {
    source_->set(parameter.name, parameter.value);
    if (source_->kind() != "bag") return;
    pace_.restart();  // its time has jumped
    if (const auto stamp = source_->next_stamp(); stamp && paused_) play_until_ns_ = *stamp + kPreviewNs;
  }
}

void LiveSession::set_recording(bool on) {
  if (on)
    recorder_.start();
  else
    recorder_.stop();
  update_wanted();
}

void LiveSession::publish_parameters() {
  hub_.set_parameter(kPaused, paused_);
  if (source_->paced()) hub_.set_parameter(kSpeed, pace_.speed());
  hub_.set_parameter(kRecording, recorder_.active());
  for (const LiveParameter& parameter : source_->parameters())
    hub_.set_parameter(parameter.name, parameter.value, parameter.writable);
}

bool LiveSession::wait_until(Clock::time_point when) {
  std::unique_lock lock(orders_mutex_);
  return wake_.wait_until(lock, std::min(when, Clock::now() + kLongestWait),
                          [&] { return stop_ || subscriptions_changed_ || !orders_.empty(); });
}

// --- topics and channels --------------------------------------------------------------------------------------------

void LiveSession::add_topic(const TopicInfo& topic) {
  {
    const std::lock_guard lock(channels_mutex_);
    if (channels_.contains(topic.name)) return;
    channels_[topic.name] = 0;
  }
  const MessageType* type = find_message_type(topic.type);
  if (type == nullptr) {
    spdlog::warn("{} is not shown: its type {} is unknown here", topic.name, topic.type);
    return;
  }
  ChannelSpec spec;
  spec.topic = topic.name;
  spec.encoding = "cdr";
  spec.schema_name = topic.type;
  spec.schema = std::string(type->definition);
  spec.schema_encoding = "ros2msg";
  spec.latched = topic.latched;
  spec.keep = is_heavy_type(topic.type) ? 1 : 32;
  const ChannelId channel = hub_.add_channel(std::move(spec));
  const std::lock_guard lock(channels_mutex_);
  channels_[topic.name] = channel;
}

void LiveSession::add_new_topics() {
  const std::vector<TopicInfo> topics = source_->topics();
  const auto known = [&](const std::string& name) {
    const std::lock_guard lock(channels_mutex_);
    return channels_.contains(name);
  };
  bool changed = false;
  std::vector<TopicInfo> all = topics;
  if (!begun_)
    for (const LiveSink& sink : sinks_) all.insert(all.end(), sink.outputs.begin(), sink.outputs.end());
  for (const TopicInfo& topic : all) {
    const bool is_new = !known(topic.name);
    if (is_new) add_topic(topic);
    changed |= is_new;
    // Pictures have a compressed form, unless the source brings one.
    if (topic.type != sensor_msgs::Image::kType || (!is_new && begun_)) continue;
    const std::string compressed = topic.name + "/compressed";
    if (std::none_of(topics.begin(), topics.end(), [&](const TopicInfo& other) { return other.name == compressed; }))
      images_.add(topic.name);
  }
  begun_ = true;
  if (changed) update_wanted();
}

void LiveSession::update_wanted() {
  const std::set<std::string> shown = hub_.subscribed_topics();
  const std::set<std::string> compressed = images_.wanted();
  const bool recording = recorder_.active();
  std::set<std::string> wanted, first;
  for (const TopicInfo& topic : source_->topics()) {
    bool needed = !is_heavy_type(topic.type) || shown.contains(topic.name) || compressed.contains(topic.name) ||
                  (recording && recorder_.wants(topic.name));
    for (const LiveSink& sink : sinks_) {
      if (std::find(sink.inputs.begin(), sink.inputs.end(), topic.name) == sink.inputs.end()) continue;
      needed = true;
      first.insert(topic.name);
    }
    if (needed) wanted.insert(topic.name);
  }
  source_->want(wanted, first);
}

ChannelId LiveSession::add_json_channel(const std::string& topic, const std::string& schema_name,
                                        const std::string& schema, bool latched) {
  return hub_.add_channel({topic, "json", schema_name, schema, "jsonschema", latched, 1});
}

void LiveSession::publish_json(ChannelId channel, const nlohmann::ordered_json& value) {
  const std::string text = value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  hub_.publish(channel, stamp_ns_, std::make_shared<const std::vector<std::uint8_t>>(text.begin(), text.end()));
}

// --- frames ---------------------------------------------------------------------------------------------------------

void LiveSession::count(const std::string& part, double ms) { frame_parts_[part] += ms; }

void LiveSession::record(const Message& message) {
  try {
    recorder_.write(message);
  } catch (const Error& error) {
    spdlog::error("the recording has ended: {}", error.what());
    hub_.status(0, StatusLevel::kError, fmt::format("the recording has ended: {}", error.what()));
  }
}

void LiveSession::show(const Message& message) {
  ChannelId channel = 0;
  {
    const std::lock_guard lock(channels_mutex_);
    const auto it = channels_.find(message.topic.name);
    if (it == channels_.end() || it->second == 0) return;
    channel = it->second;
  }
  hub_.publish(channel, message.stamp_ns, message.cdr);
  if (message.topic.type == sensor_msgs::Image::kType) images_.take(message);
}

void LiveSession::deliver(const Message& message) {
  const auto begin = Clock::now();
  record(message);
  const auto recorded = Clock::now();
  if (source_->paced() || !paused_) show(message);
  const auto shown = Clock::now();
  count("record", milliseconds(recorded - begin));
  count("publish", milliseconds(shown - recorded));
  for (LiveSink& sink : sinks_) {
    if (sink.sink == nullptr) continue;
    const auto sink_begin = Clock::now();
    try {
      sink.sink->write(message);
    } catch (const Error& error) {
      spdlog::error("{} has stopped: {}", sink.name, error.what());
      hub_.status(0, StatusLevel::kError, fmt::format("{} has stopped: {}", sink.name, error.what()));
      sink.sink = nullptr;
    }
    count(sink.name, milliseconds(Clock::now() - sink_begin));
  }
  delivering_ms_ += milliseconds(Clock::now() - begin);
}

void LiveSession::play_frame() {
  const auto stamp = source_->next_stamp();
  if (!stamp) return;
  const auto begin = Clock::now();
  const bool stepping = paused_;
  Pace::Orders orders;
  if (source_->paced() && !stepping) {
    orders = pace_.begin(*stamp, begin);
    source_->lower_quality(orders.quality_steps);
  }
  frame_parts_.clear();
  delivering_ms_ = 0;
  StampNs newest = source_->paced() ? *stamp : stamp_ns_;
  bool any = source_->paced();
  source_->take(
      [&](const Message& message) {
        any = true;
        newest = std::max(newest, message.stamp_ns);
        deliver(message);
      },
      orders.sensors);
  const auto end = Clock::now();
  if (!stepping) pace_.end(end, end - begin);
  if (!any) return;
  if (frames_ == 0) second_begin_stamp_ns_ = newest;
  stamp_ns_ = newest;
  hub_.publish_time(stamp_ns_);
  double own_ms = milliseconds(end - begin) - delivering_ms_;
  for (const auto& [part, ms] : source_->timings()) {
    count(part, ms);
    own_ms -= ms;
  }
  count(source_->kind() == "sim" ? "messages" : "read", std::max(own_ms, 0.0));
  ++frames_;
  ++frames_in_second_;
  for (const auto& [part, ms] : frame_parts_) {
    second_[part] += ms;
    all_[part] += ms;
  }
  if (steps_ > 0) --steps_;
}

// --- what is told ---------------------------------------------------------------------------------------------------

void LiveSession::end_second(Clock::time_point now) {
  const double elapsed_s = std::chrono::duration<double>(now - second_begin_).count();
  if (elapsed_s < 1) return;
  rate_hz_ = static_cast<double>(frames_in_second_) / elapsed_s;
  const double played_s = seconds(stamp_ns_ - second_begin_stamp_ns_);
  realtime_factor_ = played_s >= 0 && frames_in_second_ > 0 ? played_s / elapsed_s : 0;
  if (frames_in_second_ > 0) {
    shown_timings_.clear();
    for (const auto& [part, ms] : second_) shown_timings_[part] = ms / static_cast<double>(frames_in_second_);
    shown_timings_["encode"] = images_.encode_ms();
  }
  second_.clear();
  frames_in_second_ = 0;
  second_begin_ = now;
  second_begin_stamp_ns_ = stamp_ns_;
  publish_parameters();
  const std::string notice = pace_.notice();
  if (notice == notice_) return;
  notice_ = notice;
  // The numbers in it change all the time: only what is being done is worth a line.
  const std::string kind = notice.substr(0, notice.find_first_of("0123456789"));
  if (kind == notice_kind_) return;
  notice_kind_ = kind;
  spdlog::info("{}", notice.empty() ? "real time is held again without loss" : notice);
}

void LiveSession::publish_status(Clock::time_point now) {
  end_second(now);
  nlohmann::ordered_json status;
  for (const char* key :
       {"frame",     "stamp_s",    "rate_hz", "realtime_factor", "speed_mps", "x_m",     "y_m",
        "yaw_rad",   "driver",     "paused",  "speed",           "world",     "weather", "sun_elevation_deg",
        "recording", "timings_ms", "quality", "skipped",         "notice",    "ended",   "clients",
        "source",    "bag",        "score"})
    status[key] = nullptr;
  status["stamp_s"] = seconds(stamp_ns_);
  status["rate_hz"] = rate_hz_;
  status["realtime_factor"] = realtime_factor_;
  status["paused"] = paused_;
  status["speed"] = pace_.speed();
  status["world"] = source_->name();
  const LiveRecorder::State recording = recorder_.state();
  status["recording"] = {{"active", recording.active},
                         {"name", recording.bag.string()},
                         {"messages", recording.messages},
                         {"bytes", recording.bytes}};
  status["timings_ms"] = shown_timings_;
  status["skipped"] = pace_.skipped();
  status["notice"] = pace_.notice();
  status["ended"] = ended_;
  status["clients"] = hub_.client_count();
  status["source"] = source_->kind();
  if (score_) status["score"] = score_();
  source_->describe(status);
  publish_json(status_channel_, status);
  if (auto path = source_->new_path()) {
    path->header.stamp = to_ros_time(stamp_ns_);
    hub_.publish(path_channel_, stamp_ns_, std::make_shared<const std::vector<std::uint8_t>>(serialize(*path)));
  }
}

void LiveSession::add_own_channels() {
  status_channel_ = add_json_channel("/bramble/status", "bramble.Status", kStatusSchema, false);
  ontology_channel_ = add_json_channel("/bramble/ontology", "bramble.Ontology", kOntologySchema, true);
  const MessageType* path = find_message_type(nav_msgs::Path::kType);
  path_channel_ = hub_.add_channel(
      {"/bramble/path", "cdr", std::string(path->name), std::string(path->definition), "ros2msg", true, 1});
  nlohmann::ordered_json classes = nlohmann::ordered_json::array();
  for (const SemanticClass& c : options_.ontology.classes())
    classes.push_back({{"id", c.id}, {"name", c.name}, {"color", c.color}, {"ignore", false}});
  publish_json(ontology_channel_, classes);
}

void LiveSession::run() {
  add_own_channels();
  add_new_topics();
  publish_parameters();
  update_wanted();
  server_.start();
  begin_ = second_begin_ = Clock::now();
  while (!interrupted()) {
    carry_out_orders();
    bool subscriptions = false;
    {
      const std::lock_guard lock(orders_mutex_);
      if (stop_) break;
      subscriptions = std::exchange(subscriptions_changed_, false);
    }
    if (!source_->paced()) add_new_topics();
    if (subscriptions) update_wanted();
    const auto now = Clock::now();
    if (now >= next_status_) {
      next_status_ = now + kStatusEvery;
      publish_status(now);
    }
    if (!source_->paced()) {
      play_frame();
      continue;
    }
    const auto stamp = source_->next_stamp();
    ended_ = !stamp;
    if (!stamp) {
      if (!options_.stay_at_end) break;
      wait_until(next_status_);
      continue;
    }
    if (play_until_ns_ && *stamp >= *play_until_ns_) play_until_ns_.reset();
    if (paused_ && steps_ == 0 && !play_until_ns_) {
      wait_until(next_status_);
      continue;
    }
    if (!paused_) {
      const auto due = pace_.due(*stamp, now);
      if (due > now && wait_until(std::min(due, next_status_))) continue;
      if (due > Clock::now()) continue;
    }
    play_frame();
  }
  ended_ = true;
  publish_status(Clock::now());
  recorder_.stop();
  elapsed_s_ = std::chrono::duration<double>(Clock::now() - begin_).count();
  server_.stop();
}

LiveSession::Figures LiveSession::figures() const {
  Figures figures{frames_, pace_.skipped(), elapsed_s_, {}};
  for (const auto& [part, ms] : all_) figures.timings_ms[part] = frames_ > 0 ? ms / static_cast<double>(frames_) : 0;
  figures.timings_ms["encode"] = images_.encode_ms();
  return figures;
}

}  // namespace bramble
