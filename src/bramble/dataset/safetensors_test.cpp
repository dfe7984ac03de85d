#include "bramble/dataset/safetensors.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/random.hpp"

namespace bramble {
namespace {

namespace fs = std::filesystem;

class Safetensors : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path file() const { return folder_ / "x.safetensors"; }

  /// A file with that header and so many bytes of data; `claimed` header size, when it is to lie.
  void write(const std::string& header, std::size_t data_bytes, std::uint64_t claimed = 0) {
    const std::uint64_t size = claimed ? claimed : header.size();
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &size, 8);
    write_file_atomically(file(), bytes + header + std::string(data_bytes, '\0'));
  }
  std::string refusal() {
    try {
      read_safetensors(file());
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(file().string()));
      EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("\n")));
      return error.what();
    }
    return "it was read";
  }

  fs::path folder_ = fs::temp_directory_path() / ("bramble_safetensors_" + std::to_string(getpid()));
};

TEST_F(Safetensors, RoundedToHalfTheBytes) {
  const float tie_down = std::bit_cast<float>(0x3F808000U), tie_up = std::bit_cast<float>(0x3F818000U);
  const std::vector<float> values{0, -0.0F, 1, 3.14159265F, -1e-30F, INFINITY, tie_down, tie_up};
  write_safetensors(file(), {{"x", {{2, 4}, values}}}, TensorType::kBfloat16);
  const auto back = read_safetensors(file()).at("x").values;
  ASSERT_EQ(back.size(), values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(std::bit_cast<std::uint32_t>(back[i]) & 0xFFFF, 0U);
    if (!std::isinf(values[i])) {
      EXPECT_LE(std::abs(back[i] - values[i]), std::abs(values[i]) / 256) << values[i];
    }
  }
  EXPECT_EQ(std::bit_cast<std::uint32_t>(back[6]), 0x3F800000U);  // ties go to the even one
  EXPECT_EQ(std::bit_cast<std::uint32_t>(back[7]), 0x3F820000U);
  EXPECT_TRUE(std::isinf(back[5]));
}

TEST_F(Safetensors, ComeBackAsTheyWere) {
  TensorMap tensors;
  tensors["scalar"] = {{}, {3.5F}};
  tensors["empty"] = {{0, 4}, {}};
  tensors["a \"quoted\" näme"] = {{2, 1, 3}, {1, -0.0F, 1e-42F, INFINITY, -3, 4}};
  write_safetensors(file(), tensors);
  const auto first = read_file(file());
  const TensorMap back = read_safetensors(file());
  ASSERT_EQ(back.size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    EXPECT_EQ(back.at(name).shape, tensor.shape) << name;
    ASSERT_EQ(back.at(name).values.size(), tensor.values.size()) << name;
    EXPECT_EQ(std::memcmp(back.at(name).values.data(), tensor.values.data(), 4 * tensor.values.size()), 0) << name;
  }
  write_safetensors(file(), back);
  EXPECT_EQ(read_file(file()), first);
}

// Written by hand from the format's description, in another order of keys and with metadata.
TEST_F(Safetensors, OfAnotherWriterAreRead) {
  const std::string header = R"({"__metadata__":{"format":"pt"},"b":{"shape":[2],"data_offsets":[4,12],"dtype":"F32"},)"
                             R"("a":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}} )";
  const std::uint64_t size = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &size, 8);
  const float values[] = {1.5F, -2, 7};
  bytes += header;
  bytes.append(reinterpret_cast<const char*>(values), sizeof values);
  write_file_atomically(file(), bytes);
  const TensorMap tensors = read_safetensors(file());
  EXPECT_THAT(tensors.at("a").shape, testing::ElementsAre(1, 1));
  EXPECT_THAT(tensors.at("a").values, testing::ElementsAre(1.5F));
  EXPECT_THAT(tensors.at("b").values, testing::ElementsAre(-2, 7));
}

TEST_F(Safetensors, ThatLieAreRefused) {
  write_file_atomically(file(), std::string_view("abc"));
  EXPECT_THAT(refusal(), testing::HasSubstr("only 3 bytes"));
  write("{}", 0, 1ULL << 62);
  EXPECT_THAT(refusal(), testing::HasSubstr("cut"));
  write("{\"a\":", 8);
  EXPECT_THAT(refusal(), testing::HasSubstr("not JSON"));
  write("[1]", 8);
  EXPECT_THAT(refusal(), testing::HasSubstr("not JSON"));
  write(std::string(100000, '['), 0);
  EXPECT_THAT(refusal(), testing::HasSubstr("not JSON"));
  const std::pair<const char*, const char*> entries[] = {
      {R"({"dtype":"F64","shape":[2],"data_offsets":[0,16]})", "only F32"},
      {R"({"dtype":"F16","shape":[4],"data_offsets":[0,16]})", "cut"},
      {R"({"dtype":"F32","shape":[4],"data_offsets":[0,17]})", "cut"},
      {R"({"dtype":"F32","shape":[4],"data_offsets":[16,0]})", "cut"},
      {R"({"dtype":"F32","shape":[5],"data_offsets":[0,16]})", "cut"},
      {R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]})", "cut"},
      {R"({"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]})", "cut"},
      {R"({"dtype":"F32","shape":[-1],"data_offsets":[0,16]})", "damaged"},
      {R"({"dtype":"F32","shape":[1.5],"data_offsets":[0,4]})", "damaged"},
      {R"({"dtype":"F32","shape":4,"data_offsets":[0,16]})", "damaged"},
      {R"({"dtype":"F32","shape":[4],"data_offsets":[-16,0]})", "damaged"},
      {R"({"dtype":"F32","shape":[4]})", "damaged"},
      {R"({"dtype":"F32","shape":[4],"data_offsets":[]})", "damaged"},
      {R"({"dtype":5,"shape":[4],"data_offsets":[0,16]})", "damaged"},
      {R"(7)", "damaged"},
  };
  for (const auto& [entry, why] : entries) {
    write(std::string("{\"t\":") + entry + "}", 16);
    EXPECT_THAT(refusal(), testing::AllOf(testing::HasSubstr(why), testing::HasSubstr("tensor t"))) << entry;
  }
}

// Cut anywhere, or with any one byte changed, a file is refused or read, and nothing else happens (run under
// sanitizers).
TEST_F(Safetensors, SurviveDamage) {
  TensorMap tensors;
  tensors["one"] = {{2, 3}, {1, 2, 3, 4, 5, 6}};
  tensors["two"] = {{3}, {7, 8, 9}};
  write_safetensors(file(), tensors);
  const auto whole = read_file(file());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THROW(parse_safetensors(std::span(whole).first(size), "x"), Error) << size;
  }
  Random random(3);
  for (int i = 0; i < 2000; ++i) {
    auto bytes = whole;
    bytes[random.below(static_cast<std::uint32_t>(bytes.size()))] = static_cast<std::uint8_t>(random.below(256));
    try {
      for (const auto& [name, tensor] : parse_safetensors(bytes, "x")) {
        std::size_t count = 1;
        for (const auto side : tensor.shape) count *= side;
        EXPECT_EQ(tensor.values.size(), count);
      }
    } catch (const Error&) {
    }
  }
}

}  // namespace
}  // namespace bramble
