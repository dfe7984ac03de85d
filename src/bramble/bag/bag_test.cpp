#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <limits>

#include "bramble/bag/bag_reader.hpp"
#include "bramble/bag/bag_writer.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/random.hpp"
#include "bramble/ros/messages.hpp"

namespace bramble {
namespace {

namespace fs = std::filesystem;

class BagTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("bramble_bag_test_{}_{}", ::getpid(),
                                                      testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
};

Message image_message(int index, std::size_t bytes = 3000) {
  sensor_msgs::Image image;
  image.header.stamp = to_ros_time(index * 50'000'000LL);
  image.width = static_cast<std::uint32_t>(bytes);
  image.height = 1;
  image.step = static_cast<std::uint32_t>(bytes);
  image.encoding = "mono8";
  image.data.resize(bytes);
  Random random(9, index);
  for (auto& byte : image.data) byte = static_cast<std::uint8_t>(random.next_u32());
  return {{"/camera/image", "sensor_msgs/msg/Image"},
          index * 50'000'000LL,
          std::make_shared<const std::vector<std::uint8_t>>(serialize(image))};
}

Message clock_message(int index) {
  rosgraph_msgs::Clock clock;
  clock.clock = to_ros_time(index * 50'000'000LL);
  return {{"/clock", "rosgraph_msgs/msg/Clock", true},
          index * 50'000'000LL,
          std::make_shared<const std::vector<std::uint8_t>>(serialize(clock))};
}

void write_bag(const fs::path& folder, int frames, const std::string& distro = "humble") {
  BagOptions options;
  options.ros_distro = distro;
  options.commit_bytes = 20'000;
  BagWriter writer(folder, options);
  for (int i = 0; i < frames; ++i) {
    writer.write(clock_message(i));
    writer.write(image_message(i));
  }
  writer.close();
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

int read_all(BagReader& reader) {
  int count = 0;
  while (reader.next()) ++count;
  return count;
}

// Found by the fuzzer: stamps of a damaged file may be any number (an overflow is undefined).
TEST(BagMetadataTimes, MayBeAnyNumber) {
  BagMetadata bag, early, late;
  early.message_count = late.message_count = 1;
  early.start_ns = std::numeric_limits<StampNs>::min();
  early.duration_ns = -1;
  late.start_ns = std::numeric_limits<StampNs>::max();
  late.duration_ns = 1;
  add_file(bag, "a", early);
  add_file(bag, "b", late);
  EXPECT_EQ(bag.message_count, 2U);
  EXPECT_EQ(bag.start_ns, std::numeric_limits<StampNs>::min());
}

TEST_F(BagTest, RoundTripKeepsEverything) {
  for (const std::string distro : {"humble", "jazzy"}) {
    write_bag(folder_ / distro, 20, distro);
    BagReader reader(folder_ / distro);
    EXPECT_EQ(reader.metadata().version, distro == "humble" ? 5 : 9);
    EXPECT_EQ(reader.metadata().message_count, 40u);
    EXPECT_EQ(reader.metadata().duration_ns, 19 * 50'000'000LL);
    ASSERT_EQ(reader.topics().size(), 2u);
    EXPECT_TRUE(reader.topics()[0].latched);
    for (int i = 0; i < 20; ++i)
      for (const auto& expected : {clock_message(i), image_message(i)}) {
        const auto message = reader.next();
        ASSERT_TRUE(message);
        EXPECT_EQ(message->topic, expected.topic);
        EXPECT_EQ(message->stamp_ns, expected.stamp_ns);
        EXPECT_EQ(*message->cdr, *expected.cdr);
      }
    EXPECT_FALSE(reader.next());
    EXPECT_FALSE(fs::exists(folder_ / distro / (distro + "_0.db3-wal"))) << "the log must be folded in";
  }
}

TEST_F(BagTest, McapKeepsEverything) {
  for (const std::string distro : {"humble", "jazzy"})
    for (const std::string compression : {"", "zstd"}) {
      const fs::path folder = folder_ / (distro + compression);
      BagOptions options;
      options.ros_distro = distro;
      options.storage = "mcap";
      options.compression = compression;
      BagWriter writer(folder, options);
      writer.add_topic({"/silent", "std_msgs/msg/String", false});
      for (int i = 0; i < 20; ++i) {
        writer.write(clock_message(i));
        writer.write(image_message(i, i == 7 ? 3'000'000 : 60'000));
      }
      writer.close();
      const fs::path file = folder / (folder.filename().string() + "_0.mcap");
      ASSERT_TRUE(fs::exists(file));
      for (const fs::path& place : {folder, file}) {
        BagReader reader(place);
        EXPECT_EQ(reader.metadata().storage, "mcap");
        EXPECT_EQ(reader.metadata().message_count, 40U);
        EXPECT_EQ(reader.metadata().duration_ns, 19 * 50'000'000LL);
        ASSERT_EQ(reader.topics().size(), 3U) << "the silent one is known, too";
        for (int i = 0; i < 20; ++i)
          for (const auto& expected : {clock_message(i), image_message(i, i == 7 ? 3'000'000 : 60'000)}) {
            const auto message = reader.next();
            ASSERT_TRUE(message) << i;
            EXPECT_EQ(message->topic, expected.topic);
            EXPECT_EQ(message->stamp_ns, expected.stamp_ns);
            EXPECT_EQ(*message->cdr, *expected.cdr);
          }
        EXPECT_FALSE(reader.next());
      }
      BagReader clocks(folder, {"/clock"});
      EXPECT_EQ(read_all(clocks), 20);
    }
}

TEST_F(BagTest, CutMcapGivesWhatIsWhole) {
  for (const std::string compression : {"", "zstd"}) {
    const fs::path folder = folder_ / ("whole" + compression);
    BagOptions options;
    options.storage = "mcap";
    options.compression = compression;
    BagWriter writer(folder, options);
    for (int i = 0; i < 40; ++i) writer.write(image_message(i, 100'000));
    writer.close();
    const auto bytes = read_file(folder / (folder.filename().string() + "_0.mcap"));
    int before = 0;
    for (const double share : {0.0, 0.0001, 0.2, 0.5, 0.77, 0.95, 0.9999}) {
      const fs::path cut = folder_ / "cut.mcap";
      const auto size = static_cast<std::size_t>(share * static_cast<double>(bytes.size()));
      std::ofstream(cut, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), static_cast<long>(size));
      EXPECT_NE(message_of([&] {
                  BagReader reader(cut);
                  read_all(reader);
                }),
                "no error")
          << share;
      BagReader reader(cut, {}, Damage::kRecover);
      int found = 0;
      while (const auto message = reader.next()) EXPECT_EQ(*message->cdr, *image_message(found++, 100'000).cdr);
      EXPECT_GE(found, before);
      EXPECT_GE(found, static_cast<int>(40 * share) - (compression.empty() ? 2 : 12)) << "a chunk holds ten";
      EXPECT_FALSE(reader.damage().empty());
      before = found;
    }
  }
}

// Wherever the end is missing, what is given is a beginning of what was written: also of a chunk behind which only some
// channels' indexes stand.
TEST_F(BagTest, CutMcapGivesABeginningOfAllTopics) {
  BagOptions options;
  options.storage = "mcap";
  options.commit_bytes = 4000;
  BagWriter writer(folder_ / "bag", options);
  std::vector<Message> written;
  for (int i = 0; i < 8; ++i)
    for (const Message& message : {clock_message(i), image_message(i, 700)}) {
      written.push_back(message);
      written.back().topic.name += std::to_string(i % 2);
      writer.write(written.back());
    }
  writer.close();
  const auto bytes = read_file(folder_ / "bag/bag_0.mcap");
  const fs::path cut = folder_ / "cut.mcap";
  std::size_t before = 0;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    write_file_atomically(cut, std::vector(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)));
    BagReader reader(cut, {}, Damage::kRecover);
    std::size_t found = 0;
    for (; const auto message = reader.next(); ++found) {
      ASSERT_LT(found, written.size()) << size;
      ASSERT_EQ(message->topic.name, written[found].topic.name) << size;
      ASSERT_EQ(*message->cdr, *written[found].cdr) << size;
    }
    ASSERT_EQ(reader.metadata().message_count, found) << size;
    ASSERT_GE(found, before) << size;
    before = found;
  }
  EXPECT_EQ(before, written.size());
}

TEST_F(BagTest, ChangedMcapNeverCrashes) {
  const fs::path folder = folder_ / "bag";
  BagOptions options;
  options.storage = "mcap";
  options.compression = "zstd";
  BagWriter writer(folder, options);
  for (int i = 0; i < 6; ++i) {
    writer.write(clock_message(i));
    writer.write(image_message(i, 2000));
  }
  writer.close();
  auto bytes = read_file(folder / "bag_0.mcap");
  Random random(3);
  int refused = 0;
  for (int turn = 0; turn < 1500; ++turn) {
    auto changed = bytes;
    for (int k = 0; k < 3; ++k)
      changed[random.below(static_cast<std::uint32_t>(changed.size()))] = static_cast<std::uint8_t>(random.below(256));
    const fs::path file = folder_ / "changed.mcap";
    std::ofstream(file, std::ios::binary)
        .write(reinterpret_cast<const char*>(changed.data()), static_cast<long>(changed.size()));
    for (const Damage damage : {Damage::kRefuse, Damage::kRecover}) try {
        BagReader reader(file, {}, damage);
        EXPECT_LE(read_all(reader), 12);
      } catch (const Error&) {
        refused += damage == Damage::kRefuse;
        EXPECT_EQ(damage, Damage::kRefuse) << "recovery does not give up";
      }
  }
  EXPECT_GT(refused, 300);
}

TEST_F(BagTest, SplitsByTimeAndBySize) {
  for (const bool by_time : {true, false}) {
    const fs::path folder = folder_ / (by_time ? "time" : "size");
    BagOptions options;
    options.split_ns = by_time ? 250'000'000 : 0;
    options.split_bytes = by_time ? 0 : 15'000;
    BagWriter writer(folder, options);
    for (int i = 0; i < 20; ++i) {
      writer.write(clock_message(i));
      writer.write(image_message(i));
    }
    writer.close();
    BagReader reader(folder);
    ASSERT_EQ(reader.files().size(), 4U);
    EXPECT_EQ(reader.metadata().message_count, 40U);
    EXPECT_EQ(read_all(reader), 40);
    const std::string yaml = read_text_file(folder / "metadata.yaml");
    EXPECT_NE(yaml.find("_3.db3\n      starting_time:\n        nanoseconds_since_epoch: 750000000"), std::string::npos)
        << yaml;
    // Every file can be read alone: it has all topics.
    BagReader alone(reader.files()[2]);
    EXPECT_EQ(alone.topics().size(), 2U);
    EXPECT_EQ(read_all(alone), 10);
  }
}

TEST_F(BagTest, TakesUpWhatAKilledRecorderLeft) {
  const std::pair<const char*, const char*> kinds[] = {
      {"humble", ""}, {"jazzy", ""}, {"humble", "message"}, {"jazzy", "file"}};
  for (const auto& [distro, mode] : kinds)
    for (const int killed_at : {3, 10, 11, 25, 29}) {
      BagOptions options;
      options.ros_distro = distro;
      options.compression = *mode ? "zstd" : "";
      options.compression_mode = mode;
      options.resume = true;
      const auto record = [&](const fs::path& folder, int end) {
        auto writer = std::make_unique<BagWriter>(folder, options);
        const int begin = 10 * static_cast<int>(writer->whole_files());
        writer->add_topic(clock_message(0).topic);
        for (int i = begin; i < end; ++i) {
          if (i > begin && i % 10 == 0) writer->split();
          writer->write(clock_message(i));
          writer->write(image_message(i));
        }
        return writer;
      };
      const std::string kind = fmt::format("{} {}", distro, mode);
      const fs::path whole = folder_ / "whole" / kind / "bag", cut = folder_ / std::to_string(killed_at) / kind / "bag";
      if (!fs::exists(whole)) record(whole, 30)->close();
      record(cut, killed_at).reset();  // as a killed process: no close()
      EXPECT_FALSE(fs::exists(cut / "metadata.yaml"));
      if (std::string(mode) == "file" && killed_at > 10) {
        write_file_atomically(cut / "bag_0.db3", std::string("killed between packing and removing"));
        write_file_atomically(cut / fmt::format("bag_{}.db3.zstd.partial", killed_at / 10),
                              std::string("killed while packing"));
      }
      const auto writer = record(cut, 30);
      writer->close();
      EXPECT_EQ(writer->message_count(), 60U);
      int files = 0;
      for (const auto& file : fs::directory_iterator(whole)) {
        EXPECT_EQ(read_file(file.path()), read_file(cut / file.path().filename())) << file.path() << " " << killed_at;
        ++files;
      }
      EXPECT_EQ(std::distance(fs::directory_iterator(cut), fs::directory_iterator()), files) << "nothing is left over";
      BagReader reader(cut);
      EXPECT_EQ(read_all(reader), 60);
    }
}

TEST_F(BagTest, SameMessagesGiveTheSameBytes) {
  write_bag(folder_ / "a" / "bag", 20);
  write_bag(folder_ / "b" / "bag", 20);
  EXPECT_EQ(read_file(folder_ / "a/bag/bag_0.db3"), read_file(folder_ / "b/bag/bag_0.db3"));
  EXPECT_EQ(read_text_file(folder_ / "a/bag/metadata.yaml"), read_text_file(folder_ / "b/bag/metadata.yaml"));
}

TEST_F(BagTest, TopicFilterAndMissingTopic) {
  write_bag(folder_ / "bag", 5);
  BagReader images(folder_ / "bag", {"/camera/image"});
  EXPECT_EQ(read_all(images), 5);
  EXPECT_NE(message_of([&] { BagReader(folder_ / "bag", {"/nothing"}); }).find("topics there: /clock, /camera/image"),
            std::string::npos);
}

TEST_F(BagTest, ReadsWithoutMetadataAndASingleFile) {
  write_bag(folder_ / "bag", 5);
  fs::remove(folder_ / "bag/metadata.yaml");
  BagReader reader(folder_ / "bag");
  EXPECT_EQ(reader.metadata().message_count, 10u);
  EXPECT_EQ(read_all(reader), 10);
  BagReader file(folder_ / "bag/bag_0.db3");
  EXPECT_EQ(read_all(file), 10);
}

TEST_F(BagTest, RefusesWhatIsNoBag) {
  EXPECT_NE(message_of([&] { BagReader(folder_ / "none"); }).find("no bag at"), std::string::npos);
  EXPECT_NE(message_of([&] { BagReader{folder_}; }).find("is not a bag"), std::string::npos);
  write_bag(folder_ / "bag", 1);
  EXPECT_NE(message_of([&] { BagWriter(folder_ / "bag"); }).find("exists already"), std::string::npos);
}

TEST_F(BagTest, EveryCutIsAnErrorThatNamesTheFile) {
  write_bag(folder_ / "bag", 12);
  const auto file = folder_ / "bag/bag_0.db3";
  const auto whole = read_file(file);
  for (std::size_t length = 0; length < whole.size(); length += 2500) {
    write_file_atomically(file, std::span(whole).first(length));
    const auto text = message_of([&] {
      BagReader reader(folder_ / "bag");
      read_all(reader);
    });
    EXPECT_NE(text.find("bag_0.db3"), std::string::npos) << length << ": " << text;
  }
}

// A recorder killed at any moment loses at most what was not yet committed.
TEST_F(BagTest, KilledRecorderKeepsWhatWasCommitted) {
  for (int round = 0; round < 5; ++round) {
    const auto bag = folder_ / fmt::format("bag{}", round);
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      BagOptions options;
      options.commit_bytes = 1;
      BagWriter writer(bag, options);  // every message is its own commit
      for (int i = 0; i < 100'000; ++i) {
        writer.write(image_message(i));
        if (::write(pipe_ends[1], &i, sizeof(i)) < 0) break;
      }
      ::_exit(0);
    }
    int acknowledged = -1;
    for (int i = 0; i < 20 + 13 * round; ++i)
      ASSERT_EQ(::read(pipe_ends[0], &acknowledged, sizeof(acknowledged)), static_cast<ssize_t>(sizeof(acknowledged)));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::close(pipe_ends[0]);
    ::close(pipe_ends[1]);
    BagReader reader(bag);
    int index = 0;
    while (const auto message = reader.next()) EXPECT_EQ(*message->cdr, *image_message(index++).cdr);
    EXPECT_GE(index, acknowledged + 1);
  }
}

}  // namespace
}  // namespace bramble
