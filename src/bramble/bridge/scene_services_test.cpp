#include "bramble/bridge/scene_services.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <numbers>
#include <set>

#include "bramble/core/error.hpp"

namespace bramble {
namespace {

carla_msgs::SpawnObject_Request asking_for(const std::string& type) {
  carla_msgs::SpawnObject_Request request;
  request.type = type;
  return request;
}

TEST(SceneServices, AWishSaysWhoAndWhere) {
  auto request = asking_for("vehicle.bramble.truck");
  request.id = "roadblock";
  request.transform.position.x = 12;
  request.transform.position.y = -3;
  request.transform.orientation.z = request.transform.orientation.w = std::sqrt(0.5);
  const SpawnWish wish = spawn_wish_of(request, 1);
  EXPECT_EQ(wish.actor.kind, "truck");
  EXPECT_EQ(wish.actor.name, "roadblock");
  EXPECT_EQ(wish.actor.course, "stand");
  ASSERT_TRUE(wish.place);
  EXPECT_EQ(wish.place->position, Eigen::Vector2d(12, -3));
  EXPECT_NEAR(wish.place->yaw_rad, std::numbers::pi / 2, 1e-12);
}

TEST(SceneServices, WhatIsLeftToChanceIsTheSameForTheSameSeed) {
  auto request = asking_for("walker.*");
  request.random_pose = true;
  std::set<std::string> kinds;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const SpawnWish wish = spawn_wish_of(request, seed), again = spawn_wish_of(request, seed);
    EXPECT_FALSE(wish.place);
    EXPECT_EQ(wish.actor.course, "along");
    EXPECT_EQ(wish.actor.kind, again.actor.kind);
    EXPECT_EQ(wish.actor.at, again.actor.at);
    kinds.insert(wish.actor.kind);
  }
  EXPECT_EQ(kinds, (std::set<std::string>{"boar", "cow", "deer", "person"}));
}

TEST(SceneServices, AttributesSayHowHeGoes) {
  auto request = asking_for("walker.pedestrian.person");
  request.attributes = {{"course", "across"}, {"speed", "1.8"}, {"trigger", "20"}, {"role_name", "child"}};
  const SpawnWish wish = spawn_wish_of(request, 1);
  EXPECT_EQ(wish.actor.course, "across");
  EXPECT_EQ(wish.actor.speed_mps, 1.8);
  EXPECT_EQ(wish.actor.trigger_m, 20);
  EXPECT_EQ(wish.actor.name, "child");
}

void expect_refused(const carla_msgs::SpawnObject_Request& request, const std::string& why) {
  try {
    (void)spawn_wish_of(request, 1);
    ADD_FAILURE() << "accepted, but: " << why;
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr(why));
  }
}

TEST(SceneServices, WhatThereIsNotIsRefusedWithTheChoices) {
  expect_refused(asking_for("vehicle.tesla.model3"), "there are vehicle.bramble.jeep, ");
  expect_refused(asking_for("sensor.camera.rgb"), "objects.json");
  auto request = asking_for("vehicle.bramble.jeep");
  request.attach_to = 1;
  expect_refused(request, "attached to the actor 1");
  request = asking_for("vehicle.bramble.jeep");
  request.attributes = {{"color", "255,0,0"}};
  expect_refused(request, "no attribute 'color'; there are");
  request.attributes = {{"course", "across"}};
  expect_refused(request, "one of along, stand");
  request.attributes = {{"speed", "fast"}};
  expect_refused(request, "speed is 'fast'; it must be a number from 0.2 to 30");
  request.attributes = {{"speed", "nan"}};
  expect_refused(request, "speed is 'nan'");
  request.attributes.clear();
  request.transform.position.x = std::numeric_limits<double>::quiet_NaN();
  expect_refused(request, "no number");
}

}  // namespace
}  // namespace bramble
