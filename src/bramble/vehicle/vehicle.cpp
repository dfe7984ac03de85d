#include "bramble/vehicle/vehicle.hpp"

#include <btBulletDynamicsCommon.h>

#include <BulletCollision/CollisionShapes/btHeightfieldTerrainShape.h>
#include <BulletDynamics/Vehicle/btRaycastVehicle.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <optional>
#include <set>
#include <vector>

#include "bramble/core/error.hpp"
#include "bramble/vehicle/ground_ray.hpp"

namespace bramble {
namespace {

btVector3 to_bullet(const Eigen::Vector3d& v) {
  return {static_cast<btScalar>(v.x()), static_cast<btScalar>(v.y()), static_cast<btScalar>(v.z())};
}
Eigen::Vector3d from_bullet(const btVector3& v) { return {v.x(), v.y(), v.z()}; }

btTransform to_bullet(const Pose& pose) {
  const Eigen::Quaterniond q(pose.linear());
  const btQuaternion rotation(static_cast<btScalar>(q.x()), static_cast<btScalar>(q.y()), static_cast<btScalar>(q.z()),
                              static_cast<btScalar>(q.w()));
  return btTransform(rotation, to_bullet(Eigen::Vector3d(pose.translation())));
}
Pose from_bullet(const btTransform& transform) {
  const btQuaternion q = transform.getRotation();
  Pose pose = Pose::Identity();
  pose.linear() = Eigen::Quaterniond(q.w(), q.x(), q.y(), q.z()).normalized().toRotationMatrix();
  pose.translation() = from_bullet(transform.getOrigin());
  return pose;
}

// Wheels feel the rendered triangles themselves, in double precision; forces act along the smooth normal, so that the
// creases between triangles do not shake the vehicle. Trees and boulders are met by the body, not by the rays.
class GroundRaycaster final : public btVehicleRaycaster {
 public:
  // `ground`: any address; the wheels only want to know that there is something.
  GroundRaycaster(const Terrain& terrain, void* ground) : terrain_(terrain), ground_(ground) {}
  void* castRay(const btVector3& from, const btVector3& to, btVehicleRaycasterResult& result) override {
    const Eigen::Vector3d a = from_bullet(from);
    const Eigen::Vector3d b = from_bullet(to);
    const auto share = ground_hit(terrain_, a, b);
    if (!share) return nullptr;
    const Eigen::Vector3d hit = a + *share * (b - a);
    result.m_hitPointInWorld = to_bullet(hit);
    result.m_hitNormalInWorld = to_bullet(terrain_.normal(hit.x(), hit.y()));
    result.m_distFraction = static_cast<btScalar>(*share);
    return ground_;
  }

 private:
  const Terrain& terrain_;
  void* ground_;
};

// Runs before the wheels' forces act and notes the velocities with which the body has just moved. Bullet adds gravity
// before and the springs' impulses after the move, so that its velocity at the end of a step is off by g dt at rest.
class VelocityProbe final : public btActionInterface {
 public:
  explicit VelocityProbe(const btRigidBody& body) : body_(body) {}
  void updateAction(btCollisionWorld*, btScalar) override { read(); }
  void debugDraw(btIDebugDraw*) override {}
  void read() {
    linear = from_bullet(body_.getLinearVelocity());
    angular = from_bullet(body_.getAngularVelocity());
  }
  Eigen::Vector3d linear = Eigen::Vector3d::Zero();   // of the mass centre, M
  Eigen::Vector3d angular = Eigen::Vector3d::Zero();  // M

 private:
  const btRigidBody& body_;
};

// A mesh's extent in its own frame.
struct MeshBox {
  Eigen::Vector3f low = Eigen::Vector3f::Constant(1e9F);
  Eigen::Vector3f high = Eigen::Vector3f::Constant(-1e9F);
};

}  // namespace

struct Vehicle::Impl {
  const World& world;
  VehicleConfig config;
  VehicleState state;

  btDefaultCollisionConfiguration collision_configuration;
  btCollisionDispatcher dispatcher{&collision_configuration};
  btDbvtBroadphase broadphase;
  btSequentialImpulseConstraintSolver solver;
  btDiscreteDynamicsWorld physics{&dispatcher, &broadphase, &solver, &collision_configuration};

  std::vector<std::unique_ptr<btCollisionShape>> body_shapes, static_shapes;
  std::vector<std::unique_ptr<btCollisionObject>> obstacles;  // ground, walls, cylinders
  std::unique_ptr<btRigidBody> body;
  std::unique_ptr<GroundRaycaster> raycaster;
  std::unique_ptr<VelocityProbe> moved;
  std::unique_ptr<btRaycastVehicle> wheels;
  std::size_t always_in_play = 0;       // the first of the obstacles
  static constexpr double kCellM = 12;  // longer than a vehicle
  int cells_per_side = 1;
  std::vector<std::vector<btCollisionObject*>> cells;  // obstacles by place
  std::vector<btCollisionObject*> in_play;
  Eigen::Vector2i current_cell{-1, -1};
  // What stops nothing but is felt: bushes, which give way and slow, and stones that wheels roll over.
  struct Soft {
    Eigen::Vector2d foot;
    double radius_m;
  };
  std::vector<std::vector<Soft>> bushes, stones;  // by cell
  struct Other {                                  // a MovingBody near enough to matter
    MovingBody body;
    std::unique_ptr<btBoxShape> shape;
    std::unique_ptr<btRigidBody> object;
  };
  std::map<std::uint32_t, Other> others;  // by id
  std::vector<int> touching;              // user indices of the cylinders and walls that the body touches now

  double rest_deflection_m = 0;                       // of the springs, standing still
  std::array<double, kWheelCount> rest_load_n{};      // standing still
  std::array<double, kWheelCount> spring_per_mass{};  // N/m per kilogram of the vehicle
  std::array<double, 256> grip_of_class{};
  double mud_grip = 0, rubble_grip = 0;
  bool skid = false;
  std::optional<Pose> parked_at;  // X_MB where it came to rest with braked wheels
  int gear = 1;
  double shifting_s = 0;  // time left without force

  Impl(const World& the_world, const VehicleConfig& the_config) : world(the_world), config(the_config) {
    physics.setGravity(btVector3(0, 0, static_cast<btScalar>(-kGravityMps2)));
    physics.setForceUpdateAllAabbs(false);
    solver.setRandSeed(0);
    add_statics();
    add_body();
    grip_of_class.fill(config.grip.at("other"));
    mud_grip = config.grip.at("mud");
    rubble_grip = config.grip.at("rubble");
    skid = config.steering.kind == "skid";
    for (const SemanticClass& c : world.ontology.classes())
      if (const auto found = config.grip.find(c.name); found != config.grip.end()) grip_of_class[c.id] = found->second;
  }
  ~Impl() {
    physics.removeAction(wheels.get());
    physics.removeAction(moved.get());
    physics.removeRigidBody(body.get());
    for (auto& [id, other] : others) physics.removeRigidBody(other.object.get());
    remove_statics();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void add_statics() {
    add_ground();
    add_walls();
    add_obstacles();
  }
  void remove_statics() {
    for (btCollisionObject* object : in_play) physics.removeCollisionObject(object);
    for (std::size_t i = 0; i < always_in_play; ++i) physics.removeCollisionObject(obstacles[i].get());
    in_play.clear();
    cells.clear();
    bushes.clear();
    stones.clear();
    obstacles.clear();
    static_shapes.clear();
    current_cell = {-1, -1};
  }

  // A static body; the ground and the walls are always in play, obstacles only near the vehicle (see bring_near).
  btCollisionObject& make_static(std::unique_ptr<btCollisionShape> shape, const Eigen::Vector3d& position) {
    auto object = std::make_unique<btCollisionObject>();
    object->setCollisionShape(shape.get());
    object->setWorldTransform(btTransform(btQuaternion::getIdentity(), to_bullet(position)));
    object->setCollisionFlags(btCollisionObject::CF_STATIC_OBJECT);
    object->setFriction(0.5F);
    object->setRestitution(0);
    static_shapes.push_back(std::move(shape));
    obstacles.push_back(std::move(object));
    return *obstacles.back();
  }
  void put_in_play(btCollisionObject& object) {
    physics.addCollisionObject(&object, btBroadphaseProxy::StaticFilter,
                               btBroadphaseProxy::AllFilter ^ btBroadphaseProxy::StaticFilter);
  }
  btCollisionObject& add_static(std::unique_ptr<btCollisionShape> shape, const Eigen::Vector3d& position) {
    btCollisionObject& object = make_static(std::move(shape), position);
    put_in_play(object);
    return object;
  }

  // Bullet looks at every object in play in every step, and there are thousands of obstacles: only those in the 3 x 3
  // cells around the vehicle are in play.
  Eigen::Vector2i cell_of(const Eigen::Vector3d& place) const {
    const double half = 0.5 * world.terrain.size_m;
    const Eigen::Vector2d off = place.head<2>() - world.terrain.centre_m;
    return {std::clamp(static_cast<int>((off.x() + half) / kCellM), 0, cells_per_side - 1),
            std::clamp(static_cast<int>((off.y() + half) / kCellM), 0, cells_per_side - 1)};
  }
  void bring_near(const Eigen::Vector3d& place) {
    const Eigen::Vector2i cell = cell_of(place);
    if (cell == current_cell) return;
    current_cell = cell;
    for (btCollisionObject* object : in_play) physics.removeCollisionObject(object);
    in_play.clear();
    for (int j = std::max(cell.y() - 1, 0); j <= std::min(cell.y() + 1, cells_per_side - 1); ++j)
      for (int i = std::max(cell.x() - 1, 0); i <= std::min(cell.x() + 1, cells_per_side - 1); ++i)
        for (btCollisionObject* object : cells[static_cast<std::size_t>(j) * cells_per_side + i]) {
          put_in_play(*object);
          in_play.push_back(object);
        }
  }

  void add_ground() {
    const Terrain& terrain = world.terrain;
    if (terrain.samples < 2) fail("world '{}' has no terrain to drive on", world.name);
    const auto [low, high] = std::minmax_element(terrain.heights.begin(), terrain.heights.end());
    // Bullet's cells are cut like Terrain's when the edges are flipped. It puts the middle of the heights at the
    // shape's origin.
    auto shape = std::make_unique<btHeightfieldTerrainShape>(terrain.samples, terrain.samples, terrain.heights.data(),
                                                             *low, *high, 2, true);
    const auto spacing = static_cast<btScalar>(terrain.spacing_m());
    shape->setLocalScaling(btVector3(spacing, spacing, 1));
    add_static(std::move(shape),
               {terrain.centre_m.x(), terrain.centre_m.y(), 0.5 * (static_cast<double>(*low) + *high)});
  }

  void add_walls() {
    const double half = 0.5 * world.terrain.size_m - 0.5;
    for (const Eigen::Vector3d& inwards :
         {Eigen::Vector3d(1, 0, 0), Eigen::Vector3d(-1, 0, 0), Eigen::Vector3d(0, 1, 0), Eigen::Vector3d(0, -1, 0)})
      add_static(std::make_unique<btStaticPlaneShape>(to_bullet(inwards), static_cast<btScalar>(-half)),
                 {world.terrain.centre_m.x(), world.terrain.centre_m.y(), 0})
          .setUserIndex(1);
  }

  void add_obstacles() {
    always_in_play = obstacles.size();
    cells_per_side = std::max(1, static_cast<int>(std::ceil(world.terrain.size_m / kCellM)));
    cells.resize(static_cast<std::size_t>(cells_per_side) * cells_per_side);
    bushes.resize(cells.size());
    stones.resize(cells.size());
    const ClassId bush_id = world.ontology.find("bush").value_or(kIgnoreId);
    const ClassId rubble_id = world.ontology.find("rubble").value_or(kIgnoreId);
    std::vector<MeshBox> boxes(world.meshes.size());
    for (std::size_t m = 0; m < boxes.size(); ++m)
      for (const auto& p : world.meshes[m].positions) {
        boxes[m].low = boxes[m].low.cwiseMin(p);
        boxes[m].high = boxes[m].high.cwiseMax(p);
      }
    for (std::size_t i = 0; i < world.instances.size(); ++i) {
      const Instance& instance = world.instances[i];
      if (instance.mesh >= boxes.size()) continue;
      const bool bush = instance.class_id == bush_id && bush_id != kIgnoreId;
      const bool stone = instance.class_id == rubble_id && rubble_id != kIgnoreId;
      if (instance.collision_radius_m <= 0 && !bush && !stone) continue;
      const MeshBox& box = boxes[instance.mesh];
      double top = -1e9;
      for (int corner = 0; corner < 8; ++corner) {
        const Eigen::Vector3f p((corner & 1) ? box.high.x() : box.low.x(), (corner & 2) ? box.high.y() : box.low.y(),
                                (corner & 4) ? box.high.z() : box.low.z());
        top = std::max(top, static_cast<double>((instance.X_MA * p).z()));
      }
      const Eigen::Vector3d foot = instance.X_MA.translation().cast<double>();
      if (!world.terrain.contains(foot.x(), foot.y())) continue;
      const double ground = world.terrain.height(foot.x(), foot.y());
      const auto cell_index = [&] {
        const Eigen::Vector2i cell = cell_of(foot);
        return static_cast<std::size_t>(cell.y()) * cells_per_side + cell.x();
      };
      // What the body clears is no obstacle.
      const bool low = top < ground + config.body.bottom_m;
      if (bush || (stone && low)) {
        const Eigen::Vector2f extent = 0.5F * (box.high - box.low).head<2>();
        const double scale = std::cbrt(std::abs(static_cast<double>(instance.X_MA.linear().determinant())));
        const double reach = 0.5 * scale * (extent.x() + extent.y());
        if (bush && !low) bushes[cell_index()].push_back({foot.head<2>(), 0.7 * reach});  // twigs at its rim are thin
        if (stone) stones[cell_index()].push_back({foot.head<2>(), reach});
        continue;
      }
      if (low || instance.collision_radius_m <= 0) continue;
      const double half = 0.5 * std::min(top - ground, 4.0) + 0.5;  // half a metre deep in the ground
      const auto radius = static_cast<btScalar>(instance.collision_radius_m);
      btCollisionObject& object =
          make_static(std::make_unique<btCylinderShapeZ>(btVector3(radius, radius, static_cast<btScalar>(half))),
                      {foot.x(), foot.y(), ground - 1.0 + half});
      object.setUserIndex(static_cast<int>(world.id_of(i) & 0x7fffffffU));  // positive
      cells[cell_index()].push_back(&object);
    }
  }

  void meet(const std::vector<MovingBody>& bodies) {
    constexpr double kReachM = 30;  // beyond what vehicle and body can close in a step
    std::set<std::uint32_t> near;
    for (const MovingBody& moving : bodies) {
      if ((moving.X_MA.translation() - state.X_MB.translation()).norm() > kReachM + moving.size_m.norm()) continue;
      near.insert(moving.id);
      auto [at, fresh] = others.try_emplace(moving.id);
      Other& other = at->second;
      other.body = moving;
      if (!fresh) continue;
      other.shape = std::make_unique<btBoxShape>(to_bullet(Eigen::Vector3d(0.5 * moving.size_m)));
      btRigidBody::btRigidBodyConstructionInfo info(0, nullptr, other.shape.get());
      info.m_friction = 0.5F;
      other.object = std::make_unique<btRigidBody>(info);
      other.object->setCollisionFlags(other.object->getCollisionFlags() | btCollisionObject::CF_KINEMATIC_OBJECT);
      other.object->setActivationState(DISABLE_DEACTIVATION);
      other.object->setUserIndex(static_cast<int>(moving.id & 0x7fffffffU));
      place_other(other, 0);
      other.object->setInterpolationWorldTransform(other.object->getWorldTransform());
      physics.addRigidBody(other.object.get(), btBroadphaseProxy::KinematicFilter,
                           btBroadphaseProxy::DefaultFilter);  // meets the vehicle alone
    }
    for (auto at = others.begin(); at != others.end();) {
      if (near.contains(at->first)) {
        ++at;
        continue;
      }
      physics.removeRigidBody(at->second.object.get());
      at = others.erase(at);
    }
  }
  // Puts it where it is so long after the step's begin. Bullet takes its velocity from the way since the place before.
  void place_other(Other& other, double after_s) {
    Pose X_MC = other.body.X_MA * Eigen::Translation3d(0, 0, 0.5 * other.body.size_m.z());
    X_MC.translation() += after_s * other.body.velocity_M;
    other.object->setWorldTransform(to_bullet(X_MC));
  }

  void add_body() {
    const auto& b = config.body;
    const double height = b.top_m - b.bottom_m;
    auto box =
        std::make_unique<btBoxShape>(to_bullet(Eigen::Vector3d(0.5 * b.length_m, 0.5 * b.width_m, 0.5 * height)));
    auto compound = std::make_unique<btCompoundShape>();
    const Eigen::Vector3d box_centre(b.centre_x_m, 0, 0.5 * (b.bottom_m + b.top_m));
    compound->addChildShape(btTransform(btQuaternion::getIdentity(), to_bullet(box_centre - b.mass_centre_m)),
                            box.get());
    const double m = config.mass_kg;
    const Eigen::Vector3d inertia =
        m / 12.0 *
        Eigen::Vector3d(b.width_m * b.width_m + height * height, b.length_m * b.length_m + height * height,
                        b.length_m * b.length_m + b.width_m * b.width_m);
    btRigidBody::btRigidBodyConstructionInfo info(static_cast<btScalar>(m), nullptr, compound.get(),
                                                  to_bullet(inertia));
    info.m_friction = 0.5F;
    body = std::make_unique<btRigidBody>(info);
    body->setActivationState(DISABLE_DEACTIVATION);
    body_shapes.push_back(std::move(box));
    body_shapes.push_back(std::move(compound));
    physics.addRigidBody(body.get());

    btRaycastVehicle::btVehicleTuning tuning;
    raycaster = std::make_unique<GroundRaycaster>(world.terrain, body.get());
    wheels = std::make_unique<btRaycastVehicle>(tuning, body.get(), raycaster.get());
    wheels->setCoordinateSystem(1, 2, 0);  // y left, z up, x forward
    const auto& s = config.suspension;
    const double omega = 2 * std::numbers::pi * s.frequency_hz;
    rest_deflection_m = kGravityMps2 / (omega * omega);
    const double rest_length = s.travel_m + 0.2 + rest_deflection_m;
    for (int w = 0; w < kWheelCount; ++w) {
      const bool front = w == kFrontLeft || w == kFrontRight;
      const bool left = w == kFrontLeft || w == kRearLeft;
      // The axle nearer to the mass centre carries more; springs in proportion keep the body level at rest.
      const double share = 0.5 * (0.5 + (front ? 1 : -1) * config.body.mass_centre_m.x() / config.wheels.wheelbase_m);
      rest_load_n[w] = share * m * kGravityMps2;
      spring_per_mass[w] = share * omega * omega;
      const Eigen::Vector3d hard_point((front ? 0.5 : -0.5) * config.wheels.wheelbase_m,
                                       (left ? 0.5 : -0.5) * config.wheels.track_m,
                                       config.wheels.radius_m + s.travel_m + 0.2);
      btWheelInfo& wheel = wheels->addWheel(to_bullet(hard_point - b.mass_centre_m), btVector3(0, 0, -1),
                                            btVector3(0, -1, 0), static_cast<btScalar>(rest_length),
                                            static_cast<btScalar>(config.wheels.radius_m), tuning, front);
      wheel.m_suspensionStiffness = static_cast<btScalar>(spring_per_mass[w]);
      wheel.m_wheelsDampingCompression = static_cast<btScalar>(share * 2 * s.damping_compression * omega);
      wheel.m_wheelsDampingRelaxation = static_cast<btScalar>(share * 2 * s.damping_rebound * omega);
      wheel.m_maxSuspensionTravelCm = static_cast<btScalar>(100 * (rest_deflection_m + s.travel_m));
      wheel.m_maxSuspensionForce = static_cast<btScalar>(6 * m * kGravityMps2);
      wheel.m_rollInfluence = static_cast<btScalar>(s.roll_influence);
      // Bullet fills these in at the first ray; drive() reads them before.
      wheel.m_raycastInfo.m_contactPointWS = wheel.m_raycastInfo.m_hardPointWS;
      wheel.m_raycastInfo.m_groundObject = nullptr;
      wheel.m_wheelsSuspensionForce = 0;
      wheel.m_skidInfo = 1;
    }
    wheels->resetSuspension();
    moved = std::make_unique<VelocityProbe>(*body);
    physics.addAction(moved.get());
    physics.addAction(wheels.get());
  }

  Eigen::Vector3d velocity_at_B() const {
    const Eigen::Vector3d p_B_from_centre =
        from_bullet(body->getWorldTransform().getBasis() * to_bullet(Eigen::Vector3d(-config.body.mass_centre_m)));
    return moved->linear + moved->angular.cross(p_B_from_centre);
  }

  void read_state() {
    const Pose X_MC = from_bullet(body->getWorldTransform());
    state.X_MB = X_MC * Eigen::Translation3d(-config.body.mass_centre_m);
    const Eigen::Matrix3d R_BM = state.X_MB.linear().transpose();
    state.velocity_B = R_BM * velocity_at_B();
    state.angular_velocity_B = R_BM * moved->angular;
    for (int w = 0; w < kWheelCount; ++w) {
      const btWheelInfo& wheel = wheels->getWheelInfo(w);
      Pose X_CW = Pose::Identity();
      X_CW.translation() =
          from_bullet(wheel.m_chassisConnectionPointCS) - Eigen::Vector3d(0, 0, wheel.m_raycastInfo.m_suspensionLength);
      X_CW.linear() =
          (Eigen::AngleAxisd(wheel.m_steering, Eigen::Vector3d::UnitZ()) *
           Eigen::AngleAxisd(std::remainder(state.wheel_turn_rad[w], 2 * std::numbers::pi), Eigen::Vector3d::UnitY()))
              .toRotationMatrix();
      state.X_MW[w] = X_MC * X_CW;
      state.on_ground[w] = wheel.m_raycastInfo.m_isInContact;
    }
  }

  void place(const Pose& X_MB, const Eigen::Vector3d& velocity_B) {
    const Pose X_MC = X_MB * Eigen::Translation3d(config.body.mass_centre_m);
    body->setWorldTransform(to_bullet(X_MC));
    body->setInterpolationWorldTransform(to_bullet(X_MC));
    body->setLinearVelocity(to_bullet(Eigen::Vector3d(X_MB.linear() * velocity_B)));
    body->setAngularVelocity(btVector3(0, 0, 0));
    body->clearForces();
    for (int w = 0; w < kWheelCount; ++w) {
      btWheelInfo& wheel = wheels->getWheelInfo(w);
      wheel.m_steering = 0;
      wheel.m_deltaRotation = 0;
      wheel.m_rotation = 0;
      wheel.m_wheelsSuspensionForce = 0;
    }
    wheels->resetSuspension();
    state.wheel_turn_rad.fill(0);
    gear = 1;
    shifting_s = 0;
    parked_at.reset();
    moved->read();
    state.steer_rad = 0;
    state.acceleration_B.setZero();
    state.angular_acceleration_B.setZero();
    touching.clear();
    read_state();
  }

  // A skid-steered vehicle has no angle: it turns as one with this angle would, and on the spot as at half a metre a
  // second.
  double wanted_yaw_rate() const {
    const double speed = state.X_MB.linear().col(0).dot(velocity_at_B());
    const double least = std::abs(speed) < 0.5 ? std::copysign(0.5, speed < -0.05 ? -1.0 : 1.0) : speed;
    return least * std::tan(state.steer_rad) / config.wheels.wheelbase_m;
  }

  void shift(double speed_mps, bool reverse) {
    if (config.gears() == 0) return;
    shifting_s = std::max(0.0, shifting_s - kPhysicsStepS);
    if (reverse) {
      gear = 1;
      return;
    }
    const double speed = std::abs(speed_mps);
    const int before = gear;
    if (gear < config.gears() && speed > 0.85 * config.gear_speed_mps(gear)) ++gear;
    if (gear > 1 && speed < 0.6 * config.gear_speed_mps(gear - 1)) --gear;
    if (gear != before) shifting_s = config.gearbox.shift_s;
  }

  bool on_stone(const Eigen::Vector2d& p) const {
    const Eigen::Vector2i cell = cell_of({p.x(), p.y(), 0});
    const auto& near = stones[static_cast<std::size_t>(cell.y()) * cells_per_side + cell.x()];
    return std::any_of(near.begin(), near.end(),
                       [&](const Soft& stone) { return (stone.foot - p).norm() < stone.radius_m; });
  }

  // Bushes that the body is in bend and break: each takes some force, more the faster they are run through.
  double bush_drag_n(double speed_mps) const {
    constexpr double kForceN = 450, kForcePerSpeed = 90;  // a shrub of a metre across
    const Eigen::Vector2i cell = cell_of(state.X_MB.translation());
    double across_m = 0;
    for (int j = std::max(cell.y() - 1, 0); j <= std::min(cell.y() + 1, cells_per_side - 1); ++j)
      for (int i = std::max(cell.x() - 1, 0); i <= std::min(cell.x() + 1, cells_per_side - 1); ++i)
        for (const Soft& bush : bushes[static_cast<std::size_t>(j) * cells_per_side + i]) {
          const Eigen::Vector3d foot(bush.foot.x(), bush.foot.y(), state.X_MB.translation().z());
          const Eigen::Vector3d p_B = state.X_MB.inverse() * foot;
          if (std::abs(p_B.x() - config.body.centre_x_m) < 0.5 * config.body.length_m + bush.radius_m &&
              std::abs(p_B.y()) < 0.5 * config.body.width_m + bush.radius_m)
            across_m += 2 * bush.radius_m;
        }
    return std::min(across_m, 3.0) * (kForceN + kForcePerSpeed * std::abs(speed_mps)) *
           std::clamp(speed_mps / 0.3, -1.0, 1.0);
  }

  // Between wheel and ground; wet dirt is mud, and where a stone lies it is the stone.
  double grip_at(double x, double y) const {
    if (rubble_grip > 0 && on_stone({x, y})) return rubble_grip;
    const ClassId ground = world.terrain.class_at(x, y);
    if (ground != world.terrain.dirt_id) return grip_of_class[ground];
    const double wet = std::max<double>(world.terrain.cover_at(x, y).wetness, world.sky.wetness);
    return grip_of_class[ground] + std::clamp((wet - 0.4) / 0.5, 0.0, 1.0) * (mud_grip - grip_of_class[ground]);
  }

  void steer(double wanted_rad, double dt_s) {
    const double largest_change = config.steering.rate_deg_per_s * std::numbers::pi / 180 * dt_s;
    state.steer_rad += std::clamp(wanted_rad - state.steer_rad, -largest_change, largest_change);
    if (skid) return;
    // Ackermann: both front wheels turn about the same point on the rear axle's line.
    const double tangent = std::tan(state.steer_rad);
    const double side = 0.5 * config.wheels.track_m * tangent / config.wheels.wheelbase_m;
    wheels->setSteeringValue(static_cast<btScalar>(std::atan(tangent / (1 - side))), kFrontLeft);
    wheels->setSteeringValue(static_cast<btScalar>(std::atan(tangent / (1 + side))), kFrontRight);
  }

  // Forces at the wheels for the next 5 ms. btRaycastVehicle takes a driving force [N], or else a braking impulse
  // [N s] per step that only ever opposes the motion.
  void drive(const VehicleControl& control) {
    const double speed = state.X_MB.linear().col(0).dot(velocity_at_B());
    const double throttle = std::clamp(control.throttle, 0.0, 1.0);
    const double brake = std::clamp(control.brake, 0.0, 1.0);
    const double direction = control.reverse ? -1.0 : 1.0;
    shift(speed, control.reverse);
    state.gear = control.reverse ? -1 : gear;
    const double pull_n = config.gears() == 0 ? config.engine_force_n(speed)
                          : shifting_s > 0    ? 0.0
                                              : config.engine_force_n(speed, gear);
    const double engine_n = direction * throttle * pull_n;
    // Skid steering: so much more force on the right than on the left as brings the wanted rate within a hundredth of a
    // second, were it not for the ground; the tyres slide, and friction shares itself out.
    const double turning_n = skid ? 0.25 * config.mass_kg * config.wheels.track_m *
                                        (wanted_yaw_rate() - state.X_MB.linear().col(2).dot(moved->angular)) / 0.01
                                  : 0.0;
    const bool turns = skid && std::abs(state.steer_rad) > 0.01;
    const double air_n = 0.5 * 1.2 * config.resistance.air_drag_area_m2 * speed * std::abs(speed);
    const double against_n = air_n + bush_drag_n(speed);
    body->applyCentralForce(to_bullet(Eigen::Vector3d(-against_n * state.X_MB.linear().col(0))));
    Hold hold;
    for (int w = 0; w < kWheelCount; ++w) {
      btWheelInfo& wheel = wheels->getWheelInfo(w);
      const bool rear = w == kRearLeft || w == kRearRight;
      const double load_n = wheel.m_raycastInfo.m_isInContact ? wheel.m_wheelsSuspensionForce : 0;
      const btVector3 contact = wheel.m_raycastInfo.m_contactPointWS;
      const double grip = grip_at(contact.x(), contact.y());
      // Softer ground (less grip) rolls harder.
      const double rolling_n = config.resistance.rolling * load_n * (grip < 0.8 ? 0.8 / grip : 1.0);
      double braking_n = brake * config.brakes.max_force_n * rest_load_n[w] / (config.mass_kg * kGravityMps2);
      if (control.hand_brake && rear) braking_n += 0.5 * config.brakes.hand_brake_force_n;
      const double most_n = grip * load_n;
      double driving_n = 0;
      if (braking_n <= 0 && (throttle > 0 || turns)) {
        driving_n = 0.25 * engine_n;
        if (std::abs(speed) > 0.05) driving_n -= std::copysign(rolling_n, speed);
        driving_n = std::clamp(driving_n, -most_n, most_n);
        const bool left = w == kFrontLeft || w == kRearLeft;
        driving_n += std::clamp(left ? -turning_n : turning_n, -4 * most_n, 4 * most_n);
        wheel.m_engineForce = static_cast<btScalar>(driving_n);
        wheel.m_brake = 0;
      } else {
        wheel.m_engineForce = 0;
        braking_n = std::min(braking_n + rolling_n + 0.25 * config.engine.braking_force_n, most_n);
        wheel.m_brake = static_cast<btScalar>(braking_n * kPhysicsStepS);
        if (wheel.m_raycastInfo.m_isInContact) hold.add(braking_n, wheel);
      }
      wheel.m_frictionSlip = static_cast<btScalar>(grip);
      // Bump stop: over the last two fifths of the travel the spring grows stiffer, sixfold at its end.
      const double deflection =
          wheel.getSuspensionRestLength() - wheel.m_raycastInfo.m_suspensionLength - rest_deflection_m;
      const double stop = std::clamp(deflection / config.suspension.travel_m / 0.4 - 1.5, 0.0, 1.0);
      wheel.m_suspensionStiffness = static_cast<btScalar>(spring_per_mass[w] * (1 + 5 * stop));
    }
    stay(hold);
  }

  // What the wheels that brake could hold.
  struct Hold {
    double force_n = 0;
    Eigen::Vector3d normal = Eigen::Vector3d::Zero();  // sum, M
    void add(double most_n, const btWheelInfo& wheel) {
      force_n += most_n;
      normal += from_bullet(wheel.m_raycastInfo.m_contactNormalWS);
    }
  };

  // Bullet's wheels brake what moves: gravity's pull down the slope moves the body for a step before they take the
  // motion away again, and a parked vehicle creeps. Standing still they take the pull itself, as far as they can.
  void stay(const Hold& hold) {
    constexpr double kStanding = 0.1;   // m/s
    constexpr double kStiffness = 150;  // N/m and kilogram: tyres and bushings, about 2 Hz
    constexpr double kDamping = 20;     // N s/m and kilogram
    const Eigen::Vector3d velocity = velocity_at_B();
    if (hold.force_n <= 0 || velocity.norm() > kStanding) {
      parked_at.reset();
      return;
    }
    if (!parked_at) parked_at = state.X_MB;
    const Eigen::Vector3d up = hold.normal.normalized();
    const Eigen::Vector3d weight_n(0, 0, -config.mass_kg * kGravityMps2);
    const Eigen::Vector3d pull_n = weight_n - weight_n.dot(up) * up;
    // What is left (springs that push unevenly on bumps) moves it back and forth about where it came to rest.
    Eigen::Vector3d back_n =
        config.mass_kg * (kStiffness * (parked_at->translation() - state.X_MB.translation()) - kDamping * velocity);
    back_n -= back_n.dot(up) * up;
    const Eigen::Vector3d needed_n = back_n - pull_n;
    if (needed_n.norm() > hold.force_n) {
      parked_at.reset();
      return;
    }
    // In the mass centre: a force at the ground would turn the body for a step before the springs answer, and the
    // wheels would brake that turn.
    body->applyCentralForce(to_bullet(needed_n));
    const double turned = std::asin(
        std::clamp(parked_at->linear().col(0).cross(state.X_MB.linear().col(0)).dot(up), -1.0, 1.0));  // since, rad
    const double inertia = 1 / static_cast<double>(body->getInvInertiaDiagLocal().z());
    body->applyTorque(
        to_bullet(Eigen::Vector3d(-inertia * (kStiffness * turned + kDamping * moved->angular.dot(up)) * up)));
  }

  void note_collisions() {
    std::vector<int> now;
    for (int i = 0; i < dispatcher.getNumManifolds(); ++i) {
      const btPersistentManifold* manifold = dispatcher.getManifoldByIndexInternal(i);
      const btCollisionObject* other = manifold->getBody0() == body.get() ? manifold->getBody1() : manifold->getBody0();
      if (other->getUserIndex() <= 0) continue;
      bool touches = false;
      double impulse = 0;
      for (int p = 0; p < manifold->getNumContacts(); ++p) {
        touches = touches || manifold->getContactPoint(p).getDistance() < 0.01F;
        impulse += manifold->getContactPoint(p).getAppliedImpulse();
      }
      if (!touches) continue;
      now.push_back(other->getUserIndex());
      state.collision_impulse_ns = std::max(state.collision_impulse_ns, impulse);
      if (std::find(touching.begin(), touching.end(), now.back()) == touching.end()) ++state.collisions;
    }
    touching = std::move(now);
  }

  // Wheels roll as fast as the ground passes under their hubs, each along its own heading.
  void roll_wheels() {
    const Pose X_MC = from_bullet(body->getWorldTransform());
    for (int w = 0; w < kWheelCount; ++w) {
      const btWheelInfo& wheel = wheels->getWheelInfo(w);
      const Eigen::Vector3d arm = X_MC.linear() * from_bullet(wheel.m_chassisConnectionPointCS);
      const Eigen::Vector3d heading =
          X_MC.linear() * Eigen::Vector3d(std::cos(wheel.m_steering), std::sin(wheel.m_steering), 0);
      const Eigen::Vector3d velocity = moved->linear + moved->angular.cross(arm);
      state.wheel_turn_rad[w] += heading.dot(velocity) * kPhysicsStepS / config.wheels.radius_m;
    }
  }

  void step(const VehicleControl& control, double dt_s) {
    const int substeps = static_cast<int>(std::lround(dt_s / kPhysicsStepS));
    if (substeps < 1 || std::abs(substeps * kPhysicsStepS - dt_s) > 1e-9)
      fail("a vehicle moves in multiples of {} s, not by {} s", kPhysicsStepS, dt_s);
    const Eigen::Vector3d velocity_before = velocity_at_B();
    const Eigen::Vector3d spin_before = moved->angular;
    state.collision_impulse_ns = 0;
    bring_near(state.X_MB.translation());
    const double steer_rad =
        -std::clamp(control.steer, -1.0, 1.0) * config.steering.max_angle_deg * std::numbers::pi / 180;
    for (int i = 0; i < substeps; ++i) {
      steer(steer_rad, kPhysicsStepS);
      drive(control);
      for (auto& [id, other] : others) place_other(other, (i + 1) * kPhysicsStepS);
      physics.stepSimulation(static_cast<btScalar>(kPhysicsStepS), 0);
      state.X_MB = from_bullet(body->getWorldTransform()) * Eigen::Translation3d(-config.body.mass_centre_m);
      roll_wheels();
      note_collisions();
    }
    read_state();
    const Eigen::Matrix3d R_BM = state.X_MB.linear().transpose();
    state.acceleration_B = R_BM * ((velocity_at_B() - velocity_before) / dt_s);
    state.angular_acceleration_B = R_BM * ((moved->angular - spin_before) / dt_s);
    if (!state.X_MB.matrix().allFinite()) fail("the vehicle's motion is no longer finite; check {}", config.name);
  }
};

Pose pose_on_ground(const World& world, const VehicleConfig& config, double x, double y, double yaw_rad) {
  const Eigen::Vector2d forward(std::cos(yaw_rad), std::sin(yaw_rad));
  const Eigen::Vector2d left(-forward.y(), forward.x());
  const auto ground = [&](double along, double across) {
    const Eigen::Vector2d p = Eigen::Vector2d(x, y) + along * forward + across * left;
    return Eigen::Vector3d(p.x(), p.y(), world.ground_at(p.x(), p.y()).height(p.x(), p.y()));
  };
  const double a = 0.5 * config.wheels.wheelbase_m;
  const double c = 0.5 * config.wheels.track_m;
  const Eigen::Vector3d fl = ground(a, c), fr = ground(a, -c), rl = ground(-a, c), rr = ground(-a, -c);
  Pose pose = Pose::Identity();
  const Eigen::Vector3d ahead = (fl + fr - rl - rr).normalized();
  const Eigen::Vector3d up = ahead.cross(fl + rl - fr - rr).normalized();
  pose.linear().col(0) = ahead;
  pose.linear().col(1) = up.cross(ahead);
  pose.linear().col(2) = up;
  pose.translation() = 0.25 * (fl + fr + rl + rr);
  return pose;
}

Vehicle::Vehicle(const World& world, const VehicleConfig& config, const Pose& X_MB)
    : impl_(std::make_unique<Impl>(world, config)) {
  const double x = X_MB.translation().x();
  const double y = X_MB.translation().y();
  const double reach = 0.5 * config.body.length_m + 1;
  if (!std::isfinite(x + y) || !world.terrain.contains(x + reach, y + reach) ||
      !world.terrain.contains(x - reach, y - reach))
    fail("the start ({:.2f}, {:.2f}) m is not on the terrain, which reaches {} m from ({}, {})", x, y,
         0.5 * world.terrain.size_m, world.terrain.centre_m.x(), world.terrain.centre_m.y());
  const Pose start = pose_on_ground(world, config, x, y, rpy_of(X_MB.linear()).z());
  impl_->place(start, Eigen::Vector3d::Zero());
  VehicleControl hold;
  hold.brake = 1;
  hold.hand_brake = true;
  for (int i = 0; i < 20; ++i) impl_->step(hold, 0.05);
}

Vehicle::~Vehicle() = default;
Vehicle::Vehicle(Vehicle&&) noexcept = default;
Vehicle& Vehicle::operator=(Vehicle&&) noexcept = default;

void Vehicle::step(const VehicleControl& control, double dt_s) { impl_->step(control, dt_s); }
void Vehicle::meet(const std::vector<MovingBody>& others) { impl_->meet(others); }
void Vehicle::follow_world() {
  impl_->remove_statics();
  impl_->add_statics();
}
const VehicleState& Vehicle::state() const { return impl_->state; }
const VehicleConfig& Vehicle::config() const { return impl_->config; }
void Vehicle::place(const Pose& X_MB, const Eigen::Vector3d& velocity_B) { impl_->place(X_MB, velocity_B); }

}  // namespace bramble
