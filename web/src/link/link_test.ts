import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, clock, fixed, percent } from "../format.ts";
import { Backoff } from "./backoff.ts";
import type { Channel } from "./foxglove.ts";
import { candidates, cloudTopic, pictureTopics, roleName, topicOfType, wireTopic } from "./topics.ts";

function channels(topics: Record<string, string>): Map<string, Channel> {
  return new Map(Object.entries(topics).map(([topic, schemaName], id) => [topic, { id, topic, encoding: "cdr", schemaName, schema: "" }]));
}
const IMAGE = "sensor_msgs/msg/Image";
const COMPRESSED = "sensor_msgs/msg/CompressedImage";
const RIG = channels({
  "/carla/hero/depth_front/image": IMAGE,
  "/carla/hero/rgb_front/image": IMAGE,
  "/carla/hero/rgb_front/image/compressed": COMPRESSED,
  "/carla/hero/rgb_view/image": IMAGE,
  "/carla/hero/rgb_view/image/compressed": COMPRESSED,
  "/carla/hero/semantic_segmentation_front/image": IMAGE,
  "/segmentation/rgb/carla/hero/semantic_segmentation_front/image": IMAGE,
  "/bramble/segmentation/mask": IMAGE,
  "/bramble/segmentation/color": IMAGE,
  "/bramble/segmentation/overlay": IMAGE,
  "/carla/hero/lidar": "sensor_msgs/msg/PointCloud2",
  "/carla/hero/semantic_lidar": "sensor_msgs/msg/PointCloud2",
  "/other/path": "nav_msgs/msg/Path",
  "/bramble/path": "nav_msgs/msg/Path",
});

test("the default rig's topics are found for every panel", () => {
  assert.equal(candidates(RIG, "view")[0], "/carla/hero/rgb_view/image");
  assert.equal(candidates(RIG, "ego")[0], "/carla/hero/rgb_front/image");
  assert.deepEqual(candidates(RIG, "truth"), ["/carla/hero/semantic_segmentation_front/image"]);
  assert.deepEqual(candidates(RIG, "estimate"), ["/bramble/segmentation/mask"]);
  assert.equal(cloudTopic(RIG, false), "/carla/hero/lidar");
  assert.equal(cloudTopic(RIG, true), "/carla/hero/semantic_lidar");
  assert.equal(topicOfType(RIG, "nav_msgs/msg/Path", /^\/bramble\/path$/), "/bramble/path");
  assert.equal(roleName(RIG), "hero");
});

test("another robot's topics are found by type", () => {
  const robot = channels({ "/camera/color/image_raw/compressed": COMPRESSED, "/points": "sensor_msgs/msg/PointCloud2" });
  assert.deepEqual(pictureTopics(robot), ["/camera/color/image_raw"]);
  assert.deepEqual(candidates(robot, "ego"), ["/camera/color/image_raw"]);
  assert.deepEqual(candidates(robot, "view"), ["/camera/color/image_raw"]);
  assert.deepEqual(candidates(robot, "truth"), []);
  assert.equal(cloudTopic(robot, false), "/points");
  assert.equal(cloudTopic(robot, true), undefined);
});

test("compressed pictures are preferred", () => {
  assert.equal(wireTopic(RIG, "/carla/hero/rgb_front/image"), "/carla/hero/rgb_front/image/compressed");
  assert.equal(wireTopic(RIG, "/carla/hero/depth_front/image"), "/carla/hero/depth_front/image");
  assert.equal(wireTopic(RIG, "/nowhere"), undefined);
});

test("waiting times double up to the last and begin anew", () => {
  const backoff = new Backoff(500, 4000, () => 0.5);
  assert.deepEqual([1, 2, 3, 4, 5].map(() => backoff.next()), [500, 1000, 2000, 4000, 4000]);
  backoff.reset();
  assert.equal(backoff.next(), 500);
  assert.ok(new Backoff(500, 4000, () => 0).next() >= 400);
});

test("numbers as people read them", () => {
  assert.equal(clock(61.25), "1:01.2");
  assert.equal(clock(3723), "1:02:03.0");
  assert.equal(clock(null), "–");
  assert.equal(fixed(2.345, 1, "m"), "2.3\u2009m");
  assert.equal(fixed(-2, 0), "\u22122");
  assert.equal(fixed(null, 1), "–");
  assert.equal(percent(0.5), "50.0\u2009%");
  assert.equal(percent(undefined), "–");
  assert.equal(bytes(999), "999\u2009B");
  assert.equal(bytes(1_234_567), "1.2\u2009MB");
});
