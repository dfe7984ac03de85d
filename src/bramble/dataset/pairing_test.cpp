#include "bramble/dataset/pairing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "bramble/core/random.hpp"

namespace bramble {
namespace {

using Stamps = std::vector<std::pair<StampNs, StampNs>>;

StampedPayload payload(StampNs stamp_ns, std::size_t bytes = 10) {
  return {stamp_ns, std::make_shared<const std::vector<std::uint8_t>>(bytes)};
}
void take(Stamps& stamps, std::vector<StampedPair> pairs) {
  for (const auto& pair : pairs) stamps.emplace_back(pair.image.stamp_ns, pair.label.stamp_ns);
}

// «i100 l100 …» in order of arrival.
struct Run {
  Stamps pairs;
  std::uint64_t images = 0, labels = 0, duplicates = 0;
  std::size_t most_waiting = 0;
};
Run run(std::int64_t slop_ns, const std::vector<std::pair<char, StampNs>>& messages, std::size_t most = 1 << 20) {
  Pairing pairing(slop_ns, most);
  Run result;
  for (const auto& [kind, stamp] : messages) {
    if (!pairing.add(kind == 'i' ? Pairing::kImage : Pairing::kLabel, payload(stamp))) ++result.duplicates;
    take(result.pairs, pairing.take_settled());
    result.most_waiting = std::max(result.most_waiting, pairing.waiting_bytes());
  }
  take(result.pairs, pairing.take_rest());
  result.images = pairing.images_without_label();
  result.labels = pairing.labels_without_image();
  EXPECT_EQ(pairing.waiting_bytes(), 0u);
  return result;
}

TEST(Pairing, EqualStampsInAnyOrderOfArrival) {
  EXPECT_EQ(run(0, {{'i', 1}, {'l', 1}, {'l', 2}, {'i', 2}, {'i', 3}, {'i', 4}, {'l', 3}, {'l', 4}}).pairs,
            (Stamps{{1, 1}, {2, 2}, {3, 3}, {4, 4}}));
}

TEST(Pairing, HalvesWithoutPartnerAreCounted) {
  const auto result = run(0, {{'i', 1}, {'i', 2}, {'l', 2}, {'l', 3}, {'i', 4}, {'l', 5}, {'i', 6}});
  EXPECT_EQ(result.pairs, (Stamps{{2, 2}}));
  EXPECT_EQ(result.images, 3u);
  EXPECT_EQ(result.labels, 2u);
}

TEST(Pairing, ExactMatchingRefusesOneNanosecond) {
  const auto result = run(0, {{'i', 100}, {'l', 101}});
  EXPECT_TRUE(result.pairs.empty());
  EXPECT_EQ(run(1, {{'i', 100}, {'l', 101}}).pairs, (Stamps{{100, 101}}));
}

TEST(Pairing, SlopTakesTheNearestAndTheEarlierOfTwo) {
  EXPECT_EQ(run(10, {{'i', 100}, {'l', 92}, {'l', 103}}).pairs, (Stamps{{100, 103}}));
  EXPECT_EQ(run(10, {{'i', 100}, {'l', 95}, {'l', 105}}).pairs, (Stamps{{100, 95}}));
}

// Without this rule every label of a lost picture would go to the picture before it.
TEST(Pairing, LabelGoesToTheNearerOfTwoPictures) {
  const auto result = run(10, {{'i', 0}, {'l', 9}, {'i', 10}, {'l', 60}, {'i', 61}});
  EXPECT_EQ(result.pairs, (Stamps{{10, 9}, {61, 60}}));
  EXPECT_EQ(result.images, 1u);
}

TEST(Pairing, PictureTakesItsSecondChoiceWhenTheFirstIsTaken) {
  EXPECT_EQ(run(10, {{'l', -7}, {'i', 0}, {'l', 6}, {'i', 7}}).pairs, (Stamps{{0, -7}, {7, 6}}));
}

TEST(Pairing, SecondMessageWithTheSameStampIsRefused) {
  const auto result = run(0, {{'i', 1}, {'l', 1}, {'i', 1}, {'l', 1}, {'i', 2}, {'i', 2}, {'l', 2}});
  EXPECT_EQ(result.pairs, (Stamps{{1, 1}, {2, 2}}));
  EXPECT_EQ(result.duplicates, 3u);
}

TEST(Pairing, LabelsThatLagBehindFindTheirPicture) {
  std::vector<std::pair<char, StampNs>> messages;
  for (StampNs t = 0; t < 100; ++t) {
    messages.emplace_back('i', t * 50);
    if (t >= 30) messages.emplace_back('l', (t - 30) * 50);
  }
  const auto result = run(20, messages);
  EXPECT_EQ(result.pairs.size(), 70u);
  EXPECT_EQ(result.images, 30u);
}

TEST(Pairing, MemoryIsBoundedWhenOneKindStopsComing) {
  for (const char kind : {'i', 'l'}) {
    std::vector<std::pair<char, StampNs>> messages{{'i', 0}, {'l', 0}};
    for (StampNs t = 1; t < 1000; ++t) messages.emplace_back(kind, t);
    const auto result = run(0, messages, 200);
    EXPECT_EQ(result.pairs, (Stamps{{0, 0}}));
    EXPECT_LE(result.most_waiting, 200u);
    EXPECT_EQ(kind == 'i' ? result.images : result.labels, 999u);
  }
}

// A picture topic that runs on alone must not hold the labels either.
TEST(Pairing, HopelessLabelsAreLetGo) {
  std::vector<std::pair<char, StampNs>> messages;
  for (StampNs t = 0; t < 1000; ++t) {
    messages.emplace_back('l', 10 * t);
    messages.emplace_back('i', 10 * t + 5);
  }
  const auto result = run(0, messages);
  EXPECT_EQ(result.labels, 1000u);
  EXPECT_EQ(result.images, 1000u);
  EXPECT_LE(result.most_waiting, 40u);
}

TEST(Pairing, SimulationStartedAgainIsANewStretch) {
  std::vector<std::pair<char, StampNs>> messages;
  for (StampNs t = 0; t < 5; ++t)
    for (const char kind : {'i', 'l'}) messages.emplace_back(kind, 100 * kNsPerSecond + t);
  for (StampNs t = 0; t < 5; ++t)
    for (const char kind : {'i', 'l'}) messages.emplace_back(kind, t);
  EXPECT_EQ(run(0, messages).pairs.size(), 10u);
  EXPECT_EQ(run(0, messages).images, 0u);
}

// Independent route: pairs of a random recording with exact stamps are the intersection of two sets.
TEST(Pairing, ExactPairsAreTheIntersection) {
  Random random(3);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::pair<char, StampNs>> messages;
    std::vector<StampNs> both;
    std::uint64_t images = 0, labels = 0;
    for (StampNs t = 0; t < 40; ++t) {
      const std::uint32_t kinds = random.below(4);
      std::vector<std::pair<char, StampNs>> now;
      if (kinds & 1) now.emplace_back('i', t);
      if (kinds & 2) now.emplace_back('l', t);
      if (random.below(2)) std::reverse(now.begin(), now.end());
      messages.insert(messages.end(), now.begin(), now.end());
      if (kinds == 3) both.push_back(t);
      images += kinds == 1;
      labels += kinds == 2;
    }
    const auto result = run(0, messages);
    ASSERT_EQ(result.pairs.size(), both.size());
    for (std::size_t i = 0; i < both.size(); ++i) ASSERT_EQ(result.pairs[i], std::pair(both[i], both[i]));
    ASSERT_EQ(result.images, images);
    ASSERT_EQ(result.labels, labels);
  }
}

// What has settled early equals what is decided with everything at hand.
TEST(Pairing, SettlingEarlyChangesNothing) {
  Random random(4);
  for (int round = 0; round < 300; ++round) {
    const std::int64_t slop = random.below(12);
    std::vector<std::pair<char, StampNs>> messages;
    for (StampNs t = 0; t < 600; t += 1 + random.below(15)) messages.emplace_back(random.below(2) ? 'i' : 'l', t);
    Pairing at_once(slop);
    for (const auto& [kind, stamp] : messages)
      at_once.add(kind == 'i' ? Pairing::kImage : Pairing::kLabel, payload(stamp));
    Stamps whole;
    take(whole, at_once.take_rest());
    const auto streamed = run(slop, messages);
    ASSERT_EQ(streamed.pairs, whole) << "slop " << slop << ", round " << round;
    ASSERT_EQ(streamed.images, at_once.images_without_label());
    for (const auto& [i, l] : whole) ASSERT_LE(std::abs(i - l), slop);
  }
}

}  // namespace
}  // namespace bramble
