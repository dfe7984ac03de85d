#include "bramble/ros/messages.hpp"

#include <gtest/gtest.h>

#include <map>

#include "bramble/core/random.hpp"
#include "bramble/ros/image_view.hpp"

namespace bramble {
namespace {

// Hashes of ROS 2's own generator for types that CARLA's bridge and rviz use.
TEST(MessageTypes, HashesAreThoseOfRos2) {
  const std::map<std::string_view, std::string_view> expected = {
      {"std_msgs/msg/Header", "f49fb3ae2cf070f793645ff749683ac6b06203e41c891e17701b1cb597ce6a01"},
      {"std_msgs/msg/Float32", "7170d3d8f841f7be3172ce5f4f59f3a4d7f63b0447e8b33327601ad64d83d6e2"},
      {"std_msgs/msg/Bool", "feb91e995ff9ebd09c0cb3d2aed18b11077585839fb5db80193b62d74528f6c9"},
      {"std_msgs/msg/String", "df668c740482bbd48fb39d76a70dfd4bd59db1288021743503259e948f6b1a18"},
      {"rosgraph_msgs/msg/Clock", "692f7a66e93a3c83e71765d033b60349ba68023a8c689a79e48078bcb5c58564"},
      {"sensor_msgs/msg/Image", "d31d41a9a4c4bc8eae9be757b0beed306564f7526c88ea6a4588fb9582527d47"},
      {"sensor_msgs/msg/CompressedImage", "15640771531571185e2efc8a100baf923961a4d15d5569652e6cb6691e8e371a"},
      {"sensor_msgs/msg/CameraInfo", "b3dfd68ff46c9d56c80fd3bd4ed22c7a4ddce8c8348f2f59c299e73118e7e275"},
      {"sensor_msgs/msg/PointCloud2", "9198cabf7da3796ae6fe19c4cb3bdd3525492988c70522628af5daa124bae2b5"},
      {"sensor_msgs/msg/Imu", "7d9a00ff131080897a5ec7e26e315954b8eae3353c3f995c55faf71574000b5b"},
      {"sensor_msgs/msg/NavSatFix", "62223ab3fe210a15976021da7afddc9e200dc9ec75231c1b6a557fc598a65404"},
      {"nav_msgs/msg/Odometry", "3cc97dc7fb7502f8714462c526d369e35b603cfc34d946e3f2eda2766dfec6e0"},
      {"nav_msgs/msg/Path", "1957a5bb3cee5da65c4e52e52b65a93df227efce4c20f8458b36e73066ca334b"},
      {"tf2_msgs/msg/TFMessage", "e369d0f05a23ae52508854b66f6aa0437f3449d652e8cbf22d5abe85d020f087"},
      {"geometry_msgs/msg/Twist", "9c45bf16fe0983d80e3cfe750d6835843d265a9a6c46bd2e609fcddde6fb8d2a"},
      {"geometry_msgs/msg/PoseStamped", "10f3786d7d40fd2b54367835614bff85d4ad3b5dab62bf8bca0cc232d73b4cd8"},
      {"visualization_msgs/msg/Marker", "45b13ccf791f225962bf74e746f9644518855d783a6f42ba0cc14fde2b4f3ce0"},
      {"visualization_msgs/msg/MarkerArray", "86cb8800b6fb05b5eff1abd7a56f62a5641d3ae9a1c29e78e67e704f1d067dcf"},
      {"ackermann_msgs/msg/AckermannDrive", "acf287a224a947dd1b0b87d6d76cdb73f497b0237b8fc73be2173b2ebbb82c99"},
      {"carla_msgs/msg/CarlaEgoVehicleControl", "4f251fa2a554e8ed996f77eb1d5b65515af1369eceb04d5122cb5761f7801be3"},
      {"carla_msgs/msg/CarlaEgoVehicleStatus", "3565cc74470f5c37eb316a36426effd811ac1baf835df3fc2bb7a88574bb3e07"},
      {"carla_msgs/msg/CarlaEgoVehicleInfo", "b8dc3866014924ce7fe57e0cff05a5448ec18f27156656b3b1b69f4da558e956"},
      {"carla_msgs/msg/CarlaWeatherParameters", "85e1bba9e8fc0f7bf769d09771c4b2b75ff9702cd486df24e153c74232e26216"},
      {"carla_msgs/msg/CarlaStatus", "a3f7fb6fc4b673840e0c092c3c9e52a8120885ba603e0125a23f58ac279c0c13"},
      {"carla_msgs/msg/CarlaControl", "7053e4e9ec21223b8f3a67944cc19fac0e419791a87e59438a56ba9efce2a9ac"},
      {"carla_msgs/msg/CarlaActorList", "9c84c0e4b7513532a2943a25c75d4a139d48f31288f5a2b68c289f1e0a0b1be1"},
      {"carla_msgs/msg/CarlaWorldInfo", "b7093c2a34078b682bef09c0e60c76b06542f8ab4ea69756f9505ca06655e9ab"},
      {"carla_msgs/msg/CarlaCollisionEvent", "d77acb472c5effb98998bfb2e176ae3ffac0a84ce33a79f90e999544e3fcfeff"},
  };
  for (const auto& [name, hash] : expected) {
    const auto* type = find_message_type(name);
    ASSERT_NE(type, nullptr) << name;
    EXPECT_EQ(type->hash, "RIHS01_" + std::string(hash)) << name;
  }
}

// By a calculation of its own, which gives example_interfaces/srv/AddTwoInts the hash that ROS 2 publishes.
TEST(Messages, HashesOfServices) {
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"carla_msgs/srv/DestroyObject", "3fe49d1944036534b21a259ed04f8e10a086565bed0865631ee3a130b72d6631"},
      {"carla_msgs/srv/GetBlueprints", "c4c491497c882b601b9b92b51a765047a25515b588394e8fdda8d8faddbbe636"},
      {"carla_msgs/srv/SpawnObject", "ab9180018028fb47c178ffe99e8156b8fcdb6660c8fb76aadd8e057ffcaf6bd6"},
  };
  ASSERT_EQ(service_types().size(), expected.size());
  for (const auto& [name, hash] : expected) {
    const auto* type = find_service_type(name);
    ASSERT_NE(type, nullptr) << name;
    EXPECT_EQ(type->hash, "RIHS01_" + hash) << name;
    EXPECT_NE(find_message_type(name + "_Request"), nullptr);
    EXPECT_NE(find_message_type(name + "_Response"), nullptr);
  }
}

sensor_msgs::Image sample_image() {
  sensor_msgs::Image image;
  image.header.stamp = to_ros_time(12'345'678'901);
  image.header.frame_id = "hero/rgb_front";
  image.width = 5;
  image.height = 3;
  image.encoding = "bgra8";
  image.step = 20;
  image.data.resize(60);
  Random random(1);
  for (auto& byte : image.data) byte = static_cast<std::uint8_t>(random.next_u32());
  return image;
}

sensor_msgs::PointCloud2 sample_cloud() {
  sensor_msgs::PointCloud2 cloud;
  cloud.header.frame_id = "hero/lidar";
  cloud.height = 1;
  cloud.width = 2;
  for (const char* name : {"x", "y", "z", "intensity"}) {
    sensor_msgs::PointField field;
    field.name = name;
    field.datatype = 7;
    field.count = 1;
    cloud.fields.push_back(field);
  }
  cloud.point_step = 16;
  cloud.row_step = 32;
  cloud.data.resize(32, 7);
  return cloud;
}

// Bytes worked out by hand from the CDR rules: alignment counts from the byte after the encapsulation header.
TEST(Cdr, KnownBytes) {
  std_msgs::Header header;
  header.stamp.sec = 1;
  header.stamp.nanosec = 2;
  header.frame_id = "ab";
  EXPECT_EQ(serialize(header),
            (std::vector<std::uint8_t>{0, 1, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 'a', 'b', 0}));
  sensor_msgs::NavSatStatus status;
  status.status = -1;
  status.service = 0x0102;
  EXPECT_EQ(serialize(status), (std::vector<std::uint8_t>{0, 1, 0, 0, 0xFF, 0, 2, 1}));
}

TEST(Cdr, BigEndianIsRead) {
  const std::vector<std::uint8_t> bytes{0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 'a', 'b', 0};
  const auto header = deserialize<std_msgs::Header>(bytes);
  EXPECT_EQ(header.stamp.sec, 1);
  EXPECT_EQ(header.stamp.nanosec, 2u);
  EXPECT_EQ(header.frame_id, "ab");
}

TEST(Cdr, RoundTrips) {
  EXPECT_EQ(deserialize<sensor_msgs::Image>(serialize(sample_image())), sample_image());
  EXPECT_EQ(deserialize<sensor_msgs::PointCloud2>(serialize(sample_cloud())), sample_cloud());
  nav_msgs::Odometry odometry;
  odometry.child_frame_id = "hero";
  odometry.pose.covariance[35] = 3.5;
  odometry.twist.twist.linear.x = -1e9;
  EXPECT_EQ(deserialize<nav_msgs::Odometry>(serialize(odometry)), odometry);
  tf2_msgs::TFMessage tf;
  tf.transforms.resize(3);
  tf.transforms[1].child_frame_id = "hero/lidar";
  EXPECT_EQ(deserialize<tf2_msgs::TFMessage>(serialize(tf)), tf);
}

TEST(Cdr, EveryCutIsRefused) {
  const auto image = serialize(sample_image());
  const auto cloud = serialize(sample_cloud());
  for (std::size_t length = 0; length < image.size(); ++length)
    EXPECT_THROW(ImageView::parse(std::span(image).first(length)), Error) << length;
  for (std::size_t length = 0; length < cloud.size(); ++length)
    EXPECT_THROW(deserialize<sensor_msgs::PointCloud2>(std::span(cloud).first(length)), Error) << length;
}

TEST(Cdr, HostileLengthsAllocateNothing) {
  auto bytes = serialize(sample_cloud());
  for (std::size_t at = 4; at + 4 <= bytes.size(); at += 4) {
    auto hostile = bytes;
    for (int i = 0; i < 4; ++i) hostile[at + i] = 0xFF;
    try {
      (void)deserialize<sensor_msgs::PointCloud2>(hostile);  // a number field may hold any value
    } catch (const Error&) {
    }
  }
}

TEST(Stamps, SurviveTheWayThroughRosTime) {
  for (const StampNs stamp : {0LL, 1LL, 999'999'999LL, 1'700'000'000'123'456'789LL, -1LL, -1'500'000'000LL}) {
    EXPECT_EQ(to_stamp(to_ros_time(stamp)), stamp);
    EXPECT_LT(to_ros_time(stamp).nanosec, 1'000'000'000u);
  }
}

// The bytes that Python's rosbags writes for this picture.
TEST(Cdr, ImageHasTheBytesOfAPeer) {
  sensor_msgs::Image image;
  image.header.stamp = to_ros_time(1'700'000'000'123'456'789LL);
  image.header.frame_id = "cam";
  image.height = 2;
  image.width = 3;
  image.encoding = "rgb8";
  image.step = 9;
  for (int i = 0; i < 18; ++i) image.data.push_back(static_cast<std::uint8_t>(i));
  const std::string_view hex =
      "00010000"
      "00f15365"
      "15cd5b07"
      "04000000"
      "63616d00"
      "02000000"
      "03000000"
      "05000000"
      "72676238"
      "00"
      "00"
      "0000"
      "09000000"
      "12000000"
      "000102030405060708090a0b0c0d0e0f1011";
  std::string written;
  for (const std::uint8_t byte : serialize(image)) written += fmt::format("{:02x}", byte);
  EXPECT_EQ(written, hex);
}

TEST(ImageView, ReadsInPlace) {
  const auto image = sample_image();
  const auto payload = serialize(image);
  const auto view = ImageView::parse(payload);
  EXPECT_EQ(view.stamp_ns, 12'345'678'901);
  EXPECT_EQ(view.frame_id, "hero/rgb_front");
  EXPECT_EQ(view.encoding, "bgra8");
  EXPECT_EQ(std::vector<std::uint8_t>(view.data.begin(), view.data.end()), image.data);
  EXPECT_GE(view.data.data(), payload.data());
  EXPECT_LE(view.data.data() + view.data.size(), payload.data() + payload.size());
}

}  // namespace
}  // namespace bramble
