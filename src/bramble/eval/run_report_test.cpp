#include "bramble/eval/run_report.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/eval/video.hpp"

namespace bramble {
namespace {

namespace fs = std::filesystem;
constexpr int kWidth = 64;
constexpr int kHeight = 48;

Ontology classes() {
  return Ontology("t", {{0, "grass", {0, 200, 0}, 1}, {1, "dirt <b>", {150, 100, 0}, 2}, {2, "sky", {0, 0, 250}, 3}});
}

class RunReportTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("bramble_run_report_" + std::to_string(getpid()));
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(RunReportTest, HoldsFiguresVideoAndTheWorstMoments) {
  RunReport report(folder_, classes(), {.title = "a <run>", .facts = {{"model", "m"}}, .worst_moments = 2});
  const ImageU8 picture(kWidth, kHeight, 3, 90);
  const ImageU8 truth(kWidth, kHeight, 1, 1);
  // 6 s at 10 Hz; frame i has so many wrong rows: bad around 2 s and 4 s, worst at 4.1 s.
  for (int i = 0; i < 60; ++i) {
    ImageU8 estimate = truth;
    const int wrong = i == 20 ? 24 : i == 41 ? 36 : i == 40 || i == 42 ? 30 : 2;
    std::fill_n(estimate.data.begin(), wrong * kWidth, std::uint8_t{2});
    report.add({.stamp_ns = 5'000'000'000 + i * 100'000'000LL,
                .picture = &picture,
                .truth = &truth,
                .estimate = &estimate,
                .latency_ms = 10.0 + i,
                .values = {{"speed, m/s", i * 0.1}}});
  }
  const nlohmann::json figures = report.finish();
  EXPECT_EQ(figures["frames"], 60);
  EXPECT_NEAR(figures["seconds"].get<double>(), 5.9, 1e-9);
  EXPECT_NEAR(figures["accuracy"].get<double>(), 1 - (24 + 36 + 60 + 56 * 2) / (60.0 * kHeight), 1e-9);
  EXPECT_EQ(figures["latency"]["median_ms"], 39);
  ASSERT_EQ(figures["worst"].size(), 2U);
  EXPECT_NEAR(figures["worst"][0]["time_s"].get<double>(), 4.1, 1e-9) << "of three in a row only the worst stays";
  EXPECT_NEAR(figures["worst"][1]["time_s"].get<double>(), 2.0, 1e-9);
  EXPECT_EQ(figures["video"]["width"], 2 * kWidth);
  EXPECT_EQ(figures["video"]["frames"], 60);
  const std::string html = read_text_file(folder_ / "index.html");
  EXPECT_NE(html.find("data:video/webm;base64,"), std::string::npos);
  EXPECT_NE(html.find("a &lt;run&gt;"), std::string::npos);
  EXPECT_EQ(html.find("<b>dirt"), std::string::npos);
  EXPECT_NE(html.find("dirt &lt;b&gt; taken for sky: 75.0 % of the picture"), std::string::npos);
  EXPECT_NE(html.find("speed, m/s"), std::string::npos);
  for (const char* outside : {"src=\"http", "href=\"http", "@import", "url(http"})
    EXPECT_EQ(html.find(outside), std::string::npos) << "the page asks for something from outside";
  EXPECT_EQ(read_file(folder_ / "drive.webm").size(), figures["video"]["bytes"].get<std::size_t>());
}

TEST_F(RunReportTest, WithoutTruthConfidenceTellsTheWorst) {
  RunReport report(folder_, classes(), {.worst_moments = 1, .embed_limit_bytes = 10});
  const ImageU8 picture(kWidth, kHeight, 3, 90);
  const ImageU8 estimate(kWidth, kHeight, 1, 0);
  for (int i = 0; i < 10; ++i) {
    const ImageU8 confidence(kWidth, kHeight, 1, i == 6 ? 102 : 204);
    report.add({.stamp_ns = i * 100'000'000LL, .picture = &picture, .estimate = &estimate, .confidence = &confidence});
  }
  const nlohmann::json figures = report.finish();
  EXPECT_TRUE(figures["accuracy"].is_null());
  EXPECT_NEAR(figures["worst"][0]["confidence"].get<double>(), 0.4, 1e-9);
  EXPECT_EQ(figures["video"]["width"], 3 * kWidth);
  EXPECT_NE(read_text_file(folder_ / "index.html").find("src=\"drive.webm\""), std::string::npos);
}

TEST_F(RunReportTest, RefusesWhatDoesNotFit) {
  RunReport report(folder_, classes());
  EXPECT_THROW(report.finish(), Error);
  const ImageU8 picture(kWidth, kHeight, 3);
  const ImageU8 small(8, 8, 1);
  EXPECT_THROW(report.add({}), Error);
  EXPECT_THROW(report.add({.picture = &picture, .estimate = &small}), Error);
}

// The container, read back by the few rules of EBML it needs.
struct Element {
  std::uint64_t id = 0;
  std::span<const std::uint8_t> content;
  std::size_t offset = 0;  // in the parent's content
};
std::vector<Element> elements(std::span<const std::uint8_t> bytes) {
  std::vector<Element> found;
  std::size_t at = 0;
  const auto number = [&](bool keep_marker) {
    int length = 1;
    while (length <= 8 && !(bytes[at] & (0x80 >> (length - 1)))) ++length;
    std::uint64_t value = keep_marker ? bytes[at] : bytes[at] & ((0x80 >> (length - 1)) - 1);
    for (int i = 1; i < length; ++i) value = value << 8 | bytes[at + i];
    at += length;
    return value;
  };
  while (at < bytes.size()) {
    Element element;
    element.offset = at;
    element.id = number(true);
    const std::uint64_t size = number(false);
    EXPECT_LE(size, bytes.size() - at);
    if (size > bytes.size() - at) break;
    element.content = bytes.subspan(at, size);
    at += size;
    found.push_back(element);
  }
  return found;
}
std::uint64_t big_endian(std::span<const std::uint8_t> bytes) {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

TEST(Webm, CuesPointAtClustersThatBeginWithKeyFrames) {
  std::vector<WebmFrame> frames;
  for (int i = 0; i < 50; ++i)
    frames.push_back({i * 1000, i % 20 == 0, std::vector<std::uint8_t>(static_cast<std::size_t>(50 + 400 * i), 7)});
  frames.push_back({40'000'000, false, {1}});  // too far for a block's 16 bits: a cluster of its own
  const auto file = to_webm(frames, 640, 480, 40'001'000);
  const auto top = elements(file);
  ASSERT_EQ(top.size(), 2U);
  EXPECT_EQ(top[0].id, 0x1A45DFA3U);
  const auto segment = elements(top[1].content);
  std::map<std::size_t, std::uint64_t> clusters;  // offset -> time
  std::size_t blocks = 0;
  for (const Element& element : segment) {
    if (element.id != 0x1F43B675) continue;
    const auto parts = elements(element.content);
    clusters[element.offset] = big_endian(parts[0].content);
    blocks += parts.size() - 1;
    for (std::size_t i = 1; i < parts.size(); ++i) {
      const auto offset = static_cast<std::int16_t>(big_endian(parts[i].content.subspan(1, 2)));
      const std::int64_t time = static_cast<std::int64_t>(big_endian(parts[0].content)) + offset;
      const auto frame = std::find_if(frames.begin(), frames.end(), [&](const auto& f) { return f.time_ms == time; });
      ASSERT_NE(frame, frames.end()) << time;
      EXPECT_EQ(parts[i].content.size() - 4, frame->bytes.size());
      EXPECT_EQ(parts[i].content[3] & 0x80, frame->key ? 0x80 : 0);
    }
  }
  EXPECT_EQ(blocks, frames.size());
  std::size_t cues = 0;
  for (const Element& element : segment) {
    if (element.id != 0x1C53BB6B) continue;
    for (const Element& point : elements(element.content)) {
      const auto parts = elements(point.content);
      const auto place = elements(parts[1].content);
      const auto cluster = clusters.find(big_endian(place[1].content));
      ASSERT_NE(cluster, clusters.end());
      EXPECT_EQ(cluster->second, big_endian(parts[0].content));
      ++cues;
    }
  }
  EXPECT_EQ(cues, clusters.size());
  EXPECT_THROW(to_webm({}, 640, 480, 0), Error);
  EXPECT_THROW(to_webm(std::vector<WebmFrame>{{0, false, {1}}}, 640, 480, 0), Error);
}

TEST(Video, RefusesImpossibleSizes) {
  EXPECT_THROW(Video({.width = 0, .height = 4}), Error);
  EXPECT_THROW(Video({.width = 20'000, .height = 4}), Error);
  Video video({.width = 32, .height = 16});
  EXPECT_THROW(video.add(ImageU8(16, 16, 3), 0), Error);
  EXPECT_THROW(video.finish(), Error);
}

}  // namespace
}  // namespace bramble
