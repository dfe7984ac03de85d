#pragma once
#include <chrono>
#include <map>
#include <mutex>

#include "bramble/live/ros_node.hpp"
#include "bramble/serve/live_source.hpp"
#include "bramble/serve/vehicle_observer.hpp"

namespace bramble {

/// Topics that others publish on the ROS network: a real CARLA, a robot. Pictures and clouds are subscribed when
/// somebody first wants them.
class RosSource final : public LiveSource {
 public:
  /// `allow_control`: control messages from the dashboard are published, so that a real vehicle obeys them.
  RosSource(RosNodeOptions options, bool allow_control, std::string control_topic);

  std::string kind() const override { return "ros"; }
  std::string name() const override { return "ROS network"; }
  std::vector<TopicInfo> topics() const override;
  void want(const std::set<std::string>& topics, const std::set<std::string>& first) override;
  bool paced() const override { return false; }
  std::optional<StampNs> next_stamp() override { return 0; }
  void take(const Deliver& deliver, SensorWork work) override;
  void describe(nlohmann::ordered_json& status) const override;
  std::optional<nav_msgs::Path> new_path() override { return observer_.new_trail(); }
  std::string control_topic() const override { return control_topic_; }
  bool drive(const DriveWish& wish) override;

 private:
  RosNode node_;
  std::string control_topic_;  // empty: nobody may drive
  std::mutex publishing_;
  std::map<std::string, TopicInfo> known_;
  std::set<std::string> subscribed_;
  std::set<std::string> wanted_;
  std::chrono::steady_clock::time_point look_{};
  VehicleObserver observer_;
};

}  // namespace bramble
