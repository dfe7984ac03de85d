#include "bramble/stream/stream.hpp"

#include <gtest/gtest.h>

#include "bramble/core/error.hpp"

namespace bramble {
namespace {

TEST(Stream, MissingTopicListsThoseThereAre) {
  const std::vector<TopicInfo> there = {{"/camera/image", "sensor_msgs/msg/Image"},
                                        {"/clock", "rosgraph_msgs/msg/Clock"}};
  require_topics(there, {"/clock"}, "bag x");
  try {
    require_topics(there, {"/clock", "/camera/imgae"}, "bag x");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "bag x has no topic /camera/imgae (did you mean /camera/image?); topics there: /camera/image, /clock");
  }
}

TEST(Stream, EmptyWishMeansAll) {
  EXPECT_TRUE(topic_wanted("/a", {}));
  EXPECT_TRUE(topic_wanted("/a", {"/b", "/a"}));
  EXPECT_FALSE(topic_wanted("/a", {"/b"}));
}

}  // namespace
}  // namespace bramble
