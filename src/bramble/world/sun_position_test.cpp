#include "bramble/world/sun_position.hpp"

#include <gtest/gtest.h>

namespace bramble {
namespace {

// The worked example of Reda and Andreas, "Solar Position Algorithm for Solar Radiation Applications" (NREL, 2008):
// zenith 50.11162, azimuth 194.34024 clockwise from north.
TEST(SunPosition, AgreesWithThePublishedExample) {
  PlaceAndTime when{2003, 10, 17, 12 + 30.5 / 60, -7, 39.742476, -105.1786};
  const SunPosition sun = sun_position(when);
  EXPECT_NEAR(sun.elevation_deg, 90 - 50.11162, 0.02);
  EXPECT_NEAR(sun.azimuth_deg, 90 - 194.34024, 0.02);
}

TEST(SunPosition, StandsHighestAtSolsticeNoonAndStaysUnderInPolarNight) {
  double highest = 0;
  for (double hour = 11; hour < 13; hour += 1.0 / 120)
    highest = std::max(highest, sun_position({2026, 6, 21, hour, 0, 50, 0}).elevation_deg);
  EXPECT_NEAR(highest, 90 - 50 + 23.436, 0.03);
  for (double hour = 0; hour < 24; hour += 0.5)
    EXPECT_LT(sun_position({2026, 12, 21, hour, 0, 75, 0}).elevation_deg, 0) << hour;
}

TEST(SunPosition, RisesInTheEastAndSetsInTheWest) {
  EXPECT_NEAR(sun_position({2026, 3, 20, 6.1, 0, 0, 0}).azimuth_deg, 0, 1);
  EXPECT_NEAR(std::abs(sun_position({2026, 3, 20, 18.1, 0, 0, 0}).azimuth_deg), 180, 1);
}

TEST(SunPosition, ReadsDatesAndTimes) {
  PlaceAndTime when;
  EXPECT_TRUE(parse_date("2024-02-29", when));
  EXPECT_EQ(when.day, 29);
  EXPECT_TRUE(parse_time("15:30", when));
  EXPECT_DOUBLE_EQ(when.hour, 15.5);
  for (const char* wrong : {"2026-02-29", "2026-13-01", "21.6.2026", "2026-06-21x", ""})
    EXPECT_FALSE(parse_date(wrong, when)) << wrong;
  for (const char* wrong : {"25:00", "12:60", "noon", "12:30 pm"}) EXPECT_FALSE(parse_time(wrong, when)) << wrong;
}

}  // namespace
}  // namespace bramble
