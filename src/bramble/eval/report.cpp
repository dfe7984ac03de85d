#include "bramble/eval/report.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/eval/chart.hpp"
#include "bramble/eval/figures.hpp"
#include "bramble/eval/report_style.hpp"

namespace bramble {

namespace {

std::string model_color(std::size_t index) { return fmt::format("var(--m{})", index % 6); }

std::string dot(std::size_t model) {
  return fmt::format(R"(<span class="dot" style="background:{}"></span>)", model_color(model));
}

std::string swatch(const SemanticClass& cls) {
  return fmt::format(R"html(<span class="swatch" style="background:rgb({},{},{})"></span>)html", cls.color[0],
                     cls.color[1], cls.color[2]);
}

/// «+3.2» in green or red; small differences stay plain.
std::string signed_points(const std::optional<double>& points) {
  if (!points) return "–";
  const char* tone = *points >= 0.05 ? "up" : *points <= -0.05 ? "down" : "soft";
  return fmt::format(R"(<span class="{}">{:+.1f}</span>)", tone, *points);
}

std::string percent_unit(const std::optional<double>& value) {
  return value ? fmt::format("{:.1f} %", 100 * *value) : "–";
}

// --- summary ---------------------------------------------------------------------------------------------------------

/// One sentence that says what the numbers below say.
std::string verdict(const Evaluation& evaluation, const std::vector<Gap>& gaps) {
  const auto& models = evaluation.models;
  if (gaps.empty()) {
    const SemanticClass* worst = nullptr;
    const SemanticClass* best = nullptr;
    const ConfusionMatrix& total = models[0].total;
    for (const SemanticClass& cls : evaluation.ontology.classes()) {
      const auto iou = total.iou(cls.id);
      if (!iou) continue;
      if (!worst || *iou < *total.iou(worst->id)) worst = &cls;
      if (!best || *iou > *total.iou(best->id)) best = &cls;
    }
    if (!worst || worst == best) return {};
    return fmt::format("Strongest class: {} (IoU {}). Weakest: {} (IoU {}).", escape_html(best->name),
                       percent_unit(total.iou(best->id)), escape_html(worst->name), percent_unit(total.iou(worst->id)));
  }
  std::string text;
  for (const Gap& gap : gaps) {
    const bool clear = gap.mean_iou_low > 0 || gap.mean_iou_high < 0;
    const std::string& ahead = gap.mean_iou >= 0 ? gap.to : gap.from;
    const std::string& behind = gap.mean_iou >= 0 ? gap.from : gap.to;
    text +=
        clear ? fmt::format("<b>{}</b> is ahead of <b>{}</b> by {:.1f} points of mean IoU", escape_html(ahead),
                            escape_html(behind), std::abs(gap.mean_iou))
              : fmt::format("<b>{}</b> and <b>{}</b> cannot be told apart on these frames ({:+.1f} points of mean IoU)",
                            escape_html(gap.from), escape_html(gap.to), gap.mean_iou);
    // The class on which they differ most.
    std::size_t widest = gap.iou.size();
    for (std::size_t id = 0; id < gap.iou.size(); ++id)
      if (gap.iou[id] && (widest == gap.iou.size() || std::abs(*gap.iou[id]) > std::abs(*gap.iou[widest]))) widest = id;
    if (widest < gap.iou.size())
      text += fmt::format("; they differ most on {} ({:+.1f} from {} to {})",
                          escape_html(evaluation.ontology[static_cast<ClassId>(widest)].name), *gap.iou[widest],
                          escape_html(gap.from), escape_html(gap.to));
    text += ". ";
  }
  return text;
}

std::string calibration_pairs(const Calibration& calibration) {
  if (calibration.total() == 0) return {};
  return fmt::format("<span>calibration error</span><b>{}</b><span>overconfidence</span><b>{:+.1f} %</b>",
                     percent_unit(calibration.expected_error()), 100 * calibration.overconfidence().value_or(0));
}

/// Accuracy beside confidence, a line for each model; the diagonal is where a model is right as often as it says.
std::string calibration_chart(const Evaluation& evaluation) {
  LineChart chart{.title = "Share of right pixels by confidence", .x_label = "confidence, per cent", .percent = true};
  bool any = false;
  for (std::size_t m = 0; m < evaluation.models.size(); ++m) {
    Series series{evaluation.models[m].name, model_color(m), {}};
    const double all = static_cast<double>(evaluation.models[m].calibration.total());
    for (const auto& bin : evaluation.models[m].calibration.bins())
      if (static_cast<double>(bin.pixels) > 1e-4 * all)
        series.points.emplace_back(100 * bin.confidence_sum / static_cast<double>(bin.pixels),
                                   static_cast<double>(bin.right) / static_cast<double>(bin.pixels));
    any = any || !series.points.empty();
    chart.series.push_back(std::move(series));
  }
  if (!any) return {};
  chart.series.push_back({"as sure as right", "var(--soft)", {{0, 0}, {100, 1}}, true});
  return to_svg(chart);
}

/// Mean IoU by distance, a line for each model; nothing where there is no depth.
std::string distance_chart(const Evaluation& evaluation) {
  LineChart chart{.title = "Mean IoU by distance", .x_label = "metres", .percent = true};
  for (std::size_t m = 0; m < evaluation.models.size(); ++m) {
    Series series{evaluation.models[m].name, model_color(m), {}};
    if (!evaluation.models[m].distance.empty())
      for (const auto& band : evaluation.models[m].distance.bands())
        if (const auto iou = band.total.mean_iou(); iou && band.to_m <= 80)
          series.points.emplace_back(0.5 * (band.from_m + band.to_m), *iou);
    if (series.points.empty()) return {};
    chart.series.push_back(std::move(series));
  }
  return to_svg(chart);
}

std::string summary_cards(const Evaluation& evaluation, const std::vector<Gap>& gaps) {
  std::string html = R"(<section class="cards">)";
  for (std::size_t m = 0; m < evaluation.models.size(); ++m) {
    const ConfusionMatrix& total = evaluation.models[m].total;
    html += fmt::format(
        R"(<div class="card"><h3>{}{}</h3><div class="big">{} <small>% mean IoU</small></div><div class="pairs"><span>accuracy</span><b>{}</b><span>mean accuracy</span><b>{}</b><span>frequency-weighted IoU</span><b>{}</b><span>mean F1</span><b>{}</b><span>boundary F1</span><b>{}</b>{}<span>95 % interval of mean IoU</span><b>{} … {}</b></div></div>)",
        dot(m), escape_html(evaluation.models[m].name), percent(total.mean_iou()), percent_unit(total.accuracy()),
        percent_unit(total.mean_accuracy()), percent_unit(total.frequency_weighted_iou()),
        percent_unit(total.mean_f1()), percent_unit(evaluation.models[m].boundary.mean_f1()),
        calibration_pairs(evaluation.models[m].calibration), percent(evaluation.models[m].mean_iou_interval.low),
        percent(evaluation.models[m].mean_iou_interval.high));
  }
  for (std::size_t g = 0; g < gaps.size(); ++g) {
    const Gap& gap = gaps[g];
    html += fmt::format(
        R"(<div class="card"><h3>Gap</h3><div class="versus"><span>{} {}</span><span>− {} {}</span></div><div class="big"><span class="{}">{:+.1f}</span> <small>points mean IoU</small></div><div class="pairs"><span>95 % interval over frames</span><b>{:+.1f} … {:+.1f}</b><span>p (paired bootstrap)</span><b>{}</b><span>accuracy</span><b>{:+.1f}</b></div></div>)",
        dot(g + 1), escape_html(gap.to), dot(0), escape_html(gap.from),
        gap.mean_iou_low > 0    ? "up"
        : gap.mean_iou_high < 0 ? "down"
                                : "",
        gap.mean_iou, gap.mean_iou_low, gap.mean_iou_high,
        gap.p_value <= 0.001 ? std::string("≤ 0.001") : fmt::format("{:.3f}", gap.p_value), gap.accuracy);
  }
  return html + "</section>";
}

// --- tables and charts -----------------------------------------------------------------------------------------------

std::string class_table(const Evaluation& evaluation, const std::vector<Gap>& gaps) {
  const auto& models = evaluation.models;
  std::string html =
      R"(<div class="scroll"><table><thead><tr><th class="name" rowspan="2">class</th><th rowspan="2">share of pixels</th>)";
  for (std::size_t m = 0; m < models.size(); ++m)
    html += fmt::format(R"(<th class="model" colspan="3">{} {}</th>)", dot(m), escape_html(models[m].name));
  if (!gaps.empty())
    html +=
        fmt::format(R"(<th class="model" colspan="{}">IoU gap to {}</th>)", gaps.size(), escape_html(models[0].name));
  html += "</tr><tr>";
  for (std::size_t m = 0; m < models.size(); ++m)
    html += R"(<th class="first">IoU %</th><th>precision %</th><th>recall %</th>)";
  for (std::size_t g = 0; g < gaps.size(); ++g)
    html += fmt::format(R"(<th{}>{}</th>)", g == 0 ? R"( class="first")" : "", escape_html(gaps[g].to));
  html += "</tr></thead><tbody>";
  const auto bar = [](const std::optional<double>& value, std::size_t model) {
    return fmt::format(R"(<span class="bar"><i style="width:{:.1f}%;background:{}"></i></span>{})",
                       100 * value.value_or(0.0), model_color(model), percent(value));
  };
  const ConfusionMatrix& first = models[0].total;
  for (const SemanticClass& cls : evaluation.ontology.classes()) {
    const auto share =
        first.total()
            ? std::optional(static_cast<double>(first.truth_pixels(cls.id)) / static_cast<double>(first.total()))
            : std::nullopt;
    html += fmt::format(R"(<tr><td class="name">{}{}</td><td>{}</td>)", swatch(cls), escape_html(cls.name),
                        percent_unit(share));
    for (std::size_t m = 0; m < models.size(); ++m)
      html += fmt::format(R"(<td class="first">{}</td><td>{}</td><td>{}</td>)", bar(models[m].total.iou(cls.id), m),
                          percent(models[m].total.precision(cls.id)), percent(models[m].total.recall(cls.id)));
    for (std::size_t g = 0; g < gaps.size(); ++g)
      html += fmt::format(R"(<td{}>{}</td>)", g == 0 ? R"( class="first")" : "", signed_points(gaps[g].iou[cls.id]));
    html += "</tr>";
  }
  html += R"(<tr class="mean"><td class="name">mean</td><td></td>)";
  for (std::size_t m = 0; m < models.size(); ++m)
    html += fmt::format(R"(<td class="first">{}</td><td></td><td>{}</td>)", bar(models[m].total.mean_iou(), m),
                        percent(models[m].total.mean_accuracy()));
  for (std::size_t g = 0; g < gaps.size(); ++g)
    html += fmt::format(R"(<td{}>{}</td>)", g == 0 ? R"( class="first")" : "", signed_points(gaps[g].mean_iou));
  return html + "</tr></tbody></table></div>";
}

/// The five confusions that cost most pixels.
std::string top_confusions(const ConfusionMatrix& matrix, const Ontology& ontology) {
  struct Confusion {
    std::uint64_t pixels;
    ClassId truth, guess;
  };
  std::vector<Confusion> all;
  std::uint64_t wrong = 0;
  for (const SemanticClass& truth : ontology.classes())
    for (const SemanticClass& guess : ontology.classes())
      if (truth.id != guess.id && matrix.count(truth.id, guess.id) > 0) {
        all.push_back({matrix.count(truth.id, guess.id), truth.id, guess.id});
        wrong += all.back().pixels;
      }
  if (all.empty()) return {};
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.pixels > b.pixels; });
  std::string html = R"(<ul class="confusions">)";
  for (std::size_t i = 0; i < std::min<std::size_t>(all.size(), 4); ++i)
    html +=
        fmt::format("<li><b>{}</b> taken for <b>{}</b>: {:.1f} % of its pixels, {:.0f} % of all errors</li>",
                    escape_html(ontology[all[i].truth].name), escape_html(ontology[all[i].guess].name),
                    100.0 * static_cast<double>(all[i].pixels) / static_cast<double>(matrix.truth_pixels(all[i].truth)),
                    100.0 * static_cast<double>(all[i].pixels) / static_cast<double>(wrong));
  return html + "</ul>";
}

std::string confusion_section(const Evaluation& evaluation) {
  std::string html = R"(<div class="grid2">)";
  for (std::size_t m = 0; m < evaluation.models.size(); ++m)
    html += fmt::format(R"(<div class="card"><h3>{}{}</h3>{}{}</div>)", dot(m), escape_html(evaluation.models[m].name),
                        confusion_svg(evaluation.models[m].total, evaluation.ontology, model_color(m)),
                        top_confusions(evaluation.models[m].total, evaluation.ontology));
  return html + "</div>";
}

/// The ten frames with the lowest mean IoU over the models.
std::string worst_frames(const Evaluation& evaluation) {
  const auto& models = evaluation.models;
  std::vector<std::pair<double, std::size_t>> scores;
  for (std::size_t i = 0; i < evaluation.samples.size(); ++i) {
    double sum = 0;
    for (const ModelResult& model : models) sum += model.frames[i].mean_iou().value_or(0.0);
    scores.emplace_back(sum, i);
  }
  std::sort(scores.begin(), scores.end());
  std::string html =
      R"(<div class="card"><h3>Worst frames (mean IoU %)</h3><table><thead><tr><th class="name">frame</th>)";
  for (std::size_t m = 0; m < models.size(); ++m) html += fmt::format("<th>{}</th>", dot(m));
  html += "</tr></thead><tbody>";
  for (std::size_t rank = 0; rank < std::min<std::size_t>(10, scores.size()); ++rank) {
    const std::size_t frame = scores[rank].second;
    html += fmt::format(R"(<tr><td class="name">{}</td>)", escape_html(evaluation.sample_names[frame]));
    for (const ModelResult& model : models) html += fmt::format("<td>{}</td>", percent(model.frames[frame].mean_iou()));
    html += "</tr>";
  }
  return html + "</tbody></table></div>";
}

std::string frame_charts(const Evaluation& evaluation) {
  LineChart quantiles{.title = "Mean IoU of a frame, frames sorted",
                      .x_label = "per cent of the frames that are no better",
                      .percent = true};
  LineChart course{.title = "Accuracy of a frame, in the order of the data set", .x_label = "frame", .percent = true};
  for (std::size_t m = 0; m < evaluation.models.size(); ++m) {
    const ModelResult& model = evaluation.models[m];
    std::vector<double> sorted;
    Series along{model.name, model_color(m), {}};
    // At most 280 points a line: the mean over neighbouring frames, else the page grows with the data set.
    const std::size_t stride = (model.frames.size() + 279) / 280;
    for (std::size_t begin = 0; begin < model.frames.size(); begin += stride) {
      double sum = 0;
      std::size_t counted = 0;
      for (std::size_t i = begin; i < std::min(begin + stride, model.frames.size()); ++i) {
        if (const auto iou = model.frames[i].mean_iou()) sorted.push_back(*iou);
        if (const auto accuracy = model.frames[i].accuracy()) {
          sum += *accuracy;
          ++counted;
        }
      }
      if (counted > 0) along.points.emplace_back(static_cast<double>(begin), sum / static_cast<double>(counted));
    }
    std::sort(sorted.begin(), sorted.end());
    Series curve{model.name, model_color(m), {}};
    const std::size_t points = std::min<std::size_t>(sorted.size(), 101);
    for (std::size_t i = 0; i < points; ++i) {
      const std::size_t at = points > 1 ? i * (sorted.size() - 1) / (points - 1) : 0;
      curve.points.emplace_back(points > 1 ? 100.0 * static_cast<double>(i) / static_cast<double>(points - 1) : 100.0,
                                sorted[at]);
    }
    quantiles.series.push_back(std::move(curve));
    course.series.push_back(std::move(along));
  }
  return R"(<div class="grid2">)" + to_svg(quantiles) + to_svg(course) + calibration_chart(evaluation) +
         distance_chart(evaluation) + worst_frames(evaluation) + "</div>";
}

/// The epochs of a training history: a list, or an object that holds one under «epochs» or «history».
const nlohmann::json* epochs_of(const nlohmann::json& history) {
  if (history.is_array()) return &history;
  for (const char* key : {"epochs", "history"})
    if (history.is_object() && history.contains(key) && history[key].is_array()) return &history[key];
  return nullptr;
}

std::string training_charts(const Evaluation& evaluation) {
  const auto is_share = [](const std::string& key) {
    return key.find("iou") != std::string::npos || key.find("accuracy") != std::string::npos;
  };
  LineChart loss{.title = "Loss", .x_label = "epoch", .from_zero = true};
  LineChart quality{.title = "Quality on validation data", .x_label = "epoch", .percent = true};
  for (std::size_t m = 0; m < evaluation.models.size(); ++m) {
    const nlohmann::json* epochs = epochs_of(evaluation.models[m].history);
    if (!epochs) continue;
    std::map<std::string, Series> by_key;
    for (std::size_t e = 0; e < epochs->size(); ++e) {
      const nlohmann::json& epoch = (*epochs)[e];
      if (!epoch.is_object()) continue;
      const double x = epoch.contains("epoch") && epoch["epoch"].is_number() ? epoch["epoch"].get<double>()
                                                                             : static_cast<double>(e + 1);
      for (const auto& [key, value] : epoch.items()) {
        const bool is_loss = key.find("loss") != std::string::npos;
        if (!value.is_number() || !(is_loss || is_share(key)) || !std::isfinite(value.get<double>())) continue;
        Series& series = by_key[key];
        series.name = fmt::format("{}: {}", evaluation.models[m].name, key);
        series.css_color = model_color(m);
        series.dashed = is_loss ? key.find("val") != std::string::npos : key.find("accuracy") != std::string::npos;
        series.points.emplace_back(x, value.get<double>());
      }
    }
    for (auto& [key, series] : by_key) (is_share(key) ? quality : loss).series.push_back(std::move(series));
  }
  const std::string charts = to_svg(loss) + to_svg(quality);
  return charts.empty() ? charts : R"(<h2>Training</h2><div class="grid2">)" + charts + "</div>";
}

// --- figures ---------------------------------------------------------------------------------------------------------

std::string data_uri(const char* type, std::span<const std::uint8_t> bytes) {
  return fmt::format("data:{};base64,{}", type, base64(bytes));
}

constexpr int kFigureWidth = 512;

std::string figure_rows(const std::vector<Figure>& figures, const Evaluation& evaluation) {
  std::string html;
  for (std::size_t f = 0; f < figures.size(); ++f) {
    const Figure& figure = figures[f];
    const int width = std::min(figure.image.width, kFigureWidth);
    const int height = std::max(1, figure.image.height * width / figure.image.width);
    const std::string photo = data_uri("image/jpeg", encode_jpeg(resize_picture(figure.image, width, height), 86));
    const auto mask_uri = [&](const ImageU8& ids) {
      return data_uri("image/png",
                      encode_png(evaluation.ontology.colorize(resize_labels(ids, width, height)), PngEffort::kSmall));
    };
    // The photograph stands once, in a variable of its row; every tile has it behind its mask.
    html += fmt::format(
        R"html(<article class="frame"><h3>{} <span>· {}</span></h3><div class="tiles" style="--photo:url({});--shape:{}/{};grid-template-columns:repeat({},1fr)">)html",
        escape_html(figure.name), escape_html(figure.reason), photo, width, height, 2 + figure.estimates.size());
    html += R"(<figure class="tile"><span class="pic"></span><figcaption><span>image</span></figcaption></figure>)";
    html += fmt::format(
        R"(<figure class="tile"><span class="pic"><img class="mask" alt="ground truth" src="{}"/></span><figcaption><span>ground truth</span></figcaption></figure>)",
        mask_uri(figure.label));
    for (std::size_t m = 0; m < figure.estimates.size(); ++m) {
      const ConfusionMatrix& frame = evaluation.models[m].frames[figure.position];
      const std::string errors = data_uri(
          "image/png",
          encode_png(resize_labels(error_mask(figure.label, figure.estimates[m]), width, height), PngEffort::kSmall));
      html += fmt::format(
          R"(<figure class="tile"><span class="pic estimate"><img class="mask" alt="estimate of {}" src="{}"/><img class="error" alt="wrong pixels of {}" src="{}"/></span><figcaption><span>{} {}</span><span class="numbers">mIoU {} · accuracy {}</span></figcaption></figure>)",
          escape_html(evaluation.models[m].name), mask_uri(figure.estimates[m]), escape_html(evaluation.models[m].name),
          errors, dot(m), escape_html(evaluation.models[m].name), percent_unit(frame.mean_iou()),
          percent_unit(frame.accuracy()));
    }
    html += "</div></article>";
  }
  return html;
}

std::string figure_section(const std::vector<Figure>& figures, const Evaluation& evaluation) {
  if (figures.empty()) return {};
  std::string legend;
  for (const SemanticClass& cls : evaluation.ontology.classes())
    legend += fmt::format("<span>{}{}</span>", swatch(cls), escape_html(cls.name));
  return fmt::format(
      R"(<h2>Frames</h2><p class="soft">The worst, the best and a spread between them, by mean IoU of the frame over the models; worst first.</p><div class="tools"><span class="seg"><input type="radio" name="view" id="show-masks" checked="checked"/><label for="show-masks">masks</label><input type="radio" name="view" id="show-errors"/><label for="show-errors">errors</label></span><label class="seg">image <input type="range" id="mix" min="0" max="100" value="100" aria-label="opacity of the masks"/> mask</label><span class="legend">{}</span></div>{})",
      legend, figure_rows(figures, evaluation));
}

constexpr const char* kMethod =
    R"(<footer><b>How to read this</b><dl><dt>accuracy</dt><dd>share of pixels whose class is right</dd><dt>mean accuracy</dt><dd>recall, averaged over the classes in the data</dd><dt>IoU</dt><dd>TP / (TP + FP + FN) of a class, in pixels over all frames</dd><dt>mean IoU</dt><dd>IoU averaged over the classes that occur in truth or estimate; an absent class does not count</dd><dt>frequency-weighted IoU</dt><dd>IoU weighted by the class's share of pixels</dd><dt>boundary F1</dt><dd>F1 of the border pixels of a class that lie within 0.75 % of the picture's diagonal of the other side's, averaged over the classes</dd><dt>calibration error</dt><dd>mean gap between confidence and share of right pixels, over 15 bins of confidence</dd><dt>p</dt><dd>twice the share of the draws in which the gap changes its sign</dd><dt>95 % interval</dt><dd>1000 paired bootstrap draws of the frames. Neighbouring frames of a drive look alike, so the true uncertainty is larger</dd></dl>Pixels labelled 255 are ignored. Numbers for machines: metrics.json and metrics.csv; table for papers: metrics.tex; this page as PDF: print it; pictures for slides: figures.png. Made by Bramble.</footer>)";

}  // namespace

void write_report(const std::filesystem::path& folder, const Evaluation& evaluation,
                  const std::vector<Predictor>& predictors, const Dataset& dataset, const ReportOptions& options) {
  if (evaluation.models.empty()) fail("report {}: there is nothing to report", folder.string());
  std::vector<Gap> gaps;
  for (std::size_t m = 1; m < evaluation.models.size(); ++m)
    gaps.push_back(gap_between(evaluation.models.front(), evaluation.models[m]));
  const std::vector<Figure> figures =
      options.figures == 0 ? std::vector<Figure>{} : choose_figures(evaluation, predictors, dataset, options.figures);

  write_file_atomically(folder / "metrics.json", to_json(evaluation).dump(2) + "\n");
  write_file_atomically(folder / "metrics.csv", to_csv(evaluation));
  write_file_atomically(folder / "metrics.tex", to_latex(evaluation));
  if (!figures.empty()) write_png(folder / "figures.png", picture_sheet(figures, evaluation), PngEffort::kSmall);

  const std::string name = escape_html(evaluation.dataset_name);
  const double megapixels = static_cast<double>(evaluation.models[0].total.total()) * 1e-6;
  std::string html = fmt::format(
      R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"/><meta name="viewport" content="width=device-width, initial-scale=1"/><title>Evaluation on {}</title><style>{}</style></head><body><main>)",
      name, kReportCss);
  html += fmt::format(
      R"(<header><div><div class="eyebrow">Semantic segmentation · evaluation</div><h1>{}</h1><div class="soft">{} frames · {:.1f} megapixels · {} classes · {} model{}</div></div><button id="theme" type="button">light / dark</button></header>)",
      name, evaluation.samples.size(), megapixels, evaluation.ontology.size(), evaluation.models.size(),
      evaluation.models.size() == 1 ? "" : "s");
  html += summary_cards(evaluation, gaps);
  html += "<p>" + verdict(evaluation, gaps) + "</p>";
  html += "<h2>Classes</h2>" + class_table(evaluation, gaps);
  html +=
      R"(<h2>Confusion</h2><p class="soft">Each row is a true class, shared out over what its pixels were taken for, in per cent.</p>)" +
      confusion_section(evaluation);
  if (evaluation.samples.size() > 1) html += "<h2>Over the frames</h2>" + frame_charts(evaluation);
  html += training_charts(evaluation);
  html += figure_section(figures, evaluation);
  html += kMethod;
  html += fmt::format("</main><script>{}</script></body></html>\n", kReportScript);
  write_file_atomically(folder / "index.html", html);
}

}  // namespace bramble
