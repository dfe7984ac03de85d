#include "bramble/train/training_page.hpp"

#include <cmath>

#include "bramble/core/error.hpp"
#include "bramble/eval/chart.hpp"
#include "bramble/eval/report_style.hpp"

namespace bramble {
namespace {

Series curve(const nlohmann::json& history, const std::string& key, const std::string& name, const std::string& color,
             bool dashed = false) {
  Series series{name, color, {}, dashed};
  for (const auto& entry : history)
    if (entry.contains(key) && entry[key].is_number() && std::isfinite(entry[key].get<double>()))
      series.points.emplace_back(entry.at("epoch").get<double>(), entry[key].get<double>());
  return series;
}

std::string share(const nlohmann::json& value) {
  return value.is_number() ? fmt::format("{:.1f}", 100 * value.get<double>()) : "–";
}

void options(const nlohmann::json& recipe, const std::string& prefix, std::string& html) {
  for (const auto& [key, value] : recipe.items()) {
    if (value.is_object())
      options(value, prefix + key + ".", html);
    else
      html += fmt::format("<dt>{}</dt><dd>{}</dd>", escape_html(prefix + key),
                          escape_html(value.is_string() ? value.get<std::string>() : value.dump()));
  }
}

}  // namespace

std::string to_html(const TrainingPage& page) {
  const nlohmann::json& history = page.history;
  std::string html = fmt::format(
      R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"/><meta name="viewport" content="width=device-width, initial-scale=1"/>{}<title>Training of {}</title><style>{}</style></head><body><main>)",
      page.running ? R"(<meta http-equiv="refresh" content="10"/>)" : "", escape_html(page.title), kReportCss);
  html += fmt::format(
      R"(<header><div><div class="eyebrow">Semantic segmentation · training</div><h1>{}</h1><div class="soft">epoch {} of {} · {}</div></div><button id="theme" type="button">light / dark</button></header>)",
      escape_html(page.title), history.size(), page.epochs, escape_html(page.state));
  if (!history.empty()) {
    const nlohmann::json& last = history.back();
    const nlohmann::json& best = history[static_cast<std::size_t>(std::max(1, page.best_epoch) - 1) < history.size()
                                             ? static_cast<std::size_t>(std::max(1, page.best_epoch) - 1)
                                             : history.size() - 1];
    html += fmt::format(
        R"(<section class="cards"><div class="card"><h3>Best epoch: {}</h3><div class="big">{} <small>% mean IoU</small></div><div class="pairs"><span>accuracy</span><b>{} %</b></div></div><div class="card"><h3>Last epoch: {}</h3><div class="big">{} <small>% mean IoU</small></div><div class="pairs"><span>accuracy</span><b>{} %</b><span>loss</span><b>{:.4f}</b><span>learning rate</span><b>{:.2e}</b><span>seconds</span><b>{:.1f}</b></div></div></section>)",
        best.at("epoch").get<int>(), share(best.at("val_miou")), share(best.at("val_accuracy")),
        last.at("epoch").get<int>(), share(last.at("val_miou")), share(last.at("val_accuracy")),
        last.at("loss").get<double>(), last.at("lr").get<double>(), last.at("seconds").get<double>());
    LineChart loss{.title = "Loss", .x_label = "epoch", .from_zero = true};
    loss.series.push_back(curve(history, "loss", "loss", "var(--m0)"));
    LineChart quality{.title = "Quality on validation data", .x_label = "epoch", .percent = true};
    quality.series.push_back(curve(history, "val_miou", "mean IoU", "var(--m0)"));
    quality.series.push_back(curve(history, "val_accuracy", "accuracy", "var(--m1)", true));
    LineChart classes{.title = "IoU of the classes on validation data", .x_label = "epoch", .percent = true};
    for (const SemanticClass& cls : page.ontology.classes()) {
      Series series{cls.name, fmt::format("rgb({},{},{})", cls.color[0], cls.color[1], cls.color[2]), {}, false};
      for (const auto& entry : history)
        if (entry.contains("val_iou") && entry["val_iou"].contains(cls.name) && entry["val_iou"][cls.name].is_number())
          series.points.emplace_back(entry.at("epoch").get<double>(), entry["val_iou"][cls.name].get<double>());
      if (!series.points.empty()) classes.series.push_back(std::move(series));
    }
    LineChart rate{.title = "Learning rate of the head, thousandths", .x_label = "epoch", .from_zero = true};
    rate.series.push_back(curve(history, "lr", "rate", "var(--m3)"));
    for (auto& point : rate.series.back().points) point.second *= 1000;
    html += R"(<div class="grid2">)" + to_svg(loss) + to_svg(quality) + to_svg(classes) + to_svg(rate) + "</div>";
  }
  html += "<footer><b>Options</b><dl>";
  options(page.recipe, "", html);
  html += fmt::format("</dl>Made by Bramble.</footer></main><script>{}</script></body></html>\n", kReportScript);
  return html;
}

}  // namespace bramble
