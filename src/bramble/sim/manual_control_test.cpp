#include "bramble/sim/manual_control.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "bramble/core/error.hpp"
#include "bramble/sim/rig.hpp"
#include "bramble/sim/test_world.hpp"

namespace bramble {
namespace {

struct Ride {
  World world = make_test_world(0, 0);
  VehicleConfig config;
  ManualControl controls;
  DriverOptions options{.manual = &controls};
  std::unique_ptr<Driver> driver = make_driver("manual", world, config, options);
  Vehicle vehicle{world, config, driver->start()};
  std::int64_t frame = 0;

  const VehicleState& go(int frames, const DriveWish* wish = nullptr) {
    for (int i = 0; i < frames; ++i) {
      if (wish) controls.wish(*wish);
      vehicle.step(driver->drive(frame++, vehicle.state()), kFrameS);
    }
    return vehicle.state();
  }
};

TEST(ManualControl, StandsUntilSomebodyWishesAndWhenNobodyDoesAnyMore) {
  Ride ride;
  EXPECT_LT(std::abs(ride.go(40).speed_mps()), 0.05);
  const DriveWish full = VehicleControl{.throttle = 0.6};
  EXPECT_GT(ride.go(60, &full).speed_mps(), 4);
  EXPECT_GT(ride.go(kWishFrames - 2).speed_mps(), 4) << "the last wish holds for a while";
  EXPECT_LT(std::abs(ride.go(120).speed_mps()), 0.05) << "then it stops";
}

TEST(ManualControl, ReachesAWishedSpeedForwardsAndBackwards) {
  Ride ride;
  const DriveWish forwards = AckermannWish{3, 0};
  EXPECT_NEAR(ride.go(160, &forwards).speed_mps(), 3, 0.25);
  const DriveWish backwards = AckermannWish{-2, 0};
  EXPECT_NEAR(ride.go(200, &backwards).speed_mps(), -2, 0.3);
}

TEST(ManualControl, TurnsAtAWishedRate) {
  for (const double rate : {0.3, -0.3}) {
    Ride ride;
    const DriveWish wish = TwistWish{3, rate};
    const VehicleState& state = ride.go(160, &wish);
    EXPECT_NEAR(state.angular_velocity_B.z(), rate, 0.06) << "positive is to the left";
  }
}

TEST(ManualControl, TakesWishesFromAnotherThread) {
  Ride ride;
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) ride.controls.wish(VehicleControl{.throttle = 0.4});
  });
  ride.go(20);
  other.join();
  EXPECT_EQ(ride.controls.newest().second, 1000u);
  EXPECT_EQ(std::get<VehicleControl>(ride.controls.newest().first).throttle, 0.4);
}

TEST(ManualControl, NeedsSomebodyWhoDrives) {
  const World world = make_test_world();
  const VehicleConfig config;
  try {
    make_driver("manual", world, config, {});
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("--dashboard"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace bramble
