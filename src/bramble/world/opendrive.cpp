#include "bramble/world/opendrive.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>

namespace bramble {
namespace {

using Eigen::Vector2d;

double polynomial(const std::array<double, 4>& k, double x) { return k[0] + x * (k[1] + x * (k[2] + x * k[3])); }
double slope(const std::array<double, 4>& k, double x) { return k[1] + x * (2 * k[2] + x * 3 * k[3]); }

Vector2d turned(const Vector2d& p, double angle_rad) {
  const double c = std::cos(angle_rad), s = std::sin(angle_rad);
  return {c * p.x() - s * p.y(), s * p.x() + c * p.y()};
}

// Integral of f over [0, end] in `pieces` equal pieces, by Gauss and Legendre's five points each.
template <typename Function>
auto integral(const Function& f, double end, int pieces) {
  constexpr double kAt[] = {0.0, 0.5384693101056831, 0.9061798459386640};
  constexpr double kWeight[] = {0.5688888888888889, 0.4786286704993665, 0.2369268850561891};
  const double half = 0.5 * end / pieces;
  std::decay_t<decltype(f(0.0))> sum = 0.0 * f(0.0);
  for (int i = 0; i < pieces; ++i) {
    const double middle = (2 * i + 1) * half;
    sum += half * kWeight[0] * f(middle);
    for (int k = 1; k < 3; ++k) sum += half * kWeight[k] * (f(middle - kAt[k] * half) + f(middle + kAt[k] * half));
  }
  return sum;
}

PlanPose on_arc(const PlanPose& start, double curvature, double ds) {
  const double turn = curvature * ds;
  // sin(x)/x and (1 - cos x)/x, which a straight line has too.
  const double along = std::abs(turn) < 1e-8 ? 1.0 : std::sin(turn) / turn;
  const double aside = std::abs(turn) < 1e-8 ? 0.5 * turn : (1 - std::cos(turn)) / turn;
  return {start.position + turned({ds * along, ds * aside}, start.heading_rad), start.heading_rad + turn};
}

PlanPose on_spiral(const PlanGeometry& g, double ds) {
  const double change = (g.curvature_end_per_m - g.curvature_start_per_m) / g.length_m;
  const auto heading = [&](double s) { return s * (g.curvature_start_per_m + 0.5 * change * s); };
  const double sharpest = std::max(std::abs(g.curvature_start_per_m), std::abs(g.curvature_end_per_m));
  const int pieces = std::max(1, static_cast<int>(std::ceil(sharpest * ds / 0.5)));
  const Vector2d off = integral(
      [&](double s) -> Vector2d {
        return {std::cos(heading(s)), std::sin(heading(s))};
      },
      ds, pieces);
  return {g.start.position + turned(off, g.start.heading_rad), g.start.heading_rad + heading(ds)};
}

PlanPose on_poly3(const PlanGeometry& g, double ds) {
  // v is a polynomial of u, but ds is measured along the curve: u is where the curve from 0 is ds long.
  const auto stretch = [&](double u) { return std::sqrt(1 + slope(g.v, u) * slope(g.v, u)); };
  double low = 0, high = ds, u = ds / stretch(0);
  for (int i = 0; i < 60 && high - low > 1e-10; ++i) {
    const double error = integral(stretch, u, 16) - ds;
    (error > 0 ? high : low) = u;
    if (std::abs(error) < 1e-10) break;
    u -= error / stretch(u);
    if (!(u > low && u < high)) u = 0.5 * (low + high);
  }
  return {g.start.position + turned({u, polynomial(g.v, u)}, g.start.heading_rad),
          g.start.heading_rad + std::atan(slope(g.v, u))};
}

PlanPose on_param_poly3(const PlanGeometry& g, double ds) {
  const double p = g.normalized ? ds / g.length_m : ds;
  return {g.start.position + turned({polynomial(g.u, p), polynomial(g.v, p)}, g.start.heading_rad),
          g.start.heading_rad + std::atan2(slope(g.v, p), slope(g.u, p))};
}

// The last of the records that begins at or before s, or the first.
template <typename Record>
const Record& in_force(const std::vector<Record>& records, double s_m) {
  const auto after =
      std::upper_bound(records.begin(), records.end(), s_m, [](double s, const Record& r) { return s < r.s_m; });
  return after == records.begin() ? *after : *std::prev(after);
}

}  // namespace

double CubicRecord::at(double s) const { return polynomial({a, b, c, d}, s - s_m); }

double value_at(const std::vector<CubicRecord>& records, double s_m) {
  return records.empty() || s_m < records.front().s_m ? 0.0 : in_force(records, s_m).at(s_m);
}

PlanPose PlanGeometry::at(double ds_m) const {
  const double ds = std::clamp(ds_m, 0.0, length_m);
  switch (kind) {
    case Kind::kLine:
      return on_arc(start, 0, ds);
    case Kind::kArc:
      return on_arc(start, curvature_start_per_m, ds);
    case Kind::kSpiral:
      return on_spiral(*this, ds);
    case Kind::kPoly3:
      return on_poly3(*this, ds);
    case Kind::kParamPoly3:
      return on_param_poly3(*this, ds);
  }
  return start;
}

double Road::length_m() const { return plan_view.back().s_m + plan_view.back().length_m; }

PlanPose Road::reference_at(double s_m) const {
  const PlanGeometry& geometry = in_force(plan_view, s_m);
  return geometry.at(s_m - geometry.s_m);
}

std::optional<DrivableBand> Road::drivable_at(double s_m) const {
  if (lane_sections.empty()) return std::nullopt;
  const LaneSection& section = in_force(lane_sections, s_m);
  const double centre = value_at(lane_offset, s_m);
  std::optional<DrivableBand> band;
  const auto add = [&](const Lane& lane, double inner, double outer) {
    if (lane.type != "driving" && lane.type != "bidirectional") return;
    if (!band) band = DrivableBand{inner, inner};
    band->left_m = std::max({band->left_m, inner, outer});
    band->right_m = std::min({band->right_m, inner, outer});
  };
  const auto width = [&](const Lane& lane) { return std::max(0.0, value_at(lane.width, s_m - section.s_m)); };
  // From the centre outwards on either side.
  double border = centre;
  for (auto lane = section.lanes.rbegin(); lane != section.lanes.rend(); ++lane) {
    if (lane->id < 0) continue;
    add(*lane, border, border + width(*lane));
    border += width(*lane);
  }
  border = centre;
  for (const Lane& lane : section.lanes) {
    if (lane.id > 0) continue;
    add(lane, border, border - width(lane));
    border -= width(lane);
  }
  return band;
}

}  // namespace bramble
