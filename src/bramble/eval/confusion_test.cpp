#include "bramble/eval/confusion.hpp"

#include <gtest/gtest.h>

#include <set>

#include "bramble/core/error.hpp"
#include "bramble/core/random.hpp"

namespace bramble {
namespace {

ImageU8 labels_of(int width, int height, std::vector<std::uint8_t> values) {
  ImageU8 image(width, height, 1);
  image.data = std::move(values);
  return image;
}

// truth     0 0 1 | 1 1 2        estimate  0 1 1 | 1 0 2
TEST(ConfusionMatrix, MatchesNumbersWorkedOutByHand) {
  ConfusionMatrix matrix(4);
  matrix.add(labels_of(3, 2, {0, 0, 1, 1, 1, 2}), labels_of(3, 2, {0, 1, 1, 1, 0, 2}));
  EXPECT_EQ(matrix.total(), 6U);
  EXPECT_DOUBLE_EQ(*matrix.accuracy(), 4.0 / 6.0);
  EXPECT_DOUBLE_EQ(*matrix.iou(0), 1.0 / 3.0);
  EXPECT_DOUBLE_EQ(*matrix.iou(1), 2.0 / 4.0);
  EXPECT_DOUBLE_EQ(*matrix.iou(2), 1.0);
  EXPECT_FALSE(matrix.iou(3));
  EXPECT_DOUBLE_EQ(*matrix.mean_iou(), (1.0 / 3 + 0.5 + 1.0) / 3);
  EXPECT_DOUBLE_EQ(*matrix.mean_accuracy(), (1.0 / 2 + 2.0 / 3 + 1.0) / 3);
  EXPECT_DOUBLE_EQ(*matrix.frequency_weighted_iou(), 2.0 / 6 / 3 + 3.0 / 6 / 2 + 1.0 / 6);
  EXPECT_DOUBLE_EQ(*matrix.precision(0), 0.5);
  EXPECT_DOUBLE_EQ(*matrix.recall(1), 2.0 / 3);
  EXPECT_DOUBLE_EQ(*matrix.f1(1), 2 * 2.0 / (2 * 2 + 1 + 1));
}

TEST(ConfusionMatrix, LeavesIgnoredPixelsOutWhateverTheEstimateThere) {
  ConfusionMatrix matrix(2);
  matrix.add(labels_of(4, 1, {255, 255, 0, 1}), labels_of(4, 1, {0, 200, 0, 1}));
  EXPECT_EQ(matrix.total(), 2U);
  EXPECT_DOUBLE_EQ(*matrix.accuracy(), 1.0);
}

TEST(ConfusionMatrix, AClassOnlyEstimatedCountsAsZeroAndAnAbsentOneNotAtAll) {
  ConfusionMatrix matrix(3);
  matrix.add(labels_of(2, 1, {0, 0}), labels_of(2, 1, {0, 1}));
  EXPECT_DOUBLE_EQ(*matrix.iou(1), 0.0);
  EXPECT_FALSE(matrix.recall(1));
  EXPECT_FALSE(matrix.present(2));
  EXPECT_DOUBLE_EQ(*matrix.mean_iou(), 0.25);
}

TEST(ConfusionMatrix, WithoutPixelsThereIsNoMeasure) {
  const ConfusionMatrix matrix(3);
  EXPECT_FALSE(matrix.accuracy());
  EXPECT_FALSE(matrix.mean_iou());
  EXPECT_FALSE(matrix.frequency_weighted_iou());
}

// Second route to the same numbers: sets of pixel positions, and the definitions word for word.
TEST(ConfusionMatrix, AgreesWithSetsOfPixels) {
  constexpr int kClasses = 5;
  Random random(7, stream_of("confusion"));
  std::set<int> truth[kClasses];
  std::set<int> guess[kClasses];
  ConfusionMatrix whole(kClasses);
  ConfusionMatrix merged(kClasses);
  int counted = 0;
  int right = 0;
  int position = 0;
  for (int frame = 0; frame < 4; ++frame) {
    ImageU8 label(31, 17, 1);
    ImageU8 estimate(31, 17, 1);
    for (std::size_t i = 0; i < label.data.size(); ++i, ++position) {
      const std::uint32_t draw = random.below(kClasses + 1);
      label.data[i] = draw == kClasses ? kIgnoreId : static_cast<std::uint8_t>(draw);
      estimate.data[i] =
          static_cast<std::uint8_t>(random.below(3) != 0 && draw < kClasses ? draw : random.below(kClasses));
      if (label.data[i] == kIgnoreId) continue;
      ++counted;
      right += label.data[i] == estimate.data[i];
      truth[label.data[i]].insert(position);
      guess[estimate.data[i]].insert(position);
    }
    whole.add(label, estimate);
    ConfusionMatrix part(kClasses);
    part.add(label, estimate);
    merged.merge(part);
  }
  EXPECT_EQ(whole, merged);
  EXPECT_DOUBLE_EQ(*whole.accuracy(), static_cast<double>(right) / counted);
  for (int c = 0; c < kClasses; ++c) {
    std::set<int> both;
    std::set<int> either = truth[c];
    for (const int pixel : guess[c]) (truth[c].count(pixel) ? both : either).insert(pixel);
    const auto id = static_cast<ClassId>(c);
    EXPECT_DOUBLE_EQ(*whole.iou(id), static_cast<double>(both.size()) / static_cast<double>(either.size()));
    EXPECT_DOUBLE_EQ(*whole.precision(id), static_cast<double>(both.size()) / static_cast<double>(guess[c].size()));
    EXPECT_DOUBLE_EQ(*whole.recall(id), static_cast<double>(both.size()) / static_cast<double>(truth[c].size()));
  }
}

TEST(ConfusionMatrix, RefusesWhatDoesNotFit) {
  ConfusionMatrix matrix(3);
  EXPECT_THROW(matrix.add(labels_of(2, 1, {0, 3}), labels_of(2, 1, {0, 0})), Error);
  EXPECT_THROW(matrix.add(labels_of(2, 1, {0, 0}), labels_of(2, 1, {0, 9})), Error);
  EXPECT_THROW(matrix.add(labels_of(2, 1, {0, 0}), labels_of(1, 2, {0, 0})), Error);
  EXPECT_EQ(matrix.total(), 0U) << "a refused frame must not be half counted";
  EXPECT_THROW(matrix.merge(ConfusionMatrix(4)), Error);
  EXPECT_THROW(ConfusionMatrix(256), Error);
}

}  // namespace
}  // namespace bramble
