#include "bramble/eval/chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace bramble {

namespace {

/// Tick distance of 1, 2 or 5 times a power of ten that puts about `wanted` ticks on `range`.
double nice_step(double range, int wanted) {
  const double rough = range / wanted;
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= rough * 0.999) return factor * power;
  return 10 * power;
}

struct Axis {
  double low;
  double high;
  double step;
};

Axis axis_over(double low, double high, int ticks) {
  if (!(high > low)) {
    const double margin = std::max(std::abs(low) * 0.1, 1e-3);
    low -= margin;
    high += margin;
  }
  const double step = nice_step(high - low, ticks);
  return {std::floor(low / step + 1e-9) * step, std::ceil(high / step - 1e-9) * step, step};
}

std::string tick_text(double value, double step, bool percent) {
  if (percent) {
    value *= 100;
    step *= 100;
  }
  const int digits = std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 6);
  if (std::abs(value) < step * 1e-6) value = 0;
  return fmt::format("{:.{}f}{}", value, digits, percent ? " %" : "");
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string base64(std::span<const std::uint8_t> bytes) {
  static constexpr char kLetters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = std::min<std::size_t>(bytes.size() - i, 3);
    std::uint32_t word = 0;
    for (std::size_t j = 0; j < 3; ++j) word = word << 8U | (j < left ? bytes[i + j] : 0U);
    for (std::size_t j = 0; j < 4; ++j) out += j <= left ? kLetters[word >> (18 - 6 * j) & 63U] : '=';
  }
  return out;
}

std::string to_svg(const LineChart& chart) {
  constexpr double kWidth = 560;
  constexpr double kHeight = 250;
  constexpr double kLeft = 52;
  constexpr double kRight = 14;
  constexpr double kTop = 34;
  constexpr double kBottom = 40;
  double x_low = std::numeric_limits<double>::max();
  double x_high = std::numeric_limits<double>::lowest();
  double y_low = chart.from_zero ? 0.0 : std::numeric_limits<double>::max();
  double y_high = std::numeric_limits<double>::lowest();
  for (const Series& series : chart.series)
    for (const auto& [x, y] : series.points) {
      x_low = std::min(x_low, x);
      x_high = std::max(x_high, x);
      y_low = std::min(y_low, y);
      y_high = std::max(y_high, y);
    }
  if (x_low > x_high) return {};
  if (x_low == x_high) x_high = x_low + 1;
  const Axis ys = axis_over(y_low, y_high, 5);
  const double x_step = nice_step(x_high - x_low, 6);
  const auto px = [&](double x) { return kLeft + (x - x_low) / (x_high - x_low) * (kWidth - kLeft - kRight); };
  const auto py = [&](double y) {
    return kHeight - kBottom - (y - ys.low) / (ys.high - ys.low) * (kHeight - kTop - kBottom);
  };

  std::string svg = fmt::format(R"(<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">)", kWidth,
                                kHeight, escape_html(chart.title));
  svg += fmt::format(R"(<text class="chart-title" x="{}" y="18">{}</text>)", kLeft, escape_html(chart.title));
  const int y_ticks = static_cast<int>(std::lround((ys.high - ys.low) / ys.step));
  for (int i = 0; i <= y_ticks; ++i) {
    const double y = ys.low + i * ys.step;
    svg += fmt::format(R"(<line class="grid" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>)", kLeft,
                       kWidth - kRight, py(y), py(y));
    svg += fmt::format(R"(<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="end">{}</text>)", kLeft - 7,
                       py(y) + 3.5, tick_text(y, ys.step, chart.percent));
  }
  for (double x = std::ceil(x_low / x_step - 1e-9) * x_step; x <= x_high + x_step * 1e-6; x += x_step)
    svg += fmt::format(R"(<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>)", px(x),
                       kHeight - kBottom + 16, tick_text(x, x_step, false));
  svg += fmt::format(R"(<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>)",
                     (kLeft + kWidth - kRight) / 2, kHeight - 6, escape_html(chart.x_label));
  for (const Series& series : chart.series) {
    if (series.points.empty()) continue;
    if (series.points.size() == 1) {
      svg += fmt::format(R"(<circle cx="{:.1f}" cy="{:.1f}" r="3.5" fill="{}"/>)", px(series.points[0].first),
                         py(series.points[0].second), series.css_color);
      continue;
    }
    svg += fmt::format(R"(<polyline class="line" stroke="{}"{} points=")", series.css_color,
                       series.dashed ? R"( stroke-dasharray="5 4")" : "");
    for (const auto& [x, y] : series.points) svg += fmt::format("{:.1f},{:.1f} ", px(x), py(y));
    svg.back() = '"';
    svg += "/>";
  }
  svg += "</svg>";

  std::string legend;
  for (const Series& series : chart.series)
    legend += fmt::format(R"(<span class="key"><i class="{}" style="border-color:{}"></i>{}</span>)",
                          series.dashed ? "dash dashed" : "dash", series.css_color, escape_html(series.name));
  return fmt::format(R"(<figure class="chart-box">{}<figcaption>{}</figcaption></figure>)", svg, legend);
}

std::string confusion_svg(const ConfusionMatrix& matrix, const Ontology& ontology, const std::string& css_color) {
  const auto count = static_cast<int>(matrix.class_count());
  std::size_t longest = 4;
  for (const SemanticClass& cls : ontology.classes()) longest = std::max(longest, cls.name.size());
  const double cell = count <= 8 ? 46 : count <= 14 ? 36 : 28;
  const double font = count <= 8 ? 13 : count <= 14 ? 11 : 9;
  const double left = 34 + static_cast<double>(longest) * font * 0.56;
  const double top = 30 + static_cast<double>(longest) * font * 0.46;
  const double width = left + count * cell + 30;
  const double height = top + count * cell + 6;
  std::string svg = fmt::format(
      R"(<svg class="confusion" viewBox="0 0 {:.0f} {:.0f}" style="max-width:{:.0f}px;--cell:{}" font-size="{}" role="img" aria-label="confusion matrix">)",
      width, height, width * 1.15, css_color, font);
  svg += fmt::format(R"(<text class="tick" x="{:.1f}" y="14">estimated as →</text>)", left);
  svg += fmt::format(
      R"svg(<text class="tick" transform="translate(12 {:.1f}) rotate(-90)" text-anchor="middle">← true class</text>)svg",
      top + count * cell / 2);
  for (int i = 0; i < count; ++i) {
    const SemanticClass& cls = ontology[static_cast<ClassId>(i)];
    const std::string color = fmt::format("rgb({},{},{})", cls.color[0], cls.color[1], cls.color[2]);
    svg += fmt::format(R"(<rect class="swatch-box" x="{:.1f}" y="{:.1f}" width="9" height="9" fill="{}"/>)", left - 15,
                       top + (i + 0.5) * cell - 4.5, color);
    svg += fmt::format(R"(<text x="{:.1f}" y="{:.1f}" text-anchor="end" dominant-baseline="central">{}</text>)",
                       left - 21, top + (i + 0.5) * cell, escape_html(cls.name));
    svg += fmt::format(R"svg(<text transform="translate({:.1f} {:.1f}) rotate(-40)">{}</text>)svg",
                       left + (i + 0.45) * cell, top - 7, escape_html(cls.name));
  }
  for (int truth = 0; truth < count; ++truth) {
    const auto row_pixels = matrix.truth_pixels(static_cast<ClassId>(truth));
    for (int guess = 0; guess < count; ++guess) {
      const double x = left + guess * cell;
      const double y = top + truth * cell;
      svg += fmt::format(R"(<rect class="cell-back" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="3"/>)",
                         x + 1, y + 1, cell - 2, cell - 2);
      if (row_pixels == 0) continue;
      const auto pixels = matrix.count(static_cast<ClassId>(truth), static_cast<ClassId>(guess));
      const double share = static_cast<double>(pixels) / static_cast<double>(row_pixels);
      svg += fmt::format(
          R"(<rect class="cell" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="3" fill-opacity="{:.3f}"><title>{} as {}: {:.2f} % ({} pixels)</title></rect>)",
          x + 1, y + 1, cell - 2, cell - 2, share, escape_html(ontology[static_cast<ClassId>(truth)].name),
          escape_html(ontology[static_cast<ClassId>(guess)].name), 100 * share, pixels);
      if (share >= 0.0005)
        svg += fmt::format(
            R"(<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="middle" dominant-baseline="central">{:.{}f}</text>)",
            share > 0.55 ? "cell-text strong" : "cell-text", x + cell / 2, y + cell / 2, 100 * share,
            share < 0.995 ? 1 : 0);
    }
  }
  return svg + "</svg>";
}

}  // namespace bramble
