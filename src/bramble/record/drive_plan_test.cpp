#include "bramble/record/drive_plan.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"

namespace bramble {
namespace {

namespace fs = std::filesystem;
const fs::path kHome = BRAMBLE_SOURCE_DIR;

TEST(DrivePlan, TheReferenceIsTheReferences) {
  const DrivePlan plan = load_drive_plan(kHome / "scenarios/reference.yaml", kHome);
  ASSERT_EQ(plan.drives.size(), 3U);
  EXPECT_EQ(plan.drives[0].samples, 1886);
  EXPECT_EQ(plan.drives[1].samples, 405);
  EXPECT_EQ(plan.drives[2].samples, 1827);
  EXPECT_EQ(plan.drives[0].driver, "autopilot");
  EXPECT_TRUE(plan.drives[1].driver.ends_with("config/traces/meadow_manual.csv"));
  EXPECT_EQ(plan.drives[2].driver, "reverse");
  EXPECT_EQ(plan.width, 1024);
  EXPECT_EQ(plan.height, 768);
  EXPECT_EQ(plan.sensor_every, 1);
}

TEST(DrivePlan, ManyWorldsVaryWhatEveryScenarioHas) {
  const DrivePlan plan = load_drive_plan(kHome / "scenarios/many_worlds.yaml", kHome);
  std::set<std::uint64_t> seeds;
  for (const PlannedDrive& drive : plan.drives) {
    seeds.insert(drive.variation_seed);
    ASSERT_EQ(drive.variation.size(), 6U) << drive.name;
    EXPECT_EQ(drive.variation.front().parameter, "seed");
  }
  EXPECT_EQ(seeds.size(), plan.drives.size()) << "no two drives may share a world";
  EXPECT_FALSE(seeds.contains(0));
}

TEST(DrivePlan, EveryMistakeIsTold) {
  const fs::path file = fs::temp_directory_path() / fmt::format("bramble_plan_{}.yaml", ::getpid());
  write_file_atomically(file, R"(scenario: medow
size: big
sensor_every: 0
drives:
  - {name: a b, driver: autopilot, samples: 3}
  - {name: c, driver: flying, samples: 3}
  - {name: c, driver: "trace:none.csv", samples: 0}
  - {name: d}
)");
  try {
    load_drive_plan(file, kHome);
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    const std::string what = error.what();
    for (const char* words : {":1: ", "medow", ":2: ", "WIDTHxHEIGHT", ":3: ", "sensor_every", ":5: ", "a b",
                              ":6: ", "flying", ":7: ", "none.csv", "twice", ":8: ", "needs 'samples'"})
      EXPECT_NE(what.find(words), std::string::npos) << words << " not in:\n" << what;
  }
  fs::remove(file);
}

}  // namespace
}  // namespace bramble
