#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "bramble/core/pose.hpp"
#include "bramble/vehicle/config.hpp"
#include "bramble/world/world.hpp"

namespace bramble {

/// What a driver asks for, as CARLA's CarlaEgoVehicleControl. Values outside their range are clamped.
struct VehicleControl {
  double throttle = 0;  ///< 0…1
  double steer = 0;     ///< -1 (left) … 1 (right)
  double brake = 0;     ///< 0…1
  bool hand_brake = false;
  bool reverse = false;
  bool operator==(const VehicleControl&) const = default;
};

/// Wheels in this order everywhere.
enum WheelIndex { kFrontLeft, kFrontRight, kRearLeft, kRearRight, kWheelCount };

struct VehicleState {
  Pose X_MB = Pose::Identity();                                  ///< base_link in the map
  Eigen::Vector3d velocity_B = Eigen::Vector3d::Zero();          ///< of B's origin, m/s, in B's axes
  Eigen::Vector3d angular_velocity_B = Eigen::Vector3d::Zero();  ///< rad/s
  Eigen::Vector3d acceleration_B =
      Eigen::Vector3d::Zero();  ///< of B's origin, mean of the last step, m/s²; without gravity
  Eigen::Vector3d angular_acceleration_B = Eigen::Vector3d::Zero();  ///< mean of the last step, rad/s²
  std::array<Pose, kWheelCount> X_MW;                ///< hub centres; y along the axle, turned by steering and rolling
  std::array<double, kWheelCount> wheel_turn_rad{};  ///< how far each wheel has rolled, forwards, whole turns counted
  std::array<bool, kWheelCount> on_ground{};
  double steer_rad = 0;             ///< of the front axle, positive to the left
  int gear = 1;                     ///< -1 reverse, 1 to the highest
  int collisions = 0;               ///< times so far that the body began to touch a tree, a boulder or somebody
  double collision_impulse_ns = 0;  ///< largest in the last step, 0: no touch

  /// Signed speed along B's x axis, m/s.
  double speed_mps() const { return velocity_B.x(); }
};

/// Something else that moves, as an upright box that nothing stops.
struct MovingBody {
  std::uint32_t id = 0;                                  ///< the same from step to step
  Pose X_MA = Pose::Identity();                          ///< on the ground below its middle, at the step's begin
  Eigen::Vector3d size_m = Eigen::Vector3d::Ones();      ///< along A's axes; the box stands on A's origin
  Eigen::Vector3d velocity_M = Eigen::Vector3d::Zero();  ///< m/s, through the step
};

/// Where a vehicle would stand at this place with its wheels: on the plane through the ground below them.
Pose pose_on_ground(const World& world, const VehicleConfig& config, double x, double y, double yaw_rad);

/// A four-wheeled vehicle on Bullet's btRaycastVehicle: a rigid body on four spring-dampers whose wheels are rays cast
/// onto the terrain's triangles; friction per wheel by the class of the ground below it and how wet
/// it is; an automatic gearbox. Trees and boulders (instances
/// with a collision radius that stand higher than the body's bottom) are upright cylinders; bushes give way and slow;
/// the border of the terrain is a wall. Fixed substeps of 5 ms, one thread, no randomness: the same controls give the
/// same states, bit for bit.
class Vehicle {
 public:
  /// Puts the vehicle at the x, y and yaw of X_MB, on its wheels and level with the ground there, and lets it settle
  /// for a second with the brakes on. Keeps a reference to the world, which must outlive it. Throws Error when the
  /// place is not on the terrain.
  Vehicle(const World& world, const VehicleConfig& config, const Pose& X_MB);
  ~Vehicle();
  Vehicle(Vehicle&&) noexcept;
  Vehicle& operator=(Vehicle&&) noexcept;

  /// Moves on by dt, which must be a multiple of 5 ms, with the controls held.
  void step(const VehicleControl& control, double dt_s);
  /// What else moves during the next step: it stops the vehicle like a tree, and a touch counts as a collision.
  void meet(const std::vector<MovingBody>& others);
  /// Takes up the world's ground and obstacles where they have changed (StreamedWorld::move_to).
  void follow_world();
  const VehicleState& state() const;
  const VehicleConfig& config() const;

  /// Puts the body anywhere (in the air, too) with the given velocity of B's origin in B's axes; for tests and resets.
  void place(const Pose& X_MB, const Eigen::Vector3d& velocity_B = Eigen::Vector3d::Zero());

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

inline constexpr double kPhysicsStepS = 0.005;
inline constexpr double kGravityMps2 = 9.81;

}  // namespace bramble
