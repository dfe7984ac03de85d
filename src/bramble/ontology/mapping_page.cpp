// The views of a mapping: a table for the terminal and a page.
#include <algorithm>

#include "bramble/core/error.hpp"
#include "bramble/ontology/mapping.hpp"

namespace bramble {
namespace {

const char* word(MappedBy by) {
  switch (by) {
    case MappedBy::kFile:
      return "mapping file";
    case MappedBy::kMeaning:
      return "same meaning";
    case MappedBy::kBroader:
      return "more general";
    case MappedBy::kName:
      return "same name";
    case MappedBy::kNothing:
      break;
  }
  return "nothing fits";
}

std::string names(const Ontology& ontology, const std::vector<ClassId>& ids) {
  std::vector<std::string> out;
  for (const auto id : ids) out.push_back(ontology[id].name);
  return fmt::format("{}", fmt::join(out, ", "));
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : std::string(1, c);
  return out;
}

std::string css_color(Rgb c) { return fmt::format("#{:02x}{:02x}{:02x}", c[0], c[1], c[2]); }

constexpr int kRow = 30, kTop = 44, kBandLeft = 300, kBandRight = 620, kWidth = 920;

std::string class_row(const SemanticClass& c, int y, bool left, const std::string& note, bool pale) {
  const int swatch = left ? kBandLeft - 26 : kBandRight + 6;
  return fmt::format(
      "<g{0}><rect x='{1}' y='{2}' width='20' height='20' rx='4' fill='{3}'/>"
      "<text x='{4}' y='{5}' text-anchor='{6}'>{7}<tspan class='soft'> {8}</tspan></text></g>\n",
      pale ? " class='lost'" : "", swatch, y - 10, css_color(c.color), left ? swatch - 10 : swatch + 30, y + 5,
      left ? "end" : "start", escaped(c.name), escaped(note));
}

constexpr const char* kStyle =
    "<style>:root{color-scheme:light dark;--bg:#f6f7f5;--card:#fff;--ink:#1b2420;--soft:#5d6a64;--line:#e0e5e1}"
    "@media(prefers-color-scheme:dark){:root{--bg:#111614;--card:#1a211e;--ink:#e9efec;--soft:#9aa8a1;--line:#2b3530}}"
    "body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.55 system-ui,sans-serif}"
    "main{max-width:980px;margin:0 auto;padding:32px 24px 60px}h1{font-size:26px;margin:0 0 4px}"
    ".soft{color:var(--soft);fill:var(--soft)}.card{background:var(--card);border:1px solid var(--line);"
    "border-radius:14px;padding:16px 20px;margin:18px 0;overflow-x:auto}svg text{fill:var(--ink);font-size:14px}"
    "svg .head{font-weight:600}svg .soft{font-size:12px}.lost text{text-decoration:line-through;opacity:.65}"
    "dt{font-weight:600;margin-top:10px}dd{margin:0}</style>";

}  // namespace

std::string to_text(const OntologyMapping& mapping) {
  const Ontology &from = mapping.from(), &to = mapping.to();
  std::string text = fmt::format("{} to {}\n{:>5}  {:<24} {:>5}  {:<24} {}\n", from.name(), to.name(), "id", "class",
                                 "id", "becomes", "because");
  for (const auto& line : mapping.lines()) {
    const bool lost = line.to == kIgnoreId;
    text += fmt::format("{:>5}  {:<24} {:>5}  {:<24} {}{}\n", line.from, from[line.from].name,
                        lost ? static_cast<int>(kIgnoreId) : line.to, lost ? "(ignored)" : to[line.to].name,
                        word(line.by), line.via.empty() ? "" : ": " + line.via);
  }
  const auto loss = mapping.loss();
  if (!loss.ignored.empty())
    text +=
        fmt::format("lost      {} of {} classes: {}\n", loss.ignored.size(), from.size(), names(from, loss.ignored));
  for (const auto& [target, sources] : loss.merged)
    text += fmt::format("merged    {} <- {}\n", to[target].name, names(from, sources));
  if (!loss.never.empty()) text += fmt::format("never     {}\n", names(to, loss.never));
  if (loss.ignored.empty() && loss.merged.empty()) text += "nothing is lost\n";
  return text;
}

std::string to_html(const OntologyMapping& mapping) {
  const Ontology &from = mapping.from(), &to = mapping.to();
  const auto loss = mapping.loss();
  // The left side in the order of the targets, so that bands cross as little as they can; lost classes last.
  std::vector<OntologyMapping::Line> lines = mapping.lines();
  std::stable_sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) { return a.to < b.to; });
  std::vector<ClassId> targets;
  for (const auto& line : lines)
    if (line.to != kIgnoreId && (targets.empty() || targets.back() != line.to)) targets.push_back(line.to);
  targets.insert(targets.end(), loss.never.begin(), loss.never.end());
  const auto left_y = [](std::size_t row) { return kTop + kRow * static_cast<int>(row) + kRow / 2; };
  const double step = kRow * std::max(1.0, static_cast<double>(lines.size()) / static_cast<double>(targets.size()));
  const auto right_y = [&](std::size_t row) {
    return kTop + static_cast<int>(step * (static_cast<double>(row) + 0.5));
  };

  std::string bands, rows;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto& line = lines[i];
    rows += class_row(from[line.from], left_y(i), true, std::to_string(from.raw_of(line.from)), line.to == kIgnoreId);
    if (line.to == kIgnoreId) continue;
    const auto target = static_cast<std::size_t>(std::find(targets.begin(), targets.end(), line.to) - targets.begin());
    const int middle = (kBandLeft + kBandRight) / 2;
    bands += fmt::format(
        "<path d='M{} {}C{} {} {} {} {} {}' fill='none' stroke='{}' stroke-width='9' stroke-opacity='.6'{}>"
        "<title>{} becomes {}: {}</title></path>\n",
        kBandLeft, left_y(i), middle, left_y(i), middle, right_y(target), kBandRight, right_y(target),
        css_color(to[line.to].color), line.by == MappedBy::kBroader ? " stroke-dasharray='14 5'" : "",
        escaped(from[line.from].name), escaped(to[line.to].name), word(line.by));
  }
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const bool never = std::find(loss.never.begin(), loss.never.end(), targets[i]) != loss.never.end();
    rows += class_row(to[targets[i]], right_y(i), false, never ? "nothing becomes this" : "", never);
  }
  const int height = std::max(left_y(lines.size()), right_y(targets.size())) + 10;
  std::string html = fmt::format(
      "<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
      "<title>{0} to {1}</title>{2}<main><h1>{0} to {1}</h1><p class='soft'>{3} classes become {4}. Dashed bands lead "
      "to a more general class; struck-out classes have none and become ignored pixels (255). Small numbers are the "
      "values in the label files of {0}.</p><div class='card'><svg width='{5}' height='{6}' viewBox='0 0 {5} {6}'>"
      "<text class='head' x='{7}' y='24' text-anchor='end'>{0}</text><text class='head' x='{8}' y='24'>{1}</text>\n",
      escaped(from.name()), escaped(to.name()), kStyle, from.size(), to.size() - loss.never.size(), kWidth, height,
      kBandLeft - 36, kBandRight + 36);
  html += bands + rows + "</svg></div><div class='card'><h2>What is lost</h2><dl>";
  if (!loss.ignored.empty()) html += fmt::format("<dt>Ignored</dt><dd>{}</dd>", escaped(names(from, loss.ignored)));
  for (const auto& [target, sources] : loss.merged)
    html += fmt::format("<dt>Merged into {}</dt><dd>{}</dd>", escaped(to[target].name), escaped(names(from, sources)));
  if (!loss.never.empty()) html += fmt::format("<dt>Never there</dt><dd>{}</dd>", escaped(names(to, loss.never)));
  if (loss.ignored.empty() && loss.merged.empty() && loss.never.empty()) html += "<dt>Nothing</dt>";
  return html + "</dl></div></main></html>\n";
}

}  // namespace bramble
