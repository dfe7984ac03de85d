#include "bramble/dataset/format.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/core/random.hpp"
#include "bramble/dataset/coco_mask.hpp"
#include "bramble/dataset/convert.hpp"
#include "bramble/dataset/dataset_writer.hpp"
#include "bramble/dataset/duplicates.hpp"
#include "bramble/dataset/manifest.hpp"
#include "bramble/dataset/test_bag.hpp"

namespace bramble {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::Scratch;
using testing::ElementsAre;
using testing::HasSubstr;

class FormatTest : public testing::Test {
 protected:
  // A data set of Bramble with the classes of an ontology: random pictures, labels with every class and ignored pixels.
  fs::path source(const Ontology& ontology, const std::string& name = "source") {
    const fs::path folder = scratch / name;
    DatasetWriter writer(folder, ontology, false);
    for (int i = 0; i < 6; ++i) {
      ImageU8 rgb(20, 14, 3), label(20, 14, 1);
      Random random(7, static_cast<std::uint64_t>(i));
      for (auto& value : rgb.data) value = static_cast<std::uint8_t>(random.below(256));
      for (auto& id : label.data) {
        id = static_cast<ClassId>(random.below(static_cast<std::uint32_t>(ontology.size() + 1)));
        if (id == ontology.size()) id = kIgnoreId;
      }
      writer.add(fmt::format("drive_{:013}", 1'000'000'000 + i * 50'000'000), 1'000'000'000 + i * 50'000'000,
                 i < 3   ? "train"
                 : i < 5 ? "val"
                         : "test",
                 rgb, label);
    }
    writer.finish();
    return folder;
  }
  ConvertReport to(const std::string& format, const fs::path& input, const std::string& name, bool strict = false) {
    ConvertOptions options;
    options.input = input;
    options.output = scratch / name;
    options.format = format;
    options.strict = strict;
    return convert(options);
  }
  // Pictures and labels by split, in order: names and stamps are not the same in every format.
  static std::map<std::string, std::vector<std::pair<ImageU8, ImageU8>>> content(const Dataset& dataset) {
    std::map<std::string, std::map<std::string, std::size_t>> order;
    for (std::size_t i = 0; i < dataset.size(); ++i)
      order[dataset.samples()[i].split][dataset.samples()[i].image.string()] = i;
    std::map<std::string, std::vector<std::pair<ImageU8, ImageU8>>> out;
    for (const auto& [split, indices] : order)
      for (const auto& [path, i] : indices) out[split].emplace_back(dataset.load_image(i), dataset.load_label(i));
    return out;
  }
  Scratch scratch{fmt::format("format_{}", testing::UnitTest::GetInstance()->current_test_info()->name())};
};

TEST_F(FormatTest, EveryPictureFormatComesBackWithEveryPixel) {
  for (const auto* format : dataset_formats()) {
    const std::string name(format->name());
    if (name == "semantickitti") continue;  // points only
    const Ontology ontology =
        format->ontology().empty() ? test::ontology() : find_ontology(std::string(format->ontology()));
    if (name == "goose") continue;  // below: its palette and split by scene are the same code
    const fs::path input = source(ontology, "source_" + name);
    const auto report = to(name, input, name);
    EXPECT_EQ(report.samples, 6u) << name;
    EXPECT_TRUE(report.problems.empty()) << name;
    const Dataset dataset = Dataset::open(scratch / name);
    EXPECT_EQ(dataset.format(), name) << "told by what lies in the folder";
    EXPECT_TRUE(dataset.problems().empty()) << name;
    EXPECT_EQ(dataset.ontology(), ontology) << name;
    EXPECT_EQ(content(dataset), content(Dataset::open(input))) << name;
    // And once more from there: nothing drifts.
    to("bramble", scratch / name, name + "_back");
    EXPECT_EQ(content(Dataset::open(scratch / (name + "_back"))), content(Dataset::open(input))) << name;
  }
}

TEST_F(FormatTest, GooseKeepsStampsAndScenes) {
  const fs::path input = source(find_ontology("goose"));
  to("goose", input, "goose");
  const Dataset dataset = Dataset::open(fmt::format("goose:{}?split=val", (scratch / "goose").string()));
  ASSERT_EQ(dataset.size(), 2u);
  EXPECT_EQ(dataset.samples()[0].stamp_ns, 1'150'000'000);
  EXPECT_EQ(content(dataset).at("val"), content(Dataset::open(input)).at("val"));
  EXPECT_TRUE(fs::exists(scratch / "goose" / "labels" / "train" / "goose_label_mapping.csv"));
}

TEST_F(FormatTest, MappingIsAppliedOnReading) {
  const auto rellis = find_ontology("rellis3d"), bramble = find_ontology("bramble");
  to("rellis3d", source(rellis), "rellis");
  const Dataset plain = Dataset::open(scratch / "rellis");
  const Dataset mapped = Dataset::open("rellis3d:" + (scratch / "rellis").string() + "?map=bramble&split=train");
  EXPECT_EQ(mapped.ontology(), bramble);
  ASSERT_EQ(mapped.size(), 3u);
  const ImageU8 before = plain.load_label(0), after = mapped.load_label(0);
  const auto mud = rellis.require("mud"), pole = rellis.require("pole");
  for (std::size_t i = 0; i < before.data.size(); ++i) {
    if (before.data[i] == mud) {
      EXPECT_EQ(after.data[i], bramble.require("dirt"));
    }
    if (before.data[i] == pole) {
      EXPECT_EQ(after.data[i], kIgnoreId);
    }
  }
  EXPECT_THAT(error_of([&] { Dataset::open("relis3d:" + (scratch / "rellis").string()); }),
              HasSubstr("did you mean 'rellis3d'"));
  EXPECT_THAT(error_of([&] { Dataset::open((scratch / "rellis").string() + "?mapp=bramble"); }),
              HasSubstr("did you mean 'map'"));
  EXPECT_THAT(error_of([&] { Dataset::open((scratch / "rellis").string() + "?split=dev"); }), HasSubstr("'dev'"));
  fs::create_directories(scratch / "empty");
  EXPECT_THAT(error_of([&] { Dataset::open(scratch / "empty"); }), HasSubstr("FORMAT:"));
}

TEST_F(FormatTest, WhatIsNotWholeIsCountedNamedAndLeftOutOrRefused) {
  to("rellis3d", source(find_ontology("rellis3d")), "rellis");
  const fs::path root = scratch / "rellis", images = root / "00000" / "pylon_camera_node",
                 labels = root / "00000" / "pylon_camera_node_label_id";
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(images)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  const auto label_of = [&](int i) { return labels / (files[static_cast<std::size_t>(i)].stem().string() + ".png"); };
  fs::remove(label_of(0));                        // a missing half
  write_png(label_of(1), ImageU8(20, 13, 1, 1));  // another size
  write_png(label_of(2), ImageU8(20, 14, 1, 2));  // no class has 2
  fs::resize_file(files[3], 100);                 // a cut PNG
  write_png(label_of(4), ImageU8(20, 14, 3, 1));  // three channels
  std::ofstream(root / "val.lst", std::ios::app) << "one two three\n";
  const auto report = to("bramble", root, "out");
  EXPECT_EQ(report.samples, 2u) << "the whole one, and the one whose labels became ignored";
  EXPECT_EQ(report.problems.count("missing file"), 1u);
  EXPECT_EQ(report.problems.count("sizes differ"), 1u);
  EXPECT_EQ(report.problems.count("unknown label values"), 1u);
  EXPECT_EQ(report.problems.count("unreadable"), 2u);
  EXPECT_EQ(report.problems.count("malformed list"), 1u);
  EXPECT_EQ(report.problems.total(), 6u);
  const auto first = report.problems.first();
  const auto named = [&](const fs::path& file) {
    return std::any_of(first.begin(), first.end(),
                       [&](const auto& text) { return text.find(file.filename().string()) != std::string::npos; });
  };
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(named(label_of(i)) || named(files[static_cast<std::size_t>(i)])) << i;
  const Dataset out = Dataset::open(scratch / "out");
  bool all_ignored = false;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto label = out.load_label(i);
    all_ignored |= std::all_of(label.data.begin(), label.data.end(), [](auto id) { return id == kIgnoreId; });
  }
  EXPECT_TRUE(all_ignored);
  EXPECT_THAT(error_of([&] { to("bramble", root, "strict", true); }), HasSubstr("--strict"));
  EXPECT_FALSE(fs::exists(scratch / "strict" / "index.csv"));
  EXPECT_THAT(error_of([&] { Dataset::open(root).load_label(1); }), HasSubstr("label value 2 is no class"))
      << "train and eval refuse";
}

TEST_F(FormatTest, ConvertingIntoAFolderWithFilesIsRefused) {
  const auto input = source(test::ontology());
  write_file_atomically(scratch / "full" / "mine.txt", "x");
  for (const char* format : {"bramble", "gaia", "coco", "camvid"})
    EXPECT_THAT(error_of([&] { to(format, input, "full"); }), HasSubstr("not empty")) << format;
}

TEST_F(FormatTest, PointCloudsBetweenKittiBrambleAndRellis) {
  const auto kitti = find_ontology("semantickitti");
  const fs::path velodyne = scratch / "kitti" / "sequences" / "08" / "velodyne",
                 labels = velodyne.parent_path() / "labels";
  PointCloud cloud;
  for (int i = 0; i < 50; ++i) {
    cloud.points.push_back({0.5F * static_cast<float>(i), -1, 2, 0.25F});
    cloud.labels.push_back(static_cast<ClassId>(i % static_cast<int>(kitti.size())));
    cloud.instances.push_back(static_cast<std::uint16_t>(i));
  }
  write_file_atomically(velodyne / "000003.bin", kitti_points(cloud.points));
  write_file_atomically(labels / "000003.label", kitti_labels(cloud, kitti, false));
  write_file_atomically(velodyne.parent_path() / "times.txt", "0.0\n1.0e-01\n0.2\n0.300000001\n");
  const Dataset dataset = Dataset::open(scratch / "kitti");
  ASSERT_EQ(dataset.size(), 1u);
  EXPECT_EQ(dataset.samples()[0].split, "val");
  EXPECT_EQ(dataset.samples()[0].stamp_ns, 300'000'001);
  to("bramble", scratch / "kitti", "ours");
  to("semantickitti", scratch / "ours", "again");
  for (const char* name : {"kitti", "ours", "again"}) {
    UnknownLabels unknown;
    const auto back = Dataset::open(scratch / name).load_cloud(0, unknown);
    EXPECT_EQ(back.points, cloud.points) << name;
    EXPECT_EQ(back.labels, cloud.labels) << name;
    EXPECT_EQ(back.instances, cloud.instances) << name;
    EXPECT_EQ(unknown.count, 0u) << name;
  }
  EXPECT_EQ(read_file(scratch / "again" / "sequences" / "08" / "labels" / "000003.label"),
            read_file(labels / "000003.label"));
  fs::resize_file(labels / "000003.label", 100);
  EXPECT_THAT(error_of([&] {
                UnknownLabels u;
                Dataset::open(scratch / "kitti").load_cloud(0, u);
              }),
              HasSubstr("000003.label: 100 bytes of labels for 50 points"));
}

TEST(CocoMask, RunLengthsAndText) {
  ImageU8 label(3, 2, 1, 0);
  *label.at(0, 1) = *label.at(1, 0) = 1;  // second and third pixel, column by column
  EXPECT_EQ(runs_of(label, 1), (RunLengths{1, 2, 3}));
  ImageU8 back(3, 2, 1, 0);
  paint_runs(back, {1, 2, 3}, 1);
  EXPECT_EQ(back, label);
  // pycocotools.mask.encode of a 4x5 mask with a 2x3 block at row 1, column 1.
  EXPECT_EQ(runs_from_text("5220003"), (RunLengths{5, 2, 2, 2, 2, 2, 5}));
  EXPECT_THAT(error_of([] { runs_from_text("P"); }), HasSubstr("cut"));
  EXPECT_THAT(error_of([&] { paint_runs(back, {1, 2}, 1); }), HasSubstr("cover 3 pixels"));
}

TEST(CocoMask, PolygonsCoverPixelCentres) {
  ImageU8 label(6, 5, 1, 0);
  paint_polygon(label, {1, 1, 4, 1, 4, 3, 1, 3}, 7);
  for (int v = 0; v < 5; ++v)
    for (int u = 0; u < 6; ++u) EXPECT_EQ(*label.at(u, v), u >= 1 && u < 4 && v >= 1 && v < 3 ? 7 : 0) << u << " " << v;
  paint_polygon(label, {-100, -100, 100, -100, 100, 100, -100, 100}, 9);
  EXPECT_THAT(label.data, testing::Each(9)) << "what lies outside is cut";
}

TEST(SampleIndex, HundredThousandRowsCostEightBytesEach) {
  const Scratch scratch("sample_index");
  std::string text = "name,stamp_ns,image,label,split,scene,depth,cloud,cloud_label\n";
  constexpr std::size_t kCount = 100'000;
  for (std::size_t i = 0; i < kCount; ++i)
    text += fmt::format("s{:06},{},images/{:03}/a.png,labels/a.png,train,\"x, \"\"y\"\"\",,,\n", i, i, i % 100);
  write_file_atomically(scratch / "index.csv", text);
  const auto index = SampleIndex::open(scratch / "index.csv");
  ASSERT_EQ(index.size(), kCount);
  EXPECT_EQ(index[77'777].name, "s077777");
  EXPECT_EQ(index[77'777].stamp_ns, 77'777);
  EXPECT_EQ(index[5].scene, "x, \"y\"");
  std::size_t count = 0;
  for (const Sample& sample : index) count += sample.split == "train";
  EXPECT_EQ(count, kCount);
  write_file_atomically(scratch / "twice.csv", text + "s000500,1,images/a.png,labels/a.png,train,,,,\n");
  EXPECT_THAT(error_of([&] { SampleIndex::open(scratch / "twice.csv"); }), HasSubstr("s000500 stands twice"));
}

TEST(RowSorter, SpilledRunsMergeIntoOneOrder) {
  const Scratch scratch("row_sorter");
  std::vector<std::string> expected, got;
  {
    RowSorter sorter(scratch / "", 100);
    for (int i = 0; i < 1234; ++i) {
      const int value = (i * 769) % 1234 - 600;
      sorter.add(RowSorter::key_of(value), std::to_string(value));
    }
    for (int value = -600; value < 634; ++value) expected.push_back(std::to_string(value));
    EXPECT_GT(std::distance(fs::directory_iterator(scratch / ""), fs::directory_iterator{}), 10);
    sorter.merge([&](const std::string& row) { got.push_back(row); });
  }
  EXPECT_EQ(got, expected);
  EXPECT_TRUE(fs::is_empty(scratch / ""));
}

TEST_F(FormatTest, ShardsAndManifest) {
  ConvertOptions options;
  options.input = source(test::ontology());
  options.output = scratch / "sharded";
  options.shards = 4;
  options.manifest = true;
  convert(options);
  const Dataset dataset = Dataset::open(options.output);
  const fs::path image = dataset.samples()[0].image;
  EXPECT_EQ(std::distance(image.begin(), image.end()), 3) << image;
  EXPECT_EQ(content(dataset).size(), 3u);
  Problems problems;
  EXPECT_EQ(check_manifest(options.output, problems), 12u + 4u);
  EXPECT_TRUE(problems.empty());
  fs::remove(options.output / dataset.samples()[0].image);
  write_png(options.output / dataset.samples()[1].label, ImageU8(20, 14, 1, 1));
  write_file_atomically(options.output / "stray.txt", "x");
  check_manifest(options.output, problems);
  EXPECT_EQ(problems.count("missing file"), 1u);
  EXPECT_EQ(problems.count("changed file"), 1u);
  EXPECT_EQ(problems.count("unlisted file"), 1u);
}

TEST_F(FormatTest, DuplicatesBetweenSplitsAndDifferences) {
  DatasetWriter writer(scratch / "data", test::ontology(), false);
  const auto scene = [](int seed) {
    ImageU8 rgb(64, 48, 3);
    Random random(9, static_cast<std::uint64_t>(seed));
    std::array<double, 8> wave{};
    for (auto& value : wave) value = random.uniform(0.05, 0.5);
    for (int v = 0; v < 48; ++v)
      for (int u = 0; u < 64; ++u)
        for (int k = 0; k < 3; ++k)
          rgb.at(u, v)[k] = static_cast<std::uint8_t>(128 + 50 * std::sin(wave[0] * u + 6 * wave[1] * v + k) +
                                                      50 * std::sin(wave[2] * v - wave[3] * u * 2 + 9 * wave[4]));
    return rgb;
  };
  const ImageU8 label(64, 48, 1, 1);
  for (int i = 0; i < 5; ++i) writer.add(fmt::format("a{}", i), i, "train", scene(i), label);
  writer.add("same", 10, "test", scene(0), label);
  ImageU8 near = scene(1);
  for (std::size_t i = 0; i < near.data.size(); i += 2) near.data[i] = static_cast<std::uint8_t>(near.data[i] + 1);
  writer.add("near", 11, "test", near, label);
  writer.add("other", 12, "test", scene(77), label);
  writer.finish();
  std::vector<Dataset> datasets{Dataset::open(scratch / "data")};
  const auto report = find_duplicates(datasets);
  EXPECT_EQ(report.pictures, 8u);
  EXPECT_EQ(report.same_across, 1u);
  EXPECT_EQ(report.near_across, 1u);
  ASSERT_EQ(report.first_across.size(), 2u);
  EXPECT_TRUE(report.first_across[0].same_pixels || report.first_across[1].same_pixels);
  EXPECT_LE(hash_distance(picture_hash(scene(1)), picture_hash(near)), 10);
  EXPECT_GT(hash_distance(picture_hash(scene(1)), picture_hash(scene(2))), 40);

  DatasetWriter second(scratch / "second", test::ontology(), false);
  ImageU8 changed = label;
  for (int i = 0; i < 64 * 12; ++i) changed.data[static_cast<std::size_t>(i)] = 0;
  second.add("a0", 0, "train", scene(0), label);
  second.add("a1", 1, "val", scene(1), changed);
  second.add("new", 2, "train", scene(5), label);
  second.finish();
  const auto difference = compare(datasets[0], Dataset::open(scratch / "second"));
  EXPECT_EQ(difference.same, 1u);
  EXPECT_EQ(difference.only_first_count, 6u);
  EXPECT_THAT(difference.only_second, ElementsAre("new"));
  EXPECT_EQ(difference.changed_labels, 1u);
  EXPECT_EQ(difference.changed_splits, 1u);
  EXPECT_EQ(difference.changed_label_pixels, 64u * 12);
}

}  // namespace
}  // namespace bramble
