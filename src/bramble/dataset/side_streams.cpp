#include "bramble/dataset/side_streams.hpp"

#include <cstdlib>

#include "bramble/core/error.hpp"
#include "bramble/ros/messages.hpp"

namespace bramble {
namespace {

constexpr std::int64_t kFarthest_ns = 200'000'000;

Pose pose_of(const geometry_msgs::Quaternion& q, double x, double y, double z) {
  Eigen::Quaterniond rotation(q.w, q.x, q.y, q.z);
  if (!(rotation.norm() > 1e-6)) fail("a rotation of length {} is none", rotation.norm());
  Pose pose = Pose::Identity();
  pose.linear() = rotation.normalized().toRotationMatrix();
  pose.translation() = Eigen::Vector3d(x, y, z);
  return pose;
}

// A stamp far before the newest one starts anew (a simulation that was started again).
void follow(StampNs& newest_ns, StampNs stamp_ns) {
  newest_ns = stamp_ns < newest_ns - kNsPerSecond && newest_ns != INT64_MIN ? stamp_ns : std::max(newest_ns, stamp_ns);
}

}  // namespace

void SideStream::add(StampedPayload message) {
  follow(newest_ns_, message.stamp_ns);
  waiting_.emplace(message.stamp_ns, std::move(message));
}

StampedPayload SideStream::nearest(StampNs stamp_ns, std::int64_t reach_ns) const {
  const auto after = waiting_.lower_bound(stamp_ns);
  auto best = after;
  if (after != waiting_.begin() &&
      (after == waiting_.end() || stamp_ns - std::prev(after)->first <= after->first - stamp_ns))
    best = std::prev(after);
  return best != waiting_.end() && std::llabs(best->first - stamp_ns) <= reach_ns ? best->second : StampedPayload{};
}

void SideStream::forget_before(StampNs stamp_ns) { waiting_.erase(waiting_.begin(), waiting_.lower_bound(stamp_ns)); }

bool PoseTrack::reads(std::string_view type) {
  return type == nav_msgs::Odometry::kType || type == geometry_msgs::PoseStamped::kType ||
         type == tf2_msgs::TFMessage::kType;
}

void PoseTrack::add(std::span<const std::uint8_t> cdr, std::string_view type, const std::string& frame) {
  const auto take = [&](const std_msgs::Header& header, const Pose& pose) {
    follow(newest_ns_, to_stamp(header.stamp));
    poses_[to_stamp(header.stamp)] = pose;
  };
  if (type == nav_msgs::Odometry::kType) {
    const auto message = deserialize<nav_msgs::Odometry>(cdr);
    const auto& p = message.pose.pose.position;
    take(message.header, pose_of(message.pose.pose.orientation, p.x, p.y, p.z));
  } else if (type == geometry_msgs::PoseStamped::kType) {
    const auto message = deserialize<geometry_msgs::PoseStamped>(cdr);
    const auto& p = message.pose.position;
    take(message.header, pose_of(message.pose.orientation, p.x, p.y, p.z));
  } else {
    for (const auto& transform : deserialize<tf2_msgs::TFMessage>(cdr).transforms) {
      if (!frame.empty() && transform.child_frame_id != frame) continue;
      const auto& t = transform.transform.translation;
      take(transform.header, pose_of(transform.transform.rotation, t.x, t.y, t.z));
      if (frame.empty()) return;
    }
  }
}

std::optional<Pose> PoseTrack::at(StampNs stamp_ns) const {
  const auto after = poses_.lower_bound(stamp_ns);
  if (after != poses_.end() && after->first == stamp_ns) return after->second;
  const bool has_after = after != poses_.end(), has_before = after != poses_.begin();
  if (has_after && has_before) {
    const auto before = std::prev(after);
    if (after->first - before->first <= 2 * kFarthest_ns) {
      const double t =
          static_cast<double>(stamp_ns - before->first) / static_cast<double>(after->first - before->first);
      Pose pose = Pose::Identity();
      pose.translation() = (1 - t) * before->second.translation() + t * after->second.translation();
      pose.linear() = Eigen::Quaterniond(before->second.linear())
                          .slerp(t, Eigen::Quaterniond(after->second.linear()))
                          .toRotationMatrix();
      return pose;
    }
  }
  if (has_before && stamp_ns - std::prev(after)->first <= kFarthest_ns) return std::prev(after)->second;
  if (has_after && after->first - stamp_ns <= kFarthest_ns) return after->second;
  return std::nullopt;
}

void PoseTrack::forget_before(StampNs stamp_ns) {
  // One before it stays: it is the lower end of what is asked next.
  auto end = poses_.lower_bound(stamp_ns);
  if (end != poses_.begin()) poses_.erase(poses_.begin(), std::prev(end));
}

}  // namespace bramble
