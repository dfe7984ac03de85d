import assert from "node:assert/strict";
import { test } from "node:test";
import type { Image } from "../ros/messages.ts";
import { classTable, colourTable, colourValues, paintClasses, robustRange } from "./colours.ts";
import { compareMasks, ignoredTable, resized } from "./difference.ts";
import { MapView, scaleBarMetres } from "./map_view.ts";
import { toRgba } from "./raw_image.ts";
import { niceAxis, TimeSeries, usualTop } from "./time_series.ts";

const CLASSES = [
  { id: 0, name: "grass", color: [0, 102, 0], ignore: false },
  { id: 3, name: "sky", color: [0, 0, 255], ignore: false },
  { id: 4, name: "void", color: [9, 9, 9], ignore: true },
] as const;

test("colour maps begin and end as published, and values beyond the range take the ends", () => {
  const table = colourTable("viridis");
  assert.deepEqual([...table.subarray(0, 3)], [0x44, 0x01, 0x54]);
  assert.deepEqual([...table.subarray(765)], [0xfd, 0xe7, 0x25]);
  const out = new Uint8Array(15);
  colourValues([-5, 0, 10, 99, Number.NaN], 5, 0, 10, table, out);
  assert.deepEqual([...out.subarray(0, 3)], [...out.subarray(3, 6)]);
  assert.deepEqual([...out.subarray(6, 9)], [...out.subarray(9, 12)]);
  assert.deepEqual([...out.subarray(12)], [0x44, 0x01, 0x54]);
});

test("values are taken with stride and offset: the heights of x, y, z", () => {
  const xyz = [7, 7, 0, 7, 7, 1];
  const out = new Uint8Array(6);
  colourValues(xyz, 2, 0, 1, colourTable("turbo"), out, 3, 2);
  assert.deepEqual([...out], [0x30, 0x12, 0x3b, 0x7a, 0x04, 0x02]);
  assert.deepEqual(robustRange(xyz, 2, 3, 2), [0, 1]);
  const withStray = Array.from({ length: 500 }, (_, i) => (i === 3 ? 1e9 : i / 500));
  assert.ok(robustRange(withStray, 500)[1] < 1.01);
});

test("classes have the ontology's colour, others are grey", () => {
  const out = new Uint8ClampedArray(12);
  paintClasses(new Uint8Array([3, 0, 200]), classTable(CLASSES), out);
  assert.deepEqual([...out], [0, 0, 255, 255, 0, 102, 0, 255, 128, 128, 128, 255]);
});

test("the difference counts what the ontology counts", () => {
  const truth = { width: 5, height: 1, ids: new Uint8Array([0, 0, 3, 4, 255]) };
  const estimate = { width: 5, height: 1, ids: new Uint8Array([0, 3, 3, 0, 0]) };
  const out = new Uint8ClampedArray(20);
  assert.deepEqual(compareMasks(truth, estimate, classTable(CLASSES), ignoredTable(CLASSES), out), { counted: 3, equal: 2 });
  assert.deepEqual([...out.subarray(4, 7)], [0, 0, 255], "wrong: the estimated class");
  assert.ok(out[1] < 40 && out[0] < 20, "right: dark");
  assert.deepEqual([...out.subarray(12, 15)], [70, 70, 70], "ignored: grey");
  // Before the ontology has come everything but 255 counts.
  assert.equal(compareMasks(truth, estimate, classTable([]), ignoredTable([]), out).counted, 4);
});

test("a smaller estimate is compared by its nearest pixel", () => {
  const small = { width: 2, height: 1, ids: new Uint8Array([1, 2]) };
  assert.deepEqual([...resized(small, 4, 2).ids], [1, 1, 2, 2, 1, 1, 2, 2]);
  assert.equal(resized(small, 2, 1), small);
});

function image(encoding: string, step: number, data: number[], width = 1, height = 1): Image {
  return { header: { stampS: 0, stampKey: "0.0", frameId: "" }, height, width, encoding, isBigEndian: false, step, data: new Uint8Array(data) };
}

test("raw pictures of every common encoding, with padded rows", () => {
  assert.deepEqual([...toRgba(image("bgra8", 4, [1, 2, 3, 0]))], [3, 2, 1, 255]);
  assert.deepEqual([...toRgba(image("rgb8", 3, [1, 2, 3]))], [1, 2, 3, 255]);
  assert.deepEqual([...toRgba(image("mono8", 2, [7, 0, 8, 0], 1, 2))], [7, 7, 7, 255, 8, 8, 8, 255]);
  assert.deepEqual([...toRgba(image("32FC1", 4, [0, 0, 0, 0]))], [0x44, 0x01, 0x54, 255]);
  assert.throws(() => toRgba(image("bayer_rggb8", 1, [0])), /bayer_rggb8/);
  assert.throws(() => toRgba(image("rgb8", 3, [1, 2, 3], 1, 9)), /do not fit/);
});

test("series keep their window and forget what a seek undid", () => {
  const series = new TimeSeries(10);
  for (let t = 0; t <= 20; ++t) series.push(t, t);
  assert.deepEqual([series.times[0], series.times.length], [10, 11]);
  series.push(12, 99);
  assert.deepEqual([series.times.at(-1), series.last, series.times.length], [12, 99, 3]);
  series.push(12, 98);
  assert.deepEqual([series.last, series.times.length], [98, 3]);
});

test("axes end at round numbers", () => {
  assert.deepEqual(niceAxis(0, 43, 4), { low: 0, high: 60, step: 20 });
  assert.deepEqual(niceAxis(0, 1, 4), { low: 0, high: 1, step: 0.5 });
  assert.ok(niceAxis(5, 5, 4).high > 5);
});

test("a chart's top is not set by one outlier", () => {
  const values = Array.from({ length: 200 }, () => 20);
  assert.equal(usualTop(values), 20);
  assert.equal(usualTop([...values, 25]), 25);
  assert.equal(usualTop([...values, 2000]), 26);
  assert.equal(usualTop([]), 0);
});

test("the map turns pixels back into metres and keeps the pixel it zooms about", () => {
  const view = new MapView();
  view.width = 400;
  view.height = 200;
  view.fit([-50, 0, 50, 20]);
  const [x, y] = view.toMap(...view.toPixel(12, 7));
  assert.ok(Math.abs(x - 12) < 1e-9 && Math.abs(y - 7) < 1e-9);
  for (const [px, py] of [view.toPixel(-50, 0), view.toPixel(50, 20)]) assert.ok(px >= 0 && px <= 400 && py >= 0 && py <= 200);
  const before = view.toMap(30, 40);
  view.zoomAt(30, 40, 3);
  const after = view.toMap(30, 40);
  assert.ok(Math.abs(before[0] - after[0]) < 1e-9 && Math.abs(before[1] - after[1]) < 1e-9);
  assert.equal(scaleBarMetres(2, 90), 20);
});
