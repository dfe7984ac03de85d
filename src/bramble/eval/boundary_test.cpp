#include "bramble/eval/boundary.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "bramble/eval/calibration.hpp"
#include "bramble/eval/class_map.hpp"

namespace bramble {
namespace {

// Left part class 0, the rest class 1.
ImageU8 halves(int width, int height, int edge) {
  ImageU8 ids(width, height, 1);
  for (int v = 0; v < height; ++v)
    for (int u = 0; u < width; ++u) *ids.at(u, v) = u < edge ? 0 : 1;
  return ids;
}

TEST(BoundaryScore, IsOneWithinTheToleranceAndFallsBehindIt) {
  // 100x75: a diagonal of 125, so the tolerance is 1 pixel (0.94, at least 1).
  EXPECT_EQ(BoundaryScore::tolerance(100, 75), 1.0);
  EXPECT_NEAR(BoundaryScore::tolerance(1024, 768), 9.6, 1e-12);
  const ImageU8 truth = halves(100, 75, 50);
  for (const auto& [edge, expected] : {std::pair(50, 1.0), {51, 1.0}, {49, 1.0}, {52, 0.0}, {40, 0.0}}) {
    BoundaryScore score(3);
    score.add(truth, halves(100, 75, edge));
    EXPECT_EQ(*score.f1(0), expected) << edge;
    EXPECT_EQ(*score.mean_f1(), expected) << edge;
    EXPECT_FALSE(score.f1(2));
  }
}

TEST(BoundaryScore, CountsPrecisionAndRecall) {
  // The estimate has the border, and a second one elsewhere: precision 1/2 for class 0, recall 1.
  const ImageU8 truth = halves(100, 75, 50);
  ImageU8 estimate = truth;
  for (int v = 0; v < 75; ++v)
    for (int u = 80; u < 100; ++u) *estimate.at(u, v) = 0;
  BoundaryScore score(2);
  score.add(truth, estimate);
  EXPECT_NEAR(*score.f1(0), 2 * 0.5 * 1 / 1.5, 1e-12);
  // Behind ignored pixels there is no border.
  ImageU8 label = truth;
  for (int v = 0; v < 75; ++v)
    for (int u = 49; u < 51; ++u) *label.at(u, v) = kIgnoreId;
  BoundaryScore none(2);
  none.add(label, truth);
  EXPECT_FALSE(none.mean_f1());
}

TEST(Calibration, IsTheMeanGapOfTheBins) {
  Calibration calibration;
  calibration.add(0.9, true, 80);  // 80 of 100 right at 0.9
  calibration.add(0.9, false, 20);
  calibration.add(0.5, true, 50);  // 50 of 100 right at 0.5
  calibration.add(0.5, false, 50);
  EXPECT_EQ(calibration.total(), 200U);
  EXPECT_NEAR(*calibration.expected_error(), (0.1 * 100 + 0) / 200, 1e-12);
  EXPECT_NEAR(*calibration.overconfidence(), 0.05, 1e-12);
  calibration.add(1.0, true);  // the last bin's upper end
  EXPECT_FALSE(Calibration().expected_error());
}

TEST(Estimate, IsSoftmaxOfInterpolatedLogits) {
  // Two classes, 1x2 logits, four pixels: positions −0.25, 0.25, 0.75, 1.25 → weights 0, 0.25, 0.75, 1.
  const std::vector<float> logits{2, 0, 0, 1};
  const Estimate e = estimate_from_logits(logits, 2, 1, 2, 4, 1);
  const double weights[] = {0, 0.25, 0.75, 1};
  for (int u = 0; u < 4; ++u) {
    const double a = 2 * (1 - weights[u]), b = weights[u];
    EXPECT_EQ(*e.label.at(u, 0), b > a ? 1 : 0);
    EXPECT_NEAR(*e.confidence.at(u, 0), 1 / (1 + std::exp(-std::abs(a - b))), 1e-6);
  }
}

TEST(ClassMap, GoesByNameAndByFile) {
  const Ontology rellis("r", {{0, "void", {0, 0, 0}, 0}, {1, "mud", {1, 0, 0}, 0}, {2, "grass", {2, 0, 0}, 0}});
  const Ontology ours("o", {{0, "grass", {0, 102, 0}, 0}, {1, "dirt", {108, 64, 20}, 0}});
  const ClassMap map = make_class_map(rellis, "the data", ours, "the model", {{"mud", "dirt"}});
  EXPECT_EQ(map, (ClassMap{kIgnoreId, 1, 0}));
  ImageU8 ids(4, 1, 1);
  ids.data = {0, 1, 2, 255};
  EXPECT_EQ(map_classes(ids, map).data, (std::vector<std::uint8_t>{255, 1, 0, 255}));
  EXPECT_THROW(make_class_map(rellis, "the data", ours, "the model", {{"mood", "dirt"}}), std::exception);
  EXPECT_THROW(make_class_map(rellis, "the data", ours, "the model", {{"mud", "soil"}}), std::exception);
}

}  // namespace
}  // namespace bramble
