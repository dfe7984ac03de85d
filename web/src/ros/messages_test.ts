/** Messages that a peer (rosbags) has serialized; tests/python/test_dashboard_modules.py writes them with what they hold. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { env } from "node:process";
import { test } from "node:test";
import { readCompressedImage, readImage, readOdometry, readPath, readPointCloud2, readTransforms } from "./messages.ts";
import { pointsOf } from "./point_cloud.ts";

const path = env.BRAMBLE_CDR_VECTORS;
assert(path, "BRAMBLE_CDR_VECTORS names the file of messages");
const vectors = JSON.parse(readFileSync(path, "utf8")) as Record<string, string>;

function bytes(name: string): DataView {
  const text = atob(vectors[name]);
  return new DataView(Uint8Array.from(text, (letter) => letter.charCodeAt(0)).buffer);
}

for (const order of ["little", "big"]) {
  test(`Image, ${order}-endian`, () => {
    const image = readImage(bytes(`image.${order}`));
    assert.deepEqual({ ...image, data: [...image.data] }, {
      header: { stampS: 12.25, stampKey: "12.250000000", frameId: "hero/rgb_front" },
      height: 2, width: 3, encoding: "mono8", isBigEndian: false, step: 3, data: [0, 1, 2, 3, 4, 255],
    });
  });

  test(`PointCloud2, ${order}-endian`, () => {
    const cloud = readPointCloud2(bytes(`cloud.${order}`));
    assert.deepEqual(cloud.fields.map((field) => field.name), ["x", "y", "z", "ObjTag"]);
    const points = pointsOf(cloud, ["intensity", "ObjTag"]);
    assert.equal(points.count, 2, "the point that is no number is left out");
    assert.deepEqual([...points.xyz.subarray(0, 6)], [1, 2, 3, -4, 0.5, 8]);
    assert.deepEqual([...points.values!.subarray(0, 2)], [5, 34]);
  });

  test(`Odometry, ${order}-endian`, () => {
    const odometry = readOdometry(bytes(`odometry.${order}`));
    assert.deepEqual([odometry.x, odometry.y, odometry.z, odometry.speedMps], [1.5, -2.5, 0.25, 4.5]);
    assert.ok(Math.abs(odometry.yawRad - 0.7) < 1e-9);
  });
}

test("CompressedImage, Path, TFMessage", () => {
  const picture = readCompressedImage(bytes("compressed.little"));
  assert.deepEqual([picture.format, [...picture.data]], ["png", [1, 2, 3]]);
  assert.deepEqual([...readPath(bytes("path.little")).xy], [1, 2, 3, 4, -5, 6]);
  const [first, second] = readTransforms(bytes("tf.little"));
  assert.deepEqual([first.header.frameId, first.childFrameId, first.translation, first.rotation], ["hero", "hero/lidar", [0, 0, 2.4], [0, 0, 0, 1]]);
  assert.equal(second.childFrameId, "hero/imu");
});

test("clouds that claim more than they hold are refused", () => {
  const cloud = readPointCloud2(bytes("cloud.little"));
  assert.throws(() => pointsOf({ ...cloud, width: 400 }, []), /do not fit/);
  assert.throws(() => pointsOf({ ...cloud, fields: cloud.fields.filter((field) => field.name !== "z") }, []), /without the fields/);
  assert.throws(() => pointsOf({ ...cloud, pointStep: 8 }, []), /ends behind/);
});
