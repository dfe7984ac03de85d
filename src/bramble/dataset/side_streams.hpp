#pragma once
#include <Eigen/Geometry>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bramble/core/pose.hpp"
#include "bramble/core/stamp.hpp"
#include "bramble/dataset/pairing.hpp"

namespace bramble {

/// Messages of one topic that go with samples: the nearest one to a stamp is asked for a little later, when it must
/// have come. Keeps what lies at most `kKeep` before the stamps that are still to be asked.
class SideStream {
 public:
  void add(StampedPayload message);
  /// Whether nothing nearer to `stamp_ns` than `reach_ns` can come any more (messages come about in order of stamp).
  bool settled(StampNs stamp_ns, std::int64_t reach_ns) const { return newest_ns_ >= stamp_ns + reach_ns; }
  /// The nearest message at most `reach_ns` away; of two equally near ones the earlier. No payload: none.
  StampedPayload nearest(StampNs stamp_ns, std::int64_t reach_ns) const;
  void forget_before(StampNs stamp_ns);
  std::size_t size() const { return waiting_.size(); }

 private:
  std::map<StampNs, StampedPayload> waiting_;
  StampNs newest_ns_ = INT64_MIN;
};

/// Where the vehicle is, by time.
class PoseTrack {
 public:
  /// Takes a message of nav_msgs/msg/Odometry, geometry_msgs/msg/PoseStamped or tf2_msgs/msg/TFMessage (its transforms
  /// with child frame `frame`; empty: the first of each message). Throws Error for what it cannot read.
  void add(std::span<const std::uint8_t> cdr, std::string_view type, const std::string& frame);
  static bool reads(std::string_view type);
  bool settled(StampNs stamp_ns) const { return newest_ns_ >= stamp_ns; }
  /// X_MB at a stamp: between the poses before and after (linear, rotation on the great arc), or the nearest one at
  /// most 0.2 s away. Nothing: none is near.
  std::optional<Pose> at(StampNs stamp_ns) const;
  void forget_before(StampNs stamp_ns);

 private:
  std::map<StampNs, Pose> poses_;
  StampNs newest_ns_ = INT64_MIN;
};

}  // namespace bramble
