#include "bramble/sim/vehicle_look.hpp"

#include <array>
#include <cmath>
#include <numbers>

#include "bramble/world/asset_library.hpp"

namespace bramble {
namespace {

enum Paint : std::uint16_t { kBodywork, kGlass, kRubber, kMetal, kLamp };

// Faces are flat: every triangle has corners of its own, with the face's normal.
void add_triangle(Mesh& mesh, const Eigen::Vector3f& a, const Eigen::Vector3f& b, const Eigen::Vector3f& c,
                  std::uint16_t paint) {
  const auto first = static_cast<std::uint32_t>(mesh.positions.size());
  const Eigen::Vector3f normal = (b - a).cross(c - a).normalized();
  for (const auto& p : {a, b, c}) {
    mesh.positions.push_back(p);
    mesh.normals.push_back(normal);
    mesh.uvs.emplace_back(0.0F, 0.0F);
  }
  mesh.triangles.push_back({first, first + 1, first + 2});
  mesh.triangle_material.push_back(paint);
}

void add_quad(Mesh& mesh, const std::array<Eigen::Vector3f, 4>& p, std::uint16_t paint) {
  add_triangle(mesh, p[0], p[1], p[2], paint);
  add_triangle(mesh, p[0], p[2], p[3], paint);
}

// A solid between two rectangles, one above the other: low and high each as x from, x to, half width, at height z.
struct Layer {
  float x_from, x_to, half_width, z;
};
void add_block(Mesh& mesh, const Layer& low, const Layer& high, std::uint16_t paint) {
  const auto corners = [](const Layer& l) {
    return std::array<Eigen::Vector3f, 4>{
        Eigen::Vector3f(l.x_to, l.half_width, l.z), Eigen::Vector3f(l.x_from, l.half_width, l.z),
        Eigen::Vector3f(l.x_from, -l.half_width, l.z), Eigen::Vector3f(l.x_to, -l.half_width, l.z)};
  };
  const auto a = corners(low);
  const auto b = corners(high);
  for (std::size_t i = 0; i < 4; ++i) {
    const std::size_t j = (i + 1) % 4;
    add_quad(mesh, {a[i], a[j], b[j], b[i]}, paint);
  }
  add_quad(mesh, b, paint);
  add_quad(mesh, {a[3], a[2], a[1], a[0]}, paint);
}

// The box that a body fills, in B: x from and to, half the width, z from and to.
struct Outline {
  float rear, front, half, bottom, top;
};
Outline outline_of(const VehicleConfig& config) {
  const auto& body = config.body;
  return {static_cast<float>(body.centre_x_m - 0.5 * body.length_m),
          static_cast<float>(body.centre_x_m + 0.5 * body.length_m), static_cast<float>(0.5 * body.width_m),
          static_cast<float>(body.bottom_m), static_cast<float>(body.top_m)};
}

// Adds a part that was made about y = 0.
void add_moved(Mesh& mesh, const Mesh& part, float y) {
  const Eigen::Vector3f shift(0, y, 0);
  for (std::size_t i = 0; i < part.triangles.size(); ++i) {
    const auto& t = part.triangles[i];
    add_triangle(mesh, part.positions[t[0]] + shift, part.positions[t[1]] + shift, part.positions[t[2]] + shift,
                 part.triangle_material[i]);
  }
}

Mesh jeep_body(const VehicleConfig& config) {
  Mesh mesh;
  mesh.name = "jeep body";
  const auto [rear, front, half, bottom, top] = outline_of(config);
  const float waist = bottom + 0.42F * (top - bottom);
  const float length = front - rear;
  const float bonnet_from = front - 0.33F * length;
  // Tub between the wheels, narrower bonnet, cabin of glass with a roof, bumpers, wings, lamps, spare wheel.
  add_block(mesh, {rear + 0.1F, front - 0.15F, half * 0.62F, bottom},
            {rear + 0.1F, front - 0.15F, half * 0.62F, waist - 0.15F}, kMetal);
  add_block(mesh, {rear + 0.08F, bonnet_from, half * 0.95F, bottom + 0.16F},
            {rear + 0.08F, bonnet_from, half * 0.92F, waist}, kBodywork);
  add_block(mesh, {bonnet_from, front - 0.16F, half * 0.72F, bottom + 0.16F},
            {bonnet_from, front - 0.2F, half * 0.66F, waist - 0.02F}, kBodywork);
  add_block(mesh, {rear + 0.12F, bonnet_from + 0.04F, half * 0.88F, waist},
            {rear + 0.3F, bonnet_from - 0.28F, half * 0.78F, top - 0.08F}, kGlass);
  add_block(mesh, {rear + 0.22F, bonnet_from - 0.22F, half * 0.83F, top - 0.08F},
            {rear + 0.28F, bonnet_from - 0.3F, half * 0.78F, top}, kBodywork);
  for (const float side : {-1.0F, 1.0F})  // pillars of the cabin
    for (const float share : {0.02F, 0.48F}) {
      const float x = rear + 0.16F + share * (bonnet_from - rear);
      const float y = side * half * 0.86F;
      Mesh pillar;
      add_block(pillar, {x, x + 0.09F, 0.03F, waist}, {x + 0.1F, x + 0.19F, 0.03F, top - 0.06F}, kBodywork);
      add_moved(mesh, pillar, y);
    }
  add_block(mesh, {front - 0.14F, front, half, bottom + 0.02F}, {front - 0.14F, front, half, bottom + 0.18F}, kMetal);
  add_block(mesh, {rear, rear + 0.1F, half, bottom + 0.02F}, {rear, rear + 0.1F, half, bottom + 0.18F}, kMetal);
  const auto axle = static_cast<float>(0.5 * config.wheels.wheelbase_m);
  const auto radius = static_cast<float>(config.wheels.radius_m);
  const float wing = 2 * radius + 0.07F;
  for (const float x : {-axle, axle})
    for (const float side : {-1.0F, 1.0F}) {
      Mesh shelf;
      add_block(shelf, {x - radius - 0.1F, x + radius + 0.1F, 0.16F, wing},
                {x - radius, x + radius, 0.15F, wing + 0.06F}, kMetal);
      add_moved(mesh, shelf, side * (half - 0.1F));
    }
  for (const float side : {-1.0F, 1.0F}) {
    const float y = side * half * 0.5F;
    add_quad(mesh,
             {Eigen::Vector3f(front - 0.155F, y - 0.1F, waist - 0.28F),
              Eigen::Vector3f(front - 0.155F, y + 0.1F, waist - 0.28F),
              Eigen::Vector3f(front - 0.165F, y + 0.1F, waist - 0.1F),
              Eigen::Vector3f(front - 0.165F, y - 0.1F, waist - 0.1F)},
             kLamp);
  }
  return mesh;
}

// Cab with a bonnet in front, a flat bed with boards behind.
Mesh truck_body(const VehicleConfig& config) {
  Mesh mesh;
  mesh.name = "truck body";
  const auto [rear, front, half, bottom, top] = outline_of(config);
  const float length = front - rear, deck = bottom + 0.30F * (top - bottom), waist = bottom + 0.55F * (top - bottom);
  const float cab_front = front - 0.14F * length, cab_rear = front - 0.36F * length;
  add_block(mesh, {rear + 0.1F, front - 0.2F, 0.45F * half, bottom}, {rear + 0.1F, front - 0.2F, 0.45F * half, deck},
            kMetal);  // frame
  add_block(mesh, {cab_front, front - 0.1F, 0.72F * half, deck - 0.15F}, {cab_front, front - 0.2F, 0.68F * half, waist},
            kBodywork);  // bonnet
  add_block(mesh, {cab_rear, cab_front, 0.96F * half, deck - 0.2F}, {cab_rear, cab_front, 0.94F * half, waist},
            kBodywork);
  add_block(mesh, {cab_rear + 0.05F, cab_front - 0.02F, 0.92F * half, waist},
            {cab_rear + 0.08F, cab_front - 0.3F, 0.84F * half, top - 0.1F}, kGlass);
  add_block(mesh, {cab_rear, cab_front - 0.2F, 0.9F * half, top - 0.1F},
            {cab_rear + 0.05F, cab_front - 0.3F, 0.86F * half, top}, kBodywork);
  const float bed_front = cab_rear - 0.12F, board = deck + 0.35F * (top - bottom);
  add_block(mesh, {rear, bed_front, half, deck}, {rear, bed_front, half, deck + 0.1F}, kMetal);
  for (const float x : {rear, bed_front - 0.06F})
    add_block(mesh, {x, x + 0.06F, half, deck + 0.1F}, {x, x + 0.06F, half, board}, kBodywork);
  for (const float side : {-1.0F, 1.0F}) {
    Mesh wall;
    add_block(wall, {rear, bed_front, 0.03F, deck + 0.1F}, {rear, bed_front, 0.03F, board}, kBodywork);
    add_moved(mesh, wall, side * (half - 0.03F));
    const float y = side * half * 0.5F;
    add_quad(mesh,
             {Eigen::Vector3f(front - 0.11F, y - 0.12F, deck), Eigen::Vector3f(front - 0.11F, y + 0.12F, deck),
              Eigen::Vector3f(front - 0.13F, y + 0.12F, deck + 0.2F),
              Eigen::Vector3f(front - 0.13F, y - 0.12F, deck + 0.2F)},
             kLamp);
  }
  add_block(mesh, {front - 0.1F, front, half, bottom}, {front - 0.1F, front, half, bottom + 0.3F}, kMetal);
  return mesh;
}

// A flat box with a plate, a mast and a turning LiDAR on it.
Mesh robot_body(const VehicleConfig& config) {
  Mesh mesh;
  mesh.name = "robot body";
  const auto [rear, front, half, bottom, top] = outline_of(config);
  const float middle = bottom + 0.4F * (top - bottom);
  add_block(mesh, {rear + 0.12F, front - 0.12F, 0.8F * half, bottom},
            {rear + 0.02F, front - 0.02F, 0.8F * half, middle}, kBodywork);
  add_block(mesh, {rear + 0.02F, front - 0.02F, 0.8F * half, middle},
            {rear + 0.14F, front - 0.14F, 0.76F * half, top - 0.03F}, kBodywork);
  add_block(mesh, {rear + 0.1F, front - 0.1F, half, top - 0.03F}, {rear + 0.1F, front - 0.1F, half, top}, kMetal);
  add_block(mesh, {0.10F, 0.16F, 0.03F, top}, {0.10F, 0.16F, 0.03F, top + 0.28F}, kMetal);
  add_block(mesh, {0.06F, 0.20F, 0.09F, top + 0.28F}, {0.06F, 0.20F, 0.09F, top + 0.31F}, kMetal);
  add_block(mesh, {0.08F, 0.18F, 0.05F, top + 0.31F}, {0.08F, 0.18F, 0.05F, top + 0.38F}, kRubber);
  for (const float x : {rear, front - 0.03F})
    add_block(mesh, {x, x + 0.03F, half, bottom + 0.03F}, {x, x + 0.03F, half, bottom + 0.10F}, kMetal);
  return mesh;
}

void add_wheel(Mesh& mesh, const Eigen::Vector3f& centre, const Eigen::Vector3f& axle, const Eigen::Vector3f& across,
               float radius, float width) {
  constexpr int kSides = 28;
  const Eigen::Vector3f third = axle.cross(across);
  const auto rim = [&](int k, float share, float side) -> Eigen::Vector3f {
    const float angle = 2 * std::numbers::pi_v<float> * static_cast<float>(k) / kSides;
    return centre + share * radius * (std::cos(angle) * across + std::sin(angle) * third) + side * 0.5F * width * axle;
  };
  for (int k = 0; k < kSides; ++k) {
    // Tread with every other block lower, so that one sees it turn.
    const float r = k % 2 ? 1.0F : 0.96F;
    add_quad(mesh, {rim(k, r, -1), rim(k + 1, r, -1), rim(k + 1, r, 1), rim(k, r, 1)}, kRubber);
    for (const float side : {-1.0F, 1.0F}) {
      const std::array<Eigen::Vector3f, 4> tyre = {rim(k, 0.6F, side * 0.9F), rim(k, r, side), rim(k + 1, r, side),
                                                   rim(k + 1, 0.6F, side * 0.9F)};
      add_quad(mesh, side > 0 ? tyre : std::array{tyre[3], tyre[2], tyre[1], tyre[0]}, kRubber);
      const Eigen::Vector3f hub = centre + side * 0.35F * width * axle;
      const std::uint16_t paint = k % 6 < 4 ? kMetal : kRubber;
      if (side > 0)
        add_triangle(mesh, hub, rim(k, 0.6F, 0.9F), rim(k + 1, 0.6F, 0.9F), paint);
      else
        add_triangle(mesh, hub, rim(k + 1, 0.6F, -0.9F), rim(k, 0.6F, -0.9F), paint);
    }
  }
}

std::vector<Material> paints(const std::string& look) {
  const auto paint = [](const char* name, float r, float g, float b, float roughness) {
    Material material;
    material.name = name;
    material.color = {r, g, b};
    material.roughness = roughness;
    return material;
  };
  const Eigen::Vector3f color = look == "truck"   ? Eigen::Vector3f(0.30F, 0.24F, 0.13F)
                                : look == "robot" ? Eigen::Vector3f(0.75F, 0.45F, 0.03F)
                                                  : Eigen::Vector3f(0.16F, 0.20F, 0.10F);
  return {paint("bodywork", color.x(), color.y(), color.z(), 0.5F), paint("glass", 0.02F, 0.03F, 0.035F, 0.1F),
          paint("rubber", 0.015F, 0.015F, 0.015F, 0.9F), paint("metal", 0.05F, 0.05F, 0.05F, 0.6F),
          paint("lamp", 0.85F, 0.83F, 0.75F, 0.2F)};
}

}  // namespace

VehicleLook::VehicleLook(const VehicleConfig& config, ClassId class_id, std::uint32_t instance_id)
    : class_id_(class_id), instance_id_(instance_id) {
  Mesh body = config.look == "truck"   ? truck_body(config)
              : config.look == "robot" ? robot_body(config)
                                       : jeep_body(config);
  const auto radius = static_cast<float>(config.wheels.radius_m);
  const auto width = static_cast<float>(config.wheels.width_m);
  const auto rear = static_cast<float>(config.body.centre_x_m - 0.5 * config.body.length_m);
  if (config.look == "jeep")
    add_wheel(body, {rear - 0.06F, 0, 1.02F}, Eigen::Vector3f::UnitX(), Eigen::Vector3f::UnitY(), 0.92F * radius,
              0.8F * width);  // the spare one
  Mesh wheel;
  wheel.name = "wheel";
  add_wheel(wheel, Eigen::Vector3f::Zero(), Eigen::Vector3f::UnitY(), Eigen::Vector3f::UnitZ(), radius, width);
  body_ = std::make_shared<const Mesh>(std::move(body));
  wheel_ = std::make_shared<const Mesh>(std::move(wheel));
  body_materials_ = wheel_materials_ = std::make_shared<const std::vector<Material>>(paints(config.look));
  const auto replace = [](const std::filesystem::path& file, std::shared_ptr<const Mesh>& mesh,
                          std::shared_ptr<const std::vector<Material>>& materials) {
    if (file.empty()) return;
    BodyMesh loaded = load_body_mesh(file);
    mesh = std::make_shared<const Mesh>(std::move(loaded.mesh));
    materials = std::make_shared<const std::vector<Material>>(std::move(loaded.materials));
  };
  replace(config.body_mesh, body_, body_materials_);
  replace(config.wheel_mesh, wheel_, wheel_materials_);
}

std::vector<Actor> VehicleLook::actors(const VehicleState& state) const {
  std::vector<Actor> result;
  const auto add = [&](const std::shared_ptr<const Mesh>& mesh,
                       const std::shared_ptr<const std::vector<Material>>& materials, const Pose& pose) {
    Actor actor;
    actor.mesh = mesh;
    actor.materials = materials;
    actor.X_MA = pose;
    actor.class_id = class_id_;
    actor.instance_id = instance_id_;
    result.push_back(std::move(actor));
  };
  add(body_, body_materials_, state.X_MB);
  for (int w = 0; w < kWheelCount; ++w) {
    const bool right = w == kFrontRight || w == kRearRight;
    add(wheel_, wheel_materials_,
        right ? state.X_MW[w] * Eigen::AngleAxisd(std::numbers::pi, Eigen::Vector3d::UnitZ()) : state.X_MW[w]);
  }
  return result;
}

}  // namespace bramble
