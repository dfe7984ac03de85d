#pragma once
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bramble/ros/messages.hpp"
#include "bramble/serve/sensor_work.hpp"
#include "bramble/sim/manual_control.hpp"
#include "bramble/stream/message.hpp"

namespace bramble {

/// Something of a source that can be looked at and changed from outside while it runs («/bramble/driver»).
struct LiveParameter {
  std::string name;
  nlohmann::json value;
  bool writable = true;
};

/// What a live session plays: a simulation, a bag, or what is on the network. It goes on frame by frame, so that
/// between two frames it can be held, changed and told which topics anybody wants. One thread at a time, but for
/// drive().
class LiveSource {
 public:
  using Deliver = std::function<void(const Message&)>;
  virtual ~LiveSource() = default;

  virtual std::string kind() const = 0;  ///< «sim», «bag», «ros»
  virtual std::string name() const = 0;  ///< of the world, of the bag
  /// Topics known now; more may come.
  virtual std::vector<TopicInfo> topics() const = 0;
  /// From the next frame on these are needed; others may be left out if they cost anything. `first`: of these, what
  /// matters most when time is short.
  virtual void want(const std::set<std::string>& /*topics*/, const std::set<std::string>& /*first*/) {}

  /// Whether it goes by its own stamps; else messages come when they come, and take() waits a little for them.
  virtual bool paced() const { return true; }
  /// Stamp of the next frame; nothing: there are no more.
  virtual std::optional<StampNs> next_stamp() = 0;
  /// Makes the next frame and delivers its messages, with fewer pictures and clouds to save time. Throws Error.
  virtual void take(const Deliver& deliver, SensorWork work) = 0;

  /// Whether its sensors can take turns (SensorWork::kInTurn).
  virtual bool can_take_turns() const { return false; }
  /// In which ways pictures can be made faster and worse, each faster than the one before.
  virtual std::vector<std::string> lower_qualities() const { return {}; }
  /// From the next frame on that many of them down; 0: as good as at first.
  virtual void lower_quality(std::size_t /*steps*/) {}

  /// Adds what it knows to /bramble/status (docs/live_protocol.md).
  virtual void describe(nlohmann::ordered_json& status) const = 0;
  /// How long the parts of the last frame took, milliseconds.
  virtual std::vector<std::pair<std::string, double>> timings() const { return {}; }
  /// The track, or the way so far, when it has changed since the last call.
  virtual std::optional<nav_msgs::Path> new_path() = 0;

  virtual std::vector<LiveParameter> parameters() const { return {}; }
  /// Changes a parameter. Throws Error saying what is wrong with the value.
  virtual void set(const std::string& name, const nlohmann::json& value);

  /// The topic of control messages; empty: it cannot be driven.
  virtual std::string control_topic() const { return {}; }
  /// What somebody at the dashboard wishes. Any thread may call. False: it is not carried out (another driver drives).
  virtual bool drive(const DriveWish&) { return false; }
};

/// Topics that cost time to make and to send: pictures, clouds.
bool is_heavy_type(const std::string& type);

// For set(): the value as it must be. Throw Error.
double number_within(const std::string& name, const nlohmann::json& value, double low, double high);
std::string one_of(const std::string& name, const nlohmann::json& value, const std::vector<std::string>& words);

}  // namespace bramble
