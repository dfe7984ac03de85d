#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bramble/stream/message.hpp"

namespace bramble {

struct RosNodeOptions {
  std::string name = "bramble";
  std::string ros_distro = "humble";  ///< layout of the node graph: humble, or jazzy for Iron and later
  std::optional<int> domain;          ///< 0…232; unset: the environment's ROS_DOMAIN_ID, else 0
  bool best_effort = false;           ///< publish as ROS's sensor data profile; else reliable, which rviz2 expects
  std::size_t queue = 1000;           ///< received messages that wait for next(); more are dropped and counted
};

/// A topic that somebody on the network publishes or subscribes.
struct RosTopic {
  TopicInfo info;
  int publishers = 0, subscribers = 0;
  bool operator==(const RosTopic&) const = default;
};

/// A service that somebody on the network offers.
struct RosService {
  std::string name, type;  ///< «/carla/spawn_object», «carla_msgs/srv/SpawnObject»
  bool operator==(const RosService&) const = default;
};

/// A request that waits for its reply.
struct RosRequest {
  std::string service;                                   ///< «/carla/spawn_object»
  std::shared_ptr<const std::vector<std::uint8_t>> cdr;  ///< never null
  // Of whom it is, and which of his.
  std::array<std::uint8_t, 16> client{};
  std::int64_t number = 0;
};

/// A ROS 2 node made of DDS alone (Fast DDS): ROS 2's topic, service and type names, QoS, type hashes and the node
/// graph (ros_discovery_info), so that ros2's own tools see a node. Messages are passed as CDR, in and out, whatever
/// their type. Services are those of ROS 2's default middleware (rmw_fastrtps); rmw_cyclonedds writes other payloads.
/// Honours ROS_DOMAIN_ID and ROS_LOCALHOST_ONLY. One thread may publish and one take messages at a time.
class RosNode {
 public:
  /// Throws Error for a wrong domain or when DDS cannot be started.
  explicit RosNode(RosNodeOptions options = {});
  ~RosNode();
  RosNode(const RosNode&) = delete;
  RosNode& operator=(const RosNode&) = delete;

  /// Makes the topic known before its first message.
  void advertise(const TopicInfo& topic);
  /// Sends a message to whoever listens. A latched topic's last message also reaches those that come later.
  void publish(const Message& message);
  /// Waits until every reliable subscriber has what was published; false after `timeout`.
  bool wait_for_acknowledgments(std::chrono::milliseconds timeout);

  /// Messages of the topic come to next() from now on; stamps are times of arrival (system clock). Reliable where every
  /// publisher known so far is, as ros2's tools choose.
  void subscribe(const TopicInfo& topic);
  /// The next message, or nothing after `timeout`.
  std::optional<Message> next(std::chrono::milliseconds timeout);
  /// Messages and requests that came while their queue was full.
  std::uint64_t dropped() const;

  /// Offers a service; its requests come to next_request() from now on. `type`: «carla_msgs/srv/SpawnObject».
  void serve(const std::string& service, const std::string& type);
  /// The oldest request that waits, if there is one.
  std::optional<RosRequest> next_request();
  /// Answers a request, once.
  void reply(const RosRequest& request, std::span<const std::uint8_t> cdr);
  /// Asks a service of somebody else and waits for the reply; nothing when none came within `timeout`.
  std::optional<std::vector<std::uint8_t>> call(const std::string& service, const std::string& type,
                                                std::span<const std::uint8_t> cdr, std::chrono::milliseconds timeout);

  /// What has been discovered so far, by name; this node's own endpoints are left out.
  std::vector<RosTopic> topics() const;
  std::vector<RosService> services() const;
  /// Full names of the nodes discovered so far («/rviz»), sorted; without this one.
  std::vector<std::string> nodes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// «sensor_msgs/msg/Image» as DDS calls it: «sensor_msgs::msg::dds_::Image_». Throws Error for another form.
std::string dds_type_name(const std::string& ros_type);
/// The way back; empty for a name that ROS 2 did not make.
std::string ros_type_name(const std::string& dds_type);

}  // namespace bramble
