#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bramble/render/renderer.hpp"

namespace bramble {

/// How somebody on foot holds himself.
struct Posture {
  Pose X_MA = Pose::Identity();  ///< on the ground below the middle, x forward, z up
  double stride_rad = 0;         ///< where in the stride; a turn is two steps
  double swing = 0;              ///< 0 stands … 1 walks
  double grazing = 0;            ///< animals: 0 head up … 1 mouth on the ground
};

/// A person or an animal as rigid limbs on joints, so that every surface point's motion is known (optical flow). Made
/// once; the limbs are placed for every posture. The lowest foot is always on the ground.
class WalkerLook {
 public:
  /// `kind`: person, deer, boar, cow; `seed` chooses size and colours. Throws Error for another kind.
  WalkerLook(const std::string& kind, std::uint64_t seed, ClassId class_id, std::uint32_t instance_id);
  ~WalkerLook();
  WalkerLook(WalkerLook&&) noexcept;
  /// The limbs, always as many and in the same order.
  void add_actors(const Posture& posture, std::vector<Actor>& actors) const;
  /// Length, width and height of the box that holds it, metres.
  Eigen::Vector3d size_m() const;
  double stride_m() const;  ///< way of a whole turn of the stride

 private:
  struct Limbs;
  std::unique_ptr<Limbs> limbs_;
};

}  // namespace bramble
