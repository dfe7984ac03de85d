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
  EXPECT_FALSE(front.sees_vehicle);
  for (const Sensor& sensor : rig.sensors) {
    if (sensor.id == "rgb_view") {
      EXPECT_TRUE(sensor.sees_vehicle);
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

}  // namespace
}  // namespace bramble
