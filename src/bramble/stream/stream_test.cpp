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

class Numbers : public Source {
 public:
  std::vector<TopicInfo> topics() const override { return {{"/even", "a/msg/A"}, {"/odd", "a/msg/A"}}; }
  std::optional<Message> next() override {
    if (at_ == 10) return std::nullopt;
    const int number = at_++;
    return Message{topics()[number % 2], number, std::make_shared<const std::vector<std::uint8_t>>(number)};
  }

 private:
  int at_ = 0;
};

class Collector : public Sink {
 public:
  void write(const Message& message) override { stamps.push_back(message.stamp_ns); }
  void close() override {
    closed = true;
    if (fails) fail("cannot close");
  }
  std::vector<StampNs> stamps;
  bool closed = false;
  bool fails = false;
};

TEST(Stream, PumpPassesEveryMessageToEverySinkWithoutCopies) {
  Numbers source;
  Collector a, b;
  EXPECT_EQ(pump(source, std::vector<Sink*>{&a, &b}), 10u);
  EXPECT_EQ(a.stamps, (std::vector<StampNs>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(a.stamps, b.stamps);
  EXPECT_FALSE(a.closed);
}

TEST(Stream, PumpStopsWhenTold) {
  Numbers source;
  Collector sink;
  EXPECT_EQ(pump(source, std::vector<Sink*>{&sink}, [](const Message& m) { return m.stamp_ns < 3; }), 4u);
  EXPECT_EQ(source.next()->stamp_ns, 4) << "nothing may be taken and lost";
}

TEST(Stream, FilterLetsThroughWhatIsWanted) {
  Numbers source;
  TopicFilter filter(source, {"/odd"}, "numbers");
  ASSERT_EQ(filter.topics().size(), 1u);
  Collector sink;
  pump(filter, std::vector<Sink*>{&sink});
  EXPECT_EQ(sink.stamps, (std::vector<StampNs>{1, 3, 5, 7, 9}));
  EXPECT_THROW(TopicFilter(source, {"/prime"}, "numbers"), Error);
}

TEST(Stream, FanOutClosesAllEvenWhenOneFails) {
  Collector a, b;
  a.fails = true;
  FanOut all({&a, &b});
  EXPECT_THROW(all.close(), Error);
  EXPECT_TRUE(b.closed);
}

}  // namespace
}  // namespace bramble
