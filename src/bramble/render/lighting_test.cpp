#include "bramble/render/lighting.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "bramble/core/random.hpp"

namespace bramble {
namespace {

using Eigen::Vector3f;

Surface white_surface(const Vector3f& normal) {
  Surface s;
  s.distance = 10;
  s.position = Vector3f(3, 4, 1);
  s.normal = s.flat_normal = normal;
  s.albedo = Vector3f::Ones();
  return s;
}
float luminance(const Vector3f& color) { return color.dot(Vector3f(0.2126F, 0.7152F, 0.0722F)); }
Vector3f random_direction(Random& random) {
  const float z = 2 * random.uniform() - 1, azimuth = 6.2831853F * random.uniform(), r = std::sqrt(1 - z * z);
  return {r * std::cos(azimuth), r * std::sin(azimuth), z};
}

// White furnace: in light that is 1 from everywhere a white surface shows 1, whatever lies on it and however much air
// is in between.
TEST(Lighting, WhiteSurfacesVanishInTheWhiteFurnace) {
  Random random(1);
  for (int i = 0; i < 60; ++i) {
    Sky sky;
    sky.fog_per_m = i % 3 == 0 ? 0.05F : 0.0F;
    sky.rain = i % 2 == 0 ? 0.5F : 0.0F;
    sky.haze_distance_m = 200;
    const SkyDome dome = SkyDome::uniform(sky, Vector3f::Ones());
    const Vector3f direction = random_direction(random);
    Vector3f normal = random_direction(random);
    if (normal.dot(direction) > 0) normal = -normal;
    Surface s = white_surface(normal);
    s.translucency = i % 4 == 0 ? 0.6F : 0.0F;
    s.film = random.uniform();
    s.gloss = random.uniform();
    const Vector3f lit = shade(s, dome, direction, 0);
    EXPECT_NEAR((lit - Vector3f::Ones()).cwiseAbs().maxCoeff(), 0, 1e-4F) << i;
    const Vector3f seen = through_air(lit, 1 + 300 * random.uniform(), 2, direction, dome);
    EXPECT_NEAR((seen - Vector3f::Ones()).cwiseAbs().maxCoeff(), 0, 1e-4F) << i;
  }
}

// No matt surface sends out more than falls on it: the mean over all directions it can be seen from, against the light
// of sun and sky.
TEST(Lighting, MattSurfacesGiveBackNoMoreThanTheyGet) {
  Random random(2);
  for (const float elevation : {0.2F, 0.7F, 1.3F}) {
    Sky sky;
    sky.sun_direction = Vector3f(std::cos(elevation), 0, std::sin(elevation));
    const SkyDome dome(sky);
    for (int i = 0; i < 200; ++i) {
      Vector3f normal = random_direction(random);
      normal.z() = std::abs(normal.z());
      Surface s = white_surface(normal);
      const float received =
          luminance(dome.ambient(normal)) + luminance(dome.sun()) * std::max(0.0F, normal.dot(sky.sun_direction));
      EXPECT_LE(luminance(shade(s, dome, -normal, 1)), 1.001F * received);
      // A leaf has two sides: what it passes on it does not give back.
      s.translucency = 0.5F;
      const float both = luminance(dome.ambient(normal)) + luminance(dome.sun());
      EXPECT_LE(luminance(shade(s, dome, -normal, 1)), 1.25F * both);
    }
  }
}

TEST(Lighting, ShadowRaysReachTheWholeDiscAndNothingElse) {
  Sky sky;
  sky.sun_direction = Vector3f(0.6F, 0, 0.8F);
  Random random(3);
  double sum = 0;
  for (int i = 0; i < 4000; ++i) {
    const Vector3f d = towards_sun(sky, random.uniform(), random.uniform());
    EXPECT_NEAR(d.norm(), 1, 1e-5F);
    const double angle = d.cross(sky.sun_direction).norm() / sky.sun_radius_rad;
    EXPECT_LE(angle, 1.001);
    sum += angle * angle;
  }
  EXPECT_NEAR(sum / 4000, 0.5, 0.03);  // even over the disc's area
  sky.sun_radius_rad = 0;
  EXPECT_EQ(towards_sun(sky, 0.3F, 0.9F), sky.sun_direction);
}

TEST(Lighting, RainDarkensAndSnowLiesOnWhatLooksUp) {
  Sky rain, snow;
  rain.wetness = 1;
  snow.snow = 1;
  Surface ground = white_surface(Vector3f::UnitZ()), wall = white_surface(Vector3f::UnitX());
  ground.albedo = wall.albedo = Vector3f(0.3F, 0.25F, 0.2F);
  Surface wet = ground;
  apply_weather(wet, rain);
  EXPECT_LT(wet.albedo.y(), 0.6F * ground.albedo.y());
  EXPECT_GT(wet.film, 0.3F);
  Surface white = ground, bare = wall, rut = ground, dry = ground;
  rut.trodden = 1;
  apply_weather(white, snow);
  apply_weather(bare, snow);
  apply_weather(rut, snow);
  apply_weather(dry, Sky());
  EXPECT_GT(white.albedo.y(), 0.7F);
  EXPECT_EQ(bare.albedo, wall.albedo);
  EXPECT_LT(rut.albedo.y(), white.albedo.y());
  EXPECT_EQ(dry.albedo, ground.albedo);
}

// Koschmieder's law: at the visibility a contrast has fallen to 2 %.
TEST(Lighting, FogTakesContrastAsItsVisibilitySays) {
  Sky sky;
  sky.haze_distance_m = 1e9F;
  sky.fog_per_m = 3.912F / 80;
  const SkyDome dome(sky);
  const Vector3f along(1, 0, 0);
  const Vector3f black = through_air(Vector3f::Zero(), 80, 0, along, dome),
                 white = through_air(Vector3f::Ones(), 80, 0, along, dome);
  EXPECT_NEAR((white - black).maxCoeff(), 0.02F, 0.0005F);
  // Above the fog's height there is less of it.
  const Vector3f high = through_air(Vector3f::Ones(), 80, 2 * sky.fog_height_m, along, dome),
                 high_black = through_air(Vector3f::Zero(), 80, 2 * sky.fog_height_m, along, dome);
  EXPECT_GT((high - high_black).minCoeff(), 0.5F);
}

TEST(SkyDome, ExposureFollowsTheLight) {
  Sky noon, dusk;
  noon.cloud_cover = dusk.cloud_cover = 0;
  dusk.sun_direction = Vector3f(0.9998F, 0, 0.02F).normalized();
  dusk.sun_color = Vector3f(0.1F, 0.03F, 0.005F);
  const SkyDome bright(noon), dark(dusk);
  EXPECT_GT(dark.exposure(), 5 * bright.exposure());
  // A grey card still looks darker at dusk.
  EXPECT_LT(dark.exposure() * luminance(dark.ambient(Vector3f::UnitZ())),
            bright.exposure() * luminance(bright.ambient(Vector3f::UnitZ()) + bright.sun() * noon.sun_direction.z()));
}

TEST(SkyDome, NightsAreDarkAndClearOnesHaveStars) {
  Sky night;
  night.cloud_cover = 0;
  night.sun_direction = Vector3f(0.97F, 0, -0.25F).normalized();
  night.sun_color = Vector3f::Zero();
  const SkyDome dome(night);
  EXPECT_LT(dome.exposure() * luminance(dome.ambient(Vector3f::UnitZ())), 0.15F);
  EXPECT_NEAR(automatic_exposure(0.009999F), automatic_exposure(0.01F), 0.01F) << "no step at late dusk";
  Sky closed = night;
  closed.cloud_cover = 1;
  const SkyDome overcast(closed);
  float brightest = 0, brightest_overcast = 0;
  for (int i = 0; i < 400; ++i)
    for (int j = 0; j < 400; ++j) {
      const Vector3f up = Vector3f(0.0012F * float(i - 200), 0.0012F * float(j - 200), 1).normalized();
      brightest = std::max(brightest, luminance(dome.radiance(up) - dome.broad_radiance(up)));
      brightest_overcast = std::max(brightest_overcast, luminance(overcast.radiance(up) - overcast.broad_radiance(up)));
    }
  EXPECT_GT(brightest, 5 * brightest_overcast);
}

TEST(SkyDome, CloudsCloseAndTakeTheSun) {
  Sky sky;
  sky.cloud_cover = 1;
  const SkyDome dome(sky);
  EXPECT_EQ(dome.sun(), Vector3f::Zero());
  // The CIE's overcast sky: brighter overhead than at the horizon, and grey.
  Vector3f high = Vector3f::Zero(), low = Vector3f::Zero();
  for (int i = 0; i < 64; ++i) {
    const float azimuth = 0.0981748F * static_cast<float>(i);
    high += dome.radiance(Vector3f(0.2F * std::cos(azimuth), 0.2F * std::sin(azimuth), 1).normalized());
    low += dome.radiance(Vector3f(std::cos(azimuth), std::sin(azimuth), 0.15F).normalized());
  }
  EXPECT_GT(luminance(high), 1.5F * luminance(low));
  EXPECT_NEAR(high.z() / high.x(), 1, 0.35F);
}

}  // namespace
}  // namespace bramble
