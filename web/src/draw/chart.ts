/** A small chart of values over the last minute, with a legend that tells the newest values. */
import { h, oncePerFrame, setText, themeColour } from "../dom.ts";
import { niceAxis, TimeSeries, usualTop } from "./time_series.ts";

export interface SeriesStyle {
  name: string;
  /** Name of a colour of the theme. */
  colour: string;
  format: (value: number) => string;
}
export interface ChartOptions {
  label: string;
  /** The axis: fixed ends, or from 0 to the largest value. */
  range?: [number, number];
  axisFormat: (value: number) => string;
  windowS?: number;
}

/** Values further apart are not joined by a line: there was nothing between them. */
const GAP_S = 2;

export class Chart {
  readonly element: HTMLElement;
  private readonly canvas: HTMLCanvasElement;
  private readonly legend: HTMLElement;
  private readonly series = new Map<string, { style: SeriesStyle; data: TimeSeries; value: HTMLElement }>();
  private readonly windowS: number;
  private readonly redraw = oncePerFrame(() => this.draw());
  private active = false;

  constructor(private readonly options: ChartOptions) {
    this.windowS = options.windowS ?? 60;
    this.canvas = h("canvas", { role: "img", "aria-label": options.label });
    this.legend = h("div", { class: "legend" });
    this.element = h("div", { class: "chart" }, this.legend, h("div", { class: "chart-area" }, this.canvas));
    new ResizeObserver(() => this.redraw()).observe(this.canvas);
  }

  push(timeS: number, style: SeriesStyle, value: number | null | undefined): void {
    if (value === null || value === undefined || !Number.isFinite(value)) return;
    let one = this.series.get(style.name);
    if (!one) {
      const swatch = h("i", { class: "swatch" });
      swatch.style.background = `var(--${style.colour})`;
      const shown = h("b");
      this.legend.append(h("span", {}, swatch, `${style.name} `, shown));
      one = { style, data: new TimeSeries(this.windowS), value: shown };
      this.series.set(style.name, one);
    }
    one.data.push(timeS, value);
    setText(one.value, style.format(value));
    if (this.active) this.redraw();
  }

  setActive(active: boolean): void {
    this.active = active;
    if (active) this.redraw();
  }

  /** The theme has changed. */
  refresh(): void {
    this.redraw();
  }

  private draw(): void {
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    if (width < 20 || height < 20) return;
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
    }
    const context = this.canvas.getContext("2d")!;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const all = [...this.series.values()];
    const newest = Math.max(0, ...all.map(({ data }) => data.times.at(-1) ?? 0));
    const top = this.options.range ? this.options.range[1] : Math.max(1e-6, ...all.map(({ data }) => usualTop(data.values)));
    const axis = niceAxis(this.options.range?.[0] ?? 0, top, height < 90 ? 2 : 4);
    context.font = "10.5px system-ui, sans-serif";
    const labels: [number, string][] = [];
    for (let value = axis.low; value <= axis.high + axis.step / 2; value += axis.step) labels.push([value, this.options.axisFormat(value)]);
    const left = 10 + Math.max(...labels.map(([, label]) => context.measureText(label).width));
    const [right, up, down] = [6, 6, 16];
    const x = (timeS: number) => left + ((timeS - newest + this.windowS) / this.windowS) * (width - left - right);
    const y = (value: number) => height - down - ((value - axis.low) / (axis.high - axis.low)) * (height - up - down);

    context.lineWidth = 1;
    context.strokeStyle = themeColour("line");
    context.fillStyle = themeColour("text-quiet");
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (const [value, label] of labels) {
      const at = Math.round(y(value)) + 0.5;
      context.beginPath();
      context.moveTo(left, at);
      context.lineTo(width - right, at);
      context.stroke();
      context.fillText(label, left - 5, at);
    }
    context.textBaseline = "alphabetic";
    for (const ago of [this.windowS, (this.windowS * 2) / 3, this.windowS / 3, 0]) {
      context.textAlign = ago === this.windowS ? "left" : ago === 0 ? "right" : "center";
      context.fillText(ago === 0 ? "now" : `−${ago} s`, x(newest - ago), height - 3);
    }
    context.lineWidth = 1.5;
    context.lineJoin = "round";
    for (const { style, data } of all) {
      context.strokeStyle = themeColour(style.colour);
      context.beginPath();
      data.times.forEach((time, i) => {
        if (time < newest - this.windowS) return;
        if (i > 0 && time - data.times[i - 1] > GAP_S) context.moveTo(x(time), y(data.values[i]));
        const value = Math.min(axis.high, Math.max(axis.low, data.values[i]));
        context.lineTo(x(time), y(value));
      });
      context.stroke();
    }
  }
}
