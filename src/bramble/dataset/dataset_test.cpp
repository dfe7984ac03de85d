#include "bramble/dataset/dataset.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/dataset/dataset_writer.hpp"
#include "bramble/dataset/statistics.hpp"
#include "bramble/dataset/test_bag.hpp"

namespace bramble {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::Scratch;
using testing::ElementsAre;
using testing::HasSubstr;

class DatasetTest : public testing::Test {
 protected:
  void SetUp() override {
    folder = scratch / "data";
    DatasetWriter writer(folder, test::ontology(), false);
    parallel_for(8, [&](std::size_t i) {
      ImageU8 rgb(6, 4, 3, static_cast<std::uint8_t>(10 * i));
      ImageU8 label(6, 4, 1, static_cast<std::uint8_t>(i % 3));
      *label.at(5, 3) = kIgnoreId;
      writer.add(fmt::format("s{}", i), 1000 - static_cast<StampNs>(i), i < 4 ? "train" : "test", rgb, label);
    });
    writer.finish();
  }
  void write(const std::string& file, const std::string& text) { write_file_atomically(folder / file, text); }
  std::string open_error() {
    return error_of([&] { Dataset::open(folder); });
  }
  Scratch scratch{fmt::format("dataset_{}", testing::UnitTest::GetInstance()->current_test_info()->name())};
  fs::path folder;
};

TEST_F(DatasetTest, RoundTripInOrderOfSplitAndStamp) {
  const Dataset dataset = Dataset::open(folder);
  EXPECT_EQ(dataset.ontology(), test::ontology());
  std::vector<std::string> names;
  for (const auto& sample : dataset.samples()) names.push_back(sample.name);
  EXPECT_THAT(names, ElementsAre("s7", "s6", "s5", "s4", "s3", "s2", "s1", "s0"));
  EXPECT_EQ(dataset.samples()[0].split, "test");
  EXPECT_EQ(dataset.samples()[0].stamp_ns, 993);
  EXPECT_EQ(dataset.load_image(0), ImageU8(6, 4, 3, 70));
  EXPECT_EQ(*dataset.load_label(0).at(0, 0), 1);
  EXPECT_EQ(*dataset.load_label(0).at(5, 3), kIgnoreId);
}

TEST_F(DatasetTest, WhatIsNotWholeIsNamed) {
  EXPECT_THAT(error_of([&] { Dataset::open(scratch / "nowhere"); }), HasSubstr("nowhere"));
  fs::rename(folder / "labels" / "s3.png", scratch / "s3.png");
  EXPECT_THAT(open_error(), HasSubstr("labels/s3.png of sample s3 is missing"));
  fs::rename(scratch / "s3.png", folder / "labels" / "s3.png");
  EXPECT_EQ(open_error(), "no error");
  fs::rename(folder / "index.csv", scratch / "index.csv");
  EXPECT_THAT(open_error(), HasSubstr("index.csv"));
  fs::rename(scratch / "index.csv", folder / "index.csv");
  fs::remove(folder / "ontology.yaml");
  EXPECT_THAT(open_error(), HasSubstr("ontology.yaml"));
}

TEST_F(DatasetTest, MalformedIndexIsNamedWithItsLine) {
  const std::string heading = "name,stamp_ns,image,label,split\n", row = "s0,1,images/s0.png,labels/s0.png,train\n";
  const auto index_error = [&](const std::string& text) {
    write("index.csv", text);
    return open_error();
  };
  EXPECT_EQ(index_error(heading + row), "no error");
  EXPECT_EQ(index_error("name,stamp_ns,image,label,split\r\ns0,1,images/s0.png,labels/s0.png,train\r\n"), "no error");
  EXPECT_THAT(index_error("image,label\n"), HasSubstr("index.csv:1"));
  EXPECT_THAT(index_error(""), HasSubstr("no samples"));
  EXPECT_THAT(index_error(heading), HasSubstr("no samples"));
  EXPECT_THAT(index_error(heading + row + "s1,1,images/s1.png\n"), HasSubstr("index.csv:3: 3 columns"));
  EXPECT_THAT(index_error(heading + "s0,1x,images/s0.png,labels/s0.png,train\n"), HasSubstr("'1x'"));
  EXPECT_THAT(index_error(heading + row + row), HasSubstr("twice"));
  EXPECT_THAT(index_error(heading + "s0,1,../x.png,labels/s0.png,train\n"), HasSubstr("inside"));
  EXPECT_THAT(index_error(heading + "s0,1,/etc/passwd,labels/s0.png,train\n"), HasSubstr("inside"));
}

TEST_F(DatasetTest, LabelsThatLieAreNamedWithFileAndValue) {
  const auto label_error = [&] {
    const Dataset dataset = Dataset::open(folder);
    return error_of([&] { dataset.load_label(4); });
  };
  ImageU8 label(6, 4, 1, 1);
  *label.at(2, 2) = 3;
  write_png(folder / "labels" / "s3.png", label);
  EXPECT_THAT(label_error(), HasSubstr("s3.png: label value 3 is no class of ontology three"));
  write_png(folder / "labels" / "s3.png", ImageU8(6, 4, 3, 1));
  EXPECT_THAT(label_error(), HasSubstr("s3.png: expected an 8-bit single-channel PNG"));
  fs::resize_file(folder / "labels" / "s3.png", 50);
  EXPECT_THAT(label_error(), HasSubstr("s3.png"));
  fs::resize_file(folder / "labels" / "s3.png", 0);
  EXPECT_THAT(label_error(), HasSubstr("s3.png: empty file"));
}

TEST_F(DatasetTest, CheckFindsEveryKindOfDamage) {
  EXPECT_THAT(check_dataset(Dataset::open(folder)), ElementsAre());
  fs::resize_file(folder / "images" / "s6.png", 60);
  write_png(folder / "labels" / "s4.png", ImageU8(6, 5, 1, 1));
  write_png(folder / "labels" / "s1.png", ImageU8(6, 4, 1, 99));
  write_png(folder / "images" / "stray.png", ImageU8(6, 4, 3, 99));
  fs::remove(folder / "dataset.parquet");
  EXPECT_THAT(check_dataset(Dataset::open(folder)),
              ElementsAre(HasSubstr("s6.png"), HasSubstr("s4.png is 6x4, labels/s4.png is 6x5"),
                          HasSubstr("s1.png: label value 99"), HasSubstr("images/stray.png: no sample"),
                          HasSubstr("dataset.parquet: missing")));
}

TEST_F(DatasetTest, StatisticsAgreeWithCountingByHand) {
  const auto statistics = dataset_statistics(Dataset::open(folder));
  EXPECT_EQ(statistics.samples, 8u);
  EXPECT_EQ(statistics.label_pixels, 8u * 24);
  EXPECT_EQ(statistics.ignored_pixels, 8u);
  EXPECT_EQ(statistics.classes[0].pixels, 3u * 23) << "s0, s3, s6";
  EXPECT_EQ(statistics.classes[2].samples, 2u) << "s2, s5";
  EXPECT_DOUBLE_EQ(statistics.share(1), 3.0 / 8);
  EXPECT_EQ(statistics.splits.at("train"), 4u);
  EXPECT_EQ((statistics.sizes.at({6, 4})), 8u);
  EXPECT_NEAR(statistics.mean[1], 35.0 / 255, 1e-12);
  EXPECT_NEAR(statistics.stddev[2], std::sqrt(525.0) / 255, 1e-12) << "variance of 0, 10, …, 70";
  EXPECT_EQ(statistics.first_ns, 993);
  EXPECT_EQ(statistics.last_ns, 1000);
}

TEST_F(DatasetTest, ContactSheetShowsPicturesBesideTheirLabels) {
  std::vector<std::size_t> shown;
  SheetOptions options{3, 2, 24};
  const ImageU8 sheet = contact_sheet(Dataset::open(folder), options, shown);
  EXPECT_THAT(shown, ElementsAre(0, 3, 7));
  EXPECT_EQ(sheet.width, 8 + 2 * (24 + 8));
  EXPECT_EQ(sheet.height, 8 + 2 * (8 + 8));
  const auto color_at = [&](int u, int v) { return Rgb{sheet.at(u, v)[0], sheet.at(u, v)[1], sheet.at(u, v)[2]}; };
  EXPECT_EQ(color_at(10, 10), (Rgb{70, 70, 70})) << "s7";
  EXPECT_EQ(color_at(22, 10), test::ontology()[1].color);
  EXPECT_EQ(color_at(10, 26), (Rgb{0, 0, 0})) << "s0";
  EXPECT_EQ(color_at(22, 26), test::ontology()[0].color);
  EXPECT_EQ(color_at(60, 28), (Rgb{24, 24, 24})) << "empty place";
}

}  // namespace
}  // namespace bramble
