#include "bramble/world/atmosphere.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace bramble {
namespace {

using Eigen::Vector3d;
using Eigen::Vector3f;

constexpr double kRad = 0.017453292519943295;
Vector3d sun_at(double elevation_deg) { return {std::cos(elevation_deg * kRad), 0, std::sin(elevation_deg * kRad)}; }
float luminance(const Vector3f& color) { return color.dot(Vector3f(0.2126F, 0.7152F, 0.0722F)); }

TEST(Atmosphere, SunIsWhiteHighRedLowAndGoneUnderTheHorizon) {
  const Atmosphere clear(3), hazy(6);
  const Vector3f high = clear.sun_at_ground(0.9), low = clear.sun_at_ground(0.15), dim = hazy.sun_at_ground(0.15);
  EXPECT_NEAR(high.y(), 0.85F, 0.1F);
  EXPECT_NEAR(high.x() / high.z(), 1.15F, 0.15F);
  EXPECT_GT(low.x() / low.z(), 2 * high.x() / high.z());
  EXPECT_GT(dim.x() / dim.z(), low.x() / low.z());
  EXPECT_LT(low.y(), high.y());
  EXPECT_LT(dim.y(), low.y());
  EXPECT_EQ(clear.sun_at_ground(-0.01), Vector3f::Zero());
}

// Beer's law along the vertical, with the depths that the model is built from: molecules 0.108, ozone, haze 0.2 at
// 550 nm.
TEST(Atmosphere, TransmittanceIsThatOfTheColumnOverhead) {
  const double rayleigh = 13.558e-6 * 8000 * (1 - std::exp(-100'000 / 8000.0)), ozone = 1.881e-6 * 15'000, haze = 0.2;
  const double expected = std::exp(-(rayleigh + ozone + haze)) / 0.86;
  EXPECT_NEAR(Atmosphere(3).sun_at_ground(1).y(), expected, 0.005 * expected);
}

TEST(Atmosphere, SkyIsBlueOverheadBrightAroundTheSunAndRedAtDusk) {
  const Atmosphere air(2.5);
  const Vector3f zenith = air.sky({0, 0, 1}, sun_at(40));
  EXPECT_GT(zenith.z(), 1.5F * zenith.x());
  const Vector3d low = Vector3d(1, 0, 0.06).normalized();
  const Vector3f sunset = air.sky(low, sun_at(1.5)), away = air.sky({-low.x(), 0, low.z()}, sun_at(1.5));
  EXPECT_GT(sunset.x(), 3 * sunset.z());
  EXPECT_GT(luminance(sunset), 5 * luminance(away));
  // The horizon is paler and brighter than the zenith.
  const Vector3f side = air.sky(Vector3d(0, 1, 0.05).normalized(), sun_at(40));
  EXPECT_GT(luminance(side), 1.8F * luminance(zenith));
  EXPECT_LT(side.z() / side.x(), zenith.z() / zenith.x());
}

// Measured ratios of clear sky to whole light on the ground are about 0.1…0.3 with a high sun.
TEST(Atmosphere, SkyGivesItsShareOfTheLight) {
  const Atmosphere air(3);
  const Vector3d sun = sun_at(45);
  Vector3f sky = Vector3f::Zero();
  constexpr int kCount = 500;
  for (int i = 0; i < kCount; ++i) {
    const double z = std::sqrt((i + 0.5) / kCount), azimuth = 2.399963 * i, r = std::sqrt(1 - z * z);
    sky += air.sky({r * std::cos(azimuth), r * std::sin(azimuth), z}, sun) / kCount;
  }
  const float share = luminance(sky) / (luminance(sky) + luminance(air.sun_at_ground(sun.z())) * 0.707F);
  EXPECT_GT(share, 0.1F);
  EXPECT_LT(share, 0.33F);
}

TEST(Atmosphere, DuskFadesStepByStep) {
  const Atmosphere air(3);
  float last = 1e9F;
  for (const double elevation : {10.0, 5.0, 0.0, -3.0, -6.0}) {
    const float now = luminance(air.sky(Vector3d(0, 0.5, 0.5).normalized(), sun_at(elevation)));
    EXPECT_LT(now, last) << elevation;
    EXPECT_GE(now, 0) << elevation;
    last = now;
  }
}

}  // namespace
}  // namespace bramble
