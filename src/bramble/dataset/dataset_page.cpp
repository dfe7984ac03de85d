#include "bramble/dataset/dataset_page.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "bramble/core/byte_counts.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/core/interrupt.hpp"
#include "bramble/core/parallel.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : std::string(1, c);
  return out;
}

constexpr const char* kHead = R"html(<style>
:root{color-scheme:light dark;--bg:#f6f7f5;--card:#fff;--ink:#1b2420;--soft:#5d6a64;--line:#e0e5e1;--hot:#2f6fde}
@media(prefers-color-scheme:dark){:root{--bg:#111614;--card:#1a211e;--ink:#e9efec;--soft:#9aa8a1;--line:#2b3530;--hot:#6ea2ff}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1320px;margin:0 auto;padding:30px 24px 60px}h1{font-size:26px;margin:0}.soft{color:var(--soft)}
.card{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:14px 18px;margin:16px 0}
table{border-collapse:collapse;width:100%}td{padding:2px 10px 2px 0;white-space:nowrap}td.bar{width:60%}
td.bar i{display:block;height:12px;border-radius:3px;outline:1px solid #8884}
td.n{text-align:right;font-variant-numeric:tabular-nums}.bar-row{cursor:pointer}.bar-row.on td:nth-child(2){color:var(--hot);font-weight:600}
.controls{display:flex;flex-wrap:wrap;gap:10px 18px;align-items:center;position:sticky;top:0;background:var(--bg);padding:10px 0;z-index:2}
select,input{font:inherit;color:inherit;background:var(--card);border:1px solid var(--line);border-radius:8px;padding:4px 8px}
#grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(260px,1fr));gap:14px}
figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:10px;overflow:hidden}
figure div{position:relative;line-height:0}figure img{width:100%}figure img+img{position:absolute;inset:0;height:100%}
figcaption{padding:6px 10px;font-size:12.5px;overflow-wrap:anywhere;line-height:1.35}
</style>)html";

constexpr const char* kScript = R"html(<script>
const grid=document.getElementById('grid'),q=id=>document.getElementById(id);let wanted=null;
function draw(){
  const split=q('split').value,text=q('text').value.toLowerCase(),mix=q('mix').value/100;
  let shown=DATA.samples.filter(s=>(!split||s.split===split)&&s.name.toLowerCase().includes(text)&&(wanted===null||s.share[wanted]>0));
  if(wanted!==null)shown=[...shown].sort((a,b)=>b.share[wanted]-a.share[wanted]);
  q('count').textContent=shown.length+' of '+DATA.samples.length+' shown samples';
  grid.replaceChildren(...shown.map(s=>{const f=document.createElement('figure'),d=document.createElement('div');
    for(const [k,o] of [['image',1],['label',mix]]){const i=document.createElement('img');i.loading='lazy';i.src=s[k];i.alt=k;i.style.opacity=o;i.className=k;d.append(i)}
    const c=document.createElement('figcaption');c.textContent=s.name;const e=document.createElement('div');e.className='soft';e.style.lineHeight='1.35';
    e.textContent=s.split+(wanted!==null?' · '+(100*s.share[wanted]).toFixed(1)+' % '+DATA.classes[wanted]:'');c.append(e);f.append(d,c);return f}))}
q('mix').oninput=()=>document.querySelectorAll('img.label').forEach(i=>i.style.opacity=q('mix').value/100);
q('split').onchange=q('text').oninput=draw;
document.querySelectorAll('.bar-row').forEach(r=>r.onclick=()=>{const id=+r.dataset.id;wanted=wanted===id?null:id;
  document.querySelectorAll('.bar-row').forEach(o=>o.classList.toggle('on',+o.dataset.id===wanted));draw()});
draw();
</script>)html";

}  // namespace

void write_dataset_page(const Dataset& dataset, const DatasetStatistics& statistics, const PageOptions& options) {
  if (!dataset.has_pictures()) fail("{} has no pictures to show", dataset.folder().string());
  const std::size_t count = std::min(dataset.size(), std::max<std::size_t>(1, options.samples));
  const Ontology& ontology = dataset.ontology();
  std::vector<nlohmann::json> entries(count);
  parallel_for(count, [&](std::size_t k) {
    throw_if_interrupted();
    const std::size_t i = count == 1 ? 0 : k * (dataset.size() - 1) / (count - 1);
    const Sample sample = dataset.samples()[i];
    const ImageU8 image = dataset.load_image(i), label = dataset.load_label(i);
    const int width = std::min(options.thumb_width, image.width);
    const int height = std::max(1, static_cast<int>(static_cast<long>(width) * image.height / image.width));
    const std::string file = fmt::format("thumbs/{:05}", k);
    write_file_atomically(options.output / (file + ".jpg"), encode_jpeg(resize_picture(image, width, height), 85));
    write_png(options.output / (file + ".png"), ontology.colorize(resize_labels(label, width, height)),
              PngEffort::kSmall);
    const auto pixels = count_bytes(label.data);
    nlohmann::json share = nlohmann::json::array();
    for (const auto& c : ontology.classes())
      share.push_back(std::round(1e4 * static_cast<double>(pixels[c.id]) / static_cast<double>(label.pixel_count())) /
                      1e4);
    entries[k] = {{"name", sample.name},
                  {"split", sample.split},
                  {"image", file + ".jpg"},
                  {"label", file + ".png"},
                  {"share", share}};
  });
  nlohmann::json names = nlohmann::json::array();
  for (const auto& c : ontology.classes()) names.push_back(c.name);
  const std::string title = escaped(fs::absolute(dataset.folder()).lexically_normal().filename().string());
  std::string html = fmt::format(
      "<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' "
      "content='width=device-width'><title>{0}</title>{1}<main><h1>{0}</h1><p class='soft'>{2} samples",
      title, kHead, dataset.size());
  for (const auto& [split, samples] : statistics.splits) html += fmt::format(", {} {}", samples, escaped(split));
  for (const auto& [size, samples] : statistics.sizes) html += fmt::format(" · {}x{}", size.first, size.second);
  html += fmt::format(" · format {} · {} classes · click a class to find it</p><div class='card'><table>",
                      dataset.format(), ontology.size());
  double most = 1e-9;
  for (const auto& c : ontology.classes()) most = std::max(most, statistics.share(c.id));
  for (const auto& c : ontology.classes())
    html += fmt::format(
        "<tr class='bar-row' data-id='{}'><td class='n soft'>{}</td><td>{}</td><td class='bar'><i "
        "style='width:{:.2f}%;background:rgb({},{},{})'></i></td><td class='n'>{:.2f} %</td>"
        "<td class='n soft'>in {} samples</td></tr>",
        c.id, c.id, escaped(c.name), std::max(0.3, 100 * statistics.share(c.id) / most), c.color[0], c.color[1],
        c.color[2], 100 * statistics.share(c.id), statistics.classes[c.id].samples);
  html += "</table></div><div class='controls'><label>split <select id='split'><option value=''>all</option>";
  for (const auto& [split, samples] : statistics.splits) html += fmt::format("<option>{}</option>", escaped(split));
  html +=
      "</select></label><label>name <input id='text' type='search'></label><label>label over picture "
      "<input id='mix' type='range' min='0' max='100' value='50'></label><span id='count' class='soft'></span></div>"
      "<div id='grid'></div></main>";
  std::string data = nlohmann::json{{"classes", names}, {"samples", entries}}.dump();
  for (std::size_t at = 0; (at = data.find("</", at)) != std::string::npos; at += 3) data.replace(at, 2, "<\\/");
  html += "<script>const DATA=" + data + "</script>" + kScript + "</html>\n";
  write_file_atomically(options.output / "index.html", html);
}

}  // namespace bramble
