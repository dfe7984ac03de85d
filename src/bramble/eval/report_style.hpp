#pragma once

namespace bramble {

/// The report's look. Colours are variables, so that light and dark differ in one place; m0, m1, … are the models.
inline constexpr const char* kReportCss = R"css(
:root{color-scheme:light dark;
 --bg:#f6f7f5;--card:#fff;--ink:#1b2420;--soft:#5d6a64;--line:#e0e5e1;--grid:#e8ece9;--cellback:#f0f3f1;--good:#1a7f4b;--bad:#c02f3a;
 --m0:#2f6fde;--m1:#e0751a;--m2:#0f9d8a;--m3:#9357d8;--m4:#c2396f;--m5:#7a8b1c}
@media (prefers-color-scheme:dark){:root{
 --bg:#111614;--card:#1a211e;--ink:#e9efec;--soft:#9aa8a1;--line:#2b3530;--grid:#29322e;--cellback:#212a26;--good:#53c98a;--bad:#ff7a82;
 --m0:#6ea2ff;--m1:#ffa04d;--m2:#3fcdb8;--m3:#bd8bff;--m4:#f07aa6;--m5:#b7c94a}}
:root[data-theme=light]{color-scheme:light;
 --bg:#f6f7f5;--card:#fff;--ink:#1b2420;--soft:#5d6a64;--line:#e0e5e1;--grid:#e8ece9;--cellback:#f0f3f1;--good:#1a7f4b;--bad:#c02f3a;
 --m0:#2f6fde;--m1:#e0751a;--m2:#0f9d8a;--m3:#9357d8;--m4:#c2396f;--m5:#7a8b1c}
:root[data-theme=dark]{color-scheme:dark;
 --bg:#111614;--card:#1a211e;--ink:#e9efec;--soft:#9aa8a1;--line:#2b3530;--grid:#29322e;--cellback:#212a26;--good:#53c98a;--bad:#ff7a82;
 --m0:#6ea2ff;--m1:#ffa04d;--m2:#3fcdb8;--m3:#bd8bff;--m4:#f07aa6;--m5:#b7c94a}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
main{max-width:1240px;margin:0 auto;padding:36px 28px 64px}
h1{font-size:30px;line-height:1.2;margin:2px 0 6px;letter-spacing:-.02em}
h2{font-size:19px;margin:46px 0 4px;letter-spacing:-.01em}
p{margin:4px 0 14px;max-width:78ch}
.soft{color:var(--soft)}
.eyebrow{color:var(--soft);font-size:12.5px;letter-spacing:.08em;text-transform:uppercase}
header{display:flex;justify-content:space-between;align-items:flex-start;gap:20px}
button,.seg label{font:inherit;font-size:13px;color:var(--soft);background:var(--card);border:1px solid var(--line);border-radius:8px;padding:5px 11px;cursor:pointer}
button:hover{color:var(--ink)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(250px,1fr));gap:16px;margin:22px 0 8px}
.card{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:18px 20px}
.card h3{margin:0;font-size:15px;font-weight:600;display:flex;align-items:center;gap:8px;overflow-wrap:anywhere}
.dot{flex:none;width:11px;height:11px;border-radius:50%;display:inline-block}
.big{font-size:42px;font-weight:650;letter-spacing:-.03em;line-height:1.15;margin-top:8px;font-variant-numeric:tabular-nums}
.big small{font-size:20px;font-weight:500;color:var(--soft);letter-spacing:0}
.versus{font-size:13.5px;color:var(--soft);display:flex;flex-wrap:wrap;gap:0 10px;overflow-wrap:anywhere}
.pairs{display:grid;grid-template-columns:1fr auto;gap:2px 14px;margin:12px 0 0;font-size:13.5px;color:var(--soft)}
.pairs b{color:var(--ink);font-weight:600;font-variant-numeric:tabular-nums;text-align:right}
.up{color:var(--good)}.down{color:var(--bad)}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:14px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:14px}
th,td{padding:8px 12px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th{font-weight:600;font-size:12.5px;color:var(--soft)}
th.model{color:var(--ink);font-size:13.5px;text-align:center;border-left:1px solid var(--line)}
td.first,th.first{border-left:1px solid var(--line)}
th.name,td.name{text-align:left}
tbody tr:last-child td{border-bottom:0}
tr.mean td{font-weight:650;border-top:2px solid var(--line)}
.swatch{display:inline-block;width:14px;height:14px;border-radius:4px;vertical-align:-2px;margin-right:9px;box-shadow:inset 0 0 0 1px rgba(128,128,128,.35)}
.bar{display:inline-block;width:110px;height:8px;border-radius:4px;background:var(--cellback);margin-right:10px;vertical-align:1px;overflow:hidden}
.bar i{display:block;height:100%;border-radius:4px}
.grid2{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr));gap:16px;margin-top:14px}
.chart-box{margin:0;background:var(--card);border:1px solid var(--line);border-radius:14px;padding:12px 14px}
.chart-box figcaption{display:flex;flex-wrap:wrap;gap:4px 16px;padding:4px 4px 2px 46px;font-size:13px;color:var(--soft)}
svg{display:block;width:100%;height:auto;font-family:inherit;fill:var(--ink)}
svg .tick{fill:var(--soft);font-size:11.5px}
svg .chart-title{font-size:13.5px;font-weight:600}
svg .grid{stroke:var(--grid);stroke-width:1}
svg .line{fill:none;stroke-width:2.2;stroke-linejoin:round;stroke-linecap:round}
svg .cell-back{fill:var(--cellback)}svg .cell{fill:var(--cell)}
svg .cell-text{font-size:.84em;fill:var(--ink);pointer-events:none}svg .cell-text.strong{fill:#fff;font-weight:600}
:root[data-theme=dark] svg .cell-text.strong{fill:#0c1210}
@media (prefers-color-scheme:dark){:root:not([data-theme=light]) svg .cell-text.strong{fill:#0c1210}}
svg .swatch-box{stroke:rgba(128,128,128,.4)}
.key{display:inline-flex;align-items:center;gap:7px}
.dash{width:20px;border-top:3px solid}.dashed{border-top-style:dashed}
.confusions{list-style:none;margin:12px 0 0;padding:12px 0 0;border-top:1px solid var(--line);font-size:13.5px;color:var(--soft)}
.confusions b{color:var(--ink);font-weight:600}
.tools{position:sticky;top:0;z-index:2;display:flex;flex-wrap:wrap;align-items:center;gap:8px 20px;background:var(--bg);border-bottom:1px solid var(--line);padding:10px 0;margin:8px 0 4px;font-size:13px}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px}
.seg{display:inline-flex;gap:6px;align-items:center}
.seg input[type=radio]{position:absolute;opacity:0}
.seg input:checked+label{color:var(--ink);border-color:var(--ink)}
.seg input:focus-visible+label{outline:2px solid var(--m0)}
.frame{margin:22px 0 0}
.frame h3{font-size:14px;margin:0 0 7px;font-weight:600;overflow-wrap:anywhere}
.frame h3 span{font-weight:400;color:var(--soft)}
.tiles{display:grid;gap:10px}
.tile{margin:0}
.tile figcaption{font-size:12.5px;color:var(--soft);padding-top:5px;display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 10px;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.tile .numbers{white-space:nowrap}
.pic{position:relative;display:block;border-radius:8px;overflow:hidden;background-image:var(--photo);background-size:100% 100%;aspect-ratio:var(--shape)}
.pic img{display:block;width:100%;height:100%;position:absolute;inset:0;image-rendering:pixelated}
.pic img.mask{opacity:var(--mix,1)}
.pic img.error{display:none}
body.errors .pic img.error{display:block}
body.errors .pic.estimate img.mask{display:none}
footer{margin-top:54px;padding-top:18px;border-top:1px solid var(--line);font-size:13.5px;color:var(--soft)}
footer dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 18px;margin:8px 0 16px}
footer dt{color:var(--ink);font-weight:600}footer dd{margin:0}
@media (max-width:720px){main{padding:20px 14px 40px}.bar{width:56px}.tiles{grid-template-columns:1fr 1fr!important}footer dl{grid-template-columns:1fr}}
@media print{.tools button,header button,.seg{display:none}body{background:#fff}.tools{position:static}.card,.scroll,.chart-box,.frame{break-inside:avoid}}
)css";

/// Theme switch, opacity of the masks, masks or errors. Without scripts the page shows masks in the system's theme.
inline constexpr const char* kReportScript = R"js(
(function(){
 var root=document.documentElement,button=document.getElementById('theme');
 function dark(){var t=root.getAttribute('data-theme');return t?t==='dark':matchMedia('(prefers-color-scheme: dark)').matches}
 button.addEventListener('click',function(){root.setAttribute('data-theme',dark()?'light':'dark')});
 var mix=document.getElementById('mix');
 if(mix){mix.addEventListener('input',function(){root.style.setProperty('--mix',mix.value/100)});
  document.getElementById('show-errors').addEventListener('change',function(){document.body.classList.add('errors')});
  document.getElementById('show-masks').addEventListener('change',function(){document.body.classList.remove('errors')});}
})();
)js";

}  // namespace bramble
