#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bramble/eval/confusion.hpp"
#include "bramble/ontology/ontology.hpp"

namespace bramble {

/// Text made safe for HTML and SVG.
std::string escape_html(std::string_view text);
std::string base64(std::span<const std::uint8_t> bytes);

struct Series {
  std::string name;
  std::string css_color;                          ///< «var(--m0)»
  std::vector<std::pair<double, double>> points;  ///< x ascending
  bool dashed = false;
};

struct LineChart {
  std::string title{};
  std::string x_label{};
  std::vector<Series> series{};
  bool percent = false;    ///< y is a share: ticks are per cent
  bool from_zero = false;  ///< the y axis begins at 0
};

/// SVG of lines over a grid with a legend, coloured by CSS variables so that it follows the page's theme.
std::string to_svg(const LineChart& chart);

/// SVG heat map of a confusion matrix: each row (true class) is shared out over the estimates, in per cent; the cell's
/// opacity is its share. Rows without pixels stay empty.
std::string confusion_svg(const ConfusionMatrix& matrix, const Ontology& ontology, const std::string& css_color);

}  // namespace bramble
