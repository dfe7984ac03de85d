// What extraction can do besides pairing one camera (extract_test.cpp).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/dataset/dataset.hpp"
#include "bramble/dataset/extract.hpp"
#include "bramble/dataset/side_streams.hpp"
#include "bramble/dataset/test_bag.hpp"

namespace bramble {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using namespace test;  // NOLINT

const TopicInfo kDepthTopic{"/carla/hero/depth_front/image", "sensor_msgs/msg/Image"};
const TopicInfo kCloudTopic{"/carla/hero/lidar", "sensor_msgs/msg/PointCloud2"};
const TopicInfo kOdometryTopic{"/carla/hero/odometry", "nav_msgs/msg/Odometry"};

template <typename T>
Message any_message(const TopicInfo& topic, StampNs stamp_ns, const T& content) {
  return {topic, stamp_ns, std::make_shared<const std::vector<std::uint8_t>>(serialize(content))};
}

sensor_msgs::Image id_label(StampNs stamp_ns, int id, int width = 16, int height = 8) {
  auto message = image(stamp_ns, "mono8", width, height, 1);
  for (auto& value : message.data) value = static_cast<std::uint8_t>(id);
  return message;
}
sensor_msgs::Image flat_picture(StampNs stamp_ns, int value, int width = 16, int height = 8) {
  auto message = image(stamp_ns, "rgb8", width, height, 3);
  for (auto& byte : message.data) byte = static_cast<std::uint8_t>(value);
  return message;
}
nav_msgs::Odometry odometry(StampNs stamp_ns, double x, double y = 0) {
  nav_msgs::Odometry message;
  message.header.stamp = to_ros_time(stamp_ns);
  message.pose.pose.position.x = x;
  message.pose.pose.position.y = y;
  message.pose.pose.orientation.w = 1;
  return message;
}
sensor_msgs::PointCloud2 cloud(StampNs stamp_ns, float first_x) {
  sensor_msgs::PointCloud2 message;
  message.header.stamp = to_ros_time(stamp_ns);
  const auto field = [&](const char* name, std::uint32_t offset, std::uint8_t type) {
    sensor_msgs::PointField f;
    f.name = name;
    f.offset = offset;
    f.datatype = type;
    f.count = 1;
    message.fields.push_back(f);
  };
  field("x", 0, 7);
  field("y", 4, 7);
  field("z", 8, 7);
  field("intensity", 12, 2);  // uint8, as some drivers have it
  field("ObjTag", 16, 6);
  message.point_step = 20;
  message.width = 3;
  message.height = 1;
  message.row_step = 60;
  message.data.resize(60);
  for (int i = 0; i < 3; ++i) {
    const float xyz[3] = {i == 2 ? std::numeric_limits<float>::quiet_NaN() : first_x + static_cast<float>(i), 2, 3};
    const std::uint32_t tag = i == 0 ? 29 : 30;
    std::memcpy(message.data.data() + 20 * i, xyz, 12);
    message.data[static_cast<std::size_t>(20 * i + 12)] = static_cast<std::uint8_t>(10 * i);
    std::memcpy(message.data.data() + 20 * i + 16, &tag, 4);
  }
  return message;
}

class ExtractOptionsTest : public testing::Test {
 protected:
  fs::path bag(const std::string& name, const std::vector<Message>& messages) {
    BagWriter writer(scratch / name);
    for (const auto& message : messages) writer.write(message);
    writer.close();
    return scratch / name;
  }
  // Frames 1 to count: grey 10 * i, labels i % 3, odometry 0.4 m a frame, a cloud 20 ms late, depth of i metres.
  std::vector<Message> drive(int count) {
    std::vector<Message> messages;
    for (int i = 1; i <= count; ++i) {
      const StampNs t = i * kFrame;
      messages.push_back(message(kImageTopic, t, flat_picture(t, (10 * i) % 256)));
      messages.push_back(message(kLabelTopic, t, id_label(t, i % 3)));
      auto depth = image(t, "32FC1", 16, 8, 4);
      for (int p = 0; p < 128; ++p) {
        const float metres = p == 0 ? INFINITY : p == 1 ? 300.0F : static_cast<float>(i);
        std::memcpy(depth.data.data() + 4 * p, &metres, 4);
      }
      messages.push_back(message(kDepthTopic, t, depth));
      messages.push_back(any_message(kOdometryTopic, t - kFrame / 2, odometry(t - kFrame / 2, 0.4 * (i - 0.5))));
      messages.push_back(any_message(kCloudTopic, t + 20'000'000, cloud(t + 20'000'000, static_cast<float>(i))));
    }
    return messages;
  }
  ExtractOptions options(const fs::path& bag, const std::string& output = "data") {
    ExtractOptions options;
    options.bags = {bag};
    options.output = scratch / output;
    options.ontology = test::ontology();
    return options;
  }
  Scratch scratch{fmt::format("extract_options_{}", testing::UnitTest::GetInstance()->current_test_info()->name())};
};

TEST_F(ExtractOptionsTest, DepthCloudsAndPosesComeAlong) {
  auto o = options(bag("drive", drive(12)));
  o.cameras = {{kImageTopic.name, kLabelTopic.name, kDepthTopic.name, ""}};
  o.cloud_topic = kCloudTopic.name;
  o.pose_topic = kOdometryTopic.name;
  o.ply = true;
  const auto report = extract(o);
  EXPECT_EQ(report.samples, 12u);
  EXPECT_EQ(report.without_cloud + report.without_depth + report.without_pose, 0u)
      << testing::PrintToString(report.first_problems);
  const Dataset dataset = Dataset::open(o.output);
  for (std::size_t i = 0; i < 12; ++i) {
    const Sample sample = dataset.samples()[i];
    const ImageU16 depth = read_png16(o.output / sample.depth);
    EXPECT_EQ(*depth.at(0, 0), 0) << "nothing measured";
    EXPECT_EQ(*depth.at(1, 0), 0) << "beyond what 16 bits hold";
    EXPECT_EQ(*depth.at(5, 5), 256 * (i + 1));
    UnknownLabels unknown;
    const PointCloud points = dataset.load_cloud(i, unknown);
    ASSERT_EQ(points.points.size(), 2u) << "a point that is no number is none";
    EXPECT_EQ(points.points[1], (std::array<float, 4>{static_cast<float>(i + 2), 2, 3, 10}));
    EXPECT_THAT(points.labels, ElementsAre(0, 1)) << "tags 29 and 30";
    EXPECT_TRUE(fs::exists(o.output / "ply" / (sample.name + ".ply")));
  }
  const std::string poses = read_text_file(o.output / "poses.csv");
  EXPECT_THAT(poses, HasSubstr("name,stamp_ns,x,y,z,qx,qy,qz,qw\n"));
  EXPECT_THAT(poses, HasSubstr(",0.800000,0.000000,0.000000,0.0")) << "frame 2 lies between 0.6 and 1.0";
}

TEST_F(ExtractOptionsTest, WhatIsMissingBesideASampleIsNamed) {
  auto messages = drive(8);
  std::erase_if(messages,
                [](const Message& m) { return m.topic == kCloudTopic && m.stamp_ns == 4 * kFrame + 20'000'000; });
  std::erase_if(messages, [](const Message& m) { return m.topic == kDepthTopic && m.stamp_ns == 5 * kFrame; });
  auto o = options(bag("drive", messages));
  o.cameras = {{kImageTopic.name, kLabelTopic.name, kDepthTopic.name, ""}};
  o.cloud_topic = kCloudTopic.name;
  const auto report = extract(o);
  EXPECT_EQ(report.samples, 8u);
  EXPECT_EQ(report.without_depth, 1u);
  EXPECT_EQ(report.without_cloud, 0u) << "the sweep before is 30 ms away";
  EXPECT_THAT(report.first_problems, ElementsAre(HasSubstr("no depth near its stamp")));
  o.strict = true;
  o.output = scratch / "strict";
  EXPECT_THAT(error_of([&] { extract(o); }), HasSubstr("no depth near its stamp"));
}

TEST_F(ExtractOptionsTest, EveryMetresByOdometry) {
  auto o = options(bag("drive", drive(21)));
  o.every_metres = 1.7;
  EXPECT_THAT(error_of([&] { extract(o); }), HasSubstr("odometry"));
  o.pose_topic = kOdometryTopic.name;
  const auto report = extract(o);
  // 0.4 m a frame: the 1st, then every 5th.
  std::vector<StampNs> frames;
  const Dataset dataset = Dataset::open(o.output);
  for (const Sample& sample : dataset.samples()) frames.push_back(sample.stamp_ns / kFrame);
  EXPECT_THAT(frames, ElementsAre(1, 6, 11, 16, 21));
  EXPECT_EQ(report.skipped_by_distance, 16u);
}

TEST_F(ExtractOptionsTest, MinChangeKeepsChangedViews) {
  auto o = options(bag("drive", drive(20)));
  o.min_change = 29.0 / 255;  // grey grows by 10 a frame
  EXPECT_EQ(extract(o).skipped_by_view, 13u);
  std::vector<StampNs> frames;
  const Dataset dataset = Dataset::open(o.output);
  for (const Sample& sample : dataset.samples()) frames.push_back(sample.stamp_ns / kFrame);
  EXPECT_THAT(frames, ElementsAre(1, 4, 7, 10, 13, 16, 19));
}

TEST_F(ExtractOptionsTest, CropThenResize) {
  auto messages = drive(1);
  auto picture = image(kFrame, "rgb8", 16, 8, 3);
  messages[0] = message(kImageTopic, kFrame, picture);
  auto o = options(bag("drive", messages));
  o.crop_x = 4;
  o.crop_y = 2;
  o.crop_width = 8;
  o.crop_height = 6;
  extract(o);
  const ImageU8 rgb = Dataset::open(o.output).load_image(0);
  ASSERT_EQ(rgb.width, 8);
  ASSERT_EQ(rgb.height, 6);
  for (int v = 0; v < 6; ++v)
    for (int k = 0; k < 24; ++k)
      EXPECT_EQ(rgb.row(v)[k], picture.data[static_cast<std::size_t>((v + 2) * 48 + 12 + k)]);
  o.output = scratch / "outside";
  o.crop_x = 10;
  EXPECT_THAT(error_of([&] { extract(o); }), HasSubstr("does not fit into a picture of 16x8"));
}

TEST_F(ExtractOptionsTest, SplitByTimeBagAndPlace) {
  const auto one = bag("one", drive(20)), two = bag("two", drive(20));
  const auto splits = [&](const std::string& rule, const std::string& output, int gap = 0) {
    auto o = options(one, output);
    o.bags = {one, two};
    o.split_rule = SplitRule::parse(rule, gap);
    o.pose_topic = kOdometryTopic.name;
    extract(o);
    std::map<std::string, std::string> out;
    const Dataset dataset = Dataset::open(o.output);
    for (const Sample& sample : dataset.samples())
      out[fmt::format("{}{:02}", sample.name.substr(0, 3), sample.stamp_ns / kFrame)] = sample.split;
    return out;
  };
  const auto time = splits("time:50/25/25", "time");
  EXPECT_EQ(time.at("one10"), "train");
  EXPECT_EQ(time.at("one11"), "val");
  EXPECT_EQ(time.at("two15"), "val");
  EXPECT_EQ(time.at("two16"), "test");
  EXPECT_EQ(splits("time:50/25/25", "gap", 2).size(), 40u - 2 * 2 * 4);
  const auto bags = splits("bag:50/0/50", "bags");
  EXPECT_EQ(bags.at("one20"), "train");
  EXPECT_EQ(bags.at("two01"), "test");
  const auto place = splits("place:2:40/30/30", "place");
  std::set<std::string> seen;
  for (int i = 1; i <= 20; ++i) {
    EXPECT_EQ(place.at(fmt::format("one{:02}", i)), place.at(fmt::format("two{:02}", i))) << "one place, one split";
    seen.insert(place.at(fmt::format("one{:02}", i)));
  }
  EXPECT_GT(seen.size(), 1u);
  EXPECT_THAT(error_of([] { SplitRule::parse("dev"); }), HasSubstr("time:70/15/15"));
  EXPECT_THAT(error_of([] { SplitRule::parse("time:70/15"); }), HasSubstr("time:70/15/15"));
  EXPECT_THAT(error_of([] { SplitRule::parse("place:-1:70/15/15"); }), HasSubstr("place:20"));
}

TEST_F(ExtractOptionsTest, SeveralCamerasKeepTheirNames) {
  const TopicInfo left{"/rig/left/image_raw", "sensor_msgs/msg/Image"},
      right{"/rig/right/image_raw", "sensor_msgs/msg/Image"};
  const TopicInfo left_label{"/rig/left/semantic", "sensor_msgs/msg/Image"},
      right_label{"/rig/right/semantic", "sensor_msgs/msg/Image"};
  std::vector<Message> messages;
  for (int i = 1; i <= 4; ++i) {
    const StampNs t = i * kFrame;
    messages.push_back(message(left, t, flat_picture(t, 10)));
    messages.push_back(message(right, t, flat_picture(t, 20)));
    messages.push_back(message(right_label, t, id_label(t, 2)));
    messages.push_back(message(left_label, t, id_label(t, 1)));
  }
  auto o = options(bag("drive", messages));
  o.cameras = find_cameras({left, right, left_label, right_label}, "drive");
  ASSERT_EQ(o.cameras.size(), 2u);
  EXPECT_EQ(extract(o).samples, 8u);
  const Dataset dataset = Dataset::open(o.output);
  int lefts = 0;
  for (std::size_t i = 0; i < dataset.size(); ++i) {
    const Sample sample = dataset.samples()[i];
    const bool is_left = sample.scene == "left";
    lefts += is_left;
    EXPECT_EQ(sample.name, fmt::format("drive_{}_{:013}", sample.scene, sample.stamp_ns));
    EXPECT_EQ(*dataset.load_image(i).at(0, 0), is_left ? 10 : 20);
    EXPECT_EQ(*dataset.load_label(i).at(0, 0), is_left ? 1 : 2);
  }
  EXPECT_EQ(lefts, 4);
}

TEST(ExtractTopics, FoundByTypeAndNameOrTold) {
  const auto image = [](const std::string& name) { return TopicInfo{name, "sensor_msgs/msg/Image"}; };
  const auto found = find_cameras({{"/odom", "nav_msgs/msg/Odometry"},
                                   {"/cam/image_raw/compressed", "sensor_msgs/msg/CompressedImage"},
                                   image("/cam/label"),
                                   image("/cam/depth")},
                                  "b");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].image, "/cam/image_raw/compressed");
  EXPECT_EQ(found[0].label, "/cam/label");
  EXPECT_EQ(found[0].depth, "/cam/depth");
  EXPECT_THAT(error_of([&] {
                find_cameras({image("/a/x"), image("/b/y"), image("/mask")}, "b");
              }),
              HasSubstr("--image"));
  EXPECT_THAT(error_of([&] { find_cameras({image("/a/x")}, "b"); }), HasSubstr("no topic looks like labels"));
  EXPECT_THAT(error_of([] { find_only({{"/a", "T"}, {"/b", "T"}}, {"T"}, "--lidar", "b"); }), HasSubstr("/a, /b"));
}

TEST_F(ExtractOptionsTest, CompressedPicturesAndLabels) {
  const TopicInfo picture_topic{"/cam/image/compressed", "sensor_msgs/msg/CompressedImage"};
  const TopicInfo label_topic{"/cam/label/compressed", "sensor_msgs/msg/CompressedImage"};
  std::vector<Message> messages;
  ImageU8 rgb(16, 8, 3, 90), ids(16, 8, 1, 1);
  for (int i = 1; i <= 3; ++i) {
    sensor_msgs::CompressedImage picture, label;
    picture.header.stamp = label.header.stamp = to_ros_time(i * kFrame);
    picture.format = "rgb8; jpeg compressed bgr8";
    label.format = "mono8; png compressed mono8";
    picture.data = encode_jpeg(rgb, 95);
    label.data = encode_png(ids);
    if (i == 3) label.data.resize(30);  // cut
    messages.push_back(any_message(picture_topic, i * kFrame, picture));
    messages.push_back(any_message(label_topic, i * kFrame, label));
  }
  auto o = options(bag("drive", messages));
  o.cameras = {{picture_topic.name, label_topic.name, "", ""}};
  const auto report = extract(o);
  EXPECT_EQ(report.samples, 2u);
  EXPECT_EQ(report.undecodable, 1u);
  const Dataset dataset = Dataset::open(o.output);
  EXPECT_EQ(dataset.load_label(0), ids);
  EXPECT_NEAR(*dataset.load_image(0).at(3, 3), 90, 2);
}

TEST_F(ExtractOptionsTest, LabelsInAnotherOntologyAreMapped) {
  std::vector<Message> messages;
  const auto rellis = find_ontology("rellis3d");
  for (int i = 1; i <= 2; ++i) {
    messages.push_back(message(kImageTopic, i * kFrame, flat_picture(i * kFrame, 10)));
    auto label = id_label(i * kFrame, 33);  // mud
    label.data[0] = 31;                     // puddle
    label.data[1] = 5;                      // pole
    label.data[2] = 2;                      // nothing has 2
    label.data[3] = 0;                      // void
    messages.push_back(message(kLabelTopic, i * kFrame, label));
  }
  auto o = options(bag("drive", messages));
  o.ontology = find_ontology("bramble");
  o.label_ontology = rellis;
  const auto report = extract(o);
  EXPECT_EQ(report.unknown_label_pixels, 2u) << "void is known";
  const auto label = Dataset::open(o.output).load_label(0);
  EXPECT_EQ(label.data[9], o.ontology.require("dirt"));
  EXPECT_EQ(label.data[0], o.ontology.require("water"));
  EXPECT_EQ(label.data[1], kIgnoreId);
  EXPECT_EQ(label.data[2], kIgnoreId);
}

TEST_F(ExtractOptionsTest, BackwardStampsAreCountedAndNamed) {
  std::vector<Message> messages;
  for (const int i : {1, 2, 4, 3, 5}) {
    messages.push_back(message(kImageTopic, 10 * kFrame + messages.size(), flat_picture(i * kFrame, 10)));
    messages.push_back(message(kLabelTopic, 10 * kFrame + messages.size(), id_label(i * kFrame, 1)));
  }
  auto o = options(bag("drive", messages));
  const auto report = extract(o);
  EXPECT_EQ(report.samples, 4u) << "without slop, frame 3 is given up once frame 4 is whole";
  EXPECT_EQ(report.image_without_label, 1u);
  EXPECT_EQ(report.label_without_image, 1u);
  EXPECT_EQ(report.backward_stamp, 2u);
  EXPECT_THAT(report.first_problems[0], HasSubstr("goes back from 200000000 to 150000000 ns"));
  o.slop_ns = 20'000'000;  // waits three slops for what is late
  o.output = scratch / "patient";
  EXPECT_EQ(extract(o).samples, 5u);
  o.strict = true;
  o.output = scratch / "strict";
  EXPECT_THAT(error_of([&] { extract(o); }), HasSubstr("goes back"));
}

TEST_F(ExtractOptionsTest, ResumeWithEverythingGivesTheSameBytes) {
  const auto path = bag("drive", drive(30));
  const auto run = [&](const std::string& output, bool resume) {
    auto o = options(path, output);
    o.cameras = {{kImageTopic.name, kLabelTopic.name, kDepthTopic.name, ""}};
    o.cloud_topic = kCloudTopic.name;
    o.pose_topic = kOdometryTopic.name;
    o.shards = 3;
    o.resume = resume;
    return extract(o);
  };
  run("whole", false);
  run("again", false);
  for (const char* file : {"index.csv", "poses.csv", "dataset.parquet"}) fs::remove(scratch / "again" / file);
  const Dataset whole = Dataset::open(scratch / "whole");
  fs::remove(scratch / "again" / whole.samples()[3].image);
  fs::remove(scratch / "again" / whole.samples()[4].cloud);
  EXPECT_EQ(run("again", true).kept, 28u);
  for (const auto& entry : fs::recursive_directory_iterator(scratch / "whole"))
    if (entry.is_regular_file()) {
      const auto file = entry.path().lexically_relative(scratch / "whole");
      EXPECT_EQ(read_file(entry.path()), read_file(scratch / "again" / file.string())) << file;
    }
}

TEST(PoseTrack, InterpolatesPositionAndRotation) {
  PoseTrack track;
  auto first = odometry(0, 0), second = odometry(100'000'000, 2);
  second.pose.pose.orientation.z = std::sin(0.4);  // 0.8 rad
  second.pose.pose.orientation.w = std::cos(0.4);
  track.add(serialize(first), "nav_msgs/msg/Odometry", "");
  track.add(serialize(second), "nav_msgs/msg/Odometry", "");
  const auto pose = track.at(25'000'000);
  ASSERT_TRUE(pose);
  EXPECT_NEAR(pose->translation().x(), 0.5, 1e-12);
  EXPECT_NEAR(rpy_of(pose->linear()).z(), 0.2, 1e-9);
  EXPECT_FALSE(track.at(400'000'000)) << "300 ms after the last";
  tf2_msgs::TFMessage tf;
  tf.transforms.resize(2);
  tf.transforms[0].child_frame_id = "lidar";
  tf.transforms[1].child_frame_id = "base_link";
  tf.transforms[1].transform.translation.y = 5;
  for (auto& t : tf.transforms) {
    t.header.stamp = to_ros_time(500'000'000);
    t.transform.rotation.w = 1;
  }
  track.add(serialize(tf), "tf2_msgs/msg/TFMessage", "base_link");
  EXPECT_EQ(track.at(500'000'000)->translation().y(), 5);
}

}  // namespace
}  // namespace bramble
