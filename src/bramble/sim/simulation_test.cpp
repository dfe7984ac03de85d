#include "bramble/sim/simulation.hpp"

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/ros/image_view.hpp"
#include "bramble/sim/drive_statistics.hpp"
#include "bramble/sim/test_world.hpp"
#include "bramble/world/test_land.hpp"

namespace bramble {
namespace {

const std::string kRgb = "/carla/hero/rgb_front/image";
const std::string kLabel = "/carla/hero/semantic_segmentation_front/image";
const std::string kMask = "/segmentation/rgb/carla/hero/semantic_segmentation_front/image";

std::shared_ptr<const World> test_world() {
  static const auto world = std::make_shared<const World>(make_test_world());
  return world;
}

Rig small_rig() {
  Rig rig = Rig::load(BRAMBLE_SOURCE_DIR "/config/objects.json");
  for (Sensor& sensor : rig.sensors) sensor.lidar.columns = 90;
  return rig;
}

std::unique_ptr<Simulation> simulate(SimulationOptions options) {
  if (options.width == 0) {
    options.width = 64;
    options.height = 48;
  }
  return std::make_unique<Simulation>(test_world(), DriveScenario{}, small_rig(), VehicleConfig{}, options);
}

std::vector<Message> all_messages(Simulation& simulation) {
  std::vector<Message> result;
  while (auto message = simulation.next()) result.push_back(std::move(*message));
  return result;
}

// Everything that config/bramble.rviz shows is published: by the simulation, with the type and durability that the
// display wants, or by the inference node.
TEST(Simulation, PublishesWhatTheRvizViewShows) {
  const std::map<std::string, std::string> types = {
      {"rviz_default_plugins/Image", "sensor_msgs/msg/Image"},
      {"rviz_default_plugins/PointCloud2", "sensor_msgs/msg/PointCloud2"},
      {"rviz_default_plugins/Path", "nav_msgs/msg/Path"},
      {"rviz_default_plugins/MarkerArray", "visualization_msgs/msg/MarkerArray"},
      {"rviz_default_plugins/Odometry", "nav_msgs/msg/Odometry"}};
  const YAML::Node view = YAML::LoadFile(BRAMBLE_SOURCE_DIR "/config/bramble.rviz")["Visualization Manager"];
  EXPECT_EQ(view["Global Options"]["Fixed Frame"].as<std::string>(), "map");
  const auto simulation = simulate({});
  const auto there = simulation->topics();
  const std::string node = read_text_file(BRAMBLE_SOURCE_DIR "/src/bramble/infer/node.hpp");
  int shown = 0, estimates = 0;
  for (const YAML::Node& display : view["Displays"]) {
    if (!display["Topic"]) continue;
    const auto name = display["Topic"]["Value"].as<std::string>();
    const auto kind = display["Class"].as<std::string>();
    ASSERT_TRUE(types.contains(kind)) << kind;
    ++shown;
    const auto topic = std::find_if(there.begin(), there.end(), [&](const TopicInfo& t) { return t.name == name; });
    if (topic == there.end()) {
      EXPECT_NE(node.find('"' + name + '"'), std::string::npos) << name << " is published by nobody";
      ++estimates;
      continue;
    }
    EXPECT_EQ(topic->type, types.at(kind)) << name;
    EXPECT_EQ(display["Topic"]["Durability Policy"].as<std::string>(), topic->latched ? "Transient Local" : "Volatile")
        << name;
  }
  EXPECT_EQ(shown, 8);
  EXPECT_EQ(estimates, 1);
}

TEST(Simulation, TellsTheWholeScene) {
  auto simulation = simulate({});
  ASSERT_TRUE(simulation->advance());
  const auto actors = simulation->actors();
  ASSERT_EQ(actors.size(), 1 + simulation->rig().sensors.size());
  EXPECT_EQ(actors[0].id, kEgoActorId);
  EXPECT_EQ(actors[0].role_name, "hero");
  const auto objects = object_array(5, actors);
  ASSERT_EQ(objects.objects.size(), 1u);  // sensors are no objects
  EXPECT_TRUE(object_array(5, actors, kEgoActorId).objects.empty());
  const auto& object = objects.objects[0];
  EXPECT_EQ(object.header.frame_id, "map");
  EXPECT_EQ(object.shape.dimensions.size(), 3u);
  const auto markers = box_markers(5, actors);
  ASSERT_EQ(markers.markers.size(), 1u);
  // The box stands on the ground: its middle is half its height above it.
  const Eigen::Vector3d foot = actors[0].X_MA.translation();
  EXPECT_NEAR(markers.markers[0].pose.position.z - foot.z(), 0.5 * markers.markers[0].scale.z, 0.1);
  const auto path = waypoints(5, simulation->world().path);
  EXPECT_EQ(path.poses.size(), (simulation->world().path.points.size() + 1) / 2);
  // Each pose looks to the next.
  for (std::size_t i = 0; i + 1 < path.poses.size(); ++i) {
    const auto& q = path.poses[i].pose.orientation;
    const double yaw = 2 * std::atan2(q.z, q.w);
    const auto &a = path.poses[i].pose.position, &b = path.poses[i + 1].pose.position;
    EXPECT_GT(std::cos(yaw) * (b.x - a.x) + std::sin(yaw) * (b.y - a.y), 0.9 * std::hypot(b.x - a.x, b.y - a.y)) << i;
  }
}

TEST(Simulation, SaysWhenAFrameIsSent) {
  SimulationOptions options;
  options.topics = {"/clock", "/carla/hero/speedometer", "/carla/hero/collision"};  // the last is hardly ever sent
  auto simulation = simulate(options);
  EXPECT_TRUE(simulation->frame_sent());
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(simulation->next());
    EXPECT_EQ(simulation->frame_sent(), i % 2 == 1) << i;
  }
}

TEST(Simulation, OffersTheBridgesTopics) {
  const auto simulation = simulate({});
  std::map<std::string, std::string> types;
  for (const TopicInfo& topic : simulation->topics()) types[topic.name] = topic.type;
  const std::map<std::string, std::string> expected = {
      {"/clock", "rosgraph_msgs/msg/Clock"},
      {"/tf", "tf2_msgs/msg/TFMessage"},
      {"/carla/status", "carla_msgs/msg/CarlaStatus"},
      {"/carla/world_info", "carla_msgs/msg/CarlaWorldInfo"},
      {"/carla/actor_list", "carla_msgs/msg/CarlaActorList"},
      {"/carla/objects", "derived_object_msgs/msg/ObjectArray"},
      {"/carla/markers", "visualization_msgs/msg/MarkerArray"},
      {"/carla/map", "std_msgs/msg/String"},
      {"/carla/hero/waypoints", "nav_msgs/msg/Path"},
      {"/carla/hero/odometry", "nav_msgs/msg/Odometry"},
      {"/carla/hero/speedometer", "std_msgs/msg/Float32"},
      {"/carla/hero/imu", "sensor_msgs/msg/Imu"},
      {"/carla/hero/gnss", "sensor_msgs/msg/NavSatFix"},
      {"/carla/hero/collision", "carla_msgs/msg/CarlaCollisionEvent"},
      {kRgb, "sensor_msgs/msg/Image"},
      {"/carla/hero/rgb_front/camera_info", "sensor_msgs/msg/CameraInfo"},
      {kLabel, "sensor_msgs/msg/Image"},
      {"/carla/hero/semantic_segmentation_front/camera_info", "sensor_msgs/msg/CameraInfo"},
      {kMask, "sensor_msgs/msg/Image"},
      {"/carla/hero/depth_front/image", "sensor_msgs/msg/Image"},
      {"/carla/hero/depth_front/camera_info", "sensor_msgs/msg/CameraInfo"},
      {"/carla/hero/lidar", "sensor_msgs/msg/PointCloud2"},
      {"/carla/hero/semantic_lidar", "sensor_msgs/msg/PointCloud2"},
      {"/carla/hero/rgb_view/image", "sensor_msgs/msg/Image"},
      {"/carla/hero/rgb_view/camera_info", "sensor_msgs/msg/CameraInfo"},
      {"/carla/hero/vehicle_status", "carla_msgs/msg/CarlaEgoVehicleStatus"},
      {"/carla/hero/vehicle_info", "carla_msgs/msg/CarlaEgoVehicleInfo"}};
  EXPECT_EQ(types, expected);
}

TEST(Simulation, EveryMessageIsOfItsTypeAndInOrder) {
  SimulationOptions options;
  options.frames = 3;
  const auto simulation = simulate(options);
  const auto messages = all_messages(*simulation);
  std::map<std::string, int> counts;
  StampNs last = 0;
  for (const Message& message : messages) {
    EXPECT_GE(message.stamp_ns, last);
    last = message.stamp_ns;
    ++counts[message.topic.name];
    const MessageType* type = find_message_type(message.topic.type);
    ASSERT_NE(type, nullptr) << message.topic.type;
    EXPECT_NO_THROW(type->check(*message.cdr)) << message.topic.name;
  }
  EXPECT_EQ(messages.front().topic.name, "/clock");
  EXPECT_EQ(messages.front().stamp_ns, kNsPerSecond);
  EXPECT_EQ(last, kNsPerSecond + 2 * 50'000'000);
  for (const TopicInfo& topic : simulation->topics()) {
    const int expected = topic.latched ? 1 : topic.name == "/carla/hero/collision" ? 0 : 3;
    EXPECT_EQ(counts[topic.name], expected) << topic.name;
  }
}

TEST(Simulation, PicturesSpeakOfTheSameRays) {
  SimulationOptions options;
  options.frames = 2;
  options.topics = {kRgb, kLabel, kMask, "/carla/hero/depth_front/image"};
  const auto simulation = simulate(options);
  const World& world = simulation->world();
  while (simulation->advance()) {
    const auto& frame = simulation->frame();
    const CameraFrame* rgb = frame.readings[simulation->sensor_index("rgb_front")].camera;
    ASSERT_NE(rgb, nullptr);
    EXPECT_EQ(rgb, frame.readings[simulation->sensor_index("semantic_segmentation_front")].camera);
    EXPECT_EQ(frame.readings[simulation->sensor_index("rgb_view")].camera, nullptr) << "not wanted, not rendered";
    EXPECT_TRUE(frame.readings[simulation->sensor_index("lidar")].points.empty());
    EXPECT_EQ(std::count(rgb->instance.data.begin(), rgb->instance.data.end(), kVehicleInstanceId), 0);
    // A pixel of ground in the lower middle lies where terrain and depth agree.
    const Sensor& sensor = simulation->rig().sensors[simulation->sensor_index("rgb_front")];
    const int u = 32, v = 40;
    const double f = 32 / std::tan(0.5 * sensor.camera.fov_rad);
    const double depth = *rgb->depth_m.at(u, v);
    Pose X_BC = sensor.X_BS;
    X_BC.linear() = X_BC.linear() * R_body_optical();
    const Eigen::Vector3d p =
        frame.state.X_MB * X_BC * Eigen::Vector3d((u + 0.5 - 32) / f * depth, (v + 0.5 - 24) / f * depth, depth);
    EXPECT_NEAR(p.z(), world.terrain.height(p.x(), p.y()), 0.02);
    EXPECT_EQ(*rgb->semantic.at(u, v), world.terrain.class_at(p.x(), p.y()));
  }
}

TEST(Simulation, MessagesCarryThePixels) {
  SimulationOptions options;
  options.frames = 1;
  options.topics = {kRgb, kLabel, kMask};
  for (const auto encoding : {SemanticEncoding::kMono8, SemanticEncoding::kCarla}) {
    options.semantic_encoding = encoding;
    const auto simulation = simulate(options);
    const auto messages = all_messages(*simulation);
    ASSERT_EQ(messages.size(), 3U);
    const CameraFrame& frame = *simulation->frame().readings[simulation->sensor_index("rgb_front")].camera;
    const Ontology& ontology = simulation->world().ontology;
    for (const Message& message : messages) {
      const ImageView view = ImageView::parse(*message.cdr);
      EXPECT_EQ(view.stamp_ns, message.stamp_ns);
      EXPECT_EQ(view.width, 64U);
      EXPECT_EQ(view.height, 48U);
      if (message.topic.name == kRgb) {
        EXPECT_EQ(view.encoding, "bgra8");
        EXPECT_EQ(view.frame_id, "hero/rgb_front");
        EXPECT_TRUE(std::equal(view.data.begin(), view.data.end(), frame.bgra.data.begin(), frame.bgra.data.end()));
      } else if (message.topic.name == kMask) {
        EXPECT_EQ(view.encoding, "rgb8");
        EXPECT_EQ(view.data[0], ontology[frame.semantic.data[0]].color[0]);
        EXPECT_EQ(view.data[2], ontology[frame.semantic.data[0]].color[2]);
      } else if (encoding == SemanticEncoding::kMono8) {
        EXPECT_EQ(view.encoding, "mono8");
        EXPECT_TRUE(
            std::equal(view.data.begin(), view.data.end(), frame.semantic.data.begin(), frame.semantic.data.end()));
      } else {
        EXPECT_EQ(view.encoding, "bgra8");
        for (std::size_t i = 0; i < frame.semantic.data.size(); ++i) {
          ASSERT_EQ(view.data[4 * i + 2], ontology[frame.semantic.data[i]].carla_tag);
          ASSERT_EQ(view.data[4 * i] + view.data[4 * i + 1], 0);
        }
      }
    }
  }
}

TEST(Simulation, ThirdPersonSeesTheVehicle) {
  SimulationOptions options;
  options.frames = 1;
  options.topics = {"/carla/hero/rgb_view/image"};
  const auto simulation = simulate(options);
  ASSERT_TRUE(simulation->advance());
  const CameraFrame& frame = *simulation->frame().readings[simulation->sensor_index("rgb_view")].camera;
  const auto pixels = std::count(frame.instance.data.begin(), frame.instance.data.end(), kVehicleInstanceId);
  EXPECT_GT(pixels, 64 * 48 / 100);
  EXPECT_LT(pixels, 64 * 48 / 3);
}

TEST(Simulation, SameBytesForAnyNumberOfThreads) {
  SimulationOptions options;
  options.frames = 3;
  std::vector<Message> runs[2];
  for (const int threads : {1, 2}) {
    set_thread_count(threads);
    runs[threads - 1] = all_messages(*simulate(options));
  }
  set_thread_count(0);
  ASSERT_EQ(runs[0].size(), runs[1].size());
  for (std::size_t i = 0; i < runs[0].size(); ++i) {
    EXPECT_EQ(runs[0][i].topic, runs[1][i].topic);
    EXPECT_TRUE(*runs[0][i].cdr == *runs[1][i].cdr) << runs[0][i].topic.name;
  }
}

TEST(Simulation, BytesDoNotDependOnWhatElseIsWanted) {
  SimulationOptions options;
  options.frames = 2;
  const auto all = all_messages(*simulate(options));
  options.topics = {kRgb, "/carla/hero/lidar", "/carla/hero/imu"};
  std::size_t at = 0;
  for (const Message& message : all_messages(*simulate(options))) {
    while (at < all.size() && !(all[at].topic == message.topic && all[at].stamp_ns == message.stamp_ns)) ++at;
    ASSERT_LT(at, all.size()) << message.topic.name;
    EXPECT_TRUE(*all[at].cdr == *message.cdr) << message.topic.name;
  }
}

TEST(Simulation, OdometryIsTheBodysTwistAndGnssFollows) {
  SimulationOptions options;
  options.frames = 100;
  options.topics = {"/carla/hero/odometry", "/carla/hero/gnss", "/carla/hero/imu"};
  const auto simulation = simulate(options);
  std::vector<nav_msgs::Odometry> odometry;
  std::vector<sensor_msgs::NavSatFix> fixes;
  double gravity = 0;
  while (const auto message = simulation->next()) {
    if (message->topic.name == options.topics[0]) odometry.push_back(deserialize<nav_msgs::Odometry>(*message->cdr));
    if (message->topic.name == options.topics[1]) fixes.push_back(deserialize<sensor_msgs::NavSatFix>(*message->cdr));
    if (message->topic.name == options.topics[2])
      gravity += deserialize<sensor_msgs::Imu>(*message->cdr).linear_acceleration.z / 100;
  }
  EXPECT_NEAR(gravity, kGravityMps2, 0.25);
  ASSERT_EQ(odometry.size(), 100U);
  const auto& a = odometry[80].pose.pose;
  const auto& b = odometry[82].pose.pose;
  const Eigen::Vector3d moved(b.position.x - a.position.x, b.position.y - a.position.y, b.position.z - a.position.z);
  const auto& q = odometry[81].pose.pose.orientation;
  const Eigen::Vector3d velocity_B = Eigen::Quaterniond(q.w, q.x, q.y, q.z).inverse() * (moved / 0.1);
  const auto& twist = odometry[81].twist.twist.linear;
  EXPECT_NEAR(twist.x, velocity_B.x(), 0.1);
  EXPECT_NEAR(twist.y, velocity_B.y(), 0.1);
  EXPECT_GT(twist.x, 2);
  // A degree of latitude is 111.3 km on the sphere of the projection.
  EXPECT_NEAR((fixes[80].latitude - fixes[0].latitude) * 111319.49,
              odometry[80].pose.pose.position.y - odometry[0].pose.pose.position.y, 0.3);
  EXPECT_NEAR(fixes[0].latitude, 42, 0.01);
}

TEST(Simulation, EverySensorOfTheFullRigSpeaks) {
  SimulationOptions options;
  options.frames = 2;
  options.width = 48;
  options.height = 36;
  Rig rig = Rig::load(BRAMBLE_SOURCE_DIR "/config/every_sensor.json");
  for (Sensor& sensor : rig.sensors) {
    sensor.lidar.columns = std::min(sensor.lidar.columns, 60);
    sensor.min_pixels = 3;
  }
  Simulation simulation(std::make_shared<StreamedWorld>(test_land(), land_stock(), kLandAssets), DriveScenario{}, rig,
                        VehicleConfig{}, options);
  std::map<std::string, Message> last;
  while (auto message = simulation.next()) last[message->topic.name] = *message;
  for (const Sensor& sensor : rig.sensors) {
    if (sensor.kind == SensorKind::kTf || sensor.kind == SensorKind::kCollision) continue;
    const bool picture = sensor.is_camera() && sensor.kind != SensorKind::kDetections;
    const std::string topic = "/carla/hero/" + sensor.id + (picture ? "/image" : "");
    EXPECT_TRUE(last.contains(topic)) << topic;
  }
  const auto image = [&](const std::string& id) {
    return deserialize<sensor_msgs::Image>(*last.at("/carla/hero/" + id + "/image").cdr);
  };
  EXPECT_EQ(image("normals_front").encoding, "32FC3");
  EXPECT_EQ(image("optical_flow_front").encoding, "32FC2");
  EXPECT_EQ(image("instance_front").encoding, "32SC1");
  EXPECT_EQ(image("panoptic_front").encoding, "32SC1");
  // Every pixel is shared out whole among the classes, or belongs to none (255: the vehicle here).
  const auto coverage = image("coverage_front");
  const auto labels = image("semantic_segmentation_front");
  const std::size_t classes = simulation.world().ontology.size();
  ASSERT_EQ(coverage.encoding, fmt::format("32FC{}", classes));
  ASSERT_EQ(coverage.data.size(), labels.data.size() * classes * sizeof(float));
  int mixed = 0;
  for (std::size_t i = 0; i < labels.data.size(); ++i) {
    std::vector<float> shares(classes);
    std::memcpy(shares.data(), coverage.data.data() + i * classes * sizeof(float), classes * sizeof(float));
    const float sum = std::accumulate(shares.begin(), shares.end(), 0.0F);
    EXPECT_LT(sum, 1.0001F);
    if (labels.data[i] != kIgnoreId) {
      EXPECT_GT(shares[labels.data[i]], 0.05F);
      mixed += *std::max_element(shares.begin(), shares.end()) < 0.95F;
    }
  }
  EXPECT_GT(mixed, 20) << "borders of classes run through pixels";
  // Boxes hold what the instance image shows.
  const auto instances = image("instance_front");
  const auto boxes = deserialize<vision_msgs::Detection2DArray>(*last.at("/carla/hero/detections_front").cdr);
  for (const auto& box : boxes.detections) {
    int inside = 0, outside = 0;
    for (std::uint32_t v = 0; v < instances.height; ++v)
      for (std::uint32_t u = 0; u < instances.width; ++u) {
        std::uint32_t id = 0;
        std::memcpy(&id, instances.data.data() + v * instances.step + 4 * u, 4);
        if (std::to_string(id) != box.id) continue;
        const bool in_box = std::abs(u + 0.5 - box.bbox.center.position.x) < 0.5 * box.bbox.size_x &&
                            std::abs(v + 0.5 - box.bbox.center.position.y) < 0.5 * box.bbox.size_y;
        (in_box ? inside : outside)++;
      }
    EXPECT_EQ(outside, 0) << box.id;
    EXPECT_GE(inside, 3) << box.id;
  }
  EXPECT_FALSE(boxes.detections.empty()) << "trees are in view";
  const auto info = deserialize<sensor_msgs::CameraInfo>(*last.at("/carla/hero/rgb_fisheye/camera_info").cdr);
  EXPECT_EQ(info.distortion_model, "equidistant");
  EXPECT_EQ(info.d.size(), 4U);
  const auto cloud = deserialize<sensor_msgs::PointCloud2>(*last.at("/carla/hero/lidar_top").cdr);
  ASSERT_EQ(cloud.fields.size(), 6U);
  EXPECT_EQ(cloud.fields[4].name, "ring");
  EXPECT_EQ(cloud.point_step, 22U);
  EXPECT_EQ(cloud.data.size(), 22U * cloud.width);
  EXPECT_GT(cloud.width, 100U);
  const auto joints = deserialize<sensor_msgs::JointState>(*last.at("/carla/hero/wheel_encoder").cdr);
  EXPECT_EQ(joints.name.size(), 5U);
  EXPECT_TRUE(last.contains("/carla/hero/wheel_encoder/odometry"));
}

TEST(Simulation, UnknownTopicsAndSensorsAreNamed) {
  SimulationOptions options;
  options.topics = {"/carla/hero/rgb_fornt/image"};
  try {
    simulate(options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean " + kRgb), std::string::npos) << error.what();
  }
  options.topics = {};
  EXPECT_THROW((void)simulate(options)->sensor_index("nose"), Error);
}

TEST(Simulation, ItsOwnTraceReplaysExactly) {
  SimulationOptions options;
  options.topics = {"/carla/hero/odometry"};
  options.frames = 400;
  options.driver = "manual-like";
  const auto first = simulate(options);
  const auto recorded = all_messages(*first);
  const std::filesystem::path file = std::filesystem::path(testing::TempDir()) / "bramble_sim_trace.csv";
  write_file_atomically(file, first->trace().to_csv());
  options.driver = "trace:" + file.string();
  options.frames = 0;
  const auto second = simulate(options);
  EXPECT_EQ(second->frame_count(), 400);
  const auto replayed = all_messages(*second);
  ASSERT_EQ(recorded.size(), replayed.size());
  for (std::size_t i = 0; i < recorded.size(); ++i) ASSERT_TRUE(*recorded[i].cdr == *replayed[i].cdr) << i;
}

// Two windows' steps of a land that is not held whole: messages of some frames, and how the drive went.
std::vector<Message> drive_through_land(int threads, std::int64_t first_frame, DriveStatistics* statistics = nullptr) {
  const int before = thread_count();
  set_thread_count(threads);
  SimulationOptions options;
  options.topics = {kRgb, kLabel, "/carla/hero/odometry"};
  options.width = 64;
  options.height = 48;
  options.sensor_every = 100;
  options.first_frame = first_frame;
  options.frames = 501 - first_frame;
  Simulation simulation(std::make_shared<StreamedWorld>(test_land(), land_stock(), kLandAssets), DriveScenario{},
                        small_rig(), VehicleConfig{}, options);
  std::vector<Message> messages;
  std::int64_t seen = -1;
  while (auto message = simulation.next()) {
    messages.push_back(std::move(*message));
    if (statistics && simulation.frame().index != seen) statistics->add(simulation.frame());
    seen = simulation.frame().index;
  }
  set_thread_count(before);
  return messages;
}

TEST(Simulation, AnotherDriverTakesOverWhereTheVehicleIs) {
  SimulationOptions options;
  options.topics = {"/clock"};
  options.manual = std::make_shared<ManualControl>();
  const auto simulation = simulate(options);
  for (int i = 0; i < 100; ++i) simulation->advance();
  const Pose before = simulation->frame().state.X_MB;
  EXPECT_GT(simulation->frame().state.speed_mps(), 3);
  simulation->choose_driver("manual");
  simulation->advance();
  EXPECT_LT((simulation->frame().state.X_MB.translation() - before.translation()).norm(), 0.5);
  for (int i = 0; i < 100; ++i) simulation->advance();
  EXPECT_LT(std::abs(simulation->frame().state.speed_mps()), 0.05) << "nobody drives: it stands";
  simulation->choose_driver("autopilot");
  for (int i = 0; i < 100; ++i) simulation->advance();
  EXPECT_GT(simulation->frame().state.speed_mps(), 3);
  EXPECT_EQ(simulation->driver(), "autopilot");
  EXPECT_THROW(simulation->choose_driver("trace:x.csv"), Error);
  EXPECT_THROW(simulation->choose_driver("nobody"), Error);
  EXPECT_EQ(simulation->driver(), "autopilot") << "a refused driver changes nothing";
}

TEST(Simulation, TheSkyChangesDuringADrive) {
  SimulationOptions options;
  options.topics = {kRgb};
  const auto simulation = simulate(options);
  const auto contrast = [&] {  // standard deviation of the pixels' green
    simulation->advance();
    const ImageU8& image = simulation->frame().readings[simulation->sensor_index("rgb_front")].camera->bgra;
    double sum = 0, squares = 0;
    for (std::size_t i = 1; i < image.data.size(); i += 4) {
      sum += image.data[i];
      squares += double(image.data[i]) * image.data[i];
    }
    const double count = static_cast<double>(image.data.size()) / 4;
    return std::sqrt(squares / count - sum * sum / (count * count));
  };
  const double clear = contrast();
  SkyScenario fog;
  fog.fog_visibility_m = 8;
  fog.fog_height_m = 100;
  simulation->set_sky(fog);
  EXPECT_LT(contrast(), 0.6 * clear);
  EXPECT_EQ(simulation->sky(), fog);
}

TEST(Simulation, DrivesThroughAStreamedWorldAsIfItWereWhole) {
  const StreamedWorld land(test_land(), land_stock(), kLandAssets);
  DriveStatistics statistics(land.world());
  const auto messages = drive_through_land(2, 0, &statistics);
  EXPECT_EQ(statistics.to_json()["collisions"], 0);
  EXPECT_GT(statistics.to_json()["distance_m"], 100) << "two steps of the window";
  EXPECT_LT(statistics.to_json()["max_lateral_m"], 0.6);
  EXPECT_LT(statistics.to_json()["max_roll_deg"], 20) << "no jolt where the window moves";
  const auto again = drive_through_land(1, 0);
  ASSERT_EQ(again.size(), messages.size());
  for (std::size_t i = 0; i < again.size(); ++i) EXPECT_EQ(*again[i].cdr, *messages[i].cdr) << i;
  // Taken up in the middle the pictures are the same.
  const auto later = drive_through_land(2, 400);
  ASSERT_LT(later.size(), messages.size());
  for (std::size_t i = 0; i < later.size(); ++i)
    EXPECT_EQ(*later[i].cdr, *messages[messages.size() - later.size() + i].cdr) << i;
}

TEST(DriveStatistics, CountsWhatWasDriven) {
  SimulationOptions options;
  options.topics = {"/clock"};
  options.frames = 200;
  const auto simulation = simulate(options);
  DriveStatistics statistics(simulation->world());
  while (simulation->advance()) statistics.add(simulation->frame());
  EXPECT_EQ(statistics.frames(), 200);
  EXPECT_NEAR(statistics.mean_speed_mps() * 199 * kFrameS, statistics.distance_m(), 1e-9);
  EXPECT_GT(statistics.distance_m(), 35);
  EXPECT_LT(statistics.max_lateral_m(), 1);
  EXPECT_EQ(statistics.collisions(), 0);
}

}  // namespace
}  // namespace bramble
