#include "bramble/eval/run_report.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "bramble/core/byte_counts.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/eval/chart.hpp"
#include "bramble/eval/confusion.hpp"
#include "bramble/eval/evaluation.hpp"
#include "bramble/eval/figures.hpp"
#include "bramble/eval/report_style.hpp"
#include "bramble/eval/run_video.hpp"
#include "bramble/eval/video.hpp"

namespace bramble {

namespace {

/// What is kept of every frame.
struct Row {
  StampNs stamp_ns = 0;
  double time_s = 0;  ///< since the first frame
  std::optional<double> accuracy, miou, confidence, latency_ms;
  std::vector<std::pair<std::string, double>> values;
  std::vector<float> class_share;  ///< of the estimate's pixels (without one, the truth's)
};

struct Moment {
  double time_s = 0;
  double goodness = 0;  ///< accuracy, or mean confidence without truth
  ImageU8 picture, truth, estimate;
  std::string reason;
};

constexpr double kMomentsApartS = 1.0;

constexpr const char* kRunCss = R"css(
.player{margin:22px 0 6px}.player video{display:block;width:100%;max-height:78vh;background:#000;border-radius:14px}
.timeline{cursor:crosshair}svg .cursor{stroke:var(--ink);stroke-width:1.2;opacity:.55}
.frame h3 button{margin-right:8px;padding:2px 9px}
dl.facts{display:grid;grid-template-columns:max-content 1fr;gap:2px 14px;margin:10px 0 0;font-size:13.5px}
dl.facts dt{color:var(--soft)}dl.facts dd{margin:0;overflow-wrap:anywhere}
)css";

/// A cursor in every chart follows the video, a click in a chart (or on a moment) jumps in it. 52 and 14 are the
/// margins of chart.cpp's charts of width 560.
constexpr const char* kRunScript = R"js(
(function(){
 var video=document.querySelector('video');if(!video)return;
 var lines=[].map.call(document.querySelectorAll('.timeline'),function(box){
  var svg=box.querySelector('svg'),from=+box.dataset.from,to=+box.dataset.to;
  var line=document.createElementNS('http://www.w3.org/2000/svg','line');
  line.setAttribute('class','cursor');line.setAttribute('y1',34);line.setAttribute('y2',210);svg.appendChild(line);
  svg.addEventListener('click',function(event){
   var box=svg.getBoundingClientRect(),x=(event.clientX-box.left)/box.width*560;
   video.currentTime=Math.max(0,from+(x-52)/494*(to-from));});
  return function(t){var x=52+494*Math.min(1,Math.max(0,(t-from)/(to-from||1)));
   line.setAttribute('x1',x);line.setAttribute('x2',x);};});
 function follow(){lines.forEach(function(set){set(video.currentTime)})}
 video.addEventListener('timeupdate',follow);video.addEventListener('seeked',follow);follow();
 function frame(){if(!video.paused)follow();requestAnimationFrame(frame)}requestAnimationFrame(frame);
 document.querySelectorAll('[data-seek]').forEach(function(button){button.addEventListener('click',function(){
  video.pause();video.currentTime=+button.dataset.seek;video.scrollIntoView({behavior:'smooth',block:'center'});});});
})();
)js";

std::string percent_unit(const std::optional<double>& value) {
  return value ? fmt::format("{:.1f} %", 100 * *value) : "–";
}

std::string swatch(const SemanticClass& cls) {
  return fmt::format(R"html(<span class="swatch" style="background:rgb({},{},{})"></span>)html", cls.color[0],
                     cls.color[1], cls.color[2]);
}

/// The largest confusion of a frame, in words; empty when there is none.
std::string largest_confusion(const ConfusionMatrix& matrix, const Ontology& ontology) {
  std::uint64_t most = 0;
  ClassId from = 0, to = 0;
  for (const SemanticClass& truth : ontology.classes())
    for (const SemanticClass& guess : ontology.classes())
      if (truth.id != guess.id && matrix.count(truth.id, guess.id) > most) {
        most = matrix.count(truth.id, guess.id);
        from = truth.id;
        to = guess.id;
      }
  if (most == 0) return {};
  return fmt::format("{} taken for {}: {:.1f} % of the picture", ontology[from].name, ontology[to].name,
                     100.0 * static_cast<double>(most) / static_cast<double>(matrix.total()));
}

/// A line over time with at most 280 points: means over neighbours, else the page grows with the run.
Series line_of(const std::vector<Row>& rows, std::string name, std::string color, const auto& value_of) {
  Series series{std::move(name), std::move(color), {}};
  const std::size_t stride = (rows.size() + 279) / 280;
  for (std::size_t begin = 0; begin < rows.size(); begin += stride) {
    const std::size_t end = std::min(begin + stride, rows.size());
    double sum = 0, time = 0;
    std::size_t counted = 0;
    for (std::size_t i = begin; i < end; ++i)
      if (const std::optional<double> value = value_of(rows[i])) {
        sum += *value;
        time += rows[i].time_s;
        ++counted;
      }
    if (counted > 0)
      series.points.emplace_back(time / static_cast<double>(counted), sum / static_cast<double>(counted));
  }
  return series;
}

std::string timeline(LineChart chart) {
  std::erase_if(chart.series, [](const Series& series) { return series.points.empty(); });
  if (chart.series.empty()) return {};
  double from = chart.series.front().points.front().first, to = from;
  for (const Series& series : chart.series) {
    from = std::min(from, series.points.front().first);
    to = std::max(to, series.points.back().first);
  }
  return fmt::format(R"(<div class="timeline" data-from="{}" data-to="{}">{}</div>)", from, to, to_svg(chart));
}

double quantile(std::vector<double> values, double part) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<std::size_t>(std::ceil(part * static_cast<double>(values.size())));
  return values[std::max<std::size_t>(rank, 1) - 1];
}

std::string data_uri(const char* type, std::span<const std::uint8_t> bytes) {
  return fmt::format("data:{};base64,{}", type, base64(bytes));
}

}  // namespace

struct RunReport::Impl {
  std::filesystem::path folder;
  Ontology ontology;
  RunReportOptions options;
  std::unique_ptr<RunVideo> video;
  std::vector<Row> rows;
  ConfusionMatrix total;
  std::vector<Moment> moments;

  /// Keeps the moment when it is among the worst so far; of two within a second only the worse one stays.
  void consider(const RunFrame& frame, double time_s, double goodness, std::string reason) {
    if (options.worst_moments == 0) return;
    const auto near = std::find_if(moments.begin(), moments.end(), [&](const Moment& moment) {
      return std::abs(moment.time_s - time_s) < kMomentsApartS;
    });
    Moment* place = nullptr;
    if (near != moments.end()) {
      if (near->goodness <= goodness) return;
      place = &*near;
    } else if (moments.size() < options.worst_moments) {
      place = &moments.emplace_back();
    } else {
      place = &*std::max_element(moments.begin(), moments.end(),
                                 [](const Moment& a, const Moment& b) { return a.goodness < b.goodness; });
      if (place->goodness <= goodness) return;
    }
    *place = {time_s,
              goodness,
              *frame.picture,
              frame.truth ? *frame.truth : ImageU8(),
              frame.estimate ? *frame.estimate : ImageU8(),
              std::move(reason)};
  }

  std::string cards(const std::vector<double>& latencies) const {
    std::string html = R"(<section class="cards">)";
    const auto card = [&](const std::string& title, const std::string& big, const std::string& unit,
                          const std::string& pairs) {
      html += fmt::format(
          R"(<div class="card"><h3>{}</h3><div class="big">{} <small>{}</small></div><div class="pairs">{}</div></div>)",
          title, big, unit, pairs);
    };
    const auto pair = [](const std::string& name, const std::string& value) {
      return fmt::format("<span>{}</span><b>{}</b>", name, value);
    };
    if (total.total() > 0)
      card("Against the truth", percent(total.mean_iou()), "% mean IoU",
           pair("accuracy", percent_unit(total.accuracy())) +
               pair("mean accuracy", percent_unit(total.mean_accuracy())) +
               pair("mean F1", percent_unit(total.mean_f1())));
    if (!latencies.empty())
      card("Latency", fmt::format("{:.1f}", quantile(latencies, 0.5)), "ms, median",
           pair("95 % within", fmt::format("{:.1f} ms", quantile(latencies, 0.95))) +
               pair("longest", fmt::format("{:.1f} ms", quantile(latencies, 1))));
    const double length_s = rows.back().time_s;
    card("Run", std::to_string(rows.size()), rows.size() == 1 ? "frame" : "frames",
         pair("length", fmt::format("{:.1f} s", length_s)) +
             pair("frames a second",
                  length_s > 0 ? fmt::format("{:.1f}", static_cast<double>(rows.size() - 1) / length_s) : "–"));
    return html + "</section>";
  }

  std::string charts() const {
    std::string html;
    html += timeline({.title = "Against the truth, frame by frame",
                      .x_label = "seconds",
                      .series = {line_of(rows, "accuracy", "var(--m0)", [](const Row& row) { return row.accuracy; }),
                                 line_of(rows, "mean IoU", "var(--m1)", [](const Row& row) { return row.miou; })},
                      .percent = true});
    html +=
        timeline({.title = "Confidence, mean of a frame",
                  .x_label = "seconds",
                  .series = {line_of(rows, "confidence", "var(--m2)", [](const Row& row) { return row.confidence; })},
                  .percent = true});
    html += timeline(
        {.title = "Latency, ms",
         .x_label = "seconds",
         .series = {line_of(rows, "from picture to mask", "var(--m3)", [](const Row& row) { return row.latency_ms; })},
         .from_zero = true});
    LineChart shares{.title = "Share of the picture", .x_label = "seconds", .percent = true, .from_zero = true};
    for (const SemanticClass& cls : ontology.classes()) {
      Series series = line_of(rows, cls.name, fmt::format("rgb({},{},{})", cls.color[0], cls.color[1], cls.color[2]),
                              [&](const Row& row) -> std::optional<double> {
                                if (row.class_share.empty()) return std::nullopt;
                                return row.class_share[cls.id];
                              });
      const bool there =
          std::any_of(series.points.begin(), series.points.end(), [](const auto& point) { return point.second > 0; });
      if (there) shares.series.push_back(std::move(series));
    }
    html += timeline(std::move(shares));
    std::map<std::string, bool> names;
    for (const Row& row : rows)
      for (const auto& [name, value] : row.values) names[name] = true;
    for (const auto& [name, unused] : names)
      html += timeline({.title = name,
                        .x_label = "seconds",
                        .series = {line_of(rows, name, "var(--m4)", [&](const Row& row) -> std::optional<double> {
                          for (const auto& [key, value] : row.values)
                            if (key == name) return value;
                          return std::nullopt;
                        })}});
    return html.empty()
               ? html
               : R"(<h2>Over time</h2><p class="soft">The line follows the video; a click jumps there.</p><div class="grid2">)" +
                     html + "</div>";
  }

  std::string class_table() const {
    if (total.total() == 0) return {};
    std::string html =
        R"(<h2>Classes</h2><div class="scroll"><table><thead><tr><th class="name">class</th><th>share of pixels</th><th>IoU %</th><th>precision %</th><th>recall %</th></tr></thead><tbody>)";
    for (const SemanticClass& cls : ontology.classes())
      html += fmt::format(
          R"html(<tr><td class="name">{}{}</td><td>{:.1f} %</td><td><span class="bar"><i style="width:{:.1f}%;background:var(--m0)"></i></span>{}</td><td>{}</td><td>{}</td></tr>)html",
          swatch(cls), escape_html(cls.name),
          100.0 * static_cast<double>(total.truth_pixels(cls.id)) / static_cast<double>(total.total()),
          100 * total.iou(cls.id).value_or(0.0), percent(total.iou(cls.id)), percent(total.precision(cls.id)),
          percent(total.recall(cls.id)));
    return html + "</tbody></table></div>";
  }

  std::string worst() const {
    if (moments.empty()) return {};
    std::string html =
        fmt::format(R"(<h2>Worst moments</h2><p class="soft">{}, at least {:.0f} s apart; worst first.</p>)",
                    total.total() > 0 ? "By accuracy of the frame" : "By mean confidence of the frame", kMomentsApartS);
    for (const Moment& moment : moments) {
      const int width = std::min(moment.picture.width, 420);
      const int height = std::max(1, moment.picture.height * width / moment.picture.width);
      const auto tile = [&](const char* caption, const ImageU8& mask) {
        html += fmt::format(R"(<figure class="tile"><span class="pic">{}</span><figcaption>{}</figcaption></figure>)",
                            mask.empty() ? std::string()
                                         : fmt::format(R"(<img alt="{}" src="{}"/>)", caption,
                                                       data_uri("image/png", encode_png(mask, PngEffort::kSmall))),
                            caption);
      };
      const auto mask_of = [&](const ImageU8& ids) { return ontology.colorize(resize_labels(ids, width, height)); };
      const int tiles = 1 + (moment.truth.empty() ? 0 : 1) + (moment.estimate.empty() ? 0 : 1) +
                        (!moment.truth.empty() && !moment.estimate.empty() ? 1 : 0);
      html += fmt::format(
          R"html(<article class="frame"><h3><button type="button" data-seek="{:.3f}">{:.2f} s</button>{} {:.1f} % <span>· {}</span></h3><div class="tiles" style="--photo:url({});--shape:{}/{};grid-template-columns:repeat({},1fr)">)html",
          moment.time_s, moment.time_s, total.total() > 0 ? "accuracy" : "confidence", 100 * moment.goodness,
          escape_html(moment.reason),
          data_uri("image/jpeg", encode_jpeg(resize_picture(moment.picture, width, height), 86)), width, height, tiles);
      tile("image", ImageU8());
      if (!moment.truth.empty()) tile("ground truth", mask_of(moment.truth));
      if (!moment.estimate.empty()) tile("estimate", mask_of(moment.estimate));
      if (!moment.truth.empty() && !moment.estimate.empty())
        tile("wrong pixels", resize_labels(error_mask(moment.truth, moment.estimate), width, height));
      html += "</div></article>";
    }
    return html;
  }

  std::string csv() const {
    std::string text = "time_s,stamp_ns,accuracy,miou,confidence,latency_ms\n";
    const auto field = [](const std::optional<double>& value) { return value ? fmt::format("{:.6g}", *value) : ""; };
    for (const Row& row : rows)
      text += fmt::format("{:.3f},{},{},{},{},{}\n", row.time_s, row.stamp_ns, field(row.accuracy), field(row.miou),
                          field(row.confidence), field(row.latency_ms));
    return text;
  }
};

RunReport::RunReport(std::filesystem::path folder, Ontology ontology, RunReportOptions options)
    : impl_(std::make_unique<Impl>()) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail("report {}: the folder cannot be made: {}", folder.string(), error.message());
  impl_->total = ConfusionMatrix(ontology.size());
  impl_->folder = std::move(folder);
  impl_->ontology = std::move(ontology);
  impl_->options = std::move(options);
}
RunReport::~RunReport() = default;

void RunReport::add(const RunFrame& frame) {
  Impl& impl = *impl_;
  if (!frame.picture || frame.picture->empty() || frame.picture->channels != 3)
    fail("report {}: a frame has no RGB picture", impl.folder.string());
  for (const ImageU8* other : {frame.truth, frame.estimate, frame.confidence})
    if (other && (other->width != frame.picture->width || other->height != frame.picture->height))
      fail("report {}: a mask of {}x{} does not fit its picture of {}x{}", impl.folder.string(), other->width,
           other->height, frame.picture->width, frame.picture->height);
  Row row;
  row.stamp_ns = frame.stamp_ns;
  row.time_s = impl.rows.empty() ? 0 : seconds(frame.stamp_ns - impl.rows.front().stamp_ns);
  row.values = frame.values;
  if (frame.latency_ms >= 0) row.latency_ms = frame.latency_ms;
  std::string reason;
  if (frame.truth && frame.estimate) {
    ConfusionMatrix confusion(impl.ontology.size());
    confusion.add(*frame.truth, *frame.estimate);
    impl.total.merge(confusion);
    row.accuracy = confusion.accuracy();
    row.miou = confusion.mean_iou();
    reason = largest_confusion(confusion, impl.ontology);
  }
  if (frame.confidence) {
    std::uint64_t sum = 0;
    for (const std::uint8_t value : frame.confidence->data) sum += value;
    row.confidence = static_cast<double>(sum) / (255.0 * static_cast<double>(frame.confidence->data.size()));
  }
  if (const ImageU8* ids = frame.estimate ? frame.estimate : frame.truth) {
    const auto counts = count_bytes(ids->data);
    for (std::size_t id = 0; id < impl.ontology.size(); ++id)
      row.class_share.push_back(static_cast<float>(counts[id]) / static_cast<float>(ids->data.size()));
  }
  if (row.accuracy) {
    impl.consider(frame, row.time_s, *row.accuracy, std::move(reason));
  } else if (row.confidence && impl.total.total() == 0) {
    impl.consider(frame, row.time_s, *row.confidence, "");
  }
  std::string note = fmt::format("{:.2f} s", row.time_s);
  if (row.accuracy) note += fmt::format("  accuracy {:.1f} %", 100 * *row.accuracy);
  if (row.latency_ms) note += fmt::format("  {:.1f} ms", *row.latency_ms);
  if (!impl.video) impl.video = std::make_unique<RunVideo>(frame, impl.options.panel_width);
  impl.video->add(frame, impl.ontology, note);
  impl.rows.push_back(std::move(row));
}

std::size_t RunReport::frames() const { return impl_->rows.size(); }

nlohmann::json RunReport::finish() {
  Impl& impl = *impl_;
  if (impl.rows.empty()) fail("report {}: there were no frames", impl.folder.string());
  const std::vector<std::uint8_t> video = impl.video->finish();
  write_file_atomically(impl.folder / "drive.webm", video);
  write_file_atomically(impl.folder / "frames.csv", impl.csv());
  std::sort(impl.moments.begin(), impl.moments.end(),
            [](const Moment& a, const Moment& b) { return a.goodness < b.goodness; });
  std::vector<double> latencies;
  for (const Row& row : impl.rows)
    if (row.latency_ms) latencies.push_back(*row.latency_ms);

  const bool scored = impl.total.total() > 0;
  const auto or_null = [](const std::optional<double>& value) {
    return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
  };
  nlohmann::json figures{{"title", impl.options.title},
                         {"frames", impl.rows.size()},
                         {"seconds", impl.rows.back().time_s},
                         {"accuracy", or_null(impl.total.accuracy())},
                         {"miou", or_null(impl.total.mean_iou())},
                         {"latency", latencies.empty() ? nlohmann::json(nullptr)
                                                       : nlohmann::json{{"median_ms", quantile(latencies, 0.5)},
                                                                        {"p95_ms", quantile(latencies, 0.95)},
                                                                        {"max_ms", quantile(latencies, 1)}}},
                         {"worst", nlohmann::json::array()},
                         {"video",
                          {{"width", impl.video->width()},
                           {"height", impl.video->height()},
                           {"frames", impl.video->frames()},
                           {"bytes", video.size()}}}};
  for (const auto& [name, value] : impl.options.facts) figures["facts"][name] = value;
  for (const Moment& moment : impl.moments)
    figures["worst"].push_back({{"time_s", moment.time_s}, {scored ? "accuracy" : "confidence", moment.goodness}});
  write_file_atomically(impl.folder / "run.json", figures.dump(2) + "\n");

  const std::string title = escape_html(impl.options.title);
  std::string html = fmt::format(
      R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"/><meta name="viewport" content="width=device-width, initial-scale=1"/><title>{}</title><style>{}{}</style></head><body><main>)",
      title, kReportCss, kRunCss);
  html += fmt::format(
      R"(<header><div><div class="eyebrow">Semantic segmentation · run</div><h1>{}</h1><dl class="facts">)", title);
  for (const auto& [name, value] : impl.options.facts)
    html += fmt::format("<dt>{}</dt><dd>{}</dd>", escape_html(name), escape_html(value));
  html += R"(</dl></div><button id="theme" type="button">light / dark</button></header>)";
  html += impl.cards(latencies);
  const bool embed = video.size() <= impl.options.embed_limit_bytes;
  html += fmt::format(
      R"(<section class="player"><video controls="controls" muted="muted" playsinline="playsinline" preload="auto" width="{}" height="{}" src="{}"></video></section><div class="tools" style="position:static"><span class="legend">)",
      impl.video->width(), impl.video->height(), embed ? data_uri("video/webm", video) : "drive.webm");
  for (const SemanticClass& cls : impl.ontology.classes())
    html += fmt::format("<span>{}{}</span>", swatch(cls), escape_html(cls.name));
  html += "</span></div>";
  html += impl.charts() + impl.worst() + impl.class_table();
  html += fmt::format(
      R"(<footer><b>How to read this</b><dl><dt>accuracy</dt><dd>share of pixels whose class is right</dd><dt>mean IoU</dt><dd>TP / (TP + FP + FN) of a class, averaged over the classes that occur</dd><dt>confidence</dt><dd>softmax probability of the class that won</dd><dt>latency</dt><dd>wall clock from taking a picture to having its mask</dd></dl>Pixels labelled 255 are ignored. {}Numbers for machines: run.json, frames.csv. Made by Bramble.</footer></main><script>{}{}</script></body></html>
)",
      embed ? "The video also stands beside this page: drive.webm. "
            : "The video is too long to be in the page: keep drive.webm beside it. ",
      kReportScript, kRunScript);
  write_file_atomically(impl.folder / "index.html", html);
  return figures;
}

}  // namespace bramble
