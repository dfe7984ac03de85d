#include "bramble/sim/rig.hpp"

#include <gtest/gtest.h>

#include <numbers>

#include "bramble/core/error.hpp"

namespace bramble {
namespace {

void expect_refused(const std::string& text, const std::vector<std::string>& words) {
  try {
    Rig::parse(text, "objects.json");
    ADD_FAILURE() << "accepted: " << text;
  } catch (const Error& error) {
    const std::string what = error.what();
    EXPECT_EQ(what.find('\n'), std::string::npos) << "one line: " << what;
    for (const auto& word : words) EXPECT_NE(what.find(word), std::string::npos) << what;
  }
}

std::string with_sensor(const std::string& sensor) {
  return R"({"objects": [{"type": "vehicle.x", "id": "hero", "sensors": [)" + sensor + "]}]}";
}

TEST(Rig, ShippedFileLoads) {
  const Rig rig = Rig::load(BRAMBLE_SOURCE_DIR "/config/objects.json");
  EXPECT_EQ(rig.role_name, "hero");
  ASSERT_GE(rig.sensors.size(), 10U);
  const Sensor& front = rig.sensors[0];
  EXPECT_EQ(front.id, "rgb_front");
  EXPECT_EQ(front.camera.width, 1024);
  EXPECT_NEAR(front.camera.fov_rad, std::numbers::pi / 2, 1e-12);
  EXPECT_EQ(front.X_BS.matrix(), rig.sensors[1].X_BS.matrix()) << "one render pass serves both";
  EXPECT_TRUE(front.sees_vehicle);
  for (const Sensor& sensor : rig.sensors) {
    if (sensor.id == "rgb_view") {
      EXPECT_LT((sensor.X_BS.linear() * Eigen::Vector3d::UnitX()).z(), -0.2) << "positive pitch looks down";
    }
    if (sensor.id == "lidar") {
      EXPECT_EQ(sensor.lidar.channels, 64);
      EXPECT_EQ(sensor.lidar.columns, 1024);
    }
  }
}

TEST(Rig, ReadsTheBridgesOwnExampleStyle) {
  const Rig rig = Rig::parse(R"({"objects": [
    {"type": "sensor.pseudo.traffic_lights", "id": "traffic_lights"},
    {"type": "vehicle.tesla.model3", "id": "ego_vehicle", "sensors": [
      {"type": "sensor.camera.rgb", "id": "rgb_front", "spawn_point": {"x": 2.0, "z": 2.0, "pitch": 20},
       "image_size_x": "320", "image_size_y": 200, "fov": "60.5", "sensor_tick": 0.05},
      {"type": "sensor.camera.rgb", "id": "rgb_front"},
      {"type": "sensor.other.radar", "id": "radar_front", "horizontal_fov": 30.0},
      {"type": "sensor.lidar.ray_cast", "id": "lidar", "range": 50, "channels": 32, "points_per_second": 320000,
       "upper_fov": 2.0, "lower_fov": -26.8, "rotation_frequency": 20, "noise_stddev": 0.0}]}]})",
                             "objects.json");
  EXPECT_EQ(rig.role_name, "ego_vehicle");
  ASSERT_EQ(rig.sensors.size(), 2U) << "the twin and the radar are left out";
  EXPECT_EQ(rig.sensors[0].camera.width, 320);
  EXPECT_NEAR(rig.sensors[0].camera.fov_rad * 180 / std::numbers::pi, 60.5, 1e-9);
  EXPECT_EQ(rig.sensors[1].lidar.columns, 500);
}

TEST(Rig, MistakesAreNamed) {
  expect_refused("{\"objects\": [\n  {\"type\": \"vehicle.x\",\n  id\n]}", {"objects.json:3", "not valid JSON"});
  expect_refused("", {"objects.json:1", "not valid JSON"});
  expect_refused("[]", {"objects.json", "\"objects\""});
  expect_refused("{\"objects\": []}", {"no object of type vehicle"});
  expect_refused(R"({"objects": [3]})", {"objects[0]", "number"});
  expect_refused(R"({"objects": [{"id": "hero"}]})", {"objects[0]", "\"type\" is missing"});
  expect_refused(R"({"objects": [{"type": "vehicle.x", "id": "he ro"}]})", {"he ro"});
  expect_refused(R"({"objects": [{"type": "vehicle.x", "id": "hero", "sensors": {}}]})", {"must be a list"});
  expect_refused(with_sensor(R"({"type": "sensor.camera.rgb"})"), {"sensors[0]", "\"id\" is missing"});
  expect_refused(with_sensor(R"({"type": "sensor.camera.rgb", "id": "a", "fov": 200})"),
                 {"\"fov\" is 200", "[1, 170]"});
  expect_refused(with_sensor(R"({"type": "sensor.camera.rgb", "id": "a", "fov": "wide"})"), {"\"fov\"", "wide"});
  expect_refused(with_sensor(R"({"type": "sensor.camera.rgb", "id": "a", "image_size_x": null})"), {"image_size_x"});
  expect_refused(with_sensor(R"({"type": "sensor.camera.rgb", "id": "a", "spawn_point": {"x": "here"}})"),
                 {"spawn_point", "\"x\""});
  expect_refused(with_sensor(R"({"type": "camera", "id": "a"})"), {"\"camera\" is no sensor"});
  expect_refused(with_sensor(R"({"type": "sensor.camera.rgb", "id": "a"}, {"type": "sensor.camera.depth", "id": "a"})"),
                 {"\"a\" is taken"});
}

TEST(Rig, ReadsLensesEffectsAndQuality) {
  const Rig rig = Rig::parse(with_sensor(R"(
      {"type": "sensor.camera.rgb", "id": "a", "quality": "standard", "distortion": [-0.1, 0.01], "iso": 400,
       "shutter_speed": 100, "temp": 5200, "vignetting": 0.4, "exposure_compensation": -0.5},
      {"type": "sensor.camera.semantic_segmentation", "id": "b", "projection": "fisheye", "fov": 195},
      {"type": "sensor.camera.normals", "id": "c"}, {"type": "sensor.camera.optical_flow", "id": "d"},
      {"type": "sensor.camera.instance_segmentation", "id": "e"})"),
                             "objects.json");
  ASSERT_EQ(rig.sensors.size(), 5U);
  const Sensor& a = rig.sensors[0];
  EXPECT_EQ(a.camera.samples_per_axis, 2);
  EXPECT_TRUE(a.camera.traced_sky_light);
  EXPECT_EQ(a.camera.distortion[0], -0.1);
  const CameraEffects effects = CameraEffects{}.with(a.effects);
  EXPECT_EQ(effects.iso, 400);
  EXPECT_EQ(effects.shutter_s, 0.01);
  EXPECT_EQ(effects.temperature_k, 5200);
  EXPECT_EQ(effects.vignetting, 0.4);
  EXPECT_EQ(effects.exposure_ev, -0.5);
  EXPECT_EQ(rig.sensors[1].camera.projection, Projection::kFisheye);
  for (const Sensor& sensor : rig.sensors) EXPECT_TRUE(sensor.is_camera());
  expect_refused(with_sensor(R"({"type": "sensor.camera.rgb", "id": "a", "quality": "standart"})"),
                 {"standart", "preview, standard, reference", "did you mean \"standard\""});
  expect_refused(with_sensor(R"({"type": "sensor.camera.rgb", "id": "a", "distortion": [1, 2, 3, 4, 5, 6]})"),
                 {"distortion", "at most 5"});
  expect_refused(with_sensor(R"({"type": "sensor.camera.rgb", "id": "a", "distortion": [-0.9]})"), {"folds"});
}

TEST(Rig, DraftSharesRaysBetweenPixelsOfPicturesAndOfTheirTruth) {
  Rig rig = Rig::parse(with_sensor(R"(
      {"type": "sensor.camera.rgb", "id": "a", "quality": "reference"},
      {"type": "sensor.camera.semantic_segmentation", "id": "b"})"),
                       "objects.json");
  rig.set_quality("draft");
  for (const Sensor& sensor : rig.sensors) EXPECT_EQ(sensor.camera.ray_spacing, 2);
  EXPECT_EQ(rig.sensors[0].camera.samples_per_axis, 1);
  EXPECT_TRUE(rig.sensors[0].camera.same_rays(rig.sensors[1].camera));
  rig.set_quality("standard");
  for (const Sensor& sensor : rig.sensors) EXPECT_EQ(sensor.camera.ray_spacing, 1);
  EXPECT_EQ(rig.sensors[0].camera.samples_per_axis, 2);
  EXPECT_THROW(rig.set_quality("best"), Error);
}

TEST(Rig, ReadsLidars) {
  const Rig rig = Rig::parse(with_sensor(R"(
      {"type": "sensor.lidar.ray_cast", "id": "a", "preset": "hdl-64e", "motion_distortion": true, "range": 50},
      {"type": "sensor.lidar.ray_cast", "id": "b", "preset": "vlp-16", "rotation_frequency": 10, "ring_and_time": 1},
      {"type": "sensor.lidar.ray_cast", "id": "c", "elevations": [10, 0, -10, -30], "dropoff_general_rate": 0.45,
       "points_per_second": 8000, "beam_divergence": 0.2},
      {"type": "sensor.lidar.ray_cast", "id": "d", "pattern": "raster", "horizontal_fov": 70},
      {"type": "sensor.lidar.ray_cast_semantic", "id": "e", "dropoff_general_rate": 0.5})"),
                             "objects.json");
  EXPECT_EQ(rig.sensors[0].lidar.channels, 64);
  EXPECT_EQ(rig.sensors[0].lidar.range_m, 50);
  EXPECT_EQ(rig.sensors[0].lidar.elevations_rad.size(), 64U);
  EXPECT_TRUE(rig.sensors[0].motion_distortion);
  EXPECT_NEAR(rig.sensors[1].lidar.turns_per_scan, 0.5, 1e-12);
  EXPECT_TRUE(rig.sensors[1].ring_and_time);
  EXPECT_EQ(rig.sensors[2].lidar.channels, 4);
  EXPECT_EQ(rig.sensors[2].lidar.columns, 100);
  EXPECT_EQ(rig.sensors[2].lidar.dropoff_general_rate, 0.45);
  EXPECT_EQ(rig.sensors[3].lidar.pattern, ScanPattern::kRaster);
  EXPECT_EQ(rig.sensors[4].lidar.dropoff_general_rate, 0) << "the labelled variant is the truth";
  expect_refused(with_sensor(R"({"type": "sensor.lidar.ray_cast", "id": "a", "preset": "vlp-61"})"),
                 {"vlp-61", "hdl-64e", "did you mean"});
  expect_refused(with_sensor(R"({"type": "sensor.lidar.ray_cast", "id": "a", "elevations": "low"})"), {"elevations"});
}

}  // namespace
}  // namespace bramble
