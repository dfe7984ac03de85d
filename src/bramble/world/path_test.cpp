#include "bramble/world/path.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "bramble/core/random.hpp"
#include "bramble/world/path_shape.hpp"

namespace bramble {
namespace {

constexpr double kPi = std::numbers::pi;

Path circle(double radius, int count) {
  Path path;
  path.closed = true;
  for (int i = 0; i < count; ++i) {
    const double angle = 2 * kPi * i / count;
    path.points.emplace_back(radius * std::cos(angle), radius * std::sin(angle), 1.5);
  }
  return path;
}

Path line() {
  Path path;
  path.closed = false;
  path.points = {{0, 0, 0}, {3, 0, 4}, {6, 0, 4}};
  return path;
}

TEST(Path, LengthOfCircleAndOfSlope) {
  EXPECT_NEAR(circle(20, 250).length_m(), 2 * kPi * 20, 0.01);
  EXPECT_DOUBLE_EQ(line().length_m(), 5 + 3);
}

TEST(Path, ClosedWrapsAndOpenClamps) {
  const Path loop = circle(20, 250);
  const double length = loop.length_m();
  EXPECT_LT((loop.point_at(7.3) - loop.point_at(7.3 + length)).norm(), 1e-9);
  EXPECT_LT((loop.point_at(-2.0) - loop.point_at(length - 2.0)).norm(), 1e-9);
  EXPECT_LT((line().point_at(-1) - Eigen::Vector3d(0, 0, 0)).norm(), 1e-12);
  EXPECT_LT((line().point_at(99) - Eigen::Vector3d(6, 0, 4)).norm(), 1e-12);
  EXPECT_LT((line().point_at(2.5) - Eigen::Vector3d(1.5, 0, 2)).norm(), 1e-12);
}

TEST(Path, TangentIsHorizontalUnitAndTurnsSteadily) {
  const Path loop = circle(20, 250);
  Eigen::Vector3d before = loop.tangent_at(0);
  for (double s = 0.05; s < loop.length_m(); s += 0.05) {
    const Eigen::Vector3d tangent = loop.tangent_at(s);
    const Eigen::Vector3d p = loop.point_at(s);
    EXPECT_NEAR(tangent.norm(), 1, 1e-12);
    EXPECT_EQ(tangent.z(), 0);
    // On a circle the tangent is square to the radius, and turns by the arc over the radius.
    EXPECT_NEAR(tangent.dot(Eigen::Vector3d(p.x(), p.y(), 0).normalized()), 0, 2e-3);
    EXPECT_LT((tangent - before).norm(), 1.5 * 0.05 / 20);
    before = tangent;
  }
}

TEST(Path, NearestAndLateralAgreeWithTheCircle) {
  const Path loop = circle(20, 250);
  Random random(3);
  for (int i = 0; i < 300; ++i) {
    const double angle = random.uniform(0, 2 * kPi);
    const double r = random.uniform(14, 26);
    const double x = r * std::cos(angle);
    const double y = r * std::sin(angle);
    const double s = loop.nearest_s(x, y);
    EXPECT_NEAR(s, 20 * angle, 0.09);  // half a chord off the arc, seen from 6 m aside
    // Counter-clockwise: the inside is on the left.
    EXPECT_NEAR(loop.lateral_offset(x, y, s), 20 - r, 0.01);
    EXPECT_NEAR(loop.nearest_s(x, y, s + 3, 10), s, 1e-9);
    EXPECT_NEAR(loop.nearest_s(x, y, s + loop.length_m() - 3, 10), s, 1e-9) << "a hint on the other side of the seam";
  }
}

TEST(Path, HintKeepsToItsPartOfTheTrack) {
  const Path loop = circle(20, 250);
  // The far side of the circle is nearer to the hint's window than the place itself.
  const double s = loop.nearest_s(-19, 0.0, 0.0, 5);
  const double away = std::min(s, loop.length_m() - s);
  EXPECT_LE(away, 6.0);
}

class PathLoop : public testing::TestWithParam<int> {};

TEST_P(PathLoop, IsClosedSmoothAndOfTheWantedLength) {
  PathScenario scenario;
  scenario.length_m = 500;
  scenario.winding = 0.3;
  scenario.min_radius_m = 12;
  const Path loop = make_path_loop(scenario, GetParam());
  EXPECT_NEAR(loop.length_m(), 500, 1.0);
  EXPECT_GE(min_bend_radius_m(loop), 12);
  for (std::size_t i = 0; i < loop.points.size(); ++i) {
    const double gap = (loop.points[(i + 1) % loop.points.size()] - loop.points[i]).norm();
    EXPECT_NEAR(gap, 0.5, 0.02) << "also from the last point to the first";
    EXPECT_LE(loop.points[i].norm(), 500 / (2 * kPi) * 1.3 + 1);
  }
  // Once around, counter-clockwise, without crossing itself: the angle about the origin only grows.
  double turned = 0;
  for (std::size_t i = 0; i < loop.points.size(); ++i) {
    const auto& a = loop.points[i];
    const auto& b = loop.points[(i + 1) % loop.points.size()];
    const double step = std::atan2(a.x() * b.y() - a.y() * b.x(), a.x() * b.x() + a.y() * b.y());
    EXPECT_GT(step, 0);
    turned += step;
  }
  EXPECT_NEAR(turned, 2 * kPi, 1e-6);
}

TEST_P(PathLoop, FieldAgreesWithTheExhaustiveSearch) {
  PathScenario scenario;
  const Path loop = make_path_loop(scenario, GetParam());
  const PathField field(loop, 256);
  Random random(GetParam());
  for (int i = 0; i < 400; ++i) {
    const double s = random.uniform(0, loop.length_m());
    const Eigen::Vector3d tangent = loop.tangent_at(s);
    const double off = random.uniform(-9, 9);
    const Eigen::Vector3d p = loop.point_at(s) + off * Eigen::Vector3d(-tangent.y(), tangent.x(), 0);
    const double nearest = loop.nearest_s(p.x(), p.y());
    const double distance = (loop.point_at(nearest) - p).head<2>().norm();
    const PathPlace place = field.locate(p.x(), p.y());
    EXPECT_NEAR(std::abs(place.distance_m), distance, 1e-6);
    EXPECT_NEAR(place.s_m, nearest, 1e-6);
    EXPECT_NEAR(field.rough_distance(p.x(), p.y()), distance, 1.0);
    if (std::abs(off) > 0.1) {
      EXPECT_EQ(place.distance_m > 0, loop.lateral_offset(p.x(), p.y(), nearest) > 0);
    }
  }
}

TEST(PathField, OfALargeSquareIsExactNearThePathAndGoodToSomeMetresFarOff) {
  PathScenario scenario;
  scenario.length_m = 6000;
  const Path loop = make_path_loop(scenario, 3);
  EXPECT_GE(min_bend_radius_m(loop), scenario.min_radius_m);
  const PathField field(loop, 4096);
  Random random(3);
  const auto exhaustive = [&](const Eigen::Vector2d& p) {
    double squared = 1e18;
    for (const auto& point : loop.points) squared = std::min(squared, (point.head<2>() - p).squaredNorm());
    return std::sqrt(squared);
  };
  for (int i = 0; i < 300; ++i) {
    const double s = random.uniform(0, loop.length_m());
    const Eigen::Vector3d tangent = loop.tangent_at(s);
    const double off = random.uniform(-90, 90);
    const Eigen::Vector3d p = loop.point_at(s) + off * Eigen::Vector3d(-tangent.y(), tangent.x(), 0);
    EXPECT_NEAR(field.rough_distance(p.x(), p.y()), exhaustive(p.head<2>()), 1.0);
    if (std::abs(off) < 9) {
      EXPECT_NEAR(field.locate(p.x(), p.y()).s_m, loop.nearest_s(p.x(), p.y(), s), 1e-6);
    }
  }
  for (int i = 0; i < 300; ++i) {
    const Eigen::Vector2d p(random.uniform(-2048.0, 2048.0), random.uniform(-2048.0, 2048.0));
    EXPECT_NEAR(field.rough_distance(p.x(), p.y()), exhaustive(p), 6.0);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, PathLoop, testing::Values(1, 2, 3, 20, 77));

}  // namespace
}  // namespace bramble
