// Foxglove's own client (@foxglove/ws-protocol) on a dashboard: node foxglove_client.cjs PORT. Prints a line of JSON
// with what it saw.
const { FoxgloveClient } = require("@foxglove/ws-protocol");
const WebSocket = require("ws");

const port = process.argv[2];
const control = "/carla/hero/vehicle_control_cmd";
const client = new FoxgloveClient({
  ws: new WebSocket(`ws://127.0.0.1:${port}`, [FoxgloveClient.SUPPORTED_SUBPROTOCOL]),
});
const seen = { channels: 0, time: 0, jpeg: false, updated: null, answered: null, errors: [], moved_m: 0, status: null };
const topics = new Map();
const subscribed = new Map();
let start = null;

client.on("error", (error) => seen.errors.push(String(error)));
client.on("status", (status) => { if (status.level === 2) seen.errors.push(status.message); });
client.on("time", () => ++seen.time);
client.on("serverInfo", (info) => { seen.info = info; });
client.on("advertise", (channels) => {
  for (const channel of channels) topics.set(channel.topic, channel);
  seen.channels = topics.size;
  for (const topic of ["/bramble/status", "/carla/hero/rgb_front/image/compressed"])
    if (topics.has(topic) && ![...subscribed.values()].includes(topic))
      subscribed.set(client.subscribe(topics.get(topic).id), topic);
  if (start !== null || !topics.has("/bramble/status")) return;
  start = {};
  client.subscribeParameterUpdates(["/bramble/speed"]);
  client.setParameters([{ name: "/bramble/speed", value: 0.5 }], "speed");
  const channel = client.advertise({ topic: control, encoding: "json", schemaName: "carla_msgs/msg/CarlaEgoVehicleControl" });
  setInterval(() => client.sendMessage(channel, Buffer.from(JSON.stringify({ throttle: 0.8, steer: 0 }))), 50);
});
client.on("parameterValues", ({ parameters, id }) => {
  const speed = parameters.find((parameter) => parameter.name === "/bramble/speed");
  if (id === "speed") seen.answered = speed.value;
  else if (speed) seen.updated = speed.value === 0.5 && speed.type === "float64";
});
client.on("message", ({ subscriptionId, timestamp, data }) => {
  if (typeof timestamp !== "bigint") seen.errors.push("a timestamp is no bigint");
  if (subscribed.get(subscriptionId) !== "/bramble/status") {
    seen.jpeg = Buffer.from(data.buffer, data.byteOffset, data.byteLength).includes(Buffer.from([0xff, 0xd8, 0xff]));
  } else {
    seen.status = JSON.parse(new TextDecoder().decode(data));
    if (seen.status.x_m === null) return;
    if (start.x === undefined) start = { x: seen.status.x_m, y: seen.status.y_m };
    seen.moved_m = Math.hypot(seen.status.x_m - start.x, seen.status.y_m - start.y);
  }
  if (seen.jpeg && seen.moved_m > 1 && seen.updated !== null && seen.answered !== null && seen.time > 0) finish(0);
});
function finish(code) {
  console.log(JSON.stringify(seen));
  process.exit(code);
}
setTimeout(() => finish(1), 100000);
