#include "bramble/dataset/extract.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <fstream>
#include <thread>

#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/dataset/dataset.hpp"
#include "bramble/dataset/test_bag.hpp"

namespace bramble {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using namespace test;  // NOLINT

class ExtractTest : public testing::Test {
 protected:
  fs::path bag(const std::string& name, const std::vector<Message>& messages) {
    write_bag(scratch / name, messages);
    return scratch / name;
  }
  ExtractOptions options(const fs::path& bag, const std::string& output = "data") {
    ExtractOptions options;
    options.bags = {bag};
    options.output = scratch / output;
    options.ontology = wide_;
    return options;
  }
  // All bytes of a folder by relative path.
  static std::map<std::string, std::vector<std::uint8_t>> content(const fs::path& folder) {
    std::map<std::string, std::vector<std::uint8_t>> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.is_regular_file()) files[fs::relative(entry.path(), folder).string()] = read_file(entry.path());
    return files;
  }
  Scratch scratch{fmt::format("extract_{}", testing::UnitTest::GetInstance()->current_test_info()->name())};
  // 255 classes: every random label byte is known.
  Ontology wide_ = [] {
    std::vector<SemanticClass> classes;
    for (int i = 0; i < 255; ++i)
      classes.push_back({static_cast<ClassId>(i), fmt::format("class{}", i), {static_cast<std::uint8_t>(i), 1, 2}, i});
    return Ontology("wide", std::move(classes));
  }();
};

TEST_F(ExtractTest, EveryPixelArrives) {
  const auto report = extract(options(bag("drive", frames(1, 40))));
  EXPECT_EQ(report.images, 40u);
  EXPECT_EQ(report.labels, 40u);
  EXPECT_EQ(report.samples, 40u);
  EXPECT_TRUE(report.first_problems.empty());
  const Dataset dataset = Dataset::open(scratch / "data");
  ASSERT_EQ(dataset.size(), 40u);
  for (std::size_t i = 0; i < 40; ++i) {
    const StampNs stamp_ns = static_cast<StampNs>(i + 1) * kFrame;
    const Sample& sample = dataset.samples()[i];
    EXPECT_EQ(sample.stamp_ns, stamp_ns);
    EXPECT_EQ(sample.name, fmt::format("drive_{:013}", stamp_ns));
    EXPECT_EQ(sample.split, "train");
    const auto image_message = picture(stamp_ns), label_message = label(stamp_ns);
    const ImageU8 rgb = dataset.load_image(i), ids = dataset.load_label(i);
    for (int v = 0; v < 9; ++v)
      for (int u = 0; u < 17; ++u) {
        const std::uint8_t* bgra = image_message.data.data() + v * image_message.step + 4 * u;
        ASSERT_EQ(rgb.at(u, v)[0], bgra[2]);
        ASSERT_EQ(rgb.at(u, v)[1], bgra[1]);
        ASSERT_EQ(rgb.at(u, v)[2], bgra[0]);
        ASSERT_EQ(*ids.at(u, v), label_message.data[v * label_message.step + u]) << "255 is allowed";
      }
  }
}

TEST_F(ExtractTest, FilesDoNotDependOnTheNumberOfThreads) {
  auto messages = frames(1, 30);
  messages.erase(messages.begin() + 11);
  messages[19] = message(kImageTopic, 11 * kFrame, picture(11 * kFrame, 5, 5));
  messages[30].cdr = std::make_shared<const std::vector<std::uint8_t>>(3);
  const auto drive = bag("drive", messages);
  std::vector<ExtractReport> reports;
  for (const int threads : {1, 2, 7}) {
    set_thread_count(threads);
    reports.push_back(extract(options(drive, fmt::format("data{}", threads))));
  }
  set_thread_count(0);
  EXPECT_EQ(content(scratch / "data1"), content(scratch / "data2"));
  EXPECT_EQ(content(scratch / "data1"), content(scratch / "data7"));
  EXPECT_EQ(reports[0].first_problems, reports[1].first_problems);
  EXPECT_EQ(reports[0].first_problems, reports[2].first_problems);
  EXPECT_EQ(reports[0].first_problems.size(), 2u);
}

TEST_F(ExtractTest, EveryDropIsCounted) {
  auto messages = frames(1, 10);
  messages.erase(messages.begin() + 1);                                                  // label 1 is missing
  messages.erase(messages.begin() + 1);                                                  // image 2 too
  messages.push_back(message(kLabelTopic, 11 * kFrame, label(9 * kFrame)));              // a second label 9
  messages[4] = message(kImageTopic, 4 * kFrame, picture(4 * kFrame, 8, 8));             // another size
  messages[6] = message(kImageTopic, 5 * kFrame, image(5 * kFrame, "mono8", 17, 9, 1));  // no colour
  messages[8].cdr = std::make_shared<const std::vector<std::uint8_t>>(30);               // image 6: no image at all
  const auto report = extract(options(bag("drive", messages)));
  EXPECT_EQ(report.images, 9u);
  EXPECT_EQ(report.labels, 10u);
  EXPECT_EQ(report.samples, 5u) << "3, 7, 8, 9, 10";
  EXPECT_EQ(report.image_without_label, 1u);
  EXPECT_EQ(report.label_without_image, 2u) << "2, and 6 whose image is broken";
  EXPECT_EQ(report.duplicate_stamp, 1u);
  EXPECT_EQ(report.size_mismatch, 1u);
  EXPECT_EQ(report.undecodable, 2u);
  EXPECT_THAT(report.first_problems,
              testing::UnorderedElementsAre(HasSubstr("is 8x8, the label 17x9"), HasSubstr("'mono8'"),
                                            HasSubstr("/carla/hero/rgb_front/image at 300000000 ns"),
                                            HasSubstr("second message of /carla/hero/semantic_segmentation_front")));
  EXPECT_EQ(Dataset::open(scratch / "data").size(), 5u);
}

TEST_F(ExtractTest, StrictRefusesEveryKindOfLossAndLeavesNoIndex) {
  const auto whole = frames(1, 6);
  auto strict = [&](const std::string& name, std::vector<Message> messages) {
    auto o = options(bag(name, messages), "data_" + name);
    o.strict = true;
    const auto text = error_of([&] { extract(o); });
    EXPECT_EQ(fs::exists(o.output / "index.csv"), text == "no error");
    return text;
  };
  EXPECT_EQ(strict("whole", whole), "no error");
  auto messages = whole;
  messages.erase(messages.begin() + 3);
  EXPECT_THAT(strict("half", messages), HasSubstr("1 images without label"));
  messages = whole;
  messages[4] = message(kImageTopic, 3 * kFrame, picture(3 * kFrame, 8, 8));
  EXPECT_THAT(strict("size", messages), HasSubstr("8x8"));
  auto o = options(bag("unknown", whole), "data_unknown");
  o.ontology = test::ontology();
  o.strict = true;
  EXPECT_THAT(error_of([&] { extract(o); }), HasSubstr("label pixels have a value that ontology three lacks"));
}

TEST_F(ExtractTest, UnknownLabelValuesAreIgnoredAndCounted) {
  auto o = options(bag("drive", frames(1, 5)));
  o.ontology = test::ontology();
  const auto report = extract(o);
  std::uint64_t unknown = 0, known = 0;
  for (int i = 1; i <= 5; ++i) {
    const auto message = label(i * kFrame);
    for (int v = 0; v < 9; ++v)
      for (int u = 0; u < 17; ++u) {
        const auto id = message.data[v * message.step + u];
        unknown += id > 2 && id != 255;
        known += id <= 2;
      }
  }
  EXPECT_EQ(report.unknown_label_pixels, unknown);
  EXPECT_EQ(report.label_pixels, 5u * 17 * 9);
  const Dataset dataset = Dataset::open(scratch / "data");
  std::uint64_t kept = 0;
  for (std::size_t i = 0; i < dataset.size(); ++i)
    for (const auto id : dataset.load_label(i).data) kept += id != 255;
  EXPECT_EQ(kept, known);
}

TEST_F(ExtractTest, LabelsWithoutOneKnownValueAreRefused) {
  std::vector<Message> messages;
  for (int i = 1; i <= 3; ++i) {
    messages.push_back(message(kImageTopic, i * kFrame, picture(i * kFrame)));
    auto tags = image(i * kFrame, "mono8", 17, 9, 1, 1);
    for (auto& tag : tags.data) tag = 29;  // GAIA's bridge: CARLA's tags in mono8
    messages.push_back(message(kLabelTopic, i * kFrame, tags));
  }
  auto o = options(bag("drive", messages));
  o.ontology = test::ontology();
  EXPECT_THAT(error_of([&] { extract(o); }), HasSubstr("--label-format"));
  EXPECT_FALSE(fs::exists(o.output / "index.csv"));
  o.output = scratch / "tags";
  o.label_format = LabelFormat::kTags;
  EXPECT_EQ(extract(o).unknown_label_pixels, 0u);
  EXPECT_THAT(Dataset::open(o.output).load_label(0).data, testing::Each(0));
}

TEST_F(ExtractTest, EverySizeAndSplit) {
  auto o = options(bag("drive", frames(1, 10)));
  o.every = 4;
  o.width = 8;
  o.height = 6;
  o.split = "val";
  const auto report = extract(o);
  EXPECT_EQ(report.samples, 3u);
  EXPECT_EQ(report.skipped_by_every, 7u);
  const Dataset dataset = Dataset::open(o.output);
  std::vector<StampNs> stamps;
  for (const auto& sample : dataset.samples()) stamps.push_back(sample.stamp_ns / kFrame);
  EXPECT_EQ(stamps, (std::vector<StampNs>{1, 5, 9}));
  EXPECT_EQ(dataset.samples()[0].split, "val");
  EXPECT_EQ(dataset.load_image(1).width, 8);
  EXPECT_EQ(dataset.load_label(1).height, 6);
}

TEST_F(ExtractTest, SlopPairsDelayedLabelsUnderThePicturesStamp) {
  std::vector<Message> messages;
  for (int i = 1; i <= 5; ++i) {
    messages.push_back(message(kImageTopic, i * kFrame, picture(i * kFrame)));
    messages.push_back(message(kLabelTopic, i * kFrame + 3000, label(i * kFrame + 3000)));
  }
  auto o = options(bag("drive", messages));
  EXPECT_THAT(error_of([&] { extract(o); }), HasSubstr("larger --slop"));
  EXPECT_FALSE(fs::exists(o.output)) << "nothing written, nothing left";
  o.slop_ns = 3000;
  EXPECT_EQ(extract(o).samples, 5u);
  EXPECT_EQ(Dataset::open(o.output).samples()[2].stamp_ns, 3 * kFrame);
}

TEST_F(ExtractTest, SeveralBagsKeepTheirNames) {
  auto o = options(bag("run.1", frames(1, 3)));
  o.bags.push_back(bag("run.2, wet", frames(1, 3)));
  EXPECT_EQ(extract(o).samples, 6u);
  EXPECT_EQ(Dataset::open(o.output).samples()[1].name, "run.2__wet_0000050000000");
  o.output = scratch / "twice";
  o.bags = {scratch / "run.1", scratch / "run.1" / "run.1_0.db3", scratch / "run.1" / ""};
  EXPECT_THAT(error_of([&] { extract(o); }), HasSubstr("two bags are called run.1"));
  EXPECT_FALSE(fs::exists(o.output));
}

TEST_F(ExtractTest, MissingTopicListsThoseThereAre) {
  auto o = options(bag("drive", frames(1, 3)));
  o.image_topic = "/camera/image_raw";
  const auto text = error_of([&] { extract(o); });
  EXPECT_THAT(text, HasSubstr("/camera/image_raw"));
  EXPECT_THAT(text, HasSubstr(kImageTopic.name));
  EXPECT_THAT(text, HasSubstr(kLabelTopic.name));
  EXPECT_FALSE(fs::exists(o.output));
}

TEST_F(ExtractTest, TopicOfAnotherTypeIsRefused) {
  rosgraph_msgs::Clock clock;
  auto messages = frames(1, 2);
  messages.push_back({{"/clock", "rosgraph_msgs/msg/Clock"},
                      3 * kFrame,
                      std::make_shared<const std::vector<std::uint8_t>>(serialize(clock))});
  auto o = options(bag("drive", messages));
  o.label_topic = "/clock";
  EXPECT_THAT(error_of([&] { extract(o); }), HasSubstr("rosgraph_msgs/msg/Clock"));
}

TEST_F(ExtractTest, FolderWithFilesIsNotTouched) {
  auto o = options(bag("drive", frames(1, 3)));
  write_file_atomically(o.output / "notes.txt", "mine");
  EXPECT_THAT(error_of([&] { extract(o); }), HasSubstr("not empty"));
  EXPECT_EQ(content(o.output).size(), 1u);
  o.output = scratch / "data" / "notes.txt";
  EXPECT_THAT(error_of([&] { extract(o); }), HasSubstr("is a file"));
}

TEST_F(ExtractTest, ResumeAfterAKillGivesTheSameBytes) {
  const auto drive = bag("drive", frames(1, 400));
  extract(options(drive, "whole"));
  const auto whole = content(scratch / "whole");
  auto o = options(drive, "cut");
  const pid_t child = ::fork();
  if (child == 0) {
    set_thread_count(1);
    extract(o);
    ::_exit(0);
  }
  const fs::path labels = o.output / "labels";
  std::error_code error;
  while (!fs::exists(labels, error) ||
         std::distance(fs::directory_iterator(labels, error), fs::directory_iterator{}) < 20)
    std::this_thread::yield();
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ASSERT_FALSE(fs::exists(o.output / "index.csv")) << "the kill came too late";
  EXPECT_THAT(error_of([&] { Dataset::open(o.output); }), HasSubstr("--resume"));
  EXPECT_THAT(error_of([&] { extract(o); }), HasSubstr("not empty"));
  // The worst a kill leaves: half a file beside its place; and a label that someone else cut.
  std::ofstream(o.output / "images" / "drive_0020000000000.png.partial") << "half";
  fs::resize_file(labels / fs::path(fmt::format("drive_{:013}.png", kFrame)), 40);

  o.resume = true;
  const auto report = extract(o);
  EXPECT_EQ(report.samples, 400u);
  EXPECT_GE(report.kept, 19u);
  EXPECT_LT(report.kept, 400u);
  EXPECT_EQ(content(o.output), whole);
  EXPECT_EQ(extract(o).kept, 400u) << "a finished one can be resumed too";
}

TEST_F(ExtractTest, ResumeWithOtherSettingsIsRefused) {
  auto o = options(bag("drive", frames(1, 5)));
  extract(o);
  o.resume = true;
  o.every = 2;
  EXPECT_THAT(error_of([&] { extract(o); }), HasSubstr("every = 1, now it is 2"));
  o.every = 1;
  o.bags.push_back(bag("more", frames(1, 5)));
  EXPECT_THAT(error_of([&] { extract(o); }), HasSubstr("bags"));
  EXPECT_EQ(Dataset::open(o.output).size(), 5u);
}

TEST_F(ExtractTest, CutBagIsRefusedOrRecovered) {
  const auto drive = bag("drive", frames(1, 300));
  const auto file = drive / "drive_0.db3";
  fs::resize_file(file, fs::file_size(file) * 3 / 5);
  auto o = options(drive);
  EXPECT_THAT(error_of([&] { extract(o); }), HasSubstr("drive_0.db3"));
  EXPECT_FALSE(fs::exists(o.output / "index.csv"));
  o.output = scratch / "rescued";
  o.recover = true;
  const auto report = extract(o);
  EXPECT_GT(report.samples, 30u);
  EXPECT_LT(report.samples, 300u);
  EXPECT_FALSE(report.first_problems.empty());
}

TEST_F(ExtractTest, SettingsThatMakeNoSenseAreRefused) {
  const auto drive = bag("drive", frames(1, 2));
  const auto refused = [&](auto change) {
    auto o = options(drive);
    change(o);
    return error_of([&] { extract(o); });
  };
  EXPECT_THAT(refused([](auto& o) { o.every = 0; }), HasSubstr("every"));
  EXPECT_THAT(refused([](auto& o) { o.slop_ns = -1; }), HasSubstr("slop"));
  EXPECT_THAT(refused([](auto& o) { o.width = 8; }), HasSubstr("8x0"));
  EXPECT_THAT(refused([](auto& o) { o.split = "dev"; }), HasSubstr("dev"));
  EXPECT_THAT(refused([](auto& o) { o.bags.clear(); }), HasSubstr("no bag"));
  EXPECT_THAT(refused([](auto& o) { o.label_topic = o.image_topic; }), HasSubstr("both"));
  EXPECT_THAT(refused([](auto& o) { o.ontology = {}; }), HasSubstr("ontology"));
  EXPECT_FALSE(fs::exists(scratch / "data"));
}

}  // namespace
}  // namespace bramble
