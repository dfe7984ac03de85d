#include "bramble/ros/message_yaml.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bramble/core/error.hpp"
#include "bramble/ros/messages.hpp"

namespace bramble {
namespace {

TEST(MessageYaml, IsWrittenAsOnRosCommandLine) {
  const auto twist = deserialize<geometry_msgs::Twist>(
      message_from_yaml("geometry_msgs/msg/Twist", "{linear: {x: 2.0}, angular: {z: -.5}}"));
  EXPECT_EQ(twist.linear.x, 2);
  EXPECT_EQ(twist.linear.y, 0);
  EXPECT_EQ(twist.angular.z, -0.5);
  const auto spawn = deserialize<carla_msgs::SpawnObject_Request>(
      message_from_yaml("carla_msgs/srv/SpawnObject_Request",
                        "type: walker.animal.deer\nrandom_pose: true\nattributes:\n- {key: course, value: across}\n"));
  EXPECT_EQ(spawn.type, "walker.animal.deer");
  EXPECT_TRUE(spawn.random_pose);
  ASSERT_EQ(spawn.attributes.size(), 1U);
  EXPECT_EQ(spawn.attributes[0].value, "across");
}

void expect_refused(const std::string& type, const std::string& text, const std::string& why) {
  try {
    (void)message_from_yaml(type, text);
    ADD_FAILURE() << text << " is accepted, but: " << why;
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr(why));
  }
}

TEST(MessageYaml, MistakesAreNamedByField) {
  expect_refused("sensor_msgs/msg/Nothing", "{}", "sensor_msgs/msg/Nothing is not known here");
  expect_refused("geometry_msgs/msg/Twist", "{linear: {q: 1}}", "linear has no field 'q'; there are: x, y, z");
  expect_refused("geometry_msgs/msg/Twist", "{linear: 3}", "linear: fields in braces are needed");
  expect_refused("geometry_msgs/msg/Twist", "{linear: {x: much}}", "linear.x: 'much' is no number");
  expect_refused("geometry_msgs/msg/Twist", "{linear: [", "no YAML");
  expect_refused("carla_msgs/msg/CarlaControl", "{command: 300}", "'300' is no whole number from -128 to 127");
  expect_refused("carla_msgs/srv/SpawnObject_Request", "{attach_to: -1}", "'-1' is no whole number from 0");
  expect_refused("carla_msgs/srv/SpawnObject_Request", "{random_pose: perhaps}", "neither true nor false");
  expect_refused("carla_msgs/srv/SpawnObject_Request", "{attributes: {key: a}}", "attributes: a list is needed");
  expect_refused("sensor_msgs/msg/CameraInfo", "{k: [1, 2]}", "k: a list of 9 values is needed");
}

}  // namespace
}  // namespace bramble
