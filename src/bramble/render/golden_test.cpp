#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "bramble/core/image_io.hpp"
#include "bramble/render/scene_for_tests.hpp"

namespace bramble {
namespace {

using namespace scene_test;
namespace fs = std::filesystem;

// Compares with tests/data/golden/NAME.png: on average within half a level, hardly a pixel off by more than a few
// (other compilers may round otherwise). On failure leaves the picture and the difference, eight times enlarged, beside
// the test program; BRAMBLE_UPDATE_GOLDEN=1 writes the golden picture anew.
void expect_golden(const std::string& name, const ImageU8& bgra) {
  ImageU8 rgb(bgra.width, bgra.height, 3);
  for (std::size_t i = 0; i < rgb.pixel_count(); ++i)
    for (std::size_t c = 0; c < 3; ++c) rgb.data[3 * i + c] = bgra.data[4 * i + 2 - c];
  const fs::path file = fs::path(BRAMBLE_SOURCE_DIR) / "tests/data/golden" / (name + ".png");
  if (std::getenv("BRAMBLE_UPDATE_GOLDEN") != nullptr) write_png(file, rgb);
  ASSERT_TRUE(fs::exists(file)) << file << " is missing; BRAMBLE_UPDATE_GOLDEN=1 writes it";
  const ImageU8 golden = read_image(file);
  ASSERT_EQ(golden.width, rgb.width);
  ASSERT_EQ(golden.height, rgb.height);
  ASSERT_EQ(golden.channels, rgb.channels);
  ImageU8 difference = rgb;
  double sum = 0;
  std::size_t far_off = 0;
  for (std::size_t i = 0; i < rgb.data.size(); ++i) {
    const int off = std::abs(rgb.data[i] - golden.data[i]);
    difference.data[i] = static_cast<std::uint8_t>(std::min(255, 8 * off));
    sum += off;
    far_off += off > 6;
  }
  const double mean = sum / static_cast<double>(rgb.data.size());
  const bool good = mean < 0.5 && static_cast<double>(far_off) < 0.004 * static_cast<double>(rgb.data.size());
  if (good) return;
  const fs::path folder = fs::path(BRAMBLE_BINARY_DIR) / "golden_differences";
  write_png(folder / (name + ".png"), rgb);
  write_png(folder / (name + "_difference.png"), difference);
  ADD_FAILURE() << name << ": " << mean << " levels off on average, " << far_off << " values by more than 6; see "
                << folder;
}

struct Case {
  const char* name;
  const char* quality;
  void (*change)(World&, CameraModel&, FrameRequest&);
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }  // GoogleTest looks for this name

class Golden : public testing::TestWithParam<Case> {};

TEST_P(Golden, PictureStays) {
  World world = busy_world();
  CameraModel camera = small_camera();
  camera.width = 256;
  camera.height = 192;
  ASSERT_TRUE(set_quality(GetParam().quality, camera));
  FrameRequest request;
  GetParam().change(world, camera, request);
  const Renderer renderer(world);
  CameraFrame frame;
  renderer.render(camera, look({-6, -4, 2.4}, {1, 0.35, -0.12}), {box_actor(pose_from_xyz_rpy(4, 6, 0, 0, 0, 0.4))},
                  frame, request);
  expect_golden(GetParam().name, frame.bgra);
}

INSTANTIATE_TEST_SUITE_P(Scenes, Golden,
                         testing::Values(Case{"noon", "preview", [](World&, CameraModel&, FrameRequest&) {}},
                                         Case{"noon_standard", "standard", [](World&, CameraModel&, FrameRequest&) {}},
                                         Case{"rain", "preview",
                                              [](World& world, CameraModel&, FrameRequest& request) {
                                                world.sky.cloud_cover = 1;
                                                world.sky.rain = 0.8F;
                                                world.sky.wetness = 1;
                                                request.effects.iso = 800;
                                              }},
                                         Case{"fog", "preview",
                                              [](World& world, CameraModel&, FrameRequest&) {
                                                world.sky.fog_per_m = 0.08F;
                                              }},
                                         Case{"snow", "preview",
                                              [](World& world, CameraModel&, FrameRequest&) {
                                                world.sky.snow = 1;
                                                world.sky.cloud_cover = 0.9F;
                                              }},
                                         Case{"dusk", "standard",
                                              [](World& world, CameraModel&, FrameRequest&) {
                                                world.sky.sun_direction = Vector3f(0.9F, 0.3F, 0.06F).normalized();
                                                world.sky.sun_color = Vector3f(0.5F, 0.25F, 0.08F);
                                              }},
                                         Case{"fisheye", "preview",
                                              [](World&, CameraModel& camera, FrameRequest& request) {
                                                camera.projection = Projection::kFisheye;
                                                camera.fov_rad = 3.2;
                                                request.effects.vignetting = 0.3;
                                                request.effects.temperature_k = 5000;
                                              }}),
                         [](const testing::TestParamInfo<Case>& info) { return std::string(info.param.name); });

// Label and picture agree: on a scene whose classes have colours of their own, every class border is a visible edge and
// every pixel shows its class's colour.
TEST(LabelsAndPicture, AgreeToThePixel) {
  World world = flat_world();
  world.sky.cloud_cover = 1;  // no shadows
  world.sky.haze_distance_m = 1e6F;
  const struct {
    ClassId id;
    Vector3f color;
  } things[] = {{kTree, {0.7F, 0.02F, 0.02F}}, {kBush, {0.02F, 0.02F, 0.7F}}, {kRubble, {0.6F, 0.02F, 0.6F}}};
  for (int k = 0; k < 24; ++k) {
    const auto& thing = things[k % 3];
    place(world, sphere(0.4F + 0.05F * static_cast<float>(k % 7), add_material(world, thing.color), 32),
          {6.0F + 0.8F * static_cast<float>(k % 5), -5.0F + 0.45F * static_cast<float>(k),
           0.3F + 0.1F * static_cast<float>(k % 9)},
          thing.id);
  }
  const CameraFrame frame = picture(world, small_camera(), look({0, 0, 1.6}, {1, 0, -0.1}));
  int checked = 0;
  for (std::size_t i = 0; i < frame.semantic.data.size(); ++i) {
    const std::uint8_t* p = &frame.bgra.data[4 * i];
    const int b = p[0], g = p[1], r = p[2];
    const ClassId looks = r > 1.6 * g && r > 1.6 * b   ? kTree
                          : b > 1.6 * g && b > 1.6 * r ? kBush
                          : r > 1.6 * g && b > 1.6 * g ? kRubble
                                                       : kIgnoreId;
    const ClassId label = frame.semantic.data[i];
    const bool thing = label == kTree || label == kBush || label == kRubble;
    if (thing || looks != kIgnoreId) {
      EXPECT_EQ(looks, thing ? label : kIgnoreId)
          << "pixel " << i % 160 << ", " << i / 160 << ": " << r << " " << g << " " << b;
      ++checked;
    }
  }
  EXPECT_GT(checked, 1500);
}

}  // namespace
}  // namespace bramble
