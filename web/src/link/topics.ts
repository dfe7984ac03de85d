/** Which topic is meant by what a panel shows: the default rig's names first, then whatever has the right type. */
import type { Channel } from "./foxglove.ts";

export type Channels = ReadonlyMap<string, Channel>;

const IMAGE = "sensor_msgs/msg/Image";
const COMPRESSED = "sensor_msgs/msg/CompressedImage";
const SUFFIX = "/compressed";

export const MASK_TOPIC = "/bramble/segmentation/mask";
export const OVERLAY_TOPIC = "/bramble/segmentation/overlay";

/** Topics of pictures by their raw names, whether they come raw, compressed or both. */
export function pictureTopics(channels: Channels): string[] {
  const topics = new Set<string>();
  for (const { topic, schemaName } of channels.values()) {
    if (schemaName === IMAGE) topics.add(topic);
    else if (schemaName === COMPRESSED) topics.add(topic.endsWith(SUFFIX) ? topic.slice(0, -SUFFIX.length) : topic);
  }
  return [...topics].sort();
}

/** The channel to subscribe for a picture topic: compressed if there is one. */
export function wireTopic(channels: Channels, topic: string): string | undefined {
  if (channels.has(topic + SUFFIX)) return topic + SUFFIX;
  return channels.has(topic) ? topic : undefined;
}

export type PictureKind = "view" | "ego" | "truth" | "estimate";

const isModelOutput = (topic: string) => topic.startsWith("/bramble/segmentation/");
const isClassMask = (topic: string) => /semantic_segmentation[^/]*\/image$/.test(topic) && !topic.startsWith("/segmentation/");
const isColour = (topic: string) => !isModelOutput(topic) && /(rgb|color|colour|image)/.test(topic) && !/segmentation|depth|normals|flow|coverage|panoptic/.test(topic);
const isView = (topic: string) => /(rgb_view|third_person|chase|spectator)/.test(topic);

/** Topics that may be shown as `kind`, the best first. */
export function candidates(channels: Channels, kind: PictureKind): string[] {
  const all = pictureTopics(channels);
  switch (kind) {
    case "view":
      return [...all.filter((topic) => isColour(topic) && isView(topic)), ...all.filter((topic) => isColour(topic) && !isView(topic))];
    case "ego": {
      const rank = (topic: string) => (isView(topic) ? 2 : /front/.test(topic) ? 0 : 1);
      return all.filter(isColour).sort((a, b) => rank(a) - rank(b));
    }
    case "truth": {
      const rank = (topic: string) => (/front/.test(topic) ? 0 : 1);
      return all.filter(isClassMask).sort((a, b) => rank(a) - rank(b));
    }
    case "estimate":
      return all.filter((topic) => topic === MASK_TOPIC || (/\/mask$/.test(topic) && topic !== MASK_TOPIC)).sort((a) => (a === MASK_TOPIC ? -1 : 1));
  }
}

/** The first topic of a type, preferring names that match. */
export function topicOfType(channels: Channels, schemaName: string, preferred: RegExp): string | undefined {
  const topics = [...channels.values()].filter((channel) => channel.schemaName === schemaName).map((channel) => channel.topic).sort();
  return topics.find((topic) => preferred.test(topic)) ?? topics[0];
}

/** A point cloud with labels (field ObjTag) or without, by its name: the fields are known only from a message. */
export function cloudTopic(channels: Channels, labels: boolean): string | undefined {
  const topics = [...channels.values()].filter((channel) => channel.schemaName === "sensor_msgs/msg/PointCloud2").map((channel) => channel.topic).sort();
  return topics.find((topic) => /semantic/.test(topic) === labels) ?? (labels ? undefined : topics[0]);
}

/** The role name of a rig's topics, "/carla/ROLE/…"; "hero" if there are none. */
export function roleName(channels: Channels): string {
  for (const topic of channels.keys()) {
    const match = /^\/carla\/([^/]+)\/.+/.exec(topic);
    if (match) return match[1];
  }
  return "hero";
}
