#include "bramble/infer/node.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/dataset/safetensors.hpp"
#include "bramble/eval/figures.hpp"
#include "bramble/infer/mask_writer.hpp"
#include "bramble/infer/plain_network.hpp"
#include "bramble/ros/image_view.hpp"
#include "bramble/ros/messages.hpp"

namespace bramble {
namespace {

namespace fs = std::filesystem;
constexpr int kWidth = 64;
constexpr int kHeight = 48;

struct Recorder final : Sink {
  void write(const Message& message) override { messages.push_back(message); }
  void close() override {}
  std::vector<Message> messages;
};

class NodeTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("bramble_node_" + std::to_string(getpid()));
    fs::remove_all(folder_);
    plain::Tensors tensors;
    plain::Network(tensors).logits(plain::Planes(3, kHeight, kWidth), 3, "none");
    TensorMap map;
    for (const auto& [name, entry] : tensors.all()) map[name] = {entry.shape, entry.values};
    ModelInfo info;
    info.width = kWidth;
    info.height = kHeight;
    info.decoder = "none";
    info.ontology = Ontology("t", {{0, "grass", {0, 9, 0}, 1}, {1, "dirt", {9, 9, 0}, 2}, {2, "sky", {0, 0, 9}, 3}});
    info.history = nlohmann::json::array();
    fs::create_directories(folder_);
    write_safetensors(model_weights_file(folder_), map);
    save_model_info(folder_, info);
    engine_ = Engine::open(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  static ImageU8 picture(int frame) {
    ImageU8 rgb(kWidth, kHeight, 3);
    Random random(1, stream_of("node"), static_cast<std::uint64_t>(frame));
    for (std::uint8_t& byte : rgb.data) byte = static_cast<std::uint8_t>(random.below(256));
    return rgb;
  }
  static Message message(const std::string& topic, StampNs stamp_ns, const ImageU8& image, const char* encoding) {
    sensor_msgs::Image out;
    out.header.stamp = to_ros_time(stamp_ns);
    out.header.frame_id = "camera";
    out.width = static_cast<std::uint32_t>(image.width);
    out.height = static_cast<std::uint32_t>(image.height);
    out.encoding = encoding;
    out.step = static_cast<std::uint32_t>(image.width * image.channels);
    out.data = image.data;
    return {
        {topic, "sensor_msgs/msg/Image"}, stamp_ns, std::make_shared<const std::vector<std::uint8_t>>(serialize(out))};
  }
  static ImageU8 to_bgra(const ImageU8& rgb) {
    ImageU8 bgra(rgb.width, rgb.height, 4, 255);
    for (std::size_t i = 0; i < rgb.pixel_count(); ++i)
      for (std::size_t c = 0; c < 3; ++c) bgra.data[4 * i + c] = rgb.data[3 * i + 2 - c];
    return bgra;
  }

  fs::path folder_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(NodeTest, PublishesMasksWithThePicturesStampAndScoresThem) {
  Recorder out;
  SegmentationNode node(*engine_, {.image_topic = "/image", .label_topic = "/label", .probability_of = {2}}, &out);
  int scored = 0;
  node.on_scored([&](const SegmentedFrame& frame, const ImageU8& truth) {
    EXPECT_EQ(frame.index, static_cast<std::uint64_t>(scored));
    EXPECT_EQ(frame.message->topic.name, "/image");
    EXPECT_EQ(truth.data[0], kIgnoreId);
    ++scored;
  });
  ConfusionMatrix expected(3);
  // Truth before its picture in even frames, behind it in odd ones, and one frame without truth.
  for (int frame = 0; frame < 5; ++frame) {
    const StampNs stamp_ns = 1'000'000'000 + frame * 50'000'000LL;
    const ImageU8 rgb = picture(frame);
    const ImageU8 labels = engine_->segment(rgb);
    ImageU8 truth(kWidth, kHeight, 1, 1);
    truth.data[0] = kIgnoreId;
    const Message image = message("/image", stamp_ns, to_bgra(rgb), "bgra8");
    const Message label = message("/label", stamp_ns, truth, "mono8");
    if (frame == 4) {
      node.write(image);
    } else {
      expected.add(truth, labels);
      node.write(frame % 2 == 0 ? label : image);
      node.write(frame % 2 == 0 ? image : label);
    }
    node.write(message("/other", stamp_ns, rgb, "rgb8"));
    // Mask, confidence, probability, colour, overlay; and, with truth, the score.
    ASSERT_EQ(out.messages.size(), frame == 4 ? 5U : 6U);
    const ImageView mask = ImageView::parse(*out.messages[0].cdr);
    EXPECT_EQ(out.messages[0].topic.name, "/bramble/segmentation/mask");
    EXPECT_EQ(mask.stamp_ns, stamp_ns);
    EXPECT_EQ(mask.frame_id, "camera");
    EXPECT_EQ(mask.encoding, "mono8");
    EXPECT_TRUE(std::equal(labels.data.begin(), labels.data.end(), mask.data.begin(), mask.data.end()));
    const ImageView confidence = ImageView::parse(*out.messages[1].cdr);
    const ImageView sky = ImageView::parse(*out.messages[2].cdr);
    EXPECT_EQ(out.messages[2].topic.name, "/bramble/segmentation/probability/sky");
    for (std::size_t i = 0; i < labels.data.size(); ++i) {
      EXPECT_GE(confidence.data[i], 255 / 3) << "the best of three has at least a third";
      if (labels.data[i] == 2) {
        EXPECT_EQ(sky.data[i], confidence.data[i]);
      } else {
        EXPECT_LE(sky.data[i], confidence.data[i]);
      }
    }
    const ImageView overlay = ImageView::parse(*out.messages[4].cdr);
    const ImageU8 blended = blend(rgb, engine_->ontology().colorize(labels), 0.45F);
    EXPECT_TRUE(std::equal(blended.data.begin(), blended.data.end(), overlay.data.begin(), overlay.data.end()));
    if (frame < 4) {
      const auto score = nlohmann::json::parse(deserialize<std_msgs::String>(*out.messages[5].cdr).data);
      EXPECT_EQ(out.messages[5].topic.type, "std_msgs/msg/String");
      EXPECT_EQ(score["stamp_ns"], stamp_ns);
      EXPECT_EQ(score["frames_scored"], frame + 1);
      EXPECT_DOUBLE_EQ(score["accuracy"].get<double>(), expected.accuracy().value());
    }
    out.messages.clear();
  }
  EXPECT_EQ(scored, 4);
  EXPECT_EQ(node.frames(), 5U);
  EXPECT_EQ(node.frames_scored(), 4U);
  EXPECT_EQ(node.score(), expected);
  EXPECT_EQ(node.to_json()["latency"]["count"], 5);
}

TEST_F(NodeTest, APictureThatCannotBeReadIsNamed) {
  SegmentationNode node(*engine_, {.image_topic = "/image", .max_frames = 3});
  Message damaged = message("/image", 2'500'000'000, picture(0), "rgb8");
  damaged.cdr = std::make_shared<const std::vector<std::uint8_t>>(damaged.cdr->begin(), damaged.cdr->begin() + 200);
  try {
    node.write(damaged);
    FAIL() << "a cut picture was taken";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("/image at 2.500 s: "), std::string::npos) << error.what();
  }
  EXPECT_THROW(node.write(message("/image", 0, picture(0), "32FC1")), Error);
  for (int frame = 0; frame < 5; ++frame) node.write(message("/image", frame, picture(frame), "rgb8"));
  EXPECT_EQ(node.frames(), 3U);
}

TEST_F(NodeTest, CompressedPicturesAndLabelsAreRead) {
  const ImageU8 rgb = picture(1);
  const auto compressed = [&](const std::string& topic, const ImageU8& image) {
    sensor_msgs::CompressedImage out;
    out.header.stamp = to_ros_time(7'000'000'000);
    out.header.frame_id = "camera";
    out.format = "png";
    out.data = encode_png(image);
    return Message{{topic, "sensor_msgs/msg/CompressedImage"},
                   0,
                   std::make_shared<const std::vector<std::uint8_t>>(serialize(out))};
  };
  Recorder out;
  SegmentationNode node(*engine_, {.image_topic = "/image/compressed", .label_topic = "/label/compressed"}, &out);
  node.write(compressed("/image/compressed", rgb));
  const ImageView mask = ImageView::parse(*out.messages[0].cdr);
  const ImageU8 labels = engine_->segment(rgb);
  EXPECT_TRUE(std::equal(labels.data.begin(), labels.data.end(), mask.data.begin(), mask.data.end()));
  EXPECT_EQ(mask.stamp_ns, 7'000'000'000);
  EXPECT_EQ(mask.frame_id, "camera");
  node.write(compressed("/label/compressed", labels));
  EXPECT_DOUBLE_EQ(node.score().accuracy().value(), 1);
  Message wrong = compressed("/image/compressed", rgb);
  wrong.topic.type = "std_msgs/msg/String";
  EXPECT_THROW(node.write(wrong), Error);
}

TEST_F(NodeTest, WritesMasksColoursAndOverlays) {
  const MaskWriter writer(folder_ / "out", engine_->ontology(), 0.5F);
  const ImageU8 rgb = picture(3);
  const ImageU8 labels = engine_->segment(rgb);
  writer.write("a", rgb, labels);
  EXPECT_EQ(read_image(folder_ / "out/masks/a.png", PixelFormat::kGrey), labels);
  EXPECT_EQ(read_image(folder_ / "out/color/a.png"), engine_->ontology().colorize(labels));
  EXPECT_EQ(list_pictures({folder_ / "out/overlay"}), std::vector<fs::path>{folder_ / "out/overlay/a.png"});
  EXPECT_THROW(list_pictures({folder_ / "nowhere"}), Error);
  EXPECT_THROW(list_pictures({folder_ / "out"}), Error);
}

TEST(Latency, QuantilesAreNearestRank) {
  Latency latency;
  for (int i = 100; i >= 1; --i) latency.add(i);
  EXPECT_DOUBLE_EQ(latency.median(), 50);
  EXPECT_DOUBLE_EQ(latency.quantile(0.95), 95);
  EXPECT_DOUBLE_EQ(latency.maximum(), 100);
  Latency window(10);
  for (int i = 1; i <= 25; ++i) window.add(i);
  EXPECT_DOUBLE_EQ(window.quantile(0), 16);
  EXPECT_EQ(window.count(), 25U);
  EXPECT_DOUBLE_EQ(Latency().median(), 0);
}

}  // namespace
}  // namespace bramble
