/**
 * What hands do → what the vehicle is asked: keys, touch buttons and a gamepad become throttle, steering and brake.
 * No clock and no DOM in here: `step` is told how much time has passed.
 */
export interface Control {
  throttle: number;
  /** −1 full left … 1 full right. */
  steer: number;
  brake: number;
  hand_brake: boolean;
  reverse: boolean;
}
export type DriveKey = "forward" | "back" | "left" | "right" | "brake";

/** Axes of a gamepad, each 0…1, steering −1…1. */
export interface GamepadInput {
  forward: number;
  back: number;
  steer: number;
  brake: boolean;
}

/** Keys by their place on the keyboard, so that WASD is where it is on every layout. */
export const DRIVE_KEYS: Readonly<Record<string, DriveKey>> = {
  ArrowUp: "forward",
  KeyW: "forward",
  ArrowDown: "back",
  KeyS: "back",
  ArrowLeft: "left",
  KeyA: "left",
  ArrowRight: "right",
  KeyD: "right",
  Space: "brake",
};

const STEER_PER_S = 2.2; // a key turns the wheel as fast as a hand does, not at once
const CENTRE_PER_S = 4;
const PEDAL_PER_S = 2.5;
const STANDING_MPS = 0.6;
const HALF_STEER_MPS = 9; // a key steers half as much at this speed
const DEAD_ZONE = 0.08;

function approach(value: number, target: number, most: number): number {
  return value < target ? Math.min(target, value + most) : Math.max(target, value - most);
}

export class DriveInput {
  private readonly down = new Set<DriveKey>();
  private steer = 0;
  private forward = 0;
  private back = 0;
  private reverse = false;

  press(key: DriveKey): void {
    this.down.add(key);
  }
  release(key: DriveKey): void {
    this.down.delete(key);
  }
  releaseAll(): void {
    this.down.clear();
  }
  isDown(key: DriveKey): boolean {
    return this.down.has(key);
  }

  /**
   * The control after `dtS` more seconds; null while nothing is asked. Back brakes a vehicle that rolls forward and
   * reverses one that stands, and the other way round. `speedMps` may carry either sign.
   */
  step(dtS: number, speedMps: number, pad: GamepadInput | null): Control | null {
    const padForward = pad && pad.forward > DEAD_ZONE ? pad.forward : 0;
    const padBack = pad && pad.back > DEAD_ZONE ? pad.back : 0;
    const padSteer = pad && Math.abs(pad.steer) > DEAD_ZONE ? pad.steer : 0;
    this.forward = this.down.has("forward") ? approach(this.forward, 1, PEDAL_PER_S * dtS) : 0;
    this.back = this.down.has("back") ? approach(this.back, 1, PEDAL_PER_S * dtS) : 0;
    const speed = Math.abs(speedMps);
    const wished = (this.down.has("right") ? 1 : 0) - (this.down.has("left") ? 1 : 0);
    const most = 1 / (1 + speed / HALF_STEER_MPS);
    this.steer = approach(this.steer, wished * most, (wished === 0 ? CENTRE_PER_S : STEER_PER_S) * dtS);

    const forward = Math.max(this.forward, padForward);
    const back = Math.max(this.back, padBack);
    const stop = this.down.has("brake") || (pad?.brake ?? false);
    const steer = padSteer !== 0 ? padSteer : this.steer;
    if (forward === 0 && back === 0 && !stop && steer === 0) return null;

    if (speed < STANDING_MPS && forward > 0 !== back > 0) this.reverse = back > 0;
    const [ahead, against] = this.reverse ? [back, forward] : [forward, back];
    return {
      throttle: stop || against > 0 ? 0 : ahead,
      steer,
      brake: stop ? 1 : against,
      hand_brake: false,
      reverse: this.reverse,
    };
  }
}

/** A gamepad of the standard mapping: triggers are the pedals, the left stick or the cross steers, A brakes. */
export function readGamepad(pad: { axes: readonly number[]; buttons: readonly { value: number; pressed: boolean }[] }): GamepadInput {
  const value = (i: number) => pad.buttons[i]?.value ?? 0;
  const cross = value(15) - value(14);
  return {
    forward: Math.max(value(7), value(12)),
    back: Math.max(value(6), value(13)),
    steer: cross !== 0 ? cross : Math.max(-1, Math.min(1, pad.axes[0] ?? 0)),
    brake: pad.buttons[0]?.pressed ?? false,
  };
}
