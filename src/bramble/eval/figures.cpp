#include "bramble/eval/figures.hpp"

#include <algorithm>
#include <map>

#include "bramble/core/error.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/eval/bitmap_font.hpp"

namespace bramble {

namespace {

void paste(ImageU8& sheet, const ImageU8& tile, int u, int v) {
  for (int row = 0; row < tile.height; ++row)
    std::copy_n(tile.row(row), static_cast<std::size_t>(tile.width) * 3, sheet.at(u, v + row));
}

void fill(ImageU8& sheet, int u, int v, int width, int height, Rgb color) {
  for (int y = v; y < v + height; ++y)
    for (int x = u; x < u + width; ++x) std::copy(color.begin(), color.end(), sheet.at(x, y));
}

}  // namespace

std::vector<Figure> choose_figures(const Evaluation& evaluation, const std::vector<Predictor>& predictors,
                                   const Dataset& dataset, std::size_t count) {
  const std::size_t frames = evaluation.samples.size();
  // Score of a frame: mean over the models of its mean IoU. Spread: how far the models are apart on it.
  std::vector<double> score(frames);
  std::vector<double> spread(frames);
  for (std::size_t i = 0; i < frames; ++i) {
    double low = 1;
    double high = 0;
    for (const ModelResult& model : evaluation.models) {
      const double iou = model.frames[i].mean_iou().value_or(0.0);
      score[i] += iou / static_cast<double>(evaluation.models.size());
      low = std::min(low, iou);
      high = std::max(high, iou);
    }
    spread[i] = high - low;
  }
  std::vector<std::size_t> by_score(frames);
  for (std::size_t i = 0; i < frames; ++i) by_score[i] = i;
  std::stable_sort(by_score.begin(), by_score.end(), [&](auto a, auto b) { return score[a] < score[b]; });
  std::vector<std::size_t> by_spread = by_score;
  std::stable_sort(by_spread.begin(), by_spread.end(), [&](auto a, auto b) { return spread[a] > spread[b]; });

  std::map<std::size_t, std::string> chosen;  // position in by_score -> reason
  const auto choose = [&](std::size_t rank, const std::string& reason) {
    if (chosen.size() < count) chosen.try_emplace(rank, reason);
  };
  const auto rank_of = [&](std::size_t frame) {
    return static_cast<std::size_t>(std::find(by_score.begin(), by_score.end(), frame) - by_score.begin());
  };
  // One of each kind first, so that a short report still shows the range; then more of the worst, then evenly between.
  choose(0, "worst frame");
  choose(frames - 1, "best frame");
  choose(frames / 2, "median frame");
  if (evaluation.models.size() > 1) choose(rank_of(by_spread[0]), "largest gap between the models");
  for (std::size_t i = 1; i < std::min<std::size_t>(frames, 1 + count / 4); ++i) choose(i, "among the worst");
  if (evaluation.models.size() > 1 && frames > 1) choose(rank_of(by_spread[1]), "large gap between the models");
  for (std::size_t i = 1; chosen.size() < std::min(count, frames) && i < 64; ++i)
    for (std::size_t part = 1; part < 2 * i; part += 2)
      choose(frames * part / (2 * i), fmt::format("better than {} % of the frames", 100 * part / (2 * i)));

  std::vector<Figure> figures;
  for (const auto& [rank, reason] : chosen) {
    Figure figure;
    figure.position = by_score[rank];
    figure.name = evaluation.sample_names[figure.position];
    figure.reason = reason;
    const std::size_t sample = evaluation.samples[figure.position];
    figure.image = dataset.load_image(sample);
    figure.label = map_classes(dataset.load_label(sample), evaluation.truth_map);
    for (const Predictor& predictor : predictors) figure.estimates.push_back(predictor.segment(figure.image));
    figures.push_back(std::move(figure));
  }
  return figures;
}

ImageU8 error_mask(const ImageU8& label, const ImageU8& estimate) {
  ImageU8 mask(label.width, label.height, 4);
  for (std::size_t i = 0; i < label.pixel_count(); ++i) {
    static constexpr std::uint8_t kWrong[4] = {230, 30, 45, 235};
    static constexpr std::uint8_t kIgnored[4] = {128, 128, 128, 200};
    const std::uint8_t* color = label.data[i] == kIgnoreId          ? kIgnored
                                : label.data[i] != estimate.data[i] ? kWrong
                                                                    : nullptr;
    if (color) std::copy_n(color, 4, mask.data.begin() + static_cast<std::ptrdiff_t>(4 * i));
  }
  return mask;
}

ImageU8 blend(const ImageU8& picture, const ImageU8& mask, float opacity) {
  if (picture.width != mask.width || picture.height != mask.height || picture.channels != 3 || mask.channels != 3)
    fail("cannot blend a picture of {}x{} with a mask of {}x{}", picture.width, picture.height, mask.width,
         mask.height);
  ImageU8 out(picture.width, picture.height, 3);
  const int weight = static_cast<int>(std::clamp(opacity, 0.0F, 1.0F) * 256.0F + 0.5F);
  for (std::size_t i = 0; i < out.data.size(); ++i)
    out.data[i] = static_cast<std::uint8_t>((picture.data[i] * (256 - weight) + mask.data[i] * weight + 128) >> 8);
  return out;
}

ImageU8 picture_sheet(const std::vector<Figure>& figures, const Evaluation& evaluation) {
  constexpr int kTile = 320;
  constexpr int kGap = 8;
  constexpr int kMargin = 16;
  constexpr int kHead = 34;
  constexpr int kCaption = 24;
  constexpr int kLegend = 30;
  constexpr Rgb kInk{28, 32, 36};
  constexpr Rgb kFaint{110, 118, 126};
  const Ontology& ontology = evaluation.ontology;
  const int columns = 2 + static_cast<int>(evaluation.models.size());
  std::vector<int> heights;
  int height = kMargin + kHead + kMargin;
  for (const Figure& figure : figures) {
    heights.push_back(std::max(1, kTile * figure.image.height / figure.image.width));
    height += heights.back() + kCaption;
  }
  const int width = 2 * kMargin + columns * kTile + (columns - 1) * kGap;
  // Legend: as many lines as the class names need.
  std::vector<std::pair<int, int>> legend_at;
  int legend_u = kMargin;
  int legend_v = 0;
  for (const SemanticClass& cls : ontology.classes()) {
    const int needed = 26 + text_width(cls.name, 2) + 18;
    if (legend_u + needed > width - kMargin && legend_u > kMargin) {
      legend_u = kMargin;
      legend_v += kLegend;
    }
    legend_at.emplace_back(legend_u, legend_v);
    legend_u += needed;
  }
  height += legend_v + kLegend;

  ImageU8 sheet(width, height, 3, 255);
  const auto left_of = [&](int column) { return kMargin + column * (kTile + kGap); };
  draw_text(sheet, left_of(0), kMargin, "image", kInk, 2);
  draw_text(sheet, left_of(1), kMargin, "ground truth", kInk, 2);
  for (std::size_t m = 0; m < evaluation.models.size(); ++m)
    draw_text(sheet, left_of(2 + static_cast<int>(m)), kMargin, fit_text(evaluation.models[m].name, kTile, 2), kInk, 2);
  int v = kMargin + kHead;
  for (std::size_t f = 0; f < figures.size(); ++f) {
    const Figure& figure = figures[f];
    const auto tile_of = [&](const ImageU8& ids) { return ontology.colorize(resize_labels(ids, kTile, heights[f])); };
    paste(sheet, resize_picture(figure.image, kTile, heights[f]), left_of(0), v);
    paste(sheet, tile_of(figure.label), left_of(1), v);
    for (std::size_t m = 0; m < figure.estimates.size(); ++m)
      paste(sheet, tile_of(figure.estimates[m]), left_of(2 + static_cast<int>(m)), v);
    v += heights[f];
    draw_text(sheet, left_of(0), v + 6, fit_text(figure.name, kTile, 1), kFaint, 1);
    draw_text(sheet, left_of(1), v + 6, fit_text(figure.reason, kTile, 1), kFaint, 1);
    for (std::size_t m = 0; m < evaluation.models.size(); ++m) {
      const ConfusionMatrix& frame = evaluation.models[m].frames[figure.position];
      const auto number = [](const std::optional<double>& x) { return x ? percent(x) + " %" : std::string("-"); };
      draw_text(sheet, left_of(2 + static_cast<int>(m)), v + 6,
                fmt::format("mIoU {}   accuracy {}", number(frame.mean_iou()), number(frame.accuracy())), kFaint, 1);
    }
    v += kCaption;
  }
  for (std::size_t i = 0; i < ontology.size(); ++i) {
    const auto [u, line] = legend_at[i];
    fill(sheet, u, v + line + 4, 18, 14, ontology.classes()[i].color);
    draw_text(sheet, u + 26, v + line + 4, ontology.classes()[i].name, kInk, 2);
  }
  return sheet;
}

}  // namespace bramble
