#include "bramble/infer/infer_bench.hpp"

#include <gtest/gtest.h>

namespace bramble {
namespace {

TEST(InferBench, MeasuresOursAndSaysWhyThereIsNoPeer) {
  const nlohmann::json figures = bench_infer({.width = 96, .height = 64, .runs = 2});
  EXPECT_GT(figures["ours_ms"].get<double>(), 0.0);
  EXPECT_LE(figures["network_ms"].get<double>(), figures["ours_ms"].get<double>() * 2);
  EXPECT_TRUE(figures["ratio_eager"].is_null());
  EXPECT_EQ(figures["note"], "no comparison with Python: the peer script is not there");
  EXPECT_GT(figures["libtorch_eager_ms"].get<double>(), 0.0);
  EXPECT_GT(figures["agreement_libtorch"].get<double>(), 0.98);
  EXPECT_GT(figures["pictures_per_s"].get<double>(), 0.0);
  EXPECT_NE(bench_to_text(figures).find("libtorch eager (C++) f32"), std::string::npos);
}

}  // namespace
}  // namespace bramble
