#include "bramble/serve/simulation_source.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bramble/sim/test_world.hpp"

namespace bramble {
namespace {

const std::string kHero = "/carla/hero/";
const std::string kImage = kHero + "rgb_front/image", kTruth = kHero + "semantic_segmentation_front/image",
                  kView = kHero + "rgb_view/image", kLidar = kHero + "lidar";

std::unique_ptr<SimulationSource> source() {
  Rig rig = Rig::load(BRAMBLE_SOURCE_DIR "/config/objects.json");
  for (Sensor& sensor : rig.sensors) sensor.lidar.columns = 60;
  SimulationOptions options;
  options.width = 64;
  options.height = 48;
  auto world = std::make_shared<World>(make_test_world());
  return std::make_unique<SimulationSource>(
      std::make_unique<Simulation>(std::move(world), DriveScenario{}, std::move(rig), VehicleConfig{}, options),
      nullptr);
}

std::set<std::string> heavy_topics(SimulationSource& source, SensorWork work) {
  std::set<std::string> topics;
  source.take(
      [&](const Message& message) {
        if (is_heavy_type(message.topic.type)) topics.insert(message.topic.name);
      },
      work);
  return topics;
}

TEST(SimulationSource, SensorsTakeTurnsButForTheFirst) {
  const auto drive = source();
  drive->want({"/clock", kImage, kTruth, kView, kLidar}, {kImage, kTruth});
  EXPECT_EQ(heavy_topics(*drive, SensorWork::kAll), (std::set<std::string>{kImage, kTruth, kView, kLidar}));
  EXPECT_EQ(heavy_topics(*drive, SensorWork::kNone), std::set<std::string>{});
  std::map<std::string, int> counts;
  for (int i = 0; i < 6; ++i) {
    const auto topics = heavy_topics(*drive, SensorWork::kInTurn);
    EXPECT_EQ(topics.size(), 3U);
    for (const std::string& topic : topics) ++counts[topic];
  }
  EXPECT_EQ(counts, (std::map<std::string, int>{{kImage, 6}, {kTruth, 6}, {kView, 3}, {kLidar, 3}}));
  EXPECT_EQ(heavy_topics(*drive, SensorWork::kAll).size(), 4U);
}

TEST(SimulationSource, WhereNothingComesFirstEachHasItsTurn) {
  const auto drive = source();
  drive->want({"/clock", kImage, kTruth, kView, kLidar}, {});
  std::map<std::string, int> counts;
  for (int i = 0; i < 6; ++i)
    for (const std::string& topic : heavy_topics(*drive, SensorWork::kInTurn)) ++counts[topic];
  // Picture and truth come from the same rays.
  EXPECT_EQ(counts, (std::map<std::string, int>{{kImage, 2}, {kTruth, 2}, {kView, 2}, {kLidar, 2}}));
}

}  // namespace
}  // namespace bramble
