/** The panels of numbers: scores by class, their curves, latencies and rates. */
import { Chart } from "../draw/chart.ts";
import { cssColour, UNKNOWN_CLASS } from "../draw/colours.ts";
import { h, setText } from "../dom.ts";
import { count, fixed, percent } from "../format.ts";
import type { Score, Status } from "../link/status.ts";
import type { Context } from "./context.ts";
import { Panel } from "./panel.ts";

const NO_SCORE = { text: "No scores: they need a model and true labels. Start with", code: "bramble sim meadow --dashboard --model models/mine" };

export class ScorePanel extends Panel {
  private readonly accuracy = h("b");
  private readonly miou = h("b");
  private readonly rows = h("tbody");
  private readonly content = h(
    "div",
    { class: "score", hidden: true },
    h("div", { class: "score-heads" }, h("div", {}, this.accuracy, h("span", {}, "pixel accuracy")), h("div", {}, this.miou, h("span", {}, "mIoU"))),
    h("table", { "aria-label": "IoU of each class" }, this.rows),
  );
  private latest: Score | null = null;

  constructor(private readonly context: Context) {
    super("score", "Score");
    this.body.append(this.content);
    context.onStatus((status) => this.update(status));
    context.ontology.onChange(() => this.rows.replaceChildren());
  }
  protected override start(): void {
    this.show();
  }
  protected override stop(): void {}

  private update(status: Status): void {
    this.latest = status.score ?? null;
    if (this.isRunning) this.show();
  }

  private show(): void {
    const score = this.latest;
    this.content.hidden = score === null;
    if (!score) {
      this.hint(this.context.status() ? NO_SCORE : { text: "Waiting for the connection." });
      return;
    }
    this.hint(null);
    this.note(`${count(score.frames)} frames`);
    setText(this.accuracy, percent(score.accuracy));
    setText(this.miou, percent(score.miou));
    const order = this.context.ontology.classes.map((one) => one.name);
    const names = Object.keys(score.iou).sort((a, b) => order.indexOf(a) - order.indexOf(b));
    if (this.rows.children.length !== names.length) {
      this.rows.replaceChildren(
        ...names.map((name) => {
          const swatch = h("i", { class: "swatch" });
          swatch.style.background = cssColour(this.context.ontology.classes.find((one) => one.name === name)?.color ?? UNKNOWN_CLASS);
          return h("tr", {}, h("th", { scope: "row" }, swatch, name), h("td", { class: "bar-cell" }, h("i", { class: "bar" })), h("td"));
        }),
      );
    }
    names.forEach((name, i) => {
      const row = this.rows.children[i];
      const iou = score.iou[name];
      (row.querySelector(".bar") as HTMLElement).style.width = `${100 * (iou ?? 0)}%`;
      setText(row.children[2], percent(iou));
    });
  }
}

export class CurvesPanel extends Panel {
  private readonly chart = new Chart({ label: "Accuracy and mIoU over the last minute", range: [0, 1], axisFormat: (value) => `${Math.round(100 * value)} %` });

  constructor(private readonly context: Context) {
    super("curves", "Accuracy over time");
    this.body.append(this.chart.element);
    context.onStatus((status) => {
      this.chart.element.hidden = !status.score;
      this.hint(status.score ? null : NO_SCORE);
      if (!status.score || status.stamp_s === null) return;
      this.chart.push(status.stamp_s, { name: "accuracy", colour: "series-1", format: (value) => percent(value) }, status.score.accuracy);
      this.chart.push(status.stamp_s, { name: "mIoU", colour: "series-2", format: (value) => percent(value) }, status.score.miou);
    });
  }

  /** The accuracy of one moment, as the difference panel measured it. */
  pushFrame(stampS: number, accuracy: number): void {
    this.chart.push(stampS, { name: "this frame", colour: "series-6", format: (value) => percent(value) }, accuracy);
  }
  applyTheme(): void {
    this.chart.refresh();
  }
  protected override start(): void {
    if (!this.context.status()) this.hint({ text: "Waiting for the connection." });
    this.chart.setActive(true);
  }
  protected override stop(): void {
    this.chart.setActive(false);
  }
}

/** A step that never took so long is not worth a curve. */
const LEAST_MS = 0.1;

export class LatencyPanel extends Panel {
  private readonly chart = new Chart({ label: "Milliseconds of each step over the last minute", axisFormat: (value) => `${fixed(value, value < 10 && value % 1 ? 1 : 0)} ms` });
  private readonly colours = new Map<string, string>();

  constructor(private readonly context: Context) {
    super("latency", "Time of a frame");
    this.body.append(this.chart.element);
    context.onStatus((status) => {
      const steps = Object.entries(status.timings_ms ?? {}).filter(([name, ms]) => ms >= LEAST_MS || this.colours.has(name));
      for (const [name, ms] of steps) {
        if (!this.colours.has(name)) this.colours.set(name, `series-${1 + (this.colours.size % 8)}`);
        this.chart.push(status.stamp_s ?? 0, { name, colour: this.colours.get(name)!, format: (value) => fixed(value, 1, "ms") }, ms);
      }
      const total = steps.reduce((sum, [, ms]) => sum + ms, 0);
      this.note(steps.length > 0 ? `${fixed(total, 1)} ms in all` : "");
      if (steps.length > 0) this.hint(null);
    });
  }
  applyTheme(): void {
    this.chart.refresh();
  }
  protected override start(): void {
    if (!this.context.status()) this.hint({ text: "Waiting for the connection." });
    this.chart.setActive(true);
  }
  protected override stop(): void {
    this.chart.setActive(false);
  }
}

/** Rates against the wall clock, and the state of the link. */
export class RatePanel extends Panel {
  private readonly chart = new Chart({ label: "Frames a second over the last minute", axisFormat: (value) => `${fixed(value, value % 1 ? 1 : 0)} Hz` });
  private readonly figures = new Map<string, HTMLElement>();
  private readonly started = performance.now();

  constructor(private readonly context: Context) {
    super("rate", "Rate and link");
    const list = h("dl", { class: "figures" });
    for (const name of ["real time", "skipped", "quality", "round trip", "received", "clients"]) {
      const value = h("dd", {}, "–");
      this.figures.set(name, value);
      list.append(h("div", {}, h("dt", {}, name), value));
    }
    this.body.append(this.chart.element, list);
    context.onStatus((status) => {
      // Over wall time: a pause shows as a pause.
      this.chart.push((performance.now() - this.started) / 1000, { name: "frames", colour: "series-3", format: (value) => fixed(value, 1, "Hz") }, status.rate_hz);
      this.figure("real time", `×\u2009${fixed(status.realtime_factor, 2)}`);
      this.figure("skipped", count(status.skipped));
      this.figure("quality", status.quality ?? "–");
      this.figure("clients", count(status.clients));
      this.hint(null);
    });
    context.client.roundTripMeasured.add((ms) => this.figure("round trip", fixed(ms, ms < 10 ? 1 : 0, "ms")));
    let before = 0;
    setInterval(() => {
      const now = context.client.bytesReceived;
      this.figure("received", fixed(((now - before) * 8) / 1e6, 1, "Mbit/s"));
      before = now;
    }, 1000);
  }
  applyTheme(): void {
    this.chart.refresh();
  }
  protected override start(): void {
    if (!this.context.status()) this.hint({ text: "Waiting for the connection." });
    this.chart.setActive(true);
  }
  protected override stop(): void {
    this.chart.setActive(false);
  }
  private figure(name: string, text: string): void {
    setText(this.figures.get(name)!, text);
  }
}
