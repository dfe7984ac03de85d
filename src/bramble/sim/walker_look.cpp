#include "bramble/sim/walker_look.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "bramble/core/error.hpp"
#include "bramble/core/random.hpp"

namespace bramble {
namespace {

using Eigen::Vector3d;
using Eigen::Vector3f;

// A cross-section of a limb: an ellipse about `centre` with these half axes; u, v and the way on are right-handed.
struct Ring {
  Vector3f centre, u, v;
};

// The skin over rings, the first and the last of them points or small. Normals are smooth.
void add_skin(Mesh& mesh, const std::vector<Ring>& rings, std::uint16_t material) {
  constexpr std::uint32_t kSides = 14;
  const auto first = static_cast<std::uint32_t>(mesh.positions.size());
  for (const Ring& ring : rings)
    for (std::uint32_t k = 0; k < kSides; ++k) {
      const float angle = 2 * std::numbers::pi_v<float> * static_cast<float>(k) / kSides;
      mesh.positions.emplace_back(ring.centre + std::cos(angle) * ring.u + std::sin(angle) * ring.v);
      mesh.normals.emplace_back(Vector3f::Zero());
      mesh.uvs.emplace_back(0.0F, 0.0F);
    }
  const auto triangle = [&](std::uint32_t a, std::uint32_t b, std::uint32_t c) {
    const Vector3f normal = (mesh.positions[b] - mesh.positions[a]).cross(mesh.positions[c] - mesh.positions[a]);
    if (normal.norm() < 1e-9F) return;
    mesh.triangles.push_back({a, b, c});
    mesh.triangle_material.push_back(material);
    for (const std::uint32_t corner : {a, b, c}) mesh.normals[corner] += normal;
  };
  for (std::uint32_t i = 0; i + 1 < rings.size(); ++i)
    for (std::uint32_t k = 0; k < kSides; ++k) {
      const std::uint32_t a = first + i * kSides + k, b = first + i * kSides + (k + 1) % kSides;
      triangle(a, b, b + kSides);
      triangle(a, b + kSides, a + kSides);
    }
  for (std::size_t i = first; i < mesh.normals.size(); ++i) {
    if (mesh.normals[i].norm() < 1e-9F) mesh.normals[i] = Vector3f::UnitZ();
    mesh.normals[i].normalize();
  }
}

// Radii at shares of the way from one end to the other: half axes to the side (about y) and in the third direction.
struct Section {
  float share, side, third;
};

// A limb along a straight line with rounded ends.
void add_limb(Mesh& mesh, const Vector3f& from, const Vector3f& to, const std::vector<Section>& sections,
              std::uint16_t material) {
  const Vector3f way = (to - from).normalized();
  // `side` is as near to y as the limb allows.
  Vector3f side = Vector3f::UnitY() - way.dot(Vector3f::UnitY()) * way;
  if (side.norm() < 0.1F) side = Vector3f::UnitX() - way.dot(Vector3f::UnitX()) * way;
  side.normalize();
  const Vector3f third = way.cross(side);
  std::vector<Ring> rings;
  const auto ring = [&](const Vector3f& centre, const Section& s, float size) {
    rings.push_back({centre, size * s.side * side, size * s.third * third});
  };
  const Section &first = sections.front(), &last = sections.back();
  const float round_from = 0.5F * (first.side + first.third), round_to = 0.5F * (last.side + last.third);
  for (const float a : {1.0F, 0.87F, 0.5F})  // sines of 90, 60 and 30 degrees
    ring(from - a * round_from * way, first, std::sqrt(std::max(0.0F, 1 - a * a)) + 1e-3F);
  for (const Section& s : sections) ring(from + s.share * (to - from), s, 1);
  for (const float a : {0.5F, 0.87F, 1.0F})
    ring(to + a * round_to * way, last, std::sqrt(std::max(0.0F, 1 - a * a)) + 1e-3F);
  add_skin(mesh, rings, material);
}

void add_ellipsoid(Mesh& mesh, const Vector3f& centre, const Vector3f& radii, std::uint16_t material) {
  std::vector<Ring> rings;
  constexpr int kRings = 9;
  for (int i = 0; i <= kRings; ++i) {
    const float angle = std::numbers::pi_v<float> * static_cast<float>(i) / kRings;
    const float size = std::sin(angle) + 1e-3F;
    rings.push_back({centre - Vector3f(0, 0, std::cos(angle) * radii.z()), size * radii.x() * Vector3f::UnitX(),
                     size * radii.y() * Vector3f::UnitY()});
  }
  add_skin(mesh, rings, material);
}

Material paint(const char* name, const Vector3f& color) {
  Material material;
  material.name = name;
  material.color = color;
  return material;
}

Pose turned_about_y(const Vector3d& joint, double angle_rad) {  // positive: what hangs down swings back
  Pose pose = Pose::Identity();
  pose.translation() = joint;
  pose.linear() = Eigen::AngleAxisd(angle_rad, Vector3d::UnitY()).toRotationMatrix();
  return pose;
}

// A leg or an arm of two parts, each hanging down from its joint at the origin.
struct TwoPart {
  std::shared_ptr<const Mesh> upper, lower;
  Vector3d joint;  // in A, standing
  double upper_m = 0, lower_m = 0;
  double phase_rad = 0;    // in the stride
  double swing_rad = 0.4;  // of the upper part, either way
  double bend_rad = 0.7;   // most, of the lower part, while it swings forward
  double bent_rad = 0;     // always
  bool bends_back = true;  // knees; elbows bend forward
  bool on_ground = true;   // legs

  // Angles of the joints at a moment.
  std::array<double, 2> angles(const Posture& posture) const {
    const double at = posture.stride_rad + phase_rad;
    const double upper = -swing_rad * posture.swing * std::sin(at);
    // The foot is lifted while the limb swings forward: sin grows there.
    const double lift = std::max(std::cos(at), 0.0);
    const double bend =
        bent_rad + (on_ground ? bend_rad * lift * lift : bend_rad * (0.5 + 0.5 * std::sin(at))) * posture.swing;
    return {upper, bends_back ? bend : -bend};
  }
  double foot_z(const Posture& posture) const {  // below A's origin when negative
    const auto [a, b] = angles(posture);
    return joint.z() - upper_m * std::cos(a) - lower_m * std::cos(a + b);
  }
};

std::shared_ptr<const Mesh> finished(Mesh&& mesh) { return std::make_shared<const Mesh>(std::move(mesh)); }

}  // namespace

struct WalkerLook::Limbs {
  std::shared_ptr<const std::vector<Material>> materials;
  std::shared_ptr<const Mesh> body;  // in A, standing
  std::shared_ptr<const Mesh> head;  // animals: neck and head, about the root of the neck
  Vector3d neck_joint = Vector3d::Zero();
  double grazing_rad = 0;  // by which the neck goes down
  std::vector<TwoPart> legs, arms;
  Vector3d size_m = Vector3d::Ones();
  double stride_m = 1.4;
  ClassId class_id = kIgnoreId;
  std::uint32_t instance_id = 0;

  void make_person(Random& random);
  void make_animal(const std::string& kind, Random& random);
};

void WalkerLook::Limbs::make_person(Random& random) {
  enum Paint : std::uint16_t { kSkin, kHair, kJacket, kTrousers, kBoots, kPack };
  constexpr std::array<std::array<float, 3>, 6> kJackets{{{0.35F, 0.03F, 0.03F},
                                                          {0.03F, 0.08F, 0.25F},
                                                          {0.42F, 0.27F, 0.02F},
                                                          {0.05F, 0.13F, 0.06F},
                                                          {0.02F, 0.20F, 0.25F},
                                                          {0.10F, 0.10F, 0.11F}}};
  constexpr std::array<std::array<float, 3>, 4> kCloths{
      {{0.03F, 0.04F, 0.07F}, {0.11F, 0.09F, 0.06F}, {0.05F, 0.055F, 0.045F}, {0.025F, 0.025F, 0.03F}}};
  constexpr std::array<std::array<float, 3>, 4> kSkins{
      {{0.55F, 0.32F, 0.23F}, {0.42F, 0.23F, 0.15F}, {0.20F, 0.10F, 0.06F}, {0.60F, 0.38F, 0.29F}}};
  constexpr std::array<std::array<float, 3>, 4> kHairs{
      {{0.015F, 0.01F, 0.008F}, {0.08F, 0.04F, 0.02F}, {0.25F, 0.16F, 0.07F}, {0.22F, 0.21F, 0.20F}}};
  const auto one_of = [&](const auto& list) {
    const auto& c = list[random.below(static_cast<std::uint32_t>(list.size()))];
    return Vector3f(c[0], c[1], c[2]);
  };
  const Vector3f skin = one_of(kSkins), hair = one_of(kHairs), jacket = one_of(kJackets), cloth = one_of(kCloths);
  const bool carries = random.uniform() < 0.6F;
  materials = std::make_shared<const std::vector<Material>>(
      std::vector<Material>{paint("skin", skin), paint("hair", hair), paint("jacket", jacket), paint("trousers", cloth),
                            paint("boots", {0.03F, 0.02F, 0.012F}), paint("pack", one_of(kJackets) * 0.6F)});
  const auto k = static_cast<float>(random.uniform(0.92, 1.06));  // of 1.76 m
  const float hip = 0.90F * k, shoulder = 1.44F * k;

  Mesh trunk;
  trunk.name = "person";
  add_limb(trunk, {0, 0, hip - 0.02F}, {0, 0, hip + 0.10F * k}, {{0, 0.155F, 0.115F}, {1, 0.16F, 0.115F}}, kTrousers);
  add_limb(trunk, {0, 0, hip + 0.10F * k}, {0.005F, 0, shoulder - 0.05F * k},
           {{0, 0.170F, 0.125F}, {0.35F, 0.165F, 0.125F}, {0.75F, 0.19F, 0.135F}, {1, 0.165F, 0.10F}}, kJacket);
  for (const float y : {-0.17F, 0.17F})
    add_ellipsoid(trunk, {0, y, shoulder - 0.045F * k}, {0.07F, 0.065F, 0.07F}, kJacket);
  add_limb(trunk, {0.005F, 0, shoulder}, {0.02F, 0, shoulder + 0.10F * k}, {{0, 0.062F, 0.062F}, {1, 0.055F, 0.055F}},
           kSkin);
  const Vector3f head_at(0.03F, 0, shoulder + 0.205F * k);
  add_ellipsoid(trunk, head_at, {0.095F, 0.075F, 0.12F}, kSkin);
  add_ellipsoid(trunk, head_at + Vector3f(0.10F, 0, -0.015F), {0.022F, 0.016F, 0.024F}, kSkin);  // nose
  add_ellipsoid(trunk, head_at + Vector3f(-0.022F, 0, 0.028F), {0.098F, 0.084F, 0.108F}, kHair);
  if (carries) {
    add_limb(trunk, {-0.20F, 0, hip + 0.16F * k}, {-0.20F, 0, shoulder - 0.07F * k},
             {{0, 0.13F, 0.085F}, {0.5F, 0.15F, 0.10F}, {1, 0.13F, 0.08F}}, kPack);
    for (const float y : {-0.1F, 0.1F})  // straps
      add_limb(trunk, {0.118F, y, shoulder - 0.22F * k}, {0.08F, y, shoulder - 0.03F},
               {{0, 0.022F, 0.02F}, {1, 0.022F, 0.03F}}, kPack);
  }
  body = finished(std::move(trunk));

  const float thigh = 0.44F * k, shank = 0.46F * k, upper_arm = 0.29F * k, forearm = 0.25F * k;
  Mesh upper_leg, lower_leg, upper, lower;
  upper_leg.name = "thigh";
  lower_leg.name = "shank";
  upper.name = "upper arm";
  lower.name = "forearm";
  add_limb(upper_leg, {0, 0, 0}, {0, 0, -thigh}, {{0, 0.085F, 0.095F}, {0.5F, 0.078F, 0.085F}, {1, 0.06F, 0.062F}},
           kTrousers);
  add_limb(lower_leg, {0, 0, 0}, {-0.01F, 0, -shank + 0.13F},
           {{0, 0.06F, 0.062F}, {0.4F, 0.06F, 0.068F}, {1, 0.055F, 0.06F}}, kTrousers);
  add_limb(lower_leg, {-0.012F, 0, -shank + 0.17F}, {-0.01F, 0, -shank + 0.06F},
           {{0, 0.052F, 0.056F}, {1, 0.05F, 0.06F}}, kBoots);
  add_limb(lower_leg, {-0.03F, 0, -shank + 0.045F}, {0.14F, 0, -shank + 0.036F},
           {{0, 0.045F, 0.045F}, {0.6F, 0.05F, 0.042F}, {1, 0.042F, 0.03F}}, kBoots);
  add_limb(upper, {0, 0, 0}, {0, 0, -upper_arm}, {{0, 0.052F, 0.058F}, {1, 0.044F, 0.046F}}, kJacket);
  add_limb(lower, {0, 0, 0}, {0, 0, -forearm}, {{0, 0.044F, 0.046F}, {1, 0.034F, 0.036F}}, kJacket);
  add_limb(lower, {0, 0, -forearm - 0.02F}, {0.01F, 0, -forearm - 0.11F}, {{0, 0.022F, 0.035F}, {1, 0.018F, 0.03F}},
           kSkin);
  const auto thigh_mesh = finished(std::move(upper_leg)), shank_mesh = finished(std::move(lower_leg));
  const auto upper_mesh = finished(std::move(upper)), lower_mesh = finished(std::move(lower));
  for (const double side : {1.0, -1.0}) {
    const double phase = side > 0 ? 0 : std::numbers::pi;
    legs.push_back({thigh_mesh, shank_mesh, {0, 0.09 * side, hip}, thigh, shank, phase, 0.45, 0.85, 0.03, true, true});
    arms.push_back({upper_mesh,
                    lower_mesh,
                    {0, 0.215 * side, shoulder - 0.06 * k},
                    upper_arm,
                    forearm,
                    phase + std::numbers::pi,
                    0.42,
                    0.35,
                    0.2,
                    false,
                    false});
  }
  size_m = {0.45, 0.55, 1.76 * k};
  stride_m = 4 * std::sin(legs[0].swing_rad) * hip;  // feet stay where they are put down
}

void WalkerLook::Limbs::make_animal(const std::string& kind, Random& random) {
  enum Paint : std::uint16_t { kCoat, kBelly, kDark, kHorn };
  struct Build {
    float back, length, half_width, half_depth;  // of the trunk: height of the back, from breast to rump, metres
    float neck, neck_up_deg, neck_radius, head;  // lengths and the angle at which the neck is carried
    float leg_radius, grazing_deg;
    Vector3f coat, belly, dark;
  };
  const Build b = kind == "deer"   ? Build{1.02F,
                                         1.05F,
                                         0.17F,
                                         0.21F,
                                         0.48F,
                                         52,
                                         0.085F,
                                         0.27F,
                                         0.045F,
                                         96,
                                         {0.125F, 0.075F, 0.042F},
                                         {0.24F, 0.18F, 0.13F},
                                         {0.05F, 0.035F, 0.025F}}
                  : kind == "boar" ? Build{0.80F,
                                           1.05F,
                                           0.20F,
                                           0.25F,
                                           0.12F,
                                           0,
                                           0.17F,
                                           0.36F,
                                           0.05F,
                                           32,
                                           {0.045F, 0.038F, 0.030F},
                                           {0.06F, 0.048F, 0.038F},
                                           {0.02F, 0.017F, 0.015F}}
                                   : Build{1.38F,
                                           1.55F,
                                           0.31F,
                                           0.37F,
                                           0.42F,
                                           18,
                                           0.17F,
                                           0.46F,
                                           0.075F,
                                           82,
                                           {0.10F, 0.042F, 0.020F},
                                           {0.14F, 0.07F, 0.04F},
                                           {0.05F, 0.03F, 0.025F}};
  const auto k = static_cast<float>(random.uniform(0.92, 1.08));
  const float shade = static_cast<float>(random.uniform(0.8, 1.25));
  const bool spotted = kind == "cow" && random.uniform() < 0.5F;
  const bool antlers = kind == "deer" && random.uniform() < 0.5F;
  materials = std::make_shared<const std::vector<Material>>(std::vector<Material>{
      paint("coat", spotted ? Vector3f(0.65F, 0.62F, 0.56F) : Vector3f(shade * b.coat)), paint("belly", b.belly),
      paint("dark", spotted ? Vector3f(0.02F, 0.018F, 0.016F) : b.dark), paint("horn", {0.25F, 0.20F, 0.14F})});
  const float half = 0.5F * b.length * k, w = b.half_width * k, d = b.half_depth * k;
  const float middle = (b.back - b.half_depth) * k;  // height of the trunk's axis
  const float leg = middle - 0.25F * d;

  Mesh trunk;
  trunk.name = kind;
  add_limb(trunk, {-half + 0.8F * d, 0, middle + 0.02F}, {half - 0.8F * d, 0, middle},
           {{0, 0.86F * w, 0.86F * d}, {0.3F, 0.92F * w, 0.93F * d}, {0.65F, w, d}, {1, 0.84F * w, 0.95F * d}}, kCoat);
  add_limb(trunk, {-half + 1.4F * d, 0, middle - 0.28F * d}, {half - 1.2F * d, 0, middle - 0.22F * d},
           {{0, 0.7F * w, 0.68F * d}, {0.5F, 0.83F * w, 0.82F * d}, {1, 0.72F * w, 0.78F * d}}, kBelly);
  if (spotted)
    for (const auto& [x, y, z] :
         {std::array{-0.45F, 0.75F, 0.3F}, {0.25F, 0.8F, 0.1F}, {-0.1F, -0.8F, 0.2F}, {0.55F, -0.7F, 0.3F}})
      add_ellipsoid(trunk, {x * half, y * w * 0.62F, middle + z * d}, {0.30F * half, 0.5F * w, 0.55F * d}, kDark);
  for (const float side : {-1.0F, 1.0F}) {  // haunches and shoulders
    add_ellipsoid(trunk, {-half + 0.9F * d, side * 0.5F * w, middle - 0.25F * d}, {0.75F * d, 0.5F * w, 0.95F * d},
                  kCoat);
    add_ellipsoid(trunk, {half - 0.85F * d, side * 0.5F * w, middle - 0.25F * d}, {0.6F * d, 0.5F * w, 0.95F * d},
                  kCoat);
  }
  const Vector3f rump(-half + 0.1F * d, 0, middle + 0.45F * d);
  if (kind == "deer") {
    add_ellipsoid(trunk, rump + Vector3f(0.03F, 0, -0.1F), {0.06F, 0.09F, 0.11F}, kBelly);
    add_limb(trunk, rump, rump + Vector3f(-0.04F, 0, -0.11F), {{0, 0.022F, 0.03F}, {1, 0.015F, 0.02F}}, kDark);
  } else {
    const float tail = kind == "cow" ? 0.75F : 0.28F;
    add_limb(trunk, rump, rump + Vector3f(-0.06F, 0, -tail * k),
             {{0, 0.025F, 0.025F}, {0.85F, 0.014F, 0.014F}, {1, 0.03F, 0.03F}}, kDark);
  }
  body = finished(std::move(trunk));

  // Neck and head about the neck's root, as they are carried.
  Mesh front;
  front.name = kind + " head";
  const float up = b.neck_up_deg * std::numbers::pi_v<float> / 180;
  const Vector3f along(std::cos(up), 0, std::sin(up));
  const Vector3f poll = b.neck * k * along;
  add_limb(front, {-0.03F, 0, 0}, poll,
           {{0, 1.1F * b.neck_radius * k, 1.5F * b.neck_radius * k},
            {1, 0.7F * b.neck_radius * k, 0.85F * b.neck_radius * k}},
           kCoat);
  const Vector3f nose = poll + b.head * k * Vector3f(0.88F, 0, kind == "boar" ? -0.38F : -0.42F);
  const float r = (kind == "boar" ? 0.14F : kind == "cow" ? 0.125F : 0.078F) * k;
  add_limb(front, poll + Vector3f(0.2F * r, 0, 0), nose,
           {{0, r, 1.15F * r}, {0.45F, 0.85F * r, 0.95F * r}, {1, 0.5F * r, 0.52F * r}}, kCoat);
  add_ellipsoid(front, nose + 0.25F * r * Vector3f(0.88F, 0, -0.4F), {0.4F * r, 0.46F * r, 0.42F * r},
                kind == "cow" ? kBelly : kDark);
  for (const float side : {-1.0F, 1.0F}) {
    const float ear = kind == "cow" ? 1.0F : 1.6F;
    add_limb(front, poll + Vector3f(-0.1F * r, side * 0.8F * r, 0.5F * r),
             poll + Vector3f(-0.35F * r, side * (0.8F + 0.9F * ear) * r, (kind == "cow" ? 0.4F : 1.5F) * r),
             {{0, 0.2F * r, 0.12F * r}, {0.5F, 0.34F * r, 0.12F * r}, {1, 0.10F * r, 0.06F * r}}, kCoat);
    add_ellipsoid(front, poll + Vector3f(0.9F * r, side * 0.8F * r, 0.35F * r), {0.16F * r, 0.1F * r, 0.16F * r},
                  kDark);
    if (kind == "cow")
      add_limb(front, poll + Vector3f(0, side * 0.7F * r, 0.9F * r),
               poll + Vector3f(0.3F * r, side * 1.7F * r, 1.8F * r),
               {{0, 0.2F * r, 0.2F * r}, {1, 0.07F * r, 0.07F * r}}, kHorn);
    if (kind == "boar")
      add_limb(front, nose + Vector3f(-0.6F * r, side * 0.45F * r, -0.2F * r),
               nose + Vector3f(-0.4F * r, side * 0.62F * r, 0.35F * r),
               {{0, 0.08F * r, 0.08F * r}, {1, 0.03F * r, 0.03F * r}}, kHorn);
    if (antlers) {
      const Vector3f root = poll + Vector3f(-0.1F * r, side * 0.5F * r, 0.9F * r);
      const Vector3f bow = root + k * Vector3f(-0.16F, side * 0.16F, 0.26F),
                     tip = bow + k * Vector3f(0.12F, side * 0.04F, 0.26F);
      add_limb(front, root, bow, {{0, 0.018F, 0.018F}, {1, 0.015F, 0.015F}}, kHorn);
      add_limb(front, bow, tip, {{0, 0.015F, 0.015F}, {1, 0.007F, 0.007F}}, kHorn);
      add_limb(front, root + 0.15F * (bow - root), root + k * Vector3f(0.13F, side * 0.05F, 0.10F),
               {{0, 0.012F, 0.012F}, {1, 0.006F, 0.006F}}, kHorn);
      add_limb(front, bow, bow + k * Vector3f(0.16F, side * 0.02F, 0.09F), {{0, 0.012F, 0.012F}, {1, 0.006F, 0.006F}},
               kHorn);
    }
  }
  head = finished(std::move(front));
  neck_joint = {half - 0.75F * d, 0, middle + (kind == "boar" ? 0.0F : 0.35F * d)};
  grazing_rad = b.grazing_deg * std::numbers::pi / 180;

  const float upper_m = 0.5F * leg, lower_m = leg - upper_m;
  const float thick = b.leg_radius * k;
  Mesh thigh, fore, shank;
  thigh.name = kind + " hind leg";
  fore.name = kind + " fore leg";
  shank.name = kind + " shank";
  add_limb(thigh, {0, 0, 0}, {0, 0, -upper_m},
           {{0, 1.5F * thick, 2.4F * thick}, {0.5F, 1.2F * thick, 1.7F * thick}, {1, 0.85F * thick, 0.95F * thick}},
           kCoat);
  add_limb(fore, {0, 0, 0}, {0, 0, -upper_m}, {{0, 1.4F * thick, 1.9F * thick}, {1, 0.85F * thick, 0.9F * thick}},
           kCoat);
  add_limb(shank, {0, 0, 0}, {0, 0, -lower_m + 0.1F * k},
           {{0, 0.85F * thick, 0.95F * thick}, {0.3F, 0.6F * thick, 0.65F * thick}, {1, 0.55F * thick, 0.6F * thick}},
           kCoat);
  add_limb(shank, {0, 0, -lower_m + 0.09F * k}, {0.02F, 0, -lower_m + 0.55F * thick},
           {{0, 0.7F * thick, 0.75F * thick}, {1, 0.75F * thick, 0.95F * thick}}, kDark);
  const auto hind_mesh = finished(std::move(thigh)), fore_mesh = finished(std::move(fore)),
             shank_mesh = finished(std::move(shank));
  // A walk: left hind, left fore, right hind, right fore, a quarter of the stride apart.
  constexpr double kQuarter = 0.5 * std::numbers::pi;
  for (const double side : {1.0, -1.0}) {
    const double late = side > 0 ? 0 : 2 * kQuarter;
    const double y = 0.55 * side * w;
    legs.push_back(
        {hind_mesh, shank_mesh, {-half + 0.85 * d, y, leg}, upper_m, lower_m, -late, 0.36, 0.75, 0, true, true});
    legs.push_back({fore_mesh,
                    shank_mesh,
                    {half - 0.9 * d, y, leg},
                    upper_m,
                    lower_m,
                    -late - kQuarter,
                    0.36,
                    0.85,
                    0,
                    true,
                    true});
  }
  size_m = {2.0 * half + 0.6 * b.head * k, 2.2 * w, (kind == "deer" ? 1.45 : kind == "cow" ? 1.5 : 0.85) * k};
  stride_m = 4 * std::sin(legs[0].swing_rad) * leg;
}

WalkerLook::WalkerLook(const std::string& kind, std::uint64_t seed, ClassId class_id, std::uint32_t instance_id)
    : limbs_(std::make_unique<Limbs>()) {
  Random random(seed, stream_of("look of " + kind));
  limbs_->class_id = class_id;
  limbs_->instance_id = instance_id;
  if (kind == "person")
    limbs_->make_person(random);
  else if (kind == "deer" || kind == "boar" || kind == "cow")
    limbs_->make_animal(kind, random);
  else
    fail("'{}' does not walk; there are person, deer, boar and cow", kind);
}
WalkerLook::~WalkerLook() = default;
WalkerLook::WalkerLook(WalkerLook&&) noexcept = default;

Vector3d WalkerLook::size_m() const { return limbs_->size_m; }
double WalkerLook::stride_m() const { return limbs_->stride_m; }

void WalkerLook::add_actors(const Posture& posture, std::vector<Actor>& actors) const {
  const Limbs& limbs = *limbs_;
  double lowest_m = 1e9;
  for (const TwoPart& leg : limbs.legs) lowest_m = std::min(lowest_m, leg.foot_z(posture));
  const Pose X_MB = posture.X_MA * Eigen::Translation3d(0, 0, -lowest_m);  // the lowest foot on the ground
  const auto add = [&](const std::shared_ptr<const Mesh>& mesh, const Pose& X_BL) {
    Actor actor;
    actor.mesh = mesh;
    actor.materials = limbs.materials;
    actor.X_MA = X_MB * X_BL;
    actor.class_id = limbs.class_id;
    actor.instance_id = limbs.instance_id;
    actors.push_back(std::move(actor));
  };
  add(limbs.body, Pose::Identity());
  if (limbs.head) {
    const double nod = 0.05 * posture.swing * std::sin(2 * posture.stride_rad);
    add(limbs.head, turned_about_y(limbs.neck_joint, posture.grazing * limbs.grazing_rad + nod));
  }
  for (const auto* parts : {&limbs.legs, &limbs.arms})
    for (const TwoPart& part : *parts) {
      const auto [a, b] = part.angles(posture);
      const Pose upper = turned_about_y(part.joint, a);
      add(part.upper, upper);
      add(part.lower, upper * turned_about_y({0, 0, -part.upper_m}, b));
    }
}

}  // namespace bramble
