// Properties that hold for every message type, with random content.
#include <gtest/gtest.h>

#include <bit>
#include <cstring>

#include "bramble/core/random.hpp"
#include "bramble/ros/message_json.hpp"
#include "bramble/ros/message_yaml.hpp"
#include "bramble/ros/messages.hpp"
#include "bramble/ros/sha256.hpp"

namespace bramble {
namespace {

// Fills any message with random numbers, strings and lists of 0 to 3 elements.
struct Filler {
  Random& random;
  template <typename T>
  void fill(T& value) {
    if constexpr (std::is_same_v<T, bool>)
      value = random.below(2) == 1;
    else if constexpr (std::is_floating_point_v<T>)
      value = static_cast<T>(random.normal(0, 1e6));
    else if constexpr (std::is_integral_v<T>)
      value = static_cast<T>((std::uint64_t{random.next_u32()} << 32) | random.next_u32());
    else
      visit_fields(value, [&](const char*, auto& field) { fill(field); });
  }
  void fill(std::string& text) {
    text.clear();
    for (std::uint32_t n = random.below(12); n > 0; --n) text += static_cast<char>('a' + random.below(26));
  }
  template <typename T>
  void fill(std::vector<T>& list) {
    list.resize(random.below(4));
    for (auto& element : list) fill(element);
  }
  template <typename T, std::size_t N>
  void fill(std::array<T, N>& list) {
    for (auto& element : list) fill(element);
  }
};

// A second, slow CDR encoder that knows both byte orders: byte by byte from the rules, sharing nothing with CdrWriter.
struct PlainEncoder {
  bool big_endian;
  std::vector<std::uint8_t> body;
  template <typename T>
  void put(const T& value) {
    if constexpr (std::is_arithmetic_v<T>) {
      while (body.size() % sizeof(T) != 0) body.push_back(0);
      std::uint64_t bits = 0;
      std::memcpy(&bits, &value, sizeof(T));
      for (std::size_t i = 0; i < sizeof(T); ++i)
        body.push_back(static_cast<std::uint8_t>(bits >> (8 * (big_endian ? sizeof(T) - 1 - i : i))));
    } else {
      visit_fields(value, [&](const char*, const auto& field) { put(field); });
    }
  }
  void put(const std::string& text) {
    put(static_cast<std::uint32_t>(text.size() + 1));
    for (char c : text) body.push_back(static_cast<std::uint8_t>(c));
    body.push_back(0);
  }
  template <typename T>
  void put(const std::vector<T>& list) {
    put(static_cast<std::uint32_t>(list.size()));
    for (const auto& element : list) put(element);
  }
  template <typename T, std::size_t N>
  void put(const std::array<T, N>& list) {
    for (const auto& element : list) put(element);
  }
};

template <typename T>
std::vector<std::uint8_t> encode_plainly(const T& message, bool big_endian) {
  PlainEncoder encoder{big_endian, {}};
  encoder.put(message);
  encoder.body.insert(encoder.body.begin(), {0, static_cast<std::uint8_t>(big_endian ? 0 : 1), 0, 0});
  return encoder.body;
}

// A message as somebody would write it down, lists of bytes too.
template <typename T>
nlohmann::ordered_json written(const T& value) {
  if constexpr (requires { value.begin(); } && !std::is_same_v<T, std::string>) {
    auto list = nlohmann::ordered_json::array();
    for (const auto& element : value) list.push_back(written(element));
    return list;
  } else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
    return value;
  } else {
    auto fields = nlohmann::ordered_json::object();
    visit_fields(value, [&](const char* name, const auto& field) { fields[name] = written(field); });
    return fields;
  }
}

template <typename T>
class EveryMessage : public testing::Test {};

template <typename Tuple>
struct TypesOf;
template <typename... T>
struct TypesOf<std::tuple<T...>> {
  using type = testing::Types<T...>;
};
TYPED_TEST_SUITE(EveryMessage, TypesOf<AllMessages>::type);

TYPED_TEST(EveryMessage, RoundTripsInBothByteOrders) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    Random random(seed, stream_of(TypeParam::kType));
    TypeParam message;
    Filler{random}.fill(message);
    const auto payload = serialize(message);
    ASSERT_EQ(payload, encode_plainly(message, false)) << TypeParam::kType << " seed " << seed;
    ASSERT_EQ(deserialize<TypeParam>(payload), message) << TypeParam::kType << " seed " << seed;
    ASSERT_EQ(deserialize<TypeParam>(encode_plainly(message, true)), message) << TypeParam::kType << " seed " << seed;
    const auto json = message_to_json(TypeParam::kType, payload);
    std::size_t fields = 0;
    visit_fields(message, [&](const char* name, const auto&) { fields += json.contains(name) ? 1 : 1000; });
    ASSERT_EQ(json.size(), fields);
  }
}

TYPED_TEST(EveryMessage, CanBeWrittenDown) {
  EXPECT_EQ(message_from_yaml(TypeParam::kType, "{}"), serialize(TypeParam{}));
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    Random random(seed, stream_of(TypeParam::kType));
    TypeParam message;
    Filler{random}.fill(message);
    ASSERT_EQ(message_from_yaml(TypeParam::kType, written(message).dump()), serialize(message)) << written(message);
  }
}

TYPED_TEST(EveryMessage, EveryCutIsRefused) {
  Random random(7, stream_of(TypeParam::kType));
  TypeParam message;
  Filler{random}.fill(message);
  const auto payload = serialize(message);
  for (std::size_t length = 0; length < payload.size(); ++length) {
    // A copy of its own, so that a sanitizer sees a read behind the cut.
    const std::vector<std::uint8_t> cut(payload.begin(), payload.begin() + static_cast<std::ptrdiff_t>(length));
    ASSERT_THROW(deserialize<TypeParam>(cut), Error) << TypeParam::kType << " cut at " << length;
  }
  auto padded = payload;
  padded.insert(padded.end(), 3, 0);
  EXPECT_EQ(deserialize<TypeParam>(padded), message);
  padded.push_back(0);
  EXPECT_THROW(deserialize<TypeParam>(padded), Error);
}

TYPED_TEST(EveryMessage, DamagedBytesNeverCrash) {
  Random random(8, stream_of(TypeParam::kType));
  TypeParam message;
  Filler{random}.fill(message);
  const auto payload = serialize(message);
  for (int round = 0; round < 300; ++round) {
    auto damaged = payload;
    for (std::uint32_t n = 1 + random.below(4); n > 0; --n)
      damaged[random.below(static_cast<std::uint32_t>(damaged.size()))] =
          static_cast<std::uint8_t>(random.below(4) == 0 ? 0xFF : random.below(256));
    try {
      (void)deserialize<TypeParam>(damaged);  // another value is fine, a crash is not
    } catch (const Error&) {
    }
  }
}

TYPED_TEST(EveryMessage, IsListed) {
  const auto* type = find_message_type(TypeParam::kType);
  ASSERT_NE(type, nullptr);
  EXPECT_EQ(type->hash.size(), 7u + 64u);
  EXPECT_NO_THROW(type->check(serialize(TypeParam{})));
}

// Sizes of all-default messages, with the encapsulation header, as Python's rosbags computes them.
TEST(Cdr, DefaultSizesAreThoseOfAPeer) {
  EXPECT_EQ(serialize(std_msgs::Header{}).size(), 17u);
  EXPECT_EQ(serialize(rosgraph_msgs::Clock{}).size(), 12u);
  EXPECT_EQ(serialize(sensor_msgs::Image{}).size(), 44u);
  EXPECT_EQ(serialize(sensor_msgs::CompressedImage{}).size(), 32u);
  EXPECT_EQ(serialize(sensor_msgs::CameraInfo{}).size(), 309u);
  EXPECT_EQ(serialize(sensor_msgs::PointCloud2{}).size(), 49u);
  EXPECT_EQ(serialize(sensor_msgs::Imu{}).size(), 316u);
  EXPECT_EQ(serialize(sensor_msgs::NavSatFix{}).size(), 117u);
  EXPECT_EQ(serialize(nav_msgs::Odometry{}).size(), 708u);
  EXPECT_EQ(serialize(nav_msgs::Path{}).size(), 24u);
  EXPECT_EQ(serialize(tf2_msgs::TFMessage{}).size(), 8u);
  EXPECT_EQ(serialize(visualization_msgs::Marker{}).size(), 229u);
  EXPECT_EQ(serialize(geometry_msgs::Twist{}).size(), 52u);
  EXPECT_EQ(serialize(std_msgs::Float32{}).size(), 8u);
}

// A count of four thousand million elements in a message of a few bytes must not allocate: a list of Markers with the
// largest count its payload could hold is the worst there is.
TEST(Cdr, ALyingCountCostsNoMemory) {
  std::vector<std::uint8_t> payload{0, 1, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF};
  EXPECT_THROW(deserialize<visualization_msgs::MarkerArray>(payload), Error);
  payload.resize(8 + (1 << 20));
  const std::uint32_t count = 1 << 20;
  std::memcpy(payload.data() + 4, &count, sizeof(count));
  EXPECT_THROW(deserialize<visualization_msgs::MarkerArray>(payload), Error);
  EXPECT_THROW(deserialize<nav_msgs::Path>(payload), Error);
}

TEST(Sha256, KnownDigests) {  // FIPS 180-4 examples
  EXPECT_EQ(sha256_hex(std::string_view("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(std::string_view("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex(std::string_view("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  Sha256 million;
  for (int i = 0; i < 1000; ++i) million.add(std::string(1000, 'a'));
  EXPECT_EQ(million.hex_digest(), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

}  // namespace
}  // namespace bramble
