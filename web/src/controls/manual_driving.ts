/** Driving by hand: listens to keys, touch and gamepads and sends the control 20 times a second while it is in use. */
import type { FoxgloveClient } from "../link/foxglove.ts";
import { roleName } from "../link/topics.ts";
import { type Control, DRIVE_KEYS, DriveInput, type DriveKey, readGamepad } from "./drive_input.ts";

const PERIOD_MS = 50;
/** Neutral controls after the last real one, so that letting go arrives even if one message is lost. */
const NEUTRAL_COUNT = 4;
const NEUTRAL: Control = { throttle: 0, steer: 0, brake: 0, hand_brake: false, reverse: false };

export class ManualDriving {
  readonly input = new DriveInput();
  /** Told of every control sent, and of what is pressed. */
  onControl: (control: Control, padName: string | null) => void = () => {};
  private enabled = false;
  private neutralLeft = 0;

  constructor(
    private readonly client: FoxgloveClient,
    private readonly speedMps: () => number,
  ) {
    // In the capture phase: while driving, arrows neither scroll the page nor move the map.
    window.addEventListener("keydown", (event) => this.key(event, true), { capture: true });
    window.addEventListener("keyup", (event) => this.key(event, false), { capture: true });
    window.addEventListener("blur", () => this.input.releaseAll());
    document.addEventListener("visibilitychange", () => this.input.releaseAll());
    setInterval(() => this.send(), PERIOD_MS);
  }

  setEnabled(enabled: boolean): void {
    if (this.enabled === enabled) return;
    this.enabled = enabled;
    this.input.releaseAll();
  }
  get isEnabled(): boolean {
    return this.enabled;
  }

  /** Makes an element a button that is held down. */
  bindHold(element: HTMLElement, key: DriveKey): void {
    element.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      element.setPointerCapture(event.pointerId);
      this.input.press(key);
    });
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"] as const) element.addEventListener(name, () => this.input.release(key));
    element.addEventListener("contextmenu", (event) => event.preventDefault());
    // By keyboard: held as long as Enter or the space bar is.
    element.addEventListener("keydown", (event) => {
      if (event.code === "Enter" || event.code === "Space") this.input.press(key);
    });
    element.addEventListener("keyup", (event) => {
      if (event.code === "Enter" || event.code === "Space") this.input.release(key);
    });
    element.addEventListener("blur", () => this.input.release(key));
  }

  private key(event: KeyboardEvent, down: boolean): void {
    const key = DRIVE_KEYS[event.code];
    if (!key) return;
    if (!down) this.input.release(key); // wherever the focus is by now
    if (!this.enabled || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target as HTMLElement;
    if (target.closest?.("input, select, textarea, dialog")) return;
    if (event.code === "Space" && target.closest?.("button, summary, a")) return;
    event.preventDefault();
    if (down) this.input.press(key);
  }

  private send(): void {
    if (!this.enabled) return;
    const pad = navigator.getGamepads?.().find((one) => one !== null && one.connected) ?? null;
    const wished = this.input.step(PERIOD_MS / 1000, this.speedMps(), pad && document.hasFocus() ? readGamepad(pad) : null);
    if (wished) this.neutralLeft = NEUTRAL_COUNT;
    else if (this.neutralLeft-- <= 0) return;
    const control = wished ?? NEUTRAL;
    this.client.publish(`/carla/${roleName(this.client.allChannels)}/vehicle_control_cmd`, control);
    this.onControl(control, pad?.id ?? null);
  }
}
