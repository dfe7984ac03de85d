#include "bramble/ros/ros1_message.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "bramble/core/error.hpp"
#include "bramble/ros/message_definition.hpp"
#include "bramble/ros/messages.hpp"

namespace bramble {
namespace {

using Bytes = std::vector<std::uint8_t>;

// Bytes as ROS 1 packs them.
class Packed {
 public:
  template <typename T>
  Packed& put(T value) {
    const auto* from = reinterpret_cast<const std::uint8_t*>(&value);
    bytes_.insert(bytes_.end(), from, from + sizeof value);
    return *this;
  }
  Packed& text(std::string_view value) {
    put(static_cast<std::uint32_t>(value.size()));
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    return *this;
  }
  Packed& header(std::string_view frame) {
    return put(std::uint32_t{41}).put(std::uint32_t{7}).put(std::uint32_t{8}).text(frame);
  }
  operator Bytes() const { return bytes_; }  // NOLINT

 private:
  Bytes bytes_;
};

const std::string kHeader = "uint32 seq\ntime stamp\nstring frame_id\n";
const std::string kRule = "================================================================================\n";

void expect_refused(std::string_view type, const std::string& definition, const std::string& words) {
  try {
    const Ros1Transcoder transcoder(type, definition);
    ADD_FAILURE() << "taken: " << definition;
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
  }
}

TEST(Ros1Transcoder, AHeaderLosesItsNumber) {
  const Ros1Transcoder transcoder("std_msgs/Header", kHeader);
  EXPECT_EQ(transcoder.type(), "std_msgs/msg/Header");
  EXPECT_TRUE(transcoder.definition().empty());
  EXPECT_TRUE(transcoder.left_out().empty());
  std_msgs::Header header;
  header.stamp.sec = 7;
  header.stamp.nanosec = 8;
  header.frame_id = "map";
  EXPECT_EQ(transcoder.to_cdr(Bytes(Packed().header("map"))), serialize(header));
}

TEST(Ros1Transcoder, FieldsAreAlignedAsInCdr) {
  const Ros1Transcoder transcoder(
      "lab_msgs/Probe", "uint8 kind\nfloat64[] values\nstring name\nuint16 last\nduration took\nbool[3] flags\n");
  const Bytes packed = Packed()
                           .put(std::uint8_t{3})
                           .put(std::uint32_t{1})
                           .put(2.5)
                           .text("ab")
                           .put(std::uint16_t{9})
                           .put(1)
                           .put(2)
                           .put(std::uint8_t{1})
                           .put(std::uint8_t{0})
                           .put(std::uint8_t{1});
  const Bytes expected = {0,
                          1,
                          0,
                          0,
                          /* kind */ 3,
                          0,
                          0,
                          0,
                          /* count */ 1,
                          0,
                          0,
                          0,
                          /* 2.5 */ 0,
                          0,
                          0,
                          0,
                          0,
                          0,
                          4,
                          0x40,
                          /* name */ 3,
                          0,
                          0,
                          0,
                          'a',
                          'b',
                          0,
                          /* pad */ 0,
                          /* last */ 9,
                          0,
                          /* pad */ 0,
                          0,
                          /* took */ 1,
                          0,
                          0,
                          0,
                          2,
                          0,
                          0,
                          0,
                          /* flags */ 1,
                          0,
                          1};
  EXPECT_EQ(transcoder.to_cdr(packed), expected);
}

TEST(Ros1Transcoder, KnownTypesGetTheFieldsOfRos2) {
  const std::string definition =
      "Header header\nstring ns\nint32 id\nint32 type\nint32 action\ngeometry_msgs/Pose pose\n"
      "geometry_msgs/Vector3 scale\nstd_msgs/ColorRGBA color\nduration lifetime\n"
      "bool frame_locked\ngeometry_msgs/Point[] points\nstd_msgs/ColorRGBA[] colors\n"
      "string text\nstring mesh_resource\nbool mesh_use_embedded_materials\nstring extra\n" +
      kRule + "MSG: std_msgs/Header\n" + kHeader + kRule +
      "MSG: geometry_msgs/Pose\nPoint position\nQuaternion orientation\n" + kRule +
      "MSG: geometry_msgs/Point\nfloat64 x\nfloat64 y\nfloat64 z\n" + kRule +
      "MSG: geometry_msgs/Quaternion\nfloat64 x\nfloat64 y\nfloat64 z\nfloat64 w\n" + kRule +
      "MSG: geometry_msgs/Vector3\nfloat64 x\nfloat64 y\nfloat64 z\n" + kRule +
      "MSG: std_msgs/ColorRGBA\nfloat32 r\nfloat32 g\nfloat32 b\nfloat32 a\n";
  const Ros1Transcoder transcoder("visualization_msgs/Marker", definition);
  EXPECT_EQ(transcoder.left_out(), std::vector<std::string>{"visualization_msgs/msg/Marker.extra"});
  Packed packed;
  packed.header("map").text("boxes").put(5).put(1).put(0);
  for (int i = 0; i < 10; ++i) packed.put(0.5 * i);
  for (int i = 0; i < 4; ++i) packed.put(0.25F);
  packed.put(1).put(2).put(std::uint8_t{1}).put(std::uint32_t{1}).put(1.0).put(2.0).put(3.0).put(std::uint32_t{0});
  packed.text("said").text("mesh").put(std::uint8_t{1}).text("left out");
  const auto marker = deserialize<visualization_msgs::Marker>(transcoder.to_cdr(Bytes(packed)));
  EXPECT_EQ(marker.ns, "boxes");
  EXPECT_EQ(marker.pose.orientation.w, 3);
  EXPECT_EQ(marker.scale.z, 4.5);
  EXPECT_EQ(marker.points.size(), 1u);
  EXPECT_EQ(marker.text, "said");
  EXPECT_EQ(marker.mesh_resource, "mesh");
  EXPECT_TRUE(marker.mesh_use_embedded_materials);
  EXPECT_TRUE(marker.texture.data.empty());
}

TEST(Ros1Transcoder, TypesThatDifferAreRefused) {
  expect_refused("std_msgs/Float32", "float64 data", "std_msgs/msg/Float32.data is float64 in the bag and float32");
  expect_refused("geometry_msgs/Point", "float64 y\nfloat64 x\nfloat64 z\n", "stands in another place");
  expect_refused("lab_msgs/Probe", "Inner inner\n", "the definition of lab_msgs/msg/Inner is missing");
  expect_refused("lab_msgs/Probe", "Probe again\n", "contains itself");
  expect_refused("lab_msgs/Probe", "wstring name\n", "ROS 1 has no type wstring");
  expect_refused("lab_msgs/Probe", "uint8 a\nuint8[99999999999] b\n", "line 2: '99999999999' is no number of elements");
  expect_refused("lab_msgs/Probe", "uint8[3 a\n", "has no end");
  expect_refused("lab_msgs/Probe", "uint8\n", "is no name of a field");
  expect_refused("Probe", "uint8 a\n", "is no name of a message");
}

TEST(Ros1Transcoder, CutAndHostileMessagesAreRefusedAndCostNoMemory) {
  const Ros1Transcoder transcoder("lab_msgs/Probe", "Inner[] many\nstring[] names\nEmpty[] nothing\n" + kRule +
                                                        "MSG: lab_msgs/Inner\nuint8 a\nfloat64 b\n" + kRule +
                                                        "MSG: lab_msgs/Empty\n");
  const Bytes whole = Packed()
                          .put(std::uint32_t{1})
                          .put(std::uint8_t{1})
                          .put(2.0)
                          .put(std::uint32_t{1})
                          .text("n")
                          .put(std::uint32_t{2});
  EXPECT_NO_THROW(transcoder.to_cdr(whole));
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_THROW(transcoder.to_cdr(std::span(whole).first(size)), Error) << size;
  Bytes longer = whole;
  longer.push_back(0);
  EXPECT_THROW(transcoder.to_cdr(longer), Error);
  for (std::size_t at : {std::size_t{0}, std::size_t{13}, std::size_t{17}, whole.size() - 4}) {
    Bytes hostile = whole;
    std::memset(hostile.data() + at, 0xFF, 4);
    EXPECT_THROW(transcoder.to_cdr(hostile), Error) << at;
  }
}

TEST(MessageDefinition, OurOwnTextsAreReadAndWrittenAgain) {
  for (const MessageType& type : message_types()) {
    const MessageDefinition definition = parse_message_definition(type.name, type.definition);
    EXPECT_EQ(definition.root, type.name);
    const std::string text = message_definition_text(definition);
    EXPECT_EQ(message_definition_text(parse_message_definition(type.name, text)), text) << type.name;
  }
}

TEST(MessageDefinition, ConstantsOfTextAreQuotedForRos2) {
  const auto definition = parse_message_definition(
      "lab_msgs/Probe", "string NAME=the lab # too\nint8 A = -1  # said\nuint8[<=4] b\nstring<=8 c \"x\"\n");
  const DefinedMessage& probe = definition.messages.at("lab_msgs/msg/Probe");
  ASSERT_EQ(probe.fields.size(), 2u);
  EXPECT_EQ(probe.fields[0].list, DefinedField::List::kVariable);
  const std::string text = message_definition_text(definition);
  EXPECT_NE(text.find("string NAME=\"the lab # too\"\n"), std::string::npos) << text;
  EXPECT_NE(text.find("int8 A=-1"), std::string::npos) << text;
}

}  // namespace
}  // namespace bramble
