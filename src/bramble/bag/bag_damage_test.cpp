// What a bag withstands: damage, a full disk, other people's layouts.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zstd.h>

#include <csignal>
#include <limits>

#include "bramble/bag/bag_check.hpp"
#include "bramble/bag/bag_reader.hpp"
#include "bramble/bag/bag_writer.hpp"
#include "bramble/bag/reindex.hpp"
#include "bramble/bag/sqlite.hpp"
#include "bramble/bag/zstd.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/random.hpp"
#include "bramble/ros/messages.hpp"

namespace bramble {
namespace {

namespace fs = std::filesystem;

class BagDamageTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("bramble_bag_damage_{}_{}", ::getpid(),
                                                      testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
};

Message picture(int index, std::size_t bytes = 9000) {
  sensor_msgs::Image image;
  image.header.stamp = to_ros_time(index * 50'000'000LL);
  image.width = static_cast<std::uint32_t>(bytes);
  image.height = 1;
  image.step = image.width;
  image.encoding = "mono8";
  image.data.resize(bytes);
  Random random(5, static_cast<std::uint64_t>(index));
  for (auto& byte : image.data) byte = static_cast<std::uint8_t>(random.next_u32());
  return {{"/image", "sensor_msgs/msg/Image", false},
          index * 50'000'000LL,
          std::make_shared<const std::vector<std::uint8_t>>(serialize(image))};
}

void write_bag(const fs::path& folder, int count, std::uint64_t commit_bytes = 30'000) {
  BagOptions options;
  options.commit_bytes = commit_bytes;
  BagWriter writer(folder, options);
  for (int i = 0; i < count; ++i) writer.write(picture(i));
  writer.close();
}

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::vector<int> indices_of(BagReader& reader) {
  std::vector<int> indices;
  while (const auto message = reader.next()) {
    const int index = static_cast<int>(message->stamp_ns / 50'000'000);
    EXPECT_EQ(*message->cdr, *picture(index).cdr) << "message " << index << " has other bytes";
    indices.push_back(index);
  }
  return indices;
}

// A leaf page of the table lost in the middle: everything before and after it is given, and nothing wrong.
TEST_F(BagDamageTest, RecoversWhatIsWholeOnBothSides) {
  write_bag(folder_ / "bag", 60);
  const auto file = folder_ / "bag/bag_0.db3";
  auto bytes = read_file(file);
  constexpr std::size_t kPage = 65536;
  std::vector<std::size_t> leaves;  // of tables: their pages begin with 13 (SQLite file format, section 1.6)
  for (std::size_t at = kPage; at < bytes.size(); at += kPage)
    if (bytes[at] == 13 && bytes[at + 3] * 256 + bytes[at + 4] >= 5) leaves.push_back(at);
  ASSERT_GE(leaves.size(), 5u);
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(leaves[leaves.size() / 2]), kPage, std::uint8_t{0});
  write_file_atomically(file, bytes);
  BagReader reader(folder_ / "bag", {}, Damage::kRecover);
  const auto indices = indices_of(reader);
  EXPECT_GE(indices.size(), 45u);
  EXPECT_LT(indices.size(), 60u);
  EXPECT_EQ(indices.front(), 0);
  EXPECT_EQ(indices.back(), 59);
  EXPECT_TRUE(std::is_sorted(indices.begin(), indices.end()));
  EXPECT_FALSE(reader.damage().empty());
  EXPECT_FALSE(check_bag(folder_ / "bag").problems.empty());
  EXPECT_NE(error_of([&] {
              BagReader strict(folder_ / "bag");
              indices_of(strict);
            }).find("bag_0.db3"),
            std::string::npos);
}

// Whatever stands in the file, a reader ends with messages or an Error.
TEST_F(BagDamageTest, RandomDamageNeverCrashes) {
  write_bag(folder_ / "bag", 12);
  const auto file = folder_ / "bag/bag_0.db3";
  const auto whole = read_file(file);
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    Random random(seed);
    auto bytes = whole;
    const std::uint32_t range = seed % 2 == 0 ? 200 : static_cast<std::uint32_t>(bytes.size());
    for (int n = 0; n < 12; ++n) bytes[random.below(range)] = static_cast<std::uint8_t>(random.below(256));
    write_file_atomically(file, bytes);
    for (const Damage damage : {Damage::kRefuse, Damage::kRecover}) try {
        BagReader reader(file, {}, damage);
        for (int n = 0; n < 100 && reader.next(); ++n) {
        }
      } catch (const Error&) {
      }
  }
}

TEST_F(BagDamageTest, CheckNamesWhatIsWrong) {
  write_bag(folder_ / "bag", 4);
  EXPECT_TRUE(check_bag(folder_ / "bag").problems.empty());
  EXPECT_EQ(check_bag(folder_ / "bag").message_count, 4u);
  {
    SqliteDatabase database(folder_ / "bag/bag_0.db3", SqliteDatabase::Mode::kCreate);
    database.execute("UPDATE messages SET data = substr(data, 1, 100) WHERE id = 2");
    database.execute("UPDATE messages SET topic_id = 77 WHERE id = 4");
  }
  std::string text;
  for (const auto& problem : check_bag(folder_ / "bag").problems) text += problem + "\n";
  EXPECT_NE(text.find("/image: message 1 at 50000000 ns (sensor_msgs/msg/Image): CDR sequence of 9000 elements"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("1 messages name no known topic"), std::string::npos) << text;
  EXPECT_NE(text.find("the index says 4 messages, 3 were read"), std::string::npos) << text;
}

// Found by the fuzzer: stamps so far apart that their difference does not fit.
TEST_F(BagDamageTest, ExtremeStampsAreReadAndChecked) {
  auto first = picture(0), last = picture(1);
  first.stamp_ns = std::numeric_limits<StampNs>::min() + 1;
  last.stamp_ns = std::numeric_limits<StampNs>::max() - 1;
  BagWriter writer(folder_ / "bag");
  writer.write(first);
  writer.write(last);
  writer.close();
  EXPECT_EQ(check_bag(folder_ / "bag").message_count, 2u);
  BagReader reader(folder_ / "bag");
  EXPECT_EQ(reader.next()->stamp_ns, first.stamp_ns);
  EXPECT_EQ(reader.next()->stamp_ns, last.stamp_ns);
}

// A limit on the file's size stands for a full disk: one Error, and what was committed is there.
TEST_F(BagDamageTest, FullDiskKeepsWhatWasCommitted) {
  const auto bag = folder_ / "bag";
  const auto said = folder_ / "said";
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{2'000'000, 2'000'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    std::string text;
    {
      BagOptions options;
      options.commit_bytes = 30'000;
      BagWriter writer(bag, options);
      text = error_of([&] {
        for (int i = 0; i < 1000; ++i) writer.write(picture(i));
      });
      text += "\n" + error_of([&] { writer.write(picture(0)); }) + "\n" + error_of([&] { writer.close(); });
    }
    write_file_atomically(said, text);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  const auto text = read_text_file(said);
  EXPECT_NE(text.find("bag_0.db3: the disk takes no more"), std::string::npos) << text;
  EXPECT_NE(text.find("messages committed before are kept"), std::string::npos) << text;
  EXPECT_NE(text.find("nothing more is taken"), std::string::npos) << text;
  BagReader reader(bag);
  const auto indices = indices_of(reader);
  const auto kept = std::stoul(text.substr(text.find("; the ") + 6));
  EXPECT_EQ(indices.size(), kept);
  EXPECT_GT(kept, 10u);
}

TEST_F(BagDamageTest, WriterWithoutCloseLeavesAReadableBag) {
  {
    BagWriter writer(folder_ / "bag");
    for (int i = 0; i < 7; ++i) writer.write(picture(i));
  }
  EXPECT_FALSE(fs::exists(folder_ / "bag/metadata.yaml"));
  BagReader reader(folder_ / "bag");
  EXPECT_EQ(reader.metadata().message_count, 7u);
  EXPECT_EQ(indices_of(reader).size(), 7u);
}

// Reading a killed recorder's bag must not change it: the next reader, and the user, find the same files.
TEST_F(BagDamageTest, ReadingDoesNotFoldInTheLog) {
  const auto bag = folder_ / "bag";
  const pid_t child = ::fork();
  if (child == 0) {
    BagOptions options;
    options.commit_bytes = 1;
    auto* writer = new BagWriter(bag, options);
    for (int i = 0; i < 5; ++i) writer->write(picture(i));
    ::kill(::getpid(), SIGKILL);
  }
  ::waitpid(child, nullptr, 0);
  const auto before = read_file(bag / "bag_0.db3");
  const auto log = read_file(bag / "bag_0.db3-wal");
  EXPECT_GT(log.size(), 0u);
  for (int i = 0; i < 2; ++i) {
    BagReader reader(bag);
    EXPECT_EQ(indices_of(reader).size(), 5u);
  }
  EXPECT_EQ(read_file(bag / "bag_0.db3"), before);
  EXPECT_EQ(read_file(bag / "bag_0.db3-wal"), log);
}

// A recorder with a rollback journal, killed when half of a transaction is in the file. Returns how many messages were
// committed before.
std::size_t kill_half_way(const fs::path& bag) {
  const fs::path said = bag.string() + ".committed";
  const pid_t child = ::fork();
  if (child == 0) {
    BagOptions options;
    options.storage_preset = "none";
    options.commit_bytes = 3'000'000;  // more than the cache of a transaction holds
    std::uint64_t committed = 0;
    options.on_commit = [&](std::uint64_t count) { committed = count; };
    BagWriter writer(bag, options);
    for (int i = 0; i < 600; ++i) writer.write(picture(i));
    write_file_atomically(said, std::to_string(committed));
    ::kill(::getpid(), SIGKILL);
  }
  ::waitpid(child, nullptr, 0);
  return std::stoul(read_text_file(said));
}

TEST_F(BagDamageTest, AHalfWrittenTransactionIsRolledBack) {
  const auto bag = folder_ / "bag";
  const std::size_t committed = kill_half_way(bag);
  ASSERT_GT(committed, 200u);
  ASSERT_LT(committed, 600u);
  ASSERT_NE(read_file(bag / "bag_0.db3-journal").at(0), 0) << "nothing was to be rolled back";
  {
    BagReader reader(bag);
    EXPECT_EQ(indices_of(reader).size(), committed);
  }
  reindex_bag(bag, "humble", [](const std::string&) {});
  EXPECT_FALSE(fs::exists(bag / "bag_0.db3-journal"));
  EXPECT_EQ(check_bag(bag).message_count, committed);
  EXPECT_TRUE(check_bag(bag).problems.empty());
}

TEST_F(BagDamageTest, RollingBackNeedsAWritableFolder) {
  const auto bag = folder_ / "bag";
  kill_half_way(bag);
  fs::permissions(bag / "bag_0.db3", fs::perms(0444));
  fs::permissions(bag / "bag_0.db3-journal", fs::perms(0444));
  fs::permissions(bag, fs::perms(0555));
  fs::permissions(folder_, fs::perms(0777));
  const pid_t child = ::fork();
  if (child == 0) {
    constexpr uid_t kNobody = 65534;
    if (::getuid() == 0 && ::setuid(kNobody) != 0) ::_exit(1);  // root may write anywhere
    write_file_atomically(folder_ / "said", error_of([&] { BagReader reader(bag); }));
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  const auto said = read_text_file(folder_ / "said");
  EXPECT_NE(said.find("bag_0.db3: a recorder was killed"), std::string::npos) << said;
  EXPECT_NE(said.find("copy the bag to one"), std::string::npos) << said;
  fs::permissions(bag, fs::perms(0755));
}

// With a log others read while it is recorded; with a rollback journal they are told why not.
TEST_F(BagDamageTest, ReadingWhileItIsRecorded) {
  for (const std::string preset : {"resilient", "none"}) {
    BagOptions options;
    options.storage_preset = preset;
    options.commit_bytes = 1;
    BagWriter writer(folder_ / preset, options);
    for (int i = 0; i < 5; ++i) writer.write(picture(i));
    const auto said = error_of([&] {
      BagReader reader(folder_ / preset);
      EXPECT_EQ(indices_of(reader).size(), 5u);
    });
    if (preset == "none")
      EXPECT_NE(said.find("it is being recorded"), std::string::npos) << said;
    else
      EXPECT_EQ(said, "no error");
    writer.close();
    BagReader reader(folder_ / preset);
    EXPECT_EQ(indices_of(reader).size(), 5u);
    std::size_t files = 0;
    for (const auto& entry : fs::directory_iterator(folder_ / preset)) files += entry.is_regular_file() ? 1 : 0;
    EXPECT_EQ(files, 2u) << "the database and metadata.yaml";
  }
  EXPECT_EQ(read_file(folder_ / "none/none_0.db3").size(), read_file(folder_ / "resilient/resilient_0.db3").size());
}

TEST_F(BagDamageTest, UnknownPresetsAreRefused) {
  BagOptions options;
  options.storage_preset = "fast";
  EXPECT_NE(error_of([&] { BagWriter writer(folder_ / "bag", options); }).find("no storage preset 'fast'"),
            std::string::npos);
  options.storage_preset = "resilient";
  options.storage = "mcap";
  EXPECT_NE(error_of([&] { BagWriter writer(folder_ / "bag", options); }).find("mcap bags have no storage preset"),
            std::string::npos);
  EXPECT_FALSE(fs::exists(folder_ / "bag"));
}

// Rows come in order of stamp, then of writing, whatever the order they were written in, with the index or without.
TEST_F(BagDamageTest, OrderIsStampThenWriting) {
  const std::vector<int> order = {5, 1, 4, 1, 0, 3, 2};
  BagWriter writer(folder_ / "bag");
  for (std::size_t i = 0; i < order.size(); ++i) {
    auto message = picture(order[i]);
    message.topic.name = fmt::format("/image_{}", i);
    writer.write(message);
  }
  writer.close();
  for (const bool with_index : {true, false}) {
    if (!with_index) {
      SqliteDatabase database(folder_ / "bag/bag_0.db3", SqliteDatabase::Mode::kCreate);
      database.execute("DROP INDEX timestamp_idx");
    }
    BagReader reader(folder_ / "bag");
    std::vector<std::string> names;
    while (const auto message = reader.next()) names.push_back(message->topic.name);
    EXPECT_EQ(names, (std::vector<std::string>{"/image_4", "/image_1", "/image_3", "/image_6", "/image_5", "/image_2",
                                               "/image_0"}));
  }
}

// Several files, listed without metadata.yaml by number, not by name.
TEST_F(BagDamageTest, SplitFilesComeInTheirOrder) {
  for (int part = 0; part < 12; ++part) {
    BagWriter writer(folder_ / fmt::format("part_{}", part));
    writer.write(picture(part));
    writer.close();
    fs::create_directories(folder_ / "bag");
    fs::rename(folder_ / fmt::format("part_{}/part_{}_0.db3", part, part),
               folder_ / fmt::format("bag/bag_{}.db3", part));
  }
  BagReader reader(folder_ / "bag");
  EXPECT_EQ(indices_of(reader), (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
  EXPECT_EQ(reader.metadata().duration_ns, 11 * 50'000'000LL);
}

// Names that YAML could take for something else survive.
TEST_F(BagDamageTest, OddNamesSurviveMetadata) {
  const auto bag = folder_ / "1e3: a \"bag\" #x";
  auto message = picture(0);
  message.topic.name = "/odd: [name] # \\ \"x\"";
  BagWriter writer(bag);
  writer.write(message);
  writer.close();
  BagReader reader(bag);
  ASSERT_EQ(reader.topics().size(), 1u);
  EXPECT_EQ(reader.topics()[0].name, message.topic.name);
  EXPECT_TRUE(reader.next());
}

TEST_F(BagDamageTest, BagWithoutMessagesIsWhole) {
  {
    BagWriter writer(folder_ / "bag");
    writer.add_topic({"/clock", "rosgraph_msgs/msg/Clock"});
    writer.close();
  }
  BagReader reader(folder_ / "bag");
  EXPECT_EQ(reader.topics().size(), 1u);
  EXPECT_FALSE(reader.next());
  EXPECT_TRUE(check_bag(folder_ / "bag").problems.empty());
}

TEST_F(BagDamageTest, MetadataThatIsNoneIsRefused) {
  write_bag(folder_ / "bag", 2);
  for (const std::string text : {"", "hello", "- 1\n- 2\n", "rosbag2_bagfile_information: 3\n", "a: [\n",
                                 "rosbag2_bagfile_information:\n  version: 99\n  storage_identifier: sqlite3\n",
                                 "rosbag2_bagfile_information:\n  version: many\n"}) {
    write_file_atomically(folder_ / "bag/metadata.yaml", text);
    const auto said = error_of([&] { BagReader reader(folder_ / "bag"); });
    EXPECT_NE(said.find("metadata.yaml"), std::string::npos) << text << " → " << said;
    BagReader recovering(folder_ / "bag", {}, Damage::kRecover);
    EXPECT_EQ(indices_of(recovering).size(), 2u);
  }
}

TEST(Zstd, LiesAndCutsAreRefusedCheaply) {
  std::vector<std::uint8_t> plain(100'000);
  for (std::size_t i = 0; i < plain.size(); ++i) plain[i] = static_cast<std::uint8_t>(i * i >> 7);
  std::vector<std::uint8_t> packed(ZSTD_compressBound(plain.size()));
  packed.resize(ZSTD_compress(packed.data(), packed.size(), plain.data(), plain.size(), 1));
  EXPECT_TRUE(is_zstd(packed));
  EXPECT_EQ(unpack_zstd(packed), plain);
  for (std::size_t length = 0; length < packed.size(); length += 97)
    EXPECT_THROW(unpack_zstd(std::span(packed).first(length)), Error) << length;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Random random(seed);
    auto damaged = packed;
    damaged[random.below(40)] ^= static_cast<std::uint8_t>(1 + random.below(255));
    try {
      (void)unpack_zstd(damaged);
    } catch (const Error&) {
    }
  }
}

}  // namespace
}  // namespace bramble
