#include "bramble/infer/infer_bench.hpp"

#include <gtest/gtest.h>

namespace bramble {
namespace {

TEST(InferBench, MeasuresOursAndSaysWhyThereIsNoPeer) {
  const nlohmann::json figures = bench_infer({.width = 96, .height = 64, .runs = 2});
  EXPECT_GT(figures["ours_ms"].get<double>(), 0.0);
  EXPECT_LE(figures["network_ms"].get<double>(), figures["ours_ms"].get<double>() * 2);
  EXPECT_TRUE(figures["ratio_eager"].is_null());
  EXPECT_EQ(figures["note"], "no comparison with PyTorch: the peer script is not there");
}

}  // namespace
}  // namespace bramble
