#include "bramble/sim/vehicle_look.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <numbers>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"

namespace bramble {
namespace {

namespace fs = std::filesystem;

class VehicleLookTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("bramble_look_{}", ::getpid());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(VehicleLookTest, DrawsTheMeshFilesThatTheVehicleNames) {
  // glTF's axes: y up, z forward. A body 4 m long whose lowest point is half a metre above the ground, and a wheel's
  // spoke that leans out to the left.
  write_file_atomically(folder_ / "body.mtl", std::string("newmtl paint\nKd 1 0.5 1\nmap_Kd paint.png\n"));
  ImageU8 grey(2, 1, 3, 0);
  std::fill_n(grey.at(1, 0), 3, 255);
  write_png(folder_ / "paint.png", grey);
  write_file_atomically(folder_ / "body.obj",
                        std::string("mtllib body.mtl\nusemtl paint\nv -0.8 0.5 -2\nv 0.8 0.5 -2\nv 0 1.5 2\n"
                                    "vt 0 0\nvt 1 0\nvt 1 1\nf 1/1 2/2 3/3\n"));
  write_file_atomically(folder_ / "wheel.obj", std::string("v 0 0 0\nv 0 0.4 0\nv 0.1 0.2 0.1\nf 1 2 3\n"));
  const VehicleConfig config =
      VehicleConfig::parse("body_mesh: body.obj\nwheel_mesh: wheel.obj\n", "car.yaml", folder_);
  const VehicleLook look(config, 9);
  VehicleState state;
  for (Pose& X_MW : state.X_MW) X_MW = pose_from_xyz_rpy(0, 0, 0.4, 0, 0, 0);
  const auto actors = look.actors(state);
  ASSERT_EQ(actors.size(), 5U);
  float front = -9, low = 9;
  for (const auto& p : actors[0].mesh->positions) {
    front = std::max(front, p.x());
    low = std::min(low, p.z());
  }
  EXPECT_FLOAT_EQ(front, 2);
  EXPECT_FLOAT_EQ(low, 0.5F) << "stays where it was modelled";
  // Half of the picture is white, half black: the mean of the light, times the material's own colour.
  const Material& paint = actors[0].materials->at(actors[0].mesh->triangle_material[0]);
  EXPECT_TRUE(paint.color.isApprox(Eigen::Vector3f(0.5F, 0.25F, 0.5F), 1e-3F)) << paint.color.transpose();
  EXPECT_EQ(actors[0].class_id, 9);
  const auto spoke = [](const Actor& actor) -> Eigen::Vector3d {
    const auto& points = actor.mesh->positions;
    const auto out = std::max_element(points.begin(), points.end(),
                                      [](const auto& a, const auto& b) { return std::abs(a.y()) < std::abs(b.y()); });
    return actor.X_MA * out->cast<double>();
  };
  EXPECT_GT(spoke(actors[1 + kFrontLeft]).y(), 0.05) << "leans out on the left";
  EXPECT_LT(spoke(actors[1 + kFrontRight]).y(), -0.05) << "and on the right";
  // A quarter turn of the wheels takes the upright spoke forward.
  const Eigen::Vector3d before = spoke(actors[1 + kRearLeft]);
  for (Pose& X_MW : state.X_MW)
    X_MW.linear() = Eigen::AngleAxisd(std::numbers::pi / 2, Eigen::Vector3d::UnitY()).matrix();
  const Eigen::Vector3d after = spoke(look.actors(state)[1 + kRearLeft]);
  EXPECT_NEAR(after.x(), before.z() - 0.4, 1e-6);
}

TEST_F(VehicleLookTest, MissingMeshesAreNamed) {
  try {
    VehicleConfig::parse("name: x\nbody_mesh: nothing.glb\n", "car.yaml", folder_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("car.yaml:2: 'body_mesh' is"));
  }
}

}  // namespace
}  // namespace bramble
