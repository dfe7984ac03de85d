#include "bramble/model/torch_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "bramble/core/error.hpp"
#include "bramble/core/random.hpp"
#include "bramble/model/installed_weights.hpp"

namespace bramble {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

// Writes pickles and storages by hand, as torch.save did before 1.6.
class Pickle {
 public:
  Pickle& raw(const std::string& bytes) {
    bytes_ += bytes;
    return *this;
  }
  Pickle& op(char c) { return raw(std::string(1, c)); }
  Pickle& text(const std::string& value) {
    op('X').little(value.size(), 4);
    return raw(value);
  }
  Pickle& number(std::int64_t value) {
    if (value >= 0 && value < 256) return op('K').little(static_cast<std::uint64_t>(value), 1);
    op('\x8a').op('\x08');
    return little(static_cast<std::uint64_t>(value), 8);
  }
  Pickle& little(std::uint64_t value, int count) {
    for (int i = 0; i < count; ++i) bytes_ += static_cast<char>(value >> (8 * i));
    return *this;
  }
  Pickle& tuple(const std::vector<std::int64_t>& numbers) {
    op('(');
    for (const auto n : numbers) number(n);
    return op('t');
  }
  Pickle& tensor(const std::string& storage, const std::string& type, std::int64_t offset,
                 const std::vector<std::int64_t>& size, const std::vector<std::int64_t>& stride) {
    raw("ctorch._utils\n_rebuild_tensor_v2\n(");
    op('(').text("storage").raw("ctorch\n" + type + "\n").text(storage).text("cpu").number(99).op('N').op('t').op('Q');
    number(offset).tuple(size).tuple(stride).op('\x89');
    return raw("ccollections\nOrderedDict\n)Rt").op('R');
  }
  Pickle& head() {
    return raw("\x80\x02\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19.").raw("\x80\x02M\xe9\x03.").raw("\x80\x02}.");
  }
  std::string bytes_;
};

class TorchFile : public testing::Test {
 protected:
  static TensorMap read(const std::string& bytes) {
    return parse_torch_state_dict(std::vector<std::uint8_t>(bytes.begin(), bytes.end()), "some.pth");
  }
  static std::string refusal(const std::string& bytes) {
    try {
      read(bytes);
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("some.pth"));
      EXPECT_THAT(error.what(), testing::Not(HasSubstr("\n")));
      return error.what();
    }
    return "it was read";
  }
  /// One tensor «t» on storage «7», which holds `count` floats 0, 1, 2, …
  static std::string one_tensor(std::int64_t offset, const std::vector<std::int64_t>& size,
                                const std::vector<std::int64_t>& stride, std::uint64_t count = 12,
                                const std::string& type = "FloatStorage") {
    Pickle p;
    p.head().raw("\x80\x02}").op('(').text("t").tensor("7", type, offset, size, stride).op('u').op('.');
    p.raw("\x80\x02]").op('(').text("7").op('e').op('.');
    p.little(count, 8);
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto value = static_cast<float>(i);
      std::uint32_t bits = 0;
      std::memcpy(&bits, &value, 4);
      p.little(bits, 4);
    }
    return p.bytes_;
  }
};

TEST_F(TorchFile, GathersStridedViews) {
  const auto dense = read(one_tensor(0, {3, 4}, {4, 1})).at("t");
  EXPECT_THAT(dense.shape, ElementsAre(3, 4));
  EXPECT_THAT(dense.values, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
  EXPECT_THAT(read(one_tensor(0, {4, 3}, {1, 4})).at("t").values, ElementsAre(0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11));
  EXPECT_THAT(read(one_tensor(5, {2, 2}, {3, 2})).at("t").values, ElementsAre(5, 7, 8, 10));
  EXPECT_THAT(read(one_tensor(11, {}, {})).at("t").values, ElementsAre(11));
  EXPECT_THAT(read(one_tensor(0, {0, 3}, {3, 1})).at("t").values, ElementsAre());
}

TEST_F(TorchFile, RefusesTensorsBeyondTheirStorage) {
  const std::int64_t huge = std::int64_t{1} << 62;
  EXPECT_THAT(refusal(one_tensor(1, {3, 4}, {4, 1})), HasSubstr("beyond"));
  EXPECT_THAT(refusal(one_tensor(12, {}, {})), HasSubstr("beyond"));
  EXPECT_THAT(refusal(one_tensor(huge, {2}, {1})), HasSubstr("beyond"));
  EXPECT_THAT(refusal(one_tensor(0, {13}, {1})), HasSubstr("storage"));
  EXPECT_THAT(refusal(one_tensor(0, {2}, {huge})), HasSubstr("storage"));
  EXPECT_THAT(refusal(one_tensor(0, {huge, huge}, {1, 1})), HasSubstr("storage"));
  EXPECT_THAT(refusal(one_tensor(0, {huge}, {0})), HasSubstr("storage"));
  EXPECT_THAT(refusal(one_tensor(-1, {2}, {1})), HasSubstr("storage"));
  EXPECT_THAT(refusal(one_tensor(0, {-2}, {1})), HasSubstr("shape"));
  EXPECT_THAT(refusal(one_tensor(0, {2}, {-1})), HasSubstr("shape"));
  EXPECT_THAT(refusal(one_tensor(0, {2, 2}, {1})), HasSubstr("shape"));
  EXPECT_THAT(refusal(one_tensor(0, {2}, {1}, 12, "QInt8Storage")), HasSubstr("QInt8Storage"));
  // Of the wrong type, and twice with different ones: what counts is the bytes that are there.
  EXPECT_THAT(refusal(one_tensor(0, {13}, {1}, 12, "HalfStorage")), HasSubstr("storage"));
  Pickle p;
  p.head().raw("\x80\x02}").op('(').text("a").tensor("7", "DoubleStorage", 0, {4}, {1});
  p.text("b").tensor("7", "ByteStorage", 0, {4}, {1}).op('u').op('.');
  p.raw("\x80\x02]").op('(').text("7").op('e').op('.').little(4, 8).raw("1234");
  EXPECT_THAT(refusal(p.bytes_), HasSubstr("storage"));
}

TEST_F(TorchFile, TakesTheTensorsOutOfACheckpoint) {
  const auto halves = [](const std::vector<std::uint16_t>& bits) {
    Pickle p;
    p.little(bits.size(), 8);
    for (const auto half : bits) p.little(half, 2);
    return p.bytes_;
  };
  Pickle p;
  p.head().raw("\x80\x02}").op('(').text("epoch").number(3);
  p.text("optimizer").raw("}(").text("moment").tensor("1", "LongStorage", 0, {1}, {1}).op('u');
  p.text("state_dict").raw("}(").text("module.t").tensor("2", "HalfStorage", 0, {2}, {1}).op('u');
  p.text("state_dict_ema").raw("}(").text("module.t").tensor("3", "HalfStorage", 1, {2}, {1}).op('u').raw("u.");
  p.raw("\x80\x02](").text("1").text("2").text("3").raw("e.");
  p.little(1, 8).little(5, 8).raw(halves({0x3c00, 0x3c00})).raw(halves({0, 0x3800, 0xc000}));
  const TensorMap tensors = read(p.bytes_);
  ASSERT_EQ(tensors.size(), 1U);
  EXPECT_THAT(tensors.at("t").values, ElementsAre(0.5, -2));  // the averaged ones
}

TEST_F(TorchFile, CallsNothingButTensors) {
  Pickle p;
  p.head()
      .raw(
          "\x80\x02"
          "cposix\nsystem\n")
      .op('(')
      .text("touch /tmp/bramble_was_here")
      .op('t')
      .op('R')
      .op('.');
  EXPECT_THAT(refusal(p.bytes_), HasSubstr("posix.system"));
  EXPECT_THAT(refusal(Pickle().head().raw("\x80\x04\x93.").bytes_), HasSubstr("0x93"));
}

TEST_F(TorchFile, RefusesNonsense) {
  EXPECT_THAT(refusal(""), HasSubstr("cut"));
  EXPECT_THAT(refusal("PK\x03\x04 a newer file"), HasSubstr("not"));
  EXPECT_THAT(refusal("\x80\x02K\x05."), HasSubstr("magic"));
  EXPECT_THAT(refusal(Pickle().head().raw("\x80\x02N.").raw("\x80\x02].").bytes_), HasSubstr("dictionary"));
  EXPECT_THAT(refusal(Pickle().head().raw("\x80\x02").op('.').bytes_), HasSubstr("empty"));
  EXPECT_THAT(refusal(Pickle().head().raw("\x80\x02}(u").op('h').op('\x05').op('.').bytes_), HasSubstr("reference"));
  EXPECT_THAT(refusal(Pickle().head().raw("\x80\x02X\xff\xff\xff\xff").bytes_), HasSubstr("cut"));
}

// Nested a million deep, and a list that holds itself: neither may overflow the stack nor leak (seen by the
// sanitizers).
TEST_F(TorchFile, SurvivesNesting) {
  EXPECT_THAT(refusal(Pickle().head().raw("\x80\x02)" + std::string(1'000'000, '\x85') + ".").bytes_),
              HasSubstr("dictionary"));
  EXPECT_THAT(refusal(Pickle().head().raw("\x80\x02]q").op('\0').op('h').op('\0').raw("a.").bytes_),
              HasSubstr("dictionary"));
}

TEST_F(TorchFile, SurvivesDamage) {
  const std::string whole = one_tensor(1, {2, 3}, {4, 1});
  EXPECT_THAT(read(whole).at("t").values, ElementsAre(1, 2, 3, 5, 6, 7));
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_THROW(read(whole.substr(0, size)), Error) << size << " of " << whole.size();
  Random random(4);
  int refused = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string bytes = whole;
    for (int k = 0; k <= i % 3; ++k)
      bytes[random.below(static_cast<std::uint32_t>(bytes.size()))] = static_cast<char>(random.below(256));
    try {
      read(bytes);
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000);
}

// The sums of every tensor as Python's own pickle read them (tests/python/acf_reference.py).
TEST(PretrainedWeights, AgreeWithPython) {
  const fs::path file = installed_lite0_weights();
  if (!fs::exists(file)) GTEST_SKIP() << "the ImageNet weights are not installed";
  const TensorMap tensors = read_torch_state_dict(file);
  const TensorMap reference =
      read_safetensors(fs::path(BRAMBLE_SOURCE_DIR) / "tests/data/network_reference.safetensors");
  const auto& sums = reference.at("lite0.sums").values;
  ASSERT_EQ(2 * tensors.size(), sums.size());
  EXPECT_THAT(tensors.at("_conv_stem.weight").shape, ElementsAre(32, 3, 3, 3));
  EXPECT_THAT(tensors.at("_blocks.15._project_conv.weight").shape, ElementsAre(320, 1152, 1, 1));
  EXPECT_THAT(tensors.at("_fc.weight").shape, ElementsAre(1000, 1280));
  std::size_t i = 0;
  for (const auto& [name, tensor] : tensors) {
    double sum = 0, magnitude = 0;
    for (const float value : tensor.values) {
      sum += value;
      magnitude += std::abs(value);
    }
    EXPECT_NEAR(sum, sums[i], 1e-6 * magnitude) << name;
    EXPECT_NEAR(magnitude, sums[i + 1], 1e-6 * magnitude) << name;
    i += 2;
  }
}

}  // namespace
}  // namespace bramble
