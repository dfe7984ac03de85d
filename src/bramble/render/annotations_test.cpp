#include "bramble/render/annotations.hpp"

#include <gtest/gtest.h>

#include "bramble/core/error.hpp"
#include "bramble/world/world.hpp"

namespace bramble {
namespace {

struct Picture {
  ImageU32 instance{6, 4, 1, kGroundInstanceId};
  ImageU8 semantic{6, 4, 1, 0};
  void put(int u, int v, std::uint32_t id, ClassId class_id) {
    *instance.at(u, v) = id;
    *semantic.at(u, v) = class_id;
  }
};

Picture two_trees_and_a_stone() {
  Picture p;
  for (int u = 0; u < 6; ++u) p.put(u, 0, kSkyInstanceId, 6);
  p.put(1, 1, 40, 2);
  p.put(2, 2, 40, 2);
  p.put(2, 3, 40, 2);
  p.put(4, 1, 17, 2);
  p.put(5, 3, 99, 4);
  p.put(0, 3, kWaterInstanceId, 5);
  return p;
}

TEST(InstanceBoxes, HoldAllThatIsSeenOfAThing) {
  const Picture p = two_trees_and_a_stone();
  const auto boxes = instance_boxes(p.instance, p.semantic);
  ASSERT_EQ(boxes.size(), 3U);
  EXPECT_EQ(boxes[0].instance, 17U);
  EXPECT_EQ(boxes[1].instance, 40U);
  EXPECT_EQ(boxes[1].class_id, 2);
  EXPECT_EQ(boxes[1].u0, 1);
  EXPECT_EQ(boxes[1].v0, 1);
  EXPECT_EQ(boxes[1].u1, 3);
  EXPECT_EQ(boxes[1].v1, 4);
  EXPECT_EQ(boxes[1].pixels, 3);
  EXPECT_EQ(instance_boxes(p.instance, p.semantic, 2).size(), 1U);
}

TEST(PanopticIds, NumberTheThingsOfAClass) {
  const Picture p = two_trees_and_a_stone();
  const ImageU32 ids = panoptic_ids(p.instance, p.semantic);
  EXPECT_EQ(*ids.at(4, 1), 2001U);
  EXPECT_EQ(*ids.at(1, 1), 2002U);
  EXPECT_EQ(*ids.at(2, 3), 2002U);
  EXPECT_EQ(*ids.at(5, 3), 4001U);
  EXPECT_EQ(*ids.at(0, 0), 6U);
  EXPECT_EQ(*ids.at(0, 3), 5U);
  EXPECT_EQ(*ids.at(3, 3), 0U);
}

TEST(PanopticIds, PicturesOfDifferentSizeAreRefused) {
  EXPECT_THROW(panoptic_ids(ImageU32(4, 4, 1), ImageU8(5, 4, 1)), Error);
}

}  // namespace
}  // namespace bramble
