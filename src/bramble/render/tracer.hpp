#pragma once
#include <limits>

#include "bramble/render/surface.hpp"

namespace bramble {

/// A ray to be traced: metres, M; `direction` is unit.
struct RayRequest {
  static constexpr float kFar = 1e5F;
  Eigen::Vector3f origin, direction;
  float length = kFar;
};

/// Asks Embree about many rays at a time, in packets as wide as the processor takes them. The answers do not depend on
/// the width.
class Tracer {
 public:
  /// `packet_width`: 4, 8 or 16; 0: the widest that Embree supports natively on this processor. Throws Error otherwise.
  Tracer(RTCDevice device, int packet_width);
  int packet_width() const { return packet_width_; }

  /// Nearest hits of `count` rays. `coherent`: neighbours go almost the same way.
  void nearest(RTCScene scene, const RayRequest* rays, Hit* hits, int count, bool coherent) const {
    nearest_(scene, rays, hits, count, coherent);
  }
  /// Sets blocked[i] where something stands in the way of ray i; what was set stays.
  void shadows(RTCScene scene, const RayRequest* rays, bool* blocked, int count) const {
    shadows_(scene, rays, blocked, count);
  }

 private:
  int packet_width_;
  void (*nearest_)(RTCScene, const RayRequest*, Hit*, int, bool);
  void (*shadows_)(RTCScene, const RayRequest*, bool*, int);
};

}  // namespace bramble
