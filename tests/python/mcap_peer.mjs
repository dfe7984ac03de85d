// npm's @mcap/core as a peer: `read FILE` prints a line of JSON for each message, decoded by the schema in the file;
// `write FILE` makes a small ros2 file.
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { open, writeFile } from "node:fs/promises";

const [, , modules, action, path] = process.argv;
const require = createRequire(modules + "/");
const { McapIndexedReader, McapWriter } = require("@mcap/core");
const { parse } = require("@foxglove/rosmsg");
const { MessageReader, MessageWriter } = require("@foxglove/rosmsg2-serialization");

const plain = (key, value) =>
  typeof value === "bigint" ? value.toString()
  : ArrayBuffer.isView(value) && !(value instanceof DataView) ? { bytes: value.byteLength, sha256: sha256(value) }
  : value;
const sha256 = (view) => createHash("sha256").update(new Uint8Array(view.buffer, view.byteOffset, view.byteLength)).digest("hex");

if (action === "read") {
  const file = await open(path, "r");
  const readable = {
    size: async () => BigInt((await file.stat()).size),
    read: async (offset, length) => {
      const buffer = new Uint8Array(Number(length));
      await file.read(buffer, 0, buffer.byteLength, Number(offset));
      return buffer;
    },
  };
  const reader = await McapIndexedReader.Initialize({ readable });
  const readers = new Map();
  for (const [id, channel] of reader.channelsById) {
    const schema = reader.schemasById.get(channel.schemaId);
    readers.set(id, { topic: channel.topic, type: schema.name, message: new MessageReader(parse(new TextDecoder().decode(schema.data), { ros2: true })) });
  }
  console.log(JSON.stringify({ profile: reader.header.profile, statistics: reader.statistics, chunks: reader.chunkIndexes.length,
    metadata: reader.metadataIndexes.map((index) => index.name) }, (key, value) => typeof value === "bigint" ? Number(value) : value instanceof Map ? Object.fromEntries(value) : value));
  for await (const message of reader.readMessages()) {
    const { topic, type, message: decoder } = readers.get(message.channelId);
    console.log(JSON.stringify({ topic, type, stamp_ns: Number(message.logTime), sha256: sha256(message.data),
      message: decoder.readMessage(message.data) }, plain));
  }
  await file.close();
} else {
  const parts = [];
  let size = 0n;
  const writable = { position: () => size, write: async (bytes) => { parts.push(Uint8Array.from(bytes)); size += BigInt(bytes.byteLength); } };
  const writer = new McapWriter({ writable, chunkSize: 2000 });
  await writer.start({ profile: "ros2", library: "peer" });
  const text = "builtin_interfaces/Time stamp\nstring frame_id\n" + "=".repeat(80) + "\nMSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n";
  const schemaId = await writer.registerSchema({ name: "std_msgs/msg/Header", encoding: "ros2msg", data: new TextEncoder().encode(text) });
  const channelId = await writer.registerChannel({ schemaId, topic: "/header", messageEncoding: "cdr", metadata: new Map([["offered_qos_profiles", ""]]) });
  const encoder = new MessageWriter(parse(text, { ros2: true }));
  for (let i = 0; i < 200; ++i) {
    const data = encoder.writeMessage({ stamp: { sec: i, nsec: 7, nanosec: 7 }, frame_id: "frame " + "x".repeat(i % 9) });
    await writer.addMessage({ channelId, sequence: i, logTime: BigInt(1000 + i), publishTime: BigInt(i), data });
  }
  await writer.end();
  await writeFile(path, Buffer.concat(parts));
}
