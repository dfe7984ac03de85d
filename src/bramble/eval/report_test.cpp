#include "bramble/eval/report.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/core/random.hpp"
#include "bramble/dataset/dataset_writer.hpp"
#include "bramble/eval/bitmap_font.hpp"
#include "bramble/eval/chart.hpp"
#include "bramble/eval/figures.hpp"

namespace bramble {
namespace {

namespace fs = std::filesystem;

Ontology small_ontology() {
  return {"small", {{0, "grass & co", {0, 102, 0}, 1}, {1, "path", {108, 64, 20}, 2}, {2, "sky", {0, 0, 255}, 3}}};
}

/// Eight frames: a path of another width in each; the last rows are ignored.
class Report : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::temp_directory_path() / ("bramble_report_" + std::to_string(getpid()));
    fs::remove_all(root_);
    DatasetWriter writer(root_ / "data", small_ontology(), false);
    for (int frame = 0; frame < 8; ++frame) {
      ImageU8 image(64, 48, 3);
      ImageU8 label(64, 48, 1);
      for (int v = 0; v < 48; ++v)
        for (int u = 0; u < 64; ++u) {
          const bool path = std::abs(u - 32) < v * (frame + 2) / 16;
          *label.at(u, v) = v >= 46 ? kIgnoreId : v < 16 ? 2 : path ? 1 : 0;
          for (int c = 0; c < 3; ++c) image.at(u, v)[c] = static_cast<std::uint8_t>(40 * c + 3 * v + frame);
        }
      writer.add("frame_" + std::to_string(frame), frame * 50'000'000LL, "val", image, label);
    }
    writer.finish();
  }
  void TearDown() override { fs::remove_all(root_); }

  /// A predictor that gets the upper part right and the path never.
  static Predictor horizon(const std::string& name, int row) {
    return {name, small_ontology(),
            [row](const ImageU8& image) {
              ImageU8 out(image.width, image.height, 1);
              for (int v = 0; v < image.height; ++v)
                for (int u = 0; u < image.width; ++u) *out.at(u, v) = v < row ? 2 : 0;
              return out;
            },
            nlohmann::json::array({{{"epoch", 1}, {"train_loss", 1.5}, {"val_miou", 0.2}},
                                   {{"epoch", 2}, {"train_loss", 0.9}, {"val_miou", 0.4}}})};
  }

  fs::path root_;
};

/// Whether every element is closed in order: a check of well-formedness by a stack of names.
std::string first_tag_error(const std::string& html) {
  std::vector<std::string> open;
  for (std::size_t at = html.find('<'); at != std::string::npos; at = html.find('<', at)) {
    if (html.compare(at, 2, "<!") == 0) {
      at = html.find('>', at);
      continue;
    }
    // The end of the tag, not counting one inside a quoted attribute.
    std::size_t end = at + 1;
    for (bool quoted = false; end < html.size() && (quoted || html[end] != '>'); ++end) quoted ^= html[end] == '"';
    if (end >= html.size()) return "a tag does not end: " + html.substr(at, 40);
    const bool closing = html[at + 1] == '/';
    const std::size_t name_begin = at + (closing ? 2 : 1);
    const std::string name = html.substr(name_begin, html.find_first_of(" />\n", name_begin) - name_begin);
    if (name.empty()) return "a bare «<»: " + html.substr(at, 40);
    if (closing) {
      if (open.empty() || open.back() != name) return "</" + name + "> closes " + (open.empty() ? "" : open.back());
      open.pop_back();
    } else if (html[end - 1] != '/') {
      open.push_back(name);
    }
    at = end;
    if (!closing && (name == "style" || name == "script")) at = html.find("</" + name, at);
  }
  return open.empty() ? "" : "<" + open.back() + "> is never closed";
}

TEST_F(Report, IsWholeWellFormedAndTheSameTwice) {
  const Dataset data = Dataset::open(root_ / "data");
  const std::vector<Predictor> predictors{horizon("low <script>", 20), horizon("exact", 16)};
  const Evaluation evaluation = evaluate(predictors, data);
  write_report(root_ / "a", evaluation, predictors, data, {.figures = 4});
  set_thread_count(1);
  write_report(root_ / "b", evaluate(predictors, data), predictors, data, {.figures = 4});
  set_thread_count(0);
  for (const char* name : {"index.html", "metrics.json", "metrics.csv", "figures.png"})
    EXPECT_EQ(read_file(root_ / "a" / name), read_file(root_ / "b" / name)) << name;

  const std::string html = read_text_file(root_ / "a" / "index.html");
  EXPECT_EQ(first_tag_error(html), "");
  EXPECT_EQ(html.find("low <script>"), std::string::npos) << "names must be escaped";
  EXPECT_NE(html.find("low &lt;script&gt;"), std::string::npos);
  EXPECT_NE(html.find("grass &amp; co"), std::string::npos);
  EXPECT_NE(html.find("<h2>Training</h2>"), std::string::npos);
  for (const char* outside : {"http://", "https://", "src=\"//", "@import"})
    EXPECT_EQ(html.find(outside), std::string::npos) << "the page must not load " << outside;
  std::size_t frames = 0;
  for (std::size_t at = 0; (at = html.find("<article", at)) != std::string::npos; ++at) ++frames;
  EXPECT_EQ(frames, 4U);
  EXPECT_NE(html.find("worst frame"), std::string::npos);
  EXPECT_NE(html.find("best frame"), std::string::npos);

  const ImageU8 sheet = read_image(root_ / "a" / "figures.png");
  EXPECT_GT(sheet.width, 4 * 320);
  EXPECT_GT(sheet.height, 4 * 240);
}

TEST_F(Report, NumbersAreThoseOfTheFrames) {
  const Dataset data = Dataset::open(root_ / "data");
  const std::vector<Predictor> predictors{horizon("low", 20), horizon("exact", 16)};
  const nlohmann::json json = to_json(evaluate(predictors, data));
  // Second route: count pixel by pixel.
  std::uint64_t right = 0;
  std::uint64_t counted = 0;
  std::uint64_t sky_right = 0;
  std::uint64_t sky_any = 0;
  for (std::size_t i = 0; i < data.size(); ++i) {
    const ImageU8 label = data.load_label(i);
    for (int v = 0; v < label.height; ++v)
      for (int u = 0; u < label.width; ++u) {
        const int truth = *label.at(u, v);
        const int guess = v < 20 ? 2 : 0;
        if (truth == kIgnoreId) continue;
        ++counted;
        right += truth == guess;
        sky_right += truth == 2 && guess == 2;
        sky_any += truth == 2 || guess == 2;
      }
  }
  const auto share = [](std::uint64_t a, std::uint64_t b) { return static_cast<double>(a) / static_cast<double>(b); };
  EXPECT_DOUBLE_EQ(json["models"][0]["accuracy"].get<double>(), share(right, counted));
  EXPECT_DOUBLE_EQ(json["models"][0]["classes"]["sky"]["iou"].get<double>(), share(sky_right, sky_any));
  EXPECT_DOUBLE_EQ(json["models"][1]["classes"]["sky"]["iou"].get<double>(), 1.0);
  const double gap = json["gaps"][0]["miou"];
  EXPECT_NEAR(gap, json["models"][1]["miou"].get<double>() - json["models"][0]["miou"].get<double>(), 1e-12);
  EXPECT_LE(json["gaps"][0]["miou_interval"][0].get<double>(), gap);
  EXPECT_GE(json["gaps"][0]["miou_interval"][1].get<double>(), gap);
  EXPECT_NE(to_csv(evaluate(predictors, data)).find("exact,sky,8192,1.000000,1.000000,1.000000,1.000000,"),
            std::string::npos);
}

TEST_F(Report, LimitSpreadsOverTheDataSet) {
  const Evaluation evaluation = evaluate({horizon("a", 16)}, Dataset::open(root_ / "data"), 4);
  EXPECT_EQ(evaluation.samples, (std::vector<std::size_t>{0, 2, 4, 6}));
  EXPECT_EQ(evaluation.models[0].frames.size(), 4U);
}

TEST_F(Report, AModelWithOtherClassesIsRefusedInOneLine) {
  const Dataset data = Dataset::open(root_ / "data");
  Predictor other = horizon("other", 16);
  other.ontology =
      Ontology("o", {{0, "grass & co", {0, 1, 0}, 1}, {1, "rock", {1, 1, 0}, 2}, {2, "sky", {2, 0, 0}, 3}});
  const auto message = [&](const Predictor& predictor) -> std::string {
    try {
      evaluate({predictor}, data);
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was thrown";
  };
  EXPECT_NE(message(other).find("model «other» does not fit the data set"), std::string::npos) << message(other);
  EXPECT_NE(message(other).find("class 1 is «rock» in the model and «path» there"), std::string::npos);
  other.ontology = Ontology("o", {{0, "grass & co", {0, 1, 0}, 1}, {1, "path", {1, 1, 0}, 2}});
  EXPECT_NE(message(other).find("has 2 classes"), std::string::npos) << message(other);
  EXPECT_EQ(message(other).find('\n'), std::string::npos);
  EXPECT_THROW(evaluate({horizon("a", 1), horizon("a", 2)}, data), Error);
}

TEST_F(Report, ManyFiguresThanFramesAreAllFramesOnce) {
  const Dataset data = Dataset::open(root_ / "data");
  const std::vector<Predictor> predictors{horizon("a", 16), horizon("b", 30)};
  const Evaluation evaluation = evaluate(predictors, data);
  std::set<std::string> names;
  for (const Figure& figure : choose_figures(evaluation, predictors, data, 50)) names.insert(figure.name);
  EXPECT_EQ(names.size(), 8U);
}

TEST(ErrorMask, MarksWrongAndIgnoredPixels) {
  ImageU8 label(3, 1, 1);
  label.data = {0, 1, kIgnoreId};
  const ImageU8 mask = error_mask(label, ImageU8(3, 1, 1));
  EXPECT_EQ(mask.at(0, 0)[3], 0);
  EXPECT_GT(mask.at(1, 0)[0], 200);
  EXPECT_EQ(mask.at(2, 0)[0], mask.at(2, 0)[1]);
}

TEST(Base64, MatchesTheVectorsOfRfc4648) {
  const auto encode = [](std::string_view text) {
    return base64({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  };
  EXPECT_EQ(encode(""), "");
  EXPECT_EQ(encode("f"), "Zg==");
  EXPECT_EQ(encode("fo"), "Zm8=");
  EXPECT_EQ(encode("foobar"), "Zm9vYmFy");
}

TEST(BitmapFont, DrawsInsideItsBoxAndIsCutAtTheEdge) {
  ImageU8 picture(40, 12, 3);
  draw_text(picture, 2, 2, "Ag", {255, 0, 0});
  int drawn = 0;
  for (int v = 0; v < 12; ++v)
    for (int u = 0; u < 40; ++u)
      if (picture.at(u, v)[0]) {
        ++drawn;
        EXPECT_TRUE(u >= 2 && u < 2 + text_width("Ag", 1) && v >= 2 && v < 2 + kGlyphHeight);
      }
  EXPECT_GT(drawn, 20);
  draw_text(picture, -5, -3, "edge and beyond", {255, 255, 255}, 3);
  EXPECT_EQ(fit_text("abcdefghij", 6 * kGlyphWidth, 1), "...hij");
}

}  // namespace
}  // namespace bramble
