import assert from "node:assert/strict";
import { test } from "node:test";
import { CdrReader } from "./cdr.ts";

function message(...bytes: number[]): DataView {
  return new DataView(new Uint8Array(bytes).buffer);
}

test("fields are aligned to their size, counted behind the header", () => {
  const cdr = new CdrReader(message(0, 1, 0, 0, 7, 0, 0, 0, 0x78, 0x56, 0x34, 0x12, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f));
  assert.equal(cdr.uint8(), 7);
  assert.equal(cdr.uint32(), 0x12345678);
  assert.equal(cdr.float64(), 1);
});

test("big-endian messages are read as such", () => {
  const cdr = new CdrReader(message(0, 0, 0, 0, 0x12, 0x34, 0x56, 0x78, 0xff, 0xff, 0xff, 0xfe));
  assert.equal(cdr.uint32(), 0x12345678);
  assert.equal(cdr.int32(), -2);
});

test("strings end before their zero and are UTF-8", () => {
  const cdr = new CdrReader(message(0, 1, 0, 0, 3, 0, 0, 0, 0xc3, 0xa4, 0, 9, 1, 0, 0, 0, 0));
  assert.equal(cdr.string(), "ä");
  assert.equal(cdr.string(), "");
});

test("a view into a larger buffer is read from its own begin", () => {
  const all = new Uint8Array([9, 9, 9, 0, 1, 0, 0, 2, 0, 0, 0, 5, 6, 9]);
  const cdr = new CdrReader(new DataView(all.buffer, 3, 10));
  assert.deepEqual([...cdr.bytes()], [5, 6]);
});

test("messages that end too early are refused", () => {
  assert.throws(() => new CdrReader(message(0, 1)), RangeError);
  assert.throws(() => new CdrReader(message(0, 1, 0, 0, 1)).uint32(), RangeError);
  assert.throws(() => new CdrReader(message(0, 1, 0, 0, 255, 255, 255, 255, 1)).bytes(), RangeError);
  assert.throws(() => new CdrReader(message(0, 1, 0, 0, 255, 255, 255, 127, 1)).sequenceLength(8), RangeError);
});
