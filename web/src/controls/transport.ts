/** Play, pause, step and speed in the top bar; the scrubber of a bag at the bottom. */
import { h, icon, iconButton, setText } from "../dom.ts";
import { clock, count, fixed } from "../format.ts";
import type { FoxgloveClient } from "../link/foxglove.ts";
import type { Parameters } from "../link/parameters.ts";
import type { Status } from "../link/status.ts";

const SPEEDS = [0.1, 0.25, 0.5, 1, 2, 4, 8, 0];
const SEEK_PERIOD_MS = 120;

export class Transport {
  readonly element = h("div", { class: "transport", role: "group", "aria-label": "Playback" });
  readonly scrubber = h("footer", { class: "scrubber", hidden: true, "aria-label": "Bag" });
  private readonly play = iconButton("pause", "Pause", () => this.togglePaused());
  private readonly stepButton = iconButton("step", "One frame (.)", () => this.step());
  private readonly speed = h("select", { "aria-label": "Speed", title: "Speed" });
  private readonly time = h("b", { class: "time" }, "–");
  private readonly frame = h("span", { class: "frame" });

  private readonly position = h("input", { type: "range", min: 0, max: 1, step: 0.05, value: 0, "aria-label": "Position in the bag" });
  private readonly positionText = h("span", { class: "time" });
  private readonly bagName = h("span", { class: "quiet-text" });
  private dragging = false;
  private seekSentAtMs = 0;
  private seekTimer = 0;

  constructor(
    private readonly client: FoxgloveClient,
    private readonly parameters: Parameters,
  ) {
    this.element.append(this.play, this.stepButton, this.speed, this.time, this.frame);
    this.speed.addEventListener("change", () => parameters.set("/bramble/speed", Number(this.speed.value)));
    this.scrubber.append(this.bagName, this.position, this.positionText);
    this.position.addEventListener("input", () => this.seek());
    this.position.addEventListener("pointerdown", () => (this.dragging = true));
    for (const name of ["pointerup", "pointercancel", "change", "blur"]) this.position.addEventListener(name, () => (this.dragging = false));
    parameters.onChange(() => this.showParameters());
    this.showParameters();
  }

  togglePaused(): void {
    const paused = this.parameters.boolean("/bramble/paused");
    if (paused !== null) this.parameters.set("/bramble/paused", !paused);
  }

  step(): void {
    if (this.parameters.boolean("/bramble/paused") === false) this.parameters.set("/bramble/paused", true);
    this.client.publish("/bramble/step", { frames: 1 });
  }

  update(status: Status): void {
    setText(this.time, clock((status.stamp_s ?? 0) > 1e8 && status.bag ? status.bag.position_s : status.stamp_s));
    setText(this.frame, `frame ${count(status.frame)}`);
    this.scrubber.hidden = status.bag === null;
    if (!status.bag) return;
    this.position.max = String(status.bag.duration_s);
    if (!this.dragging) this.position.value = String(status.bag.position_s);
    const shown = this.dragging ? Number(this.position.value) : status.bag.position_s;
    this.position.setAttribute("aria-valuetext", `${clock(shown)} of ${clock(status.bag.duration_s)}`);
    setText(this.positionText, `${clock(shown)} / ${clock(status.bag.duration_s)}`);
    setText(this.bagName, status.bag.name ?? "bag");
  }

  private seek(): void {
    clearTimeout(this.seekTimer);
    const send = () => {
      this.seekSentAtMs = performance.now();
      this.parameters.set("/bramble/position_s", Number(this.position.value));
    };
    const wait = this.seekSentAtMs + SEEK_PERIOD_MS - performance.now();
    if (wait <= 0) send();
    else this.seekTimer = window.setTimeout(send, wait);
  }

  private showParameters(): void {
    const paused = this.parameters.boolean("/bramble/paused");
    this.play.disabled = paused === null;
    this.stepButton.disabled = paused === null;
    const label = paused ? "Play (P)" : "Pause (P)";
    if (this.play.title !== label) {
      this.play.replaceChildren(icon(paused ? "play" : "pause"));
      this.play.title = label;
      this.play.setAttribute("aria-label", label);
    }
    const speed = this.parameters.number("/bramble/speed");
    this.speed.hidden = speed === null;
    const speeds = speed === null || SPEEDS.includes(speed) ? SPEEDS : [...SPEEDS.filter((one) => one > 0), speed].sort((a, b) => a - b).concat(0);
    if (this.speed.options.length !== speeds.length) {
      this.speed.replaceChildren(...speeds.map((one) => h("option", { value: one }, one === 0 ? "× max" : `× ${fixed(one, one < 1 ? (one * 10) % 1 ? 2 : 1 : 0)}`)));
    }
    if (speed !== null && document.activeElement !== this.speed) this.speed.value = String(speed);
  }
}
