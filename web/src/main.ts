/** The dashboard: makes the parts, puts them into the page and ties them to the link. */
import { ManualDriving } from "./controls/manual_driving.ts";
import { Sidebar } from "./controls/sidebar.ts";
import { Transport } from "./controls/transport.ts";
import type { ClassInfo } from "./draw/colours.ts";
import { PictureStreams } from "./draw/pictures.ts";
import { h, iconButton, setText } from "./dom.ts";
import { fixed } from "./format.ts";
import { Layout } from "./layout.ts";
import { FoxgloveClient } from "./link/foxglove.ts";
import { Parameters } from "./link/parameters.ts";
import type { Status } from "./link/status.ts";
import { Notices } from "./notices.ts";
import { type Context, Ontology } from "./panels/context.ts";
import { DifferencePanel } from "./panels/difference_panel.ts";
import { CurvesPanel, LatencyPanel, RatePanel, ScorePanel } from "./panels/figures_panels.ts";
import { LidarPanel } from "./panels/lidar_panel.ts";
import { MapPanel } from "./panels/map_panel.ts";
import { OverlayPanel } from "./panels/overlay_panel.ts";
import { PicturePanel } from "./panels/picture_panel.ts";
import { onThemeChange, startTheme, toggleTheme } from "./theme.ts";

const token = new URLSearchParams(location.search).get("token");
const query = token === null ? "" : `?token=${encodeURIComponent(token)}`;
const socketUrl = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/${query}`;

/** A refused WebSocket tells no reason; the same question over HTTP does. */
async function explainRefusal(): Promise<string> {
  try {
    const answer = await fetch(`/api/health${query}`, { cache: "no-store" });
    if (answer.status === 401) return "The token is missing or wrong: open the address that bramble printed.";
    if (answer.ok) return "The server answers but takes no more clients.";
  } catch {
    return "Nobody answers there; is bramble still running?";
  }
  return "";
}

function makeContext(client: FoxgloveClient): Context {
  let latest: Status | null = null;
  const listeners: ((status: Status) => void)[] = [];
  const ontology = new Ontology();
  const text = new TextDecoder();
  client.subscribe("/bramble/status", (payload) => {
    latest = JSON.parse(text.decode(payload)) as Status;
    for (const listener of listeners) listener(latest);
  });
  client.subscribe("/bramble/ontology", (payload) => ontology.set(JSON.parse(text.decode(payload)) as ClassInfo[]));
  client.stateChanged.add((state) => {
    if (state.kind !== "open") latest = null;
  });
  return { client, pictures: new PictureStreams(client), ontology, status: () => latest, onStatus: (listener) => listeners.push(listener) };
}

const SHORTCUTS: readonly (readonly [string, string])[] = [
  ["P", "play or pause"],
  [".", "one frame, then pause"],
  ["M", "drive by hand, or give back"],
  ["↑ ← ↓ → or W A S D", "drive (back brakes, then reverses)"],
  ["Space", "brake while driving by hand"],
  ["R", "start or stop recording a bag"],
  ["T", "light or dark"],
  ["Escape", "leave an enlarged panel"],
  ["?", "this list"],
];

function helpDialog(): HTMLDialogElement {
  const list = h("dl", {});
  for (const [keys, what] of SHORTCUTS) list.append(h("dt", {}, h("kbd", {}, keys)), h("dd", {}, what));
  const dialog = h("dialog", { "aria-label": "Keys" }, h("h2", {}, "Keys"), list);
  dialog.append(
    h("p", { class: "small" }, "Gamepad: triggers are the pedals, the left stick steers, A brakes. Foxglove and Lichtblick connect to the same address."),
    h("form", { method: "dialog" }, h("button", {}, "Close")),
  );
  return dialog;
}

function start(): void {
  startTheme();
  const client = new FoxgloveClient(socketUrl, explainRefusal);
  const context = makeContext(client);
  const parameters = new Parameters(client);
  const notices = new Notices(client);
  const manualDriving = new ManualDriving(client, () => context.status()?.speed_mps ?? 0);
  const sidebar = new Sidebar(parameters, manualDriving, context.ontology);
  const transport = new Transport(client, parameters);

  const withModel = "bramble sim meadow --dashboard --model models/mine";
  const view = new PicturePanel("view", "Third person", context, {
    kind: "view",
    classes: false,
    missing: { text: "No colour camera in this source. The default rig has one behind the vehicle:", code: "bramble sim meadow --dashboard" },
  });
  view.element.querySelector(".panel-body")!.append(sidebar.touchPad);
  const lidar = new LidarPanel(context);
  const map = new MapPanel(context);
  const difference = new DifferencePanel(context);
  const curves = new CurvesPanel(context);
  const latency = new LatencyPanel(context);
  const rate = new RatePanel(context);
  difference.onCompared = (stampS, accuracy) => curves.pushFrame(stampS, accuracy);
  const stage = [view, lidar, map];
  const strip = [
    new PicturePanel("ego", "Ego camera", context, { kind: "ego", classes: false, missing: { text: "No colour camera in this source." } }),
    new PicturePanel("truth", "Ground truth", context, {
      kind: "truth",
      classes: true,
      missing: { text: "No true labels in this source. A simulation has them, and so do bags recorded with the rig's segmentation camera." },
    }),
    new PicturePanel("estimate", "Estimate", context, { kind: "estimate", classes: true, missing: { text: "No estimate. Start with a model to see what it sees:", code: withModel } }),
    new OverlayPanel(context),
    difference,
  ];
  const figures = [new ScorePanel(context), curves, latency, rate];

  const source = h("span", { class: "source" }, "–");
  const rates = h("span", { class: "rates" });
  const help = helpDialog();
  const link = h("span", { class: "link", role: "status" }, h("i"), h("span", {}, "connecting"));
  const layout = new Layout([...stage, ...strip, ...figures]);
  document.body.append(
    h(
      "header",
      { class: "top" },
      h("h1", {}, h("img", { src: "icon.svg", alt: "", width: 22, height: 22 }), "Bramble"),
      source,
      transport.element,
      rates,
      h("span", { class: "spacer" }),
      link,
      layout.menu,
      iconButton("theme", "Light or dark (T)", toggleTheme),
      iconButton("help", "Keys (?)", () => help.showModal()),
    ),
    notices.banner,
    h(
      "main",
      {},
      h("div", { class: "panels stage" }, ...stage.map((panel) => panel.element)),
      sidebar.element,
      h("div", { class: "panels strip" }, ...strip.map((panel) => panel.element)),
      h("div", { class: "panels numbers" }, ...figures.map((panel) => panel.element)),
    ),
    transport.scrubber,
    notices.list,
    help,
  );

  layout.apply();

  let notice = "";
  context.onStatus((status) => {
    transport.update(status);
    sidebar.update(status);
    const kind = { sim: "simulation", bag: "bag", ros: "ROS 2" }[status.source];
    setText(source, [status.world ?? status.bag?.name, kind, status.ended ? "ended" : status.paused ? "paused" : ""].filter(Boolean).join(" · "));
    setText(rates, `${fixed(status.rate_hz, 1, "Hz")}${status.realtime_factor === null ? "" : ` · ×\u2009${fixed(status.realtime_factor, 2)} real time`}`);
    if (status.notice && status.notice !== notice) notices.show(1, status.notice);
    notice = status.notice ?? "";
  });
  client.stateChanged.add((state) => {
    setText(link.lastElementChild!, state.kind === "open" ? "connected" : state.kind === "connecting" ? "connecting" : "offline");
  });
  onThemeChange(() => {
    for (const panel of [lidar, map, curves, latency, rate]) panel.applyTheme();
  });

  const keys: Record<string, () => void> = {
    p: () => transport.togglePaused(),
    ".": () => transport.step(),
    m: () => sidebar.toggleManual(),
    r: () => sidebar.toggleRecording(),
    t: toggleTheme,
    "?": () => help.showModal(),
  };
  window.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if ((event.target as HTMLElement).closest?.("select, textarea, dialog, input:not([type=range]):not([type=checkbox])")) return;
    const action = keys[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
  });
  client.connect();
}

start();
