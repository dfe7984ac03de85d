#include "bramble/world/road_damage.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "bramble/core/random.hpp"
#include "bramble/world/terrain.hpp"

namespace bramble {
namespace {

using Eigen::Vector2d;

constexpr double kSlot = 6.0;           // of the path, in which each rut may hold one puddle, metres
constexpr double kBucket = 4.0;         // metres of the path
constexpr double kWashoutReach = 11.0;  // from its middle to its ends, metres
constexpr double kClearStart = 10.0;    // free of washouts around the start of a drive, metres
constexpr double kKnownBeyond = 0.45;  // of a puddle's level beyond its shore: more than a sample of the ground, metres
constexpr double kPi = std::numbers::pi;

double mix(double a, double b, double t) { return a + t * (b - a); }

double slope_at(const Path& loop, double s) { return (loop.point_at(s + 3).z() - loop.point_at(s - 3).z()) / 6; }

}  // namespace

double Puddle::reach(double x, double y, const Noise& ragged) const {
  const Vector2d off = Vector2d(x, y) - centre;
  const double u = off.dot(along) / half_length_m;
  const double v = (along.x() * off.y() - along.y() * off.x()) / half_width_m;
  return std::sqrt(u * u + v * v) + 0.22 * ragged.at(x, y, 0.9);
}

double Washout::cut(double x, double y, const Noise& winding) const {
  const Vector2d off = Vector2d(x, y) - centre;
  const double along = off.dot(downhill);
  if (std::abs(along) > kWashoutReach) return 0;
  const double wander = 1.3 * winding.at(x, y, 7.0) * smoothstep(1.5, 6, std::abs(along));
  const double aside = downhill.x() * off.y() - downhill.y() * off.x() + wander;
  // Wide and gentle on the path, where wheels broke its edges; narrower and deeper beside it; longer below than above.
  const double beside = smoothstep(1.5, 4, std::abs(along));
  const double width = mix(0.75, 0.5, beside);
  const double end = along > 0 ? smoothstep(kWashoutReach, 5, along) : smoothstep(-6.5, -2.5, along);
  return depth_m * mix(1, 1.3, beside) * end * std::exp(-(aside * aside) / (width * width));
}

RoadDamage::RoadDamage(const Scenario& scenario, const Path& loop,
                       const std::function<double(double x, double y)>& ground)
    : depth_m_(scenario.path.puddle_depth_m), ragged_(scenario.seed, stream_of("puddle outline")) {
  if (scenario.path.puddles > 0) place_puddles(scenario, loop, ground);
  if (scenario.path.washouts > 0) place_washouts(scenario, loop, ground);
  // Arc lengths of places are rough, and seen from above: the buckets' margin covers the difference.
  const auto count = static_cast<std::size_t>(std::max(1.0, std::floor(loop.length_m() / kBucket)));
  bucket_m_ = loop.length_m() / static_cast<double>(count);
  buckets_.resize(count);
  const auto enter = [&](const Vector2d& centre, double reach_m, std::vector<std::size_t> Bucket::*list,
                         std::size_t number) {
    const double s = loop.nearest_s(centre.x(), centre.y());
    const auto span = static_cast<int>(std::ceil((reach_m + 4) / bucket_m_));
    const auto middle = static_cast<int>(s / bucket_m_), n = static_cast<int>(count);
    for (int b = middle - span; b <= middle + span && span < n / 2; ++b)
      (buckets_[static_cast<std::size_t>((b % n + n) % n)].*list).push_back(number);
  };
  for (std::size_t i = 0; i < puddles_.size(); ++i)
    enter(puddles_[i].centre, 2.5 * puddles_[i].half_length_m, &Bucket::puddles, i);
  for (std::size_t i = 0; i < washouts_.size(); ++i) enter(washouts_[i].centre, kWashoutReach, &Bucket::washouts, i);
}

void RoadDamage::place_puddles(const Scenario& scenario, const Path& loop,
                               const std::function<double(double, double)>& ground) {
  const PathScenario& path = scenario.path;
  const double length = loop.length_m();
  const int slots = static_cast<int>(length / kSlot);
  for (int slot = 0; slot < slots; ++slot)
    for (int side = -1; side <= 1; side += 2) {
      Random random(scenario.seed, stream_of("puddle"), static_cast<std::uint64_t>(2 * slot + (side + 1) / 2));
      const double s = (slot + random.uniform(0.25, 0.75)) * length / slots;
      // A puddle is as long as the slope allows its bowl to be: on steep stretches there is none.
      const double steep = std::abs(slope_at(loop, s));
      const double longest = 0.6 * path.puddle_depth_m / std::max(steep, 1e-3);
      const double share = random.uniform(0.0, 1.0);
      double half_length = random.uniform(0.9, 3.2);
      double half_width = random.uniform(0.38, 0.62);
      const double off = side * 0.5 * path.rut_spacing_m + random.uniform(-0.08, 0.08);
      const double angle = random.uniform(-0.12, 0.12);
      if (share >= path.puddles || longest < 0.7) continue;
      half_length = std::min(half_length, longest);
      // The shallower its bowl, the less a puddle may widen the rut.
      half_width *= std::clamp(path.puddle_depth_m / 0.06, 0.6, 1.0);
      half_width = std::min(half_width, 0.7 * half_length);
      const Eigen::Vector3d p = loop.point_at(s), tangent = loop.tangent_at(s);
      Puddle puddle;
      puddle.centre = p.head<2>() + off * Vector2d(-tangent.y(), tangent.x());
      puddle.along = {std::cos(angle) * tangent.x() - std::sin(angle) * tangent.y(),
                      std::sin(angle) * tangent.x() + std::cos(angle) * tangent.y()};
      puddle.half_length_m = half_length;
      puddle.half_width_m = half_width;
      // Its level: where the ground around it is lowest the water would run out.
      double lowest = 1e9;
      for (int k = 0; k < 24; ++k)
        for (double r : {1.05, 1.25, 1.45}) {
          const double u = r * half_length * std::cos(2 * kPi * k / 24),
                       v = r * half_width * std::sin(2 * kPi * k / 24);
          const Vector2d q = puddle.centre + u * puddle.along + v * Vector2d(-puddle.along.y(), puddle.along.x());
          lowest = std::min(lowest, ground(q.x(), q.y()));
        }
      for (int k = 0; k < 24; ++k) {
        const double u = 1.1 * (half_length + kKnownBeyond) * std::cos(2 * kPi * k / 24);
        const double v = 1.1 * (half_width + kKnownBeyond) * std::sin(2 * kPi * k / 24);
        const Vector2d q = puddle.centre + u * puddle.along + v * Vector2d(-puddle.along.y(), puddle.along.x());
        lowest = std::min(lowest, ground(q.x(), q.y()));
      }
      puddle.level_m = lowest - 0.005;
      // Beside a drop the bowl would be a pit.
      if (ground(puddle.centre.x(), puddle.centre.y()) - puddle.level_m > 0.01 + path.puddle_depth_m) continue;
      puddles_.push_back(puddle);
    }
}

void RoadDamage::place_washouts(const Scenario& scenario, const Path& loop,
                                const std::function<double(double, double)>& ground) {
  const double length = loop.length_m();
  for (int number = 0; number < scenario.path.washouts; ++number) {
    Random random(scenario.seed, stream_of("washout"), static_cast<std::uint64_t>(number));
    // Of a few places the one where water runs fastest: the steepest across and along the path.
    double best = 0;
    Washout chosen;
    for (int attempt = 0; attempt < 12; ++attempt) {
      const double s = random.uniform(0.0, length);
      const double angle = random.uniform(-0.35, 0.35);
      double from_start = std::abs(s - std::fmod(scenario.drive.start_s_m, length));
      from_start = std::min(from_start, length - from_start);
      const Eigen::Vector3d p = loop.point_at(s), tangent = loop.tangent_at(s);
      const Vector2d left(-tangent.y(), tangent.x());
      const Vector2d above = p.head<2>() + 9 * left, below = p.head<2>() - 9 * left;
      const double across = (ground(above.x(), above.y()) - ground(below.x(), below.y())) / 18;
      bool apart = from_start > kClearStart;
      for (const Washout& other : washouts_) apart = apart && (other.centre - p.head<2>()).norm() > 14;
      const double steep = std::abs(across) + std::abs(slope_at(loop, s));
      if (!apart || steep <= best) continue;
      best = steep;
      const Vector2d down = across > 0 ? Vector2d(-left) : left;
      chosen.centre = p.head<2>();
      chosen.downhill = {std::cos(angle) * down.x() - std::sin(angle) * down.y(),
                         std::sin(angle) * down.x() + std::cos(angle) * down.y()};
      chosen.depth_m = scenario.path.washout_depth_m * random.uniform(0.6, 1.0);
    }
    if (best > 0) washouts_.push_back(chosen);
  }
}

const RoadDamage::Bucket& RoadDamage::bucket(double s_m) const {
  const auto number = static_cast<std::size_t>(std::max(0.0, s_m) / bucket_m_);
  return buckets_[std::min(number, buckets_.size() - 1)];
}

double RoadDamage::shaped(double x, double y, double s_m, double height) const {
  const Bucket& here = bucket(s_m);
  for (std::size_t i : here.washouts) height -= washouts_[i].cut(x, y, ragged_);
  for (std::size_t i : here.puddles) {
    const Puddle& puddle = puddles_[i];
    const double reach = puddle.reach(x, y, ragged_);
    if (reach > 1.9) continue;
    const double bowl = puddle.level_m + (reach < 1 ? -depth_m_ * (1 - reach * reach) : 0.05 * (reach - 1));
    height = mix(height, std::min(height, bowl), smoothstep(1.5, 1.05, reach));
  }
  return height;
}

double RoadDamage::water_level(double x, double y, double s_m) const {
  double level = kNoWater;
  for (std::size_t i : bucket(s_m).puddles) {
    Puddle wider = puddles_[i];
    wider.half_length_m += kKnownBeyond;
    wider.half_width_m += kKnownBeyond;
    if (wider.reach(x, y, ragged_) < 1.15) level = std::max(level, wider.level_m);
  }
  return level;
}

double RoadDamage::dirt_distance(double x, double y, double s_m) const {
  const Bucket& here = bucket(s_m);
  double dirt = -1;
  for (std::size_t i : here.puddles) dirt = std::max(dirt, 0.5 * (1.45 - puddles_[i].reach(x, y, ragged_)));
  for (std::size_t i : here.washouts) {
    const double cut = washouts_[i].cut(x, y, ragged_) / std::max(washouts_[i].depth_m, 1e-3);
    dirt = std::max(dirt, 0.7 * (cut - 0.35) + 0.25 * ragged_.at(x, y, 0.6));
  }
  return dirt;
}

double RoadDamage::wetness(double x, double y, double s_m) const {
  double wet = 0;
  for (std::size_t i : bucket(s_m).puddles) wet = std::max(wet, smoothstep(2.0, 1.0, puddles_[i].reach(x, y, ragged_)));
  return wet;
}

}  // namespace bramble
