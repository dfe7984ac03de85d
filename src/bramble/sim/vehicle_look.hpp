#pragma once
#include <vector>

#include "bramble/render/renderer.hpp"
#include "bramble/vehicle/vehicle.hpp"

namespace bramble {

inline constexpr std::uint32_t kVehicleInstanceId = kSkyInstanceId - 1;

/// What the vehicle looks like: meshes of its `look` made once to the measures of its configuration, or read from the
/// files that it names, placed at a state.
class VehicleLook {
 public:
  /// Throws Error for a mesh file that cannot be read.
  VehicleLook(const VehicleConfig& config, ClassId class_id, std::uint32_t instance_id = kVehicleInstanceId);
  /// The body and its four wheels at that moment.
  std::vector<Actor> actors(const VehicleState& state) const;

 private:
  ClassId class_id_;
  std::uint32_t instance_id_;
  std::shared_ptr<const Mesh> body_;   ///< frame B
  std::shared_ptr<const Mesh> wheel_;  ///< hub frame W, axle along y
  std::shared_ptr<const std::vector<Material>> body_materials_, wheel_materials_;
};

}  // namespace bramble
