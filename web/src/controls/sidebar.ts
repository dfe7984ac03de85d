/** The column of controls: vehicle and driving, weather and sun, recording. */
import { h, icon, setText } from "../dom.ts";
import { cssColour } from "../draw/colours.ts";
import { bytes, count, fixed } from "../format.ts";
import type { Parameters } from "../link/parameters.ts";
import type { Status } from "../link/status.ts";
import type { Ontology } from "../panels/context.ts";
import type { DriveKey } from "./drive_input.ts";
import type { ManualDriving } from "./manual_driving.ts";

/** Parameters are sent at most so often while a slider is dragged. */
const DRAG_PERIOD_MS = 150;

function group(title: string, ...children: Node[]): HTMLElement {
  const id = `group-${title.toLowerCase().replace(/\W+/g, "-")}`;
  return h("section", { class: "group", "aria-labelledby": id }, h("h2", { id }, title), ...children);
}

function gauge(name: string): { element: HTMLElement; show: (share: number) => void } {
  const bar = h("i", { class: "bar" });
  return { element: h("div", { class: "gauge" }, h("span", {}, name), h("div", { class: "track" }, bar)), show: (share) => (bar.style.width = `${100 * share}%`) };
}

/** Fills a select with texts, keeping what is chosen; an unlisted value is shown as itself. */
function fill(select: HTMLSelectElement, texts: readonly string[], chosen: string | null, nameOfEmpty: string): void {
  const wanted = chosen !== null && !texts.includes(chosen) ? [chosen, ...texts] : [...texts];
  if ([...select.options].map((option) => option.value).join("\n") !== wanted.join("\n")) {
    select.replaceChildren(...wanted.map((text) => h("option", { value: text, disabled: !texts.includes(text) }, text || nameOfEmpty)));
  }
  if (chosen !== null && document.activeElement !== select) select.value = chosen;
}

const HOLD_BUTTONS: readonly (readonly [DriveKey, string, string])[] = [
  ["forward", "Forward (arrow up or W)", "up"],
  ["left", "Steer left (arrow left or A)", "left"],
  ["brake", "Brake (space bar)", "stop"],
  ["right", "Steer right (arrow right or D)", "right"],
  ["back", "Brake, then reverse (arrow down or S)", "down"],
];

export class Sidebar {
  readonly element = h("aside", { class: "sidebar", "aria-label": "Controls" });
  /** Two-thumb buttons over the third-person view, shown on touch screens while driving by hand. */
  readonly touchPad = h("div", { class: "touch-pad", hidden: true });

  private readonly speed = h("b", { class: "speed" }, "–");
  private readonly pose = h("span", { class: "pose" });
  private readonly driver = h("select", { "aria-label": "Driver" });
  private readonly manual = h("button", { type: "button", class: "wide", "aria-pressed": "false" }, "Drive by hand (M)");
  private readonly pad = h("div", { class: "pad", tabindex: 0, role: "group", "aria-label": "Driving: arrow keys or W A S D, space bar brakes" });
  private readonly padNote = h("p", { class: "small" });
  private readonly gauges = { throttle: gauge("throttle"), brake: gauge("brake") };
  private readonly steerMark = h("i", { class: "mark" });
  private readonly driving: HTMLElement;

  private readonly weather = h("select", { "aria-label": "Weather" });
  private readonly sun = h("input", { type: "range", min: -20, max: 90, step: 1, id: "sun" });
  private readonly sunValue = h("output", { for: "sun" });
  private readonly sky: HTMLElement;
  private sunSentAtMs = 0;
  private sunTimer = 0;

  private readonly record = h("button", { type: "button", class: "wide record", "aria-pressed": "false" });
  private readonly recordLabel = h("span", {}, "Record a bag (R)");
  private readonly recordNote = h("p", { class: "small" });
  private readonly recording: HTMLElement;
  private readonly classList = h("ul", { class: "classes" });
  private readonly classGroup = group("Classes", this.classList);
  private driverBefore: string | null = null;

  constructor(
    private readonly parameters: Parameters,
    private readonly manualDriving: ManualDriving,
    ontology: Ontology,
  ) {
    this.buildPads();
    this.driving = h(
      "div",
      {},
      h("label", { class: "row" }, h("span", {}, "Driver"), this.driver),
      this.manual,
      this.pad,
      this.gauges.throttle.element,
      this.gauges.brake.element,
      h("div", { class: "gauge" }, h("span", {}, "steering"), h("div", { class: "track centred" }, this.steerMark)),
      this.padNote,
    );
    this.sky = group(
      "Sky",
      h("label", { class: "row" }, h("span", {}, "Weather"), this.weather),
      h("label", { class: "row", for: "sun" }, h("span", {}, "Sun above horizon"), this.sunValue),
      this.sun,
    );
    this.record.append(icon("record"), this.recordLabel);
    this.recording = group("Recording", this.record, this.recordNote);
    this.element.append(group("Vehicle", h("div", { class: "speed-row" }, this.speed, h("span", {}, "km/h"), this.pose), this.driving), this.sky, this.recording, this.classGroup);

    this.driver.addEventListener("change", () => {
      this.parameters.set("/bramble/driver", this.driver.value);
      if (this.driver.value === "manual") this.pad.focus();
    });
    this.manual.addEventListener("click", () => this.toggleManual());
    this.weather.addEventListener("change", () => this.parameters.set("/bramble/weather", this.weather.value));
    this.sun.addEventListener("input", () => this.sunMoved());
    this.record.addEventListener("click", () => this.toggleRecording());
    manualDriving.onControl = (control, padName) => {
      this.gauges.throttle.show(control.throttle);
      this.gauges.brake.show(control.brake);
      this.steerMark.style.left = `${50 + 50 * control.steer}%`;
      setText(this.padNote, padName ? `Gamepad: ${padName}` : control.reverse ? "Reverse gear" : "");
    };
    ontology.onChange(() => this.showClasses(ontology));
    this.showClasses(ontology);
    parameters.onChange(() => this.showParameters());
    this.showParameters();
  }

  toggleManual(): void {
    const driver = this.parameters.text("/bramble/driver");
    if (driver === null) return;
    if (driver === "manual") {
      const back = this.driverBefore ?? this.parameters.texts("/bramble/drivers").find((one) => one !== "manual");
      if (back) this.parameters.set("/bramble/driver", back);
    } else {
      this.driverBefore = driver;
      this.parameters.set("/bramble/driver", "manual");
      this.pad.focus({ preventScroll: true });
    }
  }

  toggleRecording(): void {
    const recording = this.parameters.boolean("/bramble/recording");
    if (recording !== null) this.parameters.set("/bramble/recording", !recording);
  }

  update(status: Status): void {
    setText(this.speed, fixed(status.speed_mps === null ? null : status.speed_mps * 3.6, 1));
    setText(this.pose, status.yaw_rad === null ? "" : `heading ${fixed((status.yaw_rad * 180) / Math.PI, 0)}°`);
    const { recording } = status;
    if (recording) setText(this.recordNote, recording.active || recording.messages > 0 ? `${recording.name} · ${count(recording.messages)} messages · ${bytes(recording.bytes)}` : "");
  }

  private showParameters(): void {
    const { parameters } = this;
    const driver = parameters.text("/bramble/driver");
    this.driving.hidden = driver === null;
    fill(this.driver, parameters.texts("/bramble/drivers"), driver, "none");
    const manual = driver === "manual";
    this.manualDriving.setEnabled(manual);
    document.body.classList.toggle("manual", manual);
    this.manual.setAttribute("aria-pressed", String(manual));
    setText(this.manual, manual ? "Give back to the driver (M)" : "Drive by hand (M)");
    this.touchPad.hidden = !manual;
    this.pad.classList.toggle("off", !manual);
    for (const button of this.pad.querySelectorAll("button")) button.disabled = !manual;

    const weather = parameters.text("/bramble/weather");
    const sun = parameters.number("/bramble/sun_elevation_deg");
    this.sky.hidden = weather === null && sun === null;
    fill(this.weather, parameters.texts("/bramble/weathers"), weather, "scenario's");
    if (sun !== null && document.activeElement !== this.sun) this.sun.value = String(sun);
    setText(this.sunValue, fixed(document.activeElement === this.sun ? Number(this.sun.value) : sun, 0, "°"));

    const recording = parameters.boolean("/bramble/recording");
    this.recording.hidden = recording === null;
    this.record.setAttribute("aria-pressed", String(recording === true));
    this.record.classList.toggle("on", recording === true);
    setText(this.recordLabel, recording ? "Stop recording (R)" : "Record a bag (R)");
  }

  private showClasses({ classes }: Ontology): void {
    this.classGroup.hidden = classes.length === 0;
    this.classList.replaceChildren(
      ...classes.map((one) => {
        const swatch = h("i", { class: "swatch" });
        swatch.style.background = cssColour(one.color);
        return h("li", {}, swatch, one.ignore ? `${one.name} (not counted)` : one.name);
      }),
    );
  }

  private sunMoved(): void {
    setText(this.sunValue, fixed(Number(this.sun.value), 0, "°"));
    clearTimeout(this.sunTimer);
    const send = () => {
      this.sunSentAtMs = performance.now();
      this.parameters.set("/bramble/sun_elevation_deg", Number(this.sun.value));
    };
    const wait = this.sunSentAtMs + DRAG_PERIOD_MS - performance.now();
    if (wait <= 0) send();
    else this.sunTimer = window.setTimeout(send, wait);
  }

  private buildPads(): void {
    const button = (key: DriveKey, label: string, look: string) => {
      const element = h("button", { type: "button", class: `hold ${look}`, "aria-label": label, title: label });
      if (look === "stop") element.append("stop");
      else element.append(icon("up"));
      this.manualDriving.bindHold(element, key);
      return element;
    };
    this.pad.append(...HOLD_BUTTONS.map((one) => button(...one)));
    const [forward, left, , right, back] = HOLD_BUTTONS;
    this.touchPad.append(h("div", {}, button(...left), button(...right)), h("div", {}, button(...back), button(...forward)));
  }
}
