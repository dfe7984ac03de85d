"""A scripted server of the live protocol (docs/live_protocol.md), to test and develop the dashboard's page without a simulation.

What it sends is made by peers (rosbags' CDR, OpenCV's JPEG and PNG), and known: of each estimated mask exactly a tenth of the
counted pixels is wrong. For work on the page: .deps/python/bin/python tests/python/dashboard_server.py --page build/release/web
"""
import argparse
import asyncio
import base64
import hashlib
import json
import math
import pathlib
import struct
import threading

import cv2
import numpy as np
from rosbags.typesys import Stores, get_typestore

STORE = get_typestore(Stores.ROS2_HUMBLE)
TYPES = STORE.types
WIDTH, HEIGHT = 320, 240
KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
POLICY = ("default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; "
          "connect-src 'self' ws: wss:; worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
ONTOLOGY = [{"id": i, "name": name, "color": color, "ignore": False} for i, (name, color) in enumerate([
    ("grass", [0, 102, 0]), ("dirt", [108, 64, 20]), ("tree", [0, 255, 0]), ("bush", [255, 153, 204]), ("rubble", [110, 22, 138]),
    ("water", [0, 128, 255]), ("sky", [0, 0, 255])])]
FRONT = "/carla/hero/semantic_segmentation_front/image"
CHANNELS = {
    "/bramble/status": "json", "/bramble/ontology": "json", "/bramble/path": "nav_msgs/msg/Path", "/tf": "tf2_msgs/msg/TFMessage",
    "/carla/hero/rgb_front/image": "sensor_msgs/msg/Image", "/carla/hero/rgb_front/image/compressed": "sensor_msgs/msg/CompressedImage",
    "/carla/hero/rgb_view/image/compressed": "sensor_msgs/msg/CompressedImage", "/carla/hero/lidar": "sensor_msgs/msg/PointCloud2",
    "/carla/hero/semantic_lidar": "sensor_msgs/msg/PointCloud2", FRONT + "/compressed": "sensor_msgs/msg/CompressedImage",
    "/bramble/segmentation/mask/compressed": "sensor_msgs/msg/CompressedImage",
}


def message(kind, **fields):
    return TYPES[kind](**fields)


def header(frame, frame_id):
    return message("std_msgs/msg/Header", stamp=message("builtin_interfaces/msg/Time", sec=frame // 20, nanosec=frame % 20 * 50_000_000), frame_id=frame_id)


def masks(frame):
    """Truth and estimate: bands that move; a tenth of the estimate's columns is of the next class."""
    rows = (np.arange(HEIGHT) + frame) * len(ONTOLOGY) // HEIGHT % len(ONTOLOGY)
    truth = np.repeat(rows[:, None], WIDTH, axis=1).astype(np.uint8)
    estimate = truth.copy()
    estimate[:, ::10] = (estimate[:, ::10] + 1) % len(ONTOLOGY)
    return truth, estimate


def picture(frame):
    v, u = np.mgrid[0:HEIGHT, 0:WIDTH]
    colours = np.stack([(u + 3 * frame) % 256, v, np.full_like(u, (2 * frame) % 256)], axis=-1).astype(np.uint8)
    cv2.putText(colours, str(frame), (20, 130), cv2.FONT_HERSHEY_SIMPLEX, 2, (255, 255, 255), 3)
    return colours


def compressed(frame, image, format_):
    data = cv2.imencode("." + format_, image)[1]
    return message("sensor_msgs/msg/CompressedImage", header=header(frame, "hero/rgb_front"), format=format_, data=data.ravel())


def cloud(frame, labels):
    angles = np.linspace(0, 2 * math.pi, 600, endpoint=False, dtype=np.float32)
    distances = np.linspace(4, 45, 24, dtype=np.float32)
    angle, distance = np.meshgrid(angles, distances)
    x, y = (distance * np.cos(angle)).ravel(), (distance * np.sin(angle)).ravel()
    z = 1.5 * np.sin(x / 7 + frame / 20) * np.cos(y / 9) - 2.4
    fields = [("x", 0, 7), ("y", 4, 7), ("z", 8, 7)] + ([("CosAngle", 12, 7), ("ObjIdx", 16, 6), ("ObjTag", 20, 6)] if labels else [("intensity", 12, 7)])
    layout = [(name, "<u4" if datatype == 6 else "<f4") for name, _, datatype in fields]
    points = np.zeros(x.size, dtype=layout)
    points["x"], points["y"], points["z"] = x, y, z
    if labels:
        points["ObjTag"] = (distance.ravel() / 8).astype(np.uint32) % len(ONTOLOGY)
    else:
        points["intensity"] = np.exp(-distance.ravel() / 30)
    size = points.dtype.itemsize
    return message("sensor_msgs/msg/PointCloud2", header=header(frame, "hero/lidar"), height=1, width=x.size, is_bigendian=False, point_step=size,
                   row_step=size * x.size, is_dense=True, data=points.view(np.uint8).ravel(),
                   fields=[message("sensor_msgs/msg/PointField", name=name, offset=offset, datatype=datatype, count=1) for name, offset, datatype in fields])


def pose(frame):
    angle = frame * 0.004
    return 60 * math.cos(angle), 40 * math.sin(angle), math.atan2(40 * math.cos(angle), -60 * math.sin(angle))


def path():
    poses = []
    for i in range(0, 1571, 10):
        x, y, _ = pose(i)
        poses.append(message("geometry_msgs/msg/PoseStamped", header=header(0, "map"), pose=message(
            "geometry_msgs/msg/Pose", position=message("geometry_msgs/msg/Point", x=x, y=y, z=0.0),
            orientation=message("geometry_msgs/msg/Quaternion", x=0.0, y=0.0, z=0.0, w=1.0))))
    return message("nav_msgs/msg/Path", header=header(0, "map"), poses=poses)


def transforms(frame):
    return message("tf2_msgs/msg/TFMessage", transforms=[message(
        "geometry_msgs/msg/TransformStamped", header=header(frame, "hero"), child_frame_id="hero/lidar", transform=message(
            "geometry_msgs/msg/Transform", translation=message("geometry_msgs/msg/Vector3", x=0.0, y=0.0, z=2.4),
            rotation=message("geometry_msgs/msg/Quaternion", x=0.0, y=0.0, z=0.0, w=1.0)))])


class Client:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.subscriptions = {}  # channel id → subscription id
        self.channels = {}       # of the client: id → topic

    def send(self, opcode, data):
        length = len(data)
        size = bytes([length]) if length < 126 else b"\x7e" + struct.pack(">H", length) if length < 65536 else b"\x7f" + struct.pack(">Q", length)
        self.writer.write(bytes([0x80 | opcode]) + size + data)

    def text(self, **fields):
        self.send(1, json.dumps(fields).encode())

    async def receive(self):
        first, second = await self.reader.readexactly(2)
        length = second & 127
        if length == 126:
            (length,) = struct.unpack(">H", await self.reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", await self.reader.readexactly(8))
        mask = await self.reader.readexactly(4)
        data = await self.reader.readexactly(length)
        return first & 15, (np.frombuffer(data, np.uint8) ^ np.resize(np.frombuffer(mask, np.uint8), length)).tobytes()


class ScriptedServer:
    """Serves a page folder and the protocol on 127.0.0.1, in a thread of its own. `log` holds what clients sent."""

    def __init__(self, page, port=0, bag=False, topics=tuple(CHANNELS), token=None, rate_hz=10):
        self.page, self.bag, self.token, self.rate_hz = pathlib.Path(page), bag, token, rate_hz
        self.channels = {topic: 1 + i for i, topic in enumerate(CHANNELS) if topic in topics}
        self.parameters = {"/bramble/paused": False, "/bramble/speed": 1.0, "/bramble/recording": False}
        if bag:
            self.parameters["/bramble/position_s"] = 0.0
        else:
            self.parameters |= {"/bramble/driver": "autopilot", "/bramble/drivers": ["autopilot", "reverse", "manual"], "/bramble/weather": "ClearNoon",
                                "/bramble/weathers": ["ClearNoon", "CloudyNoon", "HardRainNoon"], "/bramble/sun_elevation_deg": 42.0}
        self.frame = 0
        self.log = []
        self.clients = []
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(port, ready), daemon=True)
        self.thread.start()
        assert ready.wait(20), "the scripted server did not start"

    def _run(self, port, ready):
        asyncio.set_event_loop(self.loop)
        self.server = self.loop.run_until_complete(asyncio.start_server(self._connected, "127.0.0.1", port))
        self.port = self.server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/" + (f"?token={self.token}" if self.token else "")
        ready.set()
        self.ticking = self.loop.create_task(self._tick())
        self.loop.run_forever()

    def stop(self):
        async def end():
            self.server.close()
            for client in list(self.clients):
                client.writer.transport.abort()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.loop.stop()
        asyncio.run_coroutine_threadsafe(end(), self.loop)
        self.thread.join(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def inject(self, topic, data):
        """Sends bytes as a message of the topic to every subscriber; text (str) as it is to everybody."""
        def deliver():
            for client in self.clients:
                if isinstance(data, str):
                    client.send(1, data.encode())
                elif topic is None:
                    client.send(2, data)
                elif self.channels[topic] in client.subscriptions:
                    self._deliver(client, client.subscriptions[self.channels[topic]], data)
        self.loop.call_soon_threadsafe(deliver)

    def status(self):
        x, y, yaw = pose(self.frame)
        duration = 60.0
        return {
            "frame": self.frame, "stamp_s": self.frame / 20, "rate_hz": 9.8 + math.sin(self.frame / 15), "realtime_factor": 0.49, "speed_mps": 4.2 + math.sin(self.frame / 30),
            "x_m": x, "y_m": y, "yaw_rad": yaw, "driver": None if self.bag else self.parameters["/bramble/driver"], "paused": self.parameters["/bramble/paused"],
            "speed": self.parameters["/bramble/speed"], "world": None if self.bag else "scripted", "weather": None if self.bag else self.parameters["/bramble/weather"],
            "sun_elevation_deg": self.parameters.get("/bramble/sun_elevation_deg"), "quality": None if self.bag else "preview", "notice": "", "ended": False,
            "recording": {"active": self.parameters["/bramble/recording"], "name": "drive_01", "messages": 10 * self.frame * self.parameters["/bramble/recording"], "bytes": 123456},
            "timings_ms": {"simulate": 41 + 4 * math.sin(self.frame / 9), "messages": 2.0, "infer": 15 + 2 * math.cos(self.frame / 7), "publish": 0.4, "encode": 4.2},
            "skipped": 3, "clients": len(self.clients), "source": "bag" if self.bag else "sim",
            "bag": {"position_s": self.frame / 20 % duration, "duration_s": duration, "name": "train"} if self.bag else None,
            "score": None if FRONT + "/compressed" not in self.channels else {
                "frames": self.frame, "accuracy": 0.9 + 0.02 * math.sin(self.frame / 40), "miou": 0.7 + 0.05 * math.sin(self.frame / 60),
                "iou": {"grass": 0.81, "dirt": 0.87, "tree": 0.78, "bush": 0.51, "rubble": 0.39, "water": None, "sky": 0.95}}}

    def content(self, topic):
        frame = self.frame
        if topic == "/bramble/status":
            return json.dumps(self.status()).encode()
        if topic == "/bramble/ontology":
            return json.dumps(ONTOLOGY).encode()
        truth, estimate = masks(frame)
        made = (path() if topic == "/bramble/path" else transforms(frame) if topic == "/tf" else cloud(frame, "semantic" in topic) if "lidar" in topic else
                compressed(frame, truth, "png") if topic.startswith(FRONT) else compressed(frame, estimate, "png") if "mask" in topic else
                compressed(frame, picture(frame), "jpg"))
        return bytes(STORE.serialize_cdr(made, CHANNELS[topic]))

    async def _tick(self):
        while True:
            await asyncio.sleep(1 / self.rate_hz)
            if not self.parameters["/bramble/paused"]:
                self.frame += 1
            made = {}
            for client in list(self.clients):
                for channel, subscription in list(client.subscriptions.items()):
                    topic = next(topic for topic, one in self.channels.items() if one == channel)
                    if topic in ("/bramble/path", "/bramble/ontology") or self.parameters["/bramble/paused"] and topic != "/bramble/status":
                        continue
                    if topic not in made:
                        made[topic] = self.content(topic)
                    self._deliver(client, subscription, made[topic])

    def _deliver(self, client, subscription, data):
        if client.writer.transport.get_write_buffer_size() < 1 << 22:
            client.send(2, struct.pack("<BIQ", 1, subscription, self.frame * 50_000_000) + data)

    async def _connected(self, reader, writer):
        try:
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            target = request.split(" ")[1]
            headers = {line.split(":")[0].lower(): line.split(":", 1)[1].strip() for line in request.split("\r\n")[1:] if ":" in line}
            allowed = self.token is None or f"token={self.token}" in target
            if "sec-websocket-key" not in headers or not allowed:
                self._answer(writer, target.split("?")[0], allowed)
                await writer.drain()
                writer.close()
                return
            accept = base64.b64encode(hashlib.sha1(headers["sec-websocket-key"].encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
            writer.write(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: foxglove.websocket.v1\r\n"
                          f"Sec-WebSocket-Accept: {accept}\r\n\r\n").encode())
            await self._serve(Client(reader, writer))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.LimitOverrunError):
            writer.close()

    def _answer(self, writer, target, allowed):
        file = self.page / (target.lstrip("/") or "index.html")
        public = target.endswith((".js", ".css", ".svg"))
        code, kind, body = "404 Not Found", "text/plain", b"not found"
        if not allowed and not public:
            code, body = "401 Unauthorized", b"token"
        elif target == "/api/health":
            code, kind, body = "200 OK", "application/json", b"{}"
        elif file.is_file():
            code, kind, body = "200 OK", KINDS[file.suffix], file.read_bytes()
        writer.write((f"HTTP/1.1 {code}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nContent-Security-Policy: {POLICY}\r\n"
                      "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n").encode() + body)

    async def _serve(self, client):
        self.clients.append(client)
        client.text(op="serverInfo", name="scripted", capabilities=["clientPublish", "parameters", "parametersSubscribe", "time"], supportedEncodings=["json"], sessionId="1")
        client.text(op="advertise", channels=[
            {"id": id_, "topic": topic, "encoding": "json" if CHANNELS[topic] == "json" else "cdr", "schemaName": CHANNELS[topic], "schema": ""}
            for topic, id_ in self.channels.items()])
        try:
            while True:
                opcode, data = await client.receive()
                if opcode == 8:
                    client.send(8, data)
                    break
                if opcode == 2:
                    (id_,) = struct.unpack("<I", data[1:5])
                    self.log.append(("publish", client.channels.get(id_), json.loads(data[5:])))
                    if client.channels.get(id_) == "/bramble/step":
                        self.frame += self.log[-1][2]["frames"]
                elif opcode == 1:
                    self._handle(client, json.loads(data))
        finally:
            self.clients.remove(client)
            client.writer.close()

    def _handle(self, client, request):
        if request["op"] == "subscribe":
            for one in request["subscriptions"]:
                client.subscriptions[one["channelId"]] = one["id"]
                topic = next(topic for topic, id_ in self.channels.items() if id_ == one["channelId"])
                self.log.append(("subscribe", topic, None))
                if topic in ("/bramble/path", "/bramble/ontology"):
                    self._deliver(client, one["id"], self.content(topic))
        elif request["op"] == "unsubscribe":
            for topic, channel in self.channels.items():
                if client.subscriptions.get(channel) in request["subscriptionIds"]:
                    del client.subscriptions[channel]
                    self.log.append(("unsubscribe", topic, None))
        elif request["op"] == "advertise":
            client.channels |= {one["id"]: one["topic"] for one in request["channels"]}
        elif request["op"] == "getParameters":
            names = request["parameterNames"] or list(self.parameters)
            self._values(client, names, request.get("id"))
        elif request["op"] == "setParameters":
            for one in request["parameters"]:
                self.log.append(("set", one["name"], one["value"]))
                if one["name"] == "/bramble/weather" and one["value"] not in self.parameters["/bramble/weathers"]:
                    client.text(op="status", level=2, message=f"unknown weather {one['value']}")
                    continue
                self.parameters[one["name"]] = one["value"]
                if one["name"] == "/bramble/position_s":
                    self.frame = round(20 * one["value"])
            for other in self.clients:
                self._values(other, [one["name"] for one in request["parameters"]], request.get("id") if other is client else None)

    def _values(self, client, names, id_):
        fields = {"parameters": [{"name": name, "value": self.parameters[name]} for name in names if name in self.parameters]}
        client.text(op="parameterValues", **fields, **({"id": id_} if id_ else {}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", required=True)
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--bag", action="store_true")
    parser.add_argument("--token")
    options = parser.parse_args()
    server = ScriptedServer(options.page, options.port, options.bag, token=options.token)
    print(server.url, flush=True)
    server.thread.join()
