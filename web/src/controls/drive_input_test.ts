import assert from "node:assert/strict";
import { test } from "node:test";
import { DriveInput, readGamepad } from "./drive_input.ts";

function held(input: DriveInput, seconds: number, speedMps: number) {
  let control = null;
  for (let t = 0; t < seconds - 1e-9; t += 0.05) control = input.step(0.05, speedMps, null);
  return control;
}

test("nothing pressed asks for nothing", () => {
  assert.equal(new DriveInput().step(0.05, 3, null), null);
});

test("forward drives, and the pedal goes down smoothly", () => {
  const input = new DriveInput();
  input.press("forward");
  assert.ok(held(input, 0.1, 0)!.throttle < 0.5);
  assert.deepEqual(held(input, 0.5, 0), { throttle: 1, steer: 0, brake: 0, hand_brake: false, reverse: false });
});

test("back brakes a rolling vehicle, reverses a standing one and stays in reverse, whatever the sign of the speed", () => {
  const input = new DriveInput();
  input.press("back");
  assert.deepEqual([held(input, 1, 5)!.brake, held(input, 1, 5)!.reverse], [1, false]);
  for (const speed of [0.1, -2, 2]) {
    const control = held(input, 0.1, speed)!;
    assert.deepEqual([control.throttle, control.brake, control.reverse], [1, 0, true]);
  }
  input.release("back");
  input.press("forward");
  assert.deepEqual([held(input, 1, -3)!.brake, held(input, 1, -3)!.reverse], [1, true], "forward brakes while it rolls backwards");
  assert.deepEqual([held(input, 0.1, -0.1)!.throttle, held(input, 0.1, -0.1)!.reverse], [1, false]);
});

test("keys steer less at speed, and the wheel centres by itself before control ends", () => {
  const input = new DriveInput();
  input.press("right");
  assert.ok(held(input, 2, 0)!.steer > 0.99);
  assert.ok(Math.abs(held(input, 2, 9)!.steer - 0.5) < 1e-6);
  input.release("right");
  assert.ok(input.step(0.05, 0, null)!.steer < 0.5);
  assert.equal(held(input, 1, 0), null);
  input.press("left");
  assert.ok(held(input, 0.2, 0)!.steer < -0.2);
});

test("the brake wins over the pedal", () => {
  const input = new DriveInput();
  input.press("forward");
  input.press("brake");
  const control = held(input, 1, 4)!;
  assert.deepEqual([control.throttle, control.brake], [0, 1]);
  input.releaseAll();
  assert.equal(input.step(0.05, 4, null), null);
});

test("gamepads: triggers, stick with dead zone, cross", () => {
  const buttons = Array.from({ length: 16 }, () => ({ value: 0, pressed: false }));
  buttons[7] = { value: 0.6, pressed: true };
  const pad = readGamepad({ axes: [-0.5, 0], buttons });
  const control = new DriveInput().step(0.05, 0, pad)!;
  assert.deepEqual([control.throttle, control.steer], [0.6, -0.5]);
  assert.equal(new DriveInput().step(0.05, 0, readGamepad({ axes: [0.03], buttons: [] })), null);
  buttons[15] = { value: 1, pressed: true };
  assert.equal(readGamepad({ axes: [0], buttons }).steer, 1);
});
