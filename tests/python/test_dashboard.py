"""The dashboard's server, against clients of our own on plain sockets and the npm client of the Foxglove protocol."""
import contextlib
import http.client
import json
import math
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

from checks import Checks
from foxglove_client import FoxgloveClient
from websocket import Refused, WebSocket

try:
    import cv2
    import numpy
    from rosbags.rosbag2 import Reader
    from rosbags.typesys import Stores, get_typestore

    STORE = get_typestore(Stores.ROS2_HUMBLE)
except ImportError:
    STORE = None

RGB = "/carla/hero/rgb_front/image"
LABELS = "/carla/hero/semantic_segmentation_front/image"
COLOURS = "/segmentation/rgb" + LABELS
LIDAR = "/carla/hero/lidar"
CONTROL = "/carla/hero/vehicle_control_cmd"
CONTROL_TYPE = "carla_msgs/msg/CarlaEgoVehicleControl"


@contextlib.contextmanager
def serving(checks, *arguments, expect=0):
    """The program with a dashboard on a port of its own; ended by Ctrl-C, which must end it well."""
    log = checks.work / f"log_{time.monotonic_ns()}.txt"
    with open(log, "w") as errors:
        process = subprocess.Popen([str(checks.program), *map(str, arguments), "--port", "0"], stdout=subprocess.PIPE,
                                   stderr=errors, text=True)
    try:
        port = None
        for line in process.stdout:
            found = re.search(r"http://[^:/]+:(\d+)/", line)
            if found:
                port = int(found.group(1))
                break
        assert port, f"the server did not start: {log.read_text()[-2000:]}"
        process.log = log
        yield port, process
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
        process.rest = rest
        assert process.returncode == expect, f"ended with {process.returncode}: {rest[-1000:]}{log.read_text()[-3000:]}"
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def simulation(checks, *arguments):
    return serving(checks, "sim", "tiny", "--dashboard", "--size", "160x120", "--record-folder", checks.work / "out", *arguments)


def decode(message, kind):
    return STORE.deserialize_cdr(message, kind)


def test_greets_and_shows_every_topic(checks):
    with simulation(checks) as (port, _):
        client = FoxgloveClient(port)
        assert client.info["capabilities"] == ["clientPublish", "parameters", "parametersSubscribe", "time"]
        assert {"json", "cdr"} <= set(client.info["supportedEncodings"])
        for topic in (RGB, RGB + "/compressed", LABELS, COLOURS, LIDAR, "/clock", "/tf", "/carla/hero/odometry"):
            channel = client.channels[topic]
            assert (channel["encoding"], channel["schemaEncoding"]) == ("cdr", "ros2msg"), channel
        assert "MSG: std_msgs/Header" in client.channels[RGB]["schema"]
        assert client.channels["/bramble/status"]["encoding"] == "json"
        schema = json.loads(client.channels["/bramble/status"]["schema"])
        client.subscribe("/bramble/status", "/bramble/path", "/bramble/ontology", RGB, "/carla/hero/odometry")
        status = client.status_until(lambda s: s["frame"] is not None and s["frame"] > 5)
        assert set(status) == set(schema["properties"]), set(status) ^ set(schema["properties"])
        assert (status["source"], status["world"], status["driver"]) == ("sim", "tiny", "autopilot"), status
        classes = json.loads(client.messages["/bramble/ontology"][0][1])
        assert [c["id"] for c in classes] == list(range(len(classes))) and {"grass", "sky"} <= {c["name"] for c in classes}
        client.until(lambda: client.times)
        client.wait_for(RGB)
        if STORE:
            path = decode(client.messages["/bramble/path"][0][1], "nav_msgs/msg/Path")
            assert len(path.poses) > 100 and path.header.frame_id == "map"
            stamp, data = client.messages[RGB][-1]
            image = decode(data, "sensor_msgs/msg/Image")
            assert (image.width, image.height, image.encoding) == (160, 120, "bgra8")
            assert stamp == image.header.stamp.sec * 10**9 + image.header.stamp.nanosec
            odometry = decode(client.wait_for("/carla/hero/odometry"), "nav_msgs/msg/Odometry")
            assert math.isfinite(odometry.pose.pose.position.x)
        # A second subscriber of a latched topic gets its last message too.
        other = FoxgloveClient(port, protocol="other, foxglove.sdk.v1")
        assert "Sec-WebSocket-Protocol: foxglove.sdk.v1" in other.socket.head
        other.subscribe("/bramble/path", "/carla/hero/vehicle_info")
        other.wait_for("/bramble/path")
        other.wait_for("/carla/hero/vehicle_info")


def test_pictures_decode(checks):
    if STORE is None:
        return checks.skip("pictures: rosbags, NumPy or OpenCV is not installed")
    with simulation(checks, "--paused") as (port, _):
        client = FoxgloveClient(port)
        compressed = [topic + "/compressed" for topic in (RGB, LABELS, COLOURS)]
        client.subscribe("/bramble/status", RGB, LABELS, COLOURS, *compressed)
        step = client.advertise("/bramble/step", "json", "bramble.Step")
        client.status()
        client.publish(step, {"frames": 1})
        for topic in (RGB, LABELS, COLOURS, *compressed):
            client.until(lambda: client.count(topic) == 1, what=topic)
        raw = {t: decode(client.messages[t][0][1], "sensor_msgs/msg/Image") for t in (RGB, LABELS, COLOURS)}
        small = {t: decode(client.messages[t + "/compressed"][0][1], "sensor_msgs/msg/CompressedImage") for t in raw}
        assert [small[t].format for t in raw] == ["jpeg", "png", "png"]
        for topic in raw:
            assert small[topic].header == raw[topic].header
        bgr = raw[RGB].data.reshape(120, 160, 4)[:, :, :3].astype(int)
        jpeg = cv2.imdecode(small[RGB].data, cv2.IMREAD_COLOR).astype(int)
        assert numpy.abs(bgr - jpeg).mean() < 12, numpy.abs(bgr - jpeg).mean()
        assert bgr.std() > 10
        ids = cv2.imdecode(small[LABELS].data, cv2.IMREAD_UNCHANGED)
        assert numpy.array_equal(ids, raw[LABELS].data.reshape(120, 160)) and len(numpy.unique(ids)) > 2
        mask = cv2.imdecode(small[COLOURS].data, cv2.IMREAD_COLOR)[:, :, ::-1]
        assert numpy.array_equal(mask, raw[COLOURS].data.reshape(120, 160, 3))


def test_pause_step_and_speed(checks):
    with simulation(checks, "--paused") as (port, _):
        client = FoxgloveClient(port)
        client.subscribe("/bramble/status", "/clock")
        client.status()
        assert client.get()["/bramble/paused"] is True
        for _ in range(5):
            assert client.status()["frame"] is None  # there is none before somebody presses play
        before = -1
        step = client.advertise("/bramble/step", "json", "bramble.Step")
        client.publish(step, {"frames": 7})
        client.status_until(lambda s: s["frame"] == before + 7)
        for _ in range(3):
            assert client.status()["frame"] == before + 7
        clocks = [stamp for stamp, _ in client.messages["/clock"]]
        assert [b - a for a, b in zip(clocks, clocks[1:])] == [50_000_000] * 6, clocks
        client.socket.send({"op": "subscribeParameterUpdates", "parameterNames": ["/bramble/paused"]})
        other = FoxgloveClient(port)
        assert other.set("/bramble/speed", 0) == 0
        assert other.set("/bramble/paused", False) is False
        client.until(lambda: client.parameters.get("/bramble/paused") is False)
        client.status_until(lambda s: s["frame"] > before + 60)
        assert other.set("/bramble/speed", 99) == 0  # refused: the old value
        assert any("from 0 to 16" in s["message"] and s["level"] == 2 for s in other.statuses), other.statuses


def test_driver_weather_and_sun(checks):
    with simulation(checks, "--speed", 0) as (port, _):
        client = FoxgloveClient(port)
        client.subscribe("/bramble/status")
        values = client.get()
        assert {"autopilot", "manual"} <= set(values["/bramble/drivers"]) and "FogNoon" in values["/bramble/weathers"]
        assert client.set("/bramble/weather", "FogNoon") == "FogNoon"
        assert client.set("/bramble/sun_elevation_deg", 12.5) == 12.5
        assert client.set("/bramble/driver", "reverse") == "reverse"
        status = client.status_until(lambda s: s["weather"] == "FogNoon")
        assert (status["sun_elevation_deg"], status["driver"]) == (12.5, "reverse")
        assert client.set("/bramble/weather", "FogNoom") == "FogNoon"
        assert any("did you mean FogNoon" in s["message"] for s in client.statuses), client.statuses
        client.socket.send({"op": "setParameters", "parameters": [{"name": "/bramble/drivers", "value": []}]})
        client.until(lambda: any("cannot be set" in s["message"] for s in client.statuses))


def test_driving_moves_the_jeep(checks):
    with simulation(checks, "--driver", "manual") as (port, _):
        client = FoxgloveClient(port)
        client.subscribe("/bramble/status")
        start = client.status_until(lambda s: s["frame"] is not None and s["frame"] > 2)
        assert abs(start["speed_mps"]) < 0.5, start
        control = client.advertise(CONTROL, "json", CONTROL_TYPE)

        def drive(wish, enough):
            while True:
                client.publish(control, wish)
                status = client.status()
                if enough(status):
                    return status

        moved = lambda s: math.hypot(s["x_m"] - start["x_m"], s["y_m"] - start["y_m"])
        there = drive({"throttle": 0.7, "steer": 0}, lambda s: moved(s) > 4)
        assert there["speed_mps"] > 0.5
        straight = there["yaw_rad"]
        turned = drive({"throttle": 0.6, "steer": -1}, lambda s: math.remainder(s["yaw_rad"] - straight, 2 * math.pi) > 0.3)
        assert turned["speed_mps"] > 0
        # Nobody holds a key: it brakes to a stand.
        stood = client.status_until(lambda s: abs(s["speed_mps"]) < 0.2)
        # The same in CDR, and a Twist as Foxglove's Teleop panel sends it, backwards.
        cdr = client.advertise(CONTROL, "cdr", CONTROL_TYPE)
        header = struct.pack("<IIIB3x", 0, 0, 1, 0)
        payload = b"\x00\x01\x00\x00" + header + struct.pack("<fff??2xiB", 0.6, 0.0, 0.0, False, False, 0, 0)
        while client.status()["speed_mps"] < 1:
            client.publish(cdr, payload)
        client.status_until(lambda s: abs(s["speed_mps"]) < 0.2)
        twist = client.advertise("/cmd_vel", "json", "geometry_msgs/msg/Twist")
        while client.status()["speed_mps"] > -0.5:
            client.publish(twist, {"linear": {"x": -2.0}, "angular": {"z": 0}})
        client.publish(control, b"{broken")
        client.until(lambda: any("no JSON object" in s["message"] for s in client.statuses))
        assert client.set("/bramble/driver", "autopilot") == "autopilot"
        client.publish(control, {"throttle": 1})
        client.until(lambda: any("another driver" in s["message"] and s["level"] == 1 for s in client.statuses))


def test_record_and_play_with_seek(checks):
    if STORE is None:
        return checks.skip("recording: rosbags is not installed")
    with simulation(checks, "--speed", 0, "--record-topics", RGB, LABELS, "/carla/hero/odometry", "/carla/hero/vehicle_info") as (port, _):
        client = FoxgloveClient(port)
        client.subscribe("/bramble/status")
        client.status_until(lambda s: s["frame"] is not None and s["frame"] > 3)
        assert client.set("/bramble/recording", True) is True
        status = client.status_until(lambda s: s["recording"]["messages"] > 100)
        assert status["recording"]["active"] and status["recording"]["bytes"] > 100_000
        assert client.set("/bramble/recording", False) is False
        recording = client.status()["recording"]
        assert not recording["active"]
        assert client.set("/bramble/recording", True) is True  # left on: completed at the end
        second = client.status_until(lambda s: s["recording"]["messages"] > 20)["recording"]["name"]
    assert second != recording["name"]
    for name in (recording["name"], second):
        with Reader(name) as reader:
            counts = {connection.topic: connection.msgcount for connection in reader.connections}
            frames = [STORE.deserialize_cdr(data, c.msgtype) for c, _, data in reader.messages() if c.topic == RGB]
        assert counts["/carla/hero/vehicle_info"] == 1, counts  # latched: from before the recording began
        assert set(counts) == {RGB, LABELS, "/carla/hero/odometry", "/carla/hero/vehicle_info"}
        assert counts[RGB] == counts[LABELS] == len(frames) > 3
        assert len({frame.data.tobytes() for frame in frames}) == len(frames)
    with Reader(recording["name"]) as reader:
        assert sum(c.msgcount for c in reader.connections) == recording["messages"]
        stamps = sorted({stamp for c, stamp, _ in reader.messages() if c.topic == RGB})
        whole = {stamp: bytes(data) for c, stamp, data in reader.messages() if c.topic == RGB}
        begin, duration = reader.start_time, (reader.end_time - 1 - reader.start_time) / 1e9
    with serving(checks, "dashboard", recording["name"], "--paused") as (port, _):
        client = FoxgloveClient(port)
        client.subscribe("/bramble/status", RGB)
        status = client.status()
        assert status["source"] == "bag" and status["driver"] is None and not status["ended"]
        assert abs(status["bag"]["duration_s"] - duration) < 1e-6
        assert "/bramble/driver" not in client.get()
        for index in (len(stamps) // 2, 1, len(stamps) - 2):  # forwards and back, while paused
            position = (stamps[index] - begin) / 1e9
            assert client.set("/bramble/position_s", position) is not None
            client.until(lambda: client.messages.get(RGB) and any(s == stamps[index] for s, _ in client.messages[RGB][-3:]))
            stamp, data = next(m for m in client.messages[RGB][-3:] if m[0] == stamps[index])
            assert data == whole[stamp]
        client.set("/bramble/position_s", 0)
        client.set("/bramble/speed", 0)
        client.set("/bramble/paused", False)
        status = client.status_until(lambda s: s["ended"])
        assert abs(status["bag"]["position_s"] - duration) < 0.06
        assert abs(status["x_m"]) < 300 and status["speed_mps"] is not None
        client.set("/bramble/position_s", duration + 5)
        client.until(lambda: any("must be from 0" in s["message"] for s in client.statuses))
        control = client.advertise(CONTROL, "json", CONTROL_TYPE)
        client.publish(control, {"throttle": 1})
        client.until(lambda: any("nobody here listens" in s["message"] for s in client.statuses))


def fetch(port, target, method="GET", headers=None, host=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest(method, target, skip_host=True)
    connection.putheader("Host", host or f"127.0.0.1:{port}")
    for name, value in (headers or {}).items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), body


def raw(port, data):
    with socket.create_connection(("127.0.0.1", port), timeout=30) as plain:
        plain.sendall(data)
        plain.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while chunk := plain.recv(65536):
                answer += chunk
    return answer


def test_http(checks):
    with simulation(checks, "--paused") as (port, process):
        status, headers, body = fetch(port, "/")
        assert status == 200 and b"<html" in body and headers["Content-Type"].startswith("text/html")
        assert "default-src 'self'" in headers["Content-Security-Policy"] and headers["X-Content-Type-Options"] == "nosniff"
        tag = headers["ETag"]
        assert fetch(port, "/index.html", headers={"If-None-Match": tag})[0] == 304
        status, headers, nothing = fetch(port, "/", "HEAD")
        assert status == 200 and nothing == b"" and int(headers["Content-Length"]) == len(body)
        for source in re.findall(rb'(?:src|href)="\.?/?([\w.-]+\.(?:js|css|svg))"', body):
            status, headers, content = fetch(port, "/" + source.decode())
            assert status == 200 and len(content) > 10, source
            assert "javascript" in headers["Content-Type"] or not source.endswith(b".js")
        health = json.loads(fetch(port, "/api/health")[2])
        assert health["name"] == "bramble" and health["source"] == "sim" and health["clients"] == 0
        assert fetch(port, "/nothing")[0] == 404
        assert fetch(port, "/../../etc/passwd")[0] == 404
        assert fetch(port, "/%2e%2e/%2e%2e/etc/passwd")[0] == 404
        status, headers, _ = fetch(port, "/", "DELETE")
        assert status == 405 and headers["Allow"] == "GET, HEAD"
        assert fetch(port, "/%zz")[0] == 400
        assert raw(port, b"hello\r\n\r\n").startswith(b"HTTP/1.1 400")
        assert raw(port, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 20000 + b"\r\n\r\n").startswith(b"HTTP/1.1 431")
        assert raw(port, b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n" + b"x" * 1000).startswith(b"HTTP/1.1 4")
        # A foreign name for this machine, and a foreign page.
        assert fetch(port, "/", host="evil.example")[0] == 403
        for origin in ("https://evil.example", "null", "http://localhost.evil.example"):
            try:
                WebSocket(port, headers=[f"Origin: {origin}"])
                raise AssertionError(f"{origin} was let in")
            except Refused as refused:
                assert refused.status == 403
        for origin in (f"http://localhost:{port}", "https://app.foxglove.dev"):
            WebSocket(port, headers=[f"Origin: {origin}"]).close()
        for protocol in (None, "chat", "foxglove.websocket.v2"):
            try:
                WebSocket(port, protocol=protocol)
                raise AssertionError(f"{protocol} was let in")
            except Refused as refused:
                assert refused.status == 400


def test_token(checks):
    done = checks.run("sim", "tiny", "--dashboard", "--bind", "0.0.0.0", "--size", "64x48", check=False)
    assert done.returncode == 1 and "--token" in done.stderr, done.stderr
    with simulation(checks, "--paused", "--bind", "0.0.0.0", "--token", "a b+ü") as (port, process):
        good = "a%20b%2B%C3%BC"
        for target in ("/", "/api/health", "/?token=wrong", "/index.html?token="):
            status, headers, _ = fetch(port, target)
            assert status == 401 and "token" not in headers.get("Set-Cookie", ""), target
        assert fetch(port, f"/?token={good}", host="robot.example")[0] == 200
        assert fetch(port, "/api/health", headers={"Authorization": "Bearer a b+ü".encode()})[0] == 200
        for path in ("/", "/?token=a", f"/?token={good}x"):
            try:
                WebSocket(port, path=path)
                raise AssertionError(f"{path} was let in")
            except Refused as refused:
                assert refused.status == 401
        FoxgloveClient(port, path=f"/?token={good}").close()
        assert "refused" in process.log.read_text() and "token" in process.log.read_text()


def test_malformed_and_too_much(checks):
    with simulation(checks, "--paused", "--max-clients", 4) as (port, process):
        watcher = FoxgloveClient(port)
        watcher.subscribe("/bramble/status")
        # Each mistake is told; the twentieth ends it.
        client = WebSocket(port)
        for i in range(25):
            client.send(["{", "[]", '{"op": 1}', '{"op": "subscribe"}', '{"op": "unsubscribe", "subscriptionIds": [77]}'][i % 5])
        assert client.close_code() == 1008
        client = WebSocket(port)
        client.send(b"\x07nonsense")
        client.send(b"")
        client.send("x" * 70000)
        assert client.close_code() == 1009
        client = WebSocket(port)
        client.send(b"\x01" * 70000)
        assert client.close_code() == 1009
        client = WebSocket(port)
        client.send(b"\xff\xfe\xfd", opcode=1)  # text that is not UTF-8
        assert client.close_code() in (1007, 0)
        client = WebSocket(port)
        client.socket.sendall(b"\x81\x05hello")  # not masked
        assert client.close_code() in (1002, 0)
        client = WebSocket(port)
        client.socket.sendall(os.urandom(4096))
        client.close_code()
        client = WebSocket(port)
        with contextlib.suppress(ConnectionError):
            for _ in range(1000):
                client.send({"op": "getParameters", "parameterNames": []})
        assert client.close_code() in (1008, 0)
        client.close()
        others = [FoxgloveClient(port) for _ in range(3)]
        try:
            WebSocket(port)
            raise AssertionError("a fifth client was let in")
        except Refused as refused:
            assert refused.status == 503
        for other in others:
            other.close()
        watcher.status_until(lambda s: s["clients"] == 1)
        assert process.poll() is None


def memory_mb(process):
    with open(f"/proc/{process.pid}/status") as lines:
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def test_a_thousand_connections(checks):
    with simulation(checks, "--paused") as (port, process):
        def some(count):
            for i in range(count):
                try:
                    client = WebSocket(port)
                    if i % 3 == 0:
                        client.send({"op": "subscribe", "subscriptions": [{"id": 0, "channelId": 1}]})
                    if i % 5 == 0:
                        client.receive()
                    client.close()
                except (Refused, EOFError, ConnectionError):
                    pass  # sixteen at once are let in

        some(100)
        watcher = FoxgloveClient(port)
        watcher.subscribe("/bramble/status")
        watcher.status_until(lambda s: s["clients"] == 1)
        open_files = lambda: len(os.listdir(f"/proc/{process.pid}/fd"))
        files, memory = open_files(), memory_mb(process)
        threads = [threading.Thread(target=some, args=(250,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        watcher.status_until(lambda s: s["clients"] == 1)
        assert open_files() <= files + 2, (files, open_files())
        assert memory_mb(process) < memory + 30, (memory, memory_mb(process))
        for _ in range(200):  # half a request, and nothing more
            with socket.create_connection(("127.0.0.1", port)) as plain:
                plain.sendall(b"GET / HT")
        watcher.status_until(lambda s: s["clients"] == 1)


def test_a_slow_client_slows_nobody(checks):
    with simulation(checks, "--speed", 0, "--frames", 1_000_000) as (port, process):
        fast = FoxgloveClient(port)
        fast.subscribe("/bramble/status")
        fast.status_until(lambda s: s["frame"] is not None and s["frame"] > 20)
        slow = FoxgloveClient(port, receive_buffer=4096)
        slow.subscribe(RGB, LABELS, "/clock", "/tf")
        before = fast.status()["frame"]
        memory = memory_mb(process)
        while (status := fast.status())["frame"] < before + 150:
            slow.socket.buffer += slow.socket.socket.recv(8192)  # some 80 KB a second of what is ten times as much
        assert memory_mb(process) < memory + 80, (memory, memory_mb(process))
        # It misses what is old and gets what is new, in order.
        slow.messages.clear()
        slow.wait_for(RGB, 15)  # the first of them still lay in the system's buffers
        stamps = [stamp for stamp, _ in slow.messages[RGB]]
        assert stamps == sorted(stamps)
        frames = [(stamp - 10**9) // 50_000_000 for stamp in stamps]
        assert max(b - a for a, b in zip(frames, frames[1:])) > 3, (before, status["frame"], frames)
        assert frames[-1] > status["frame"] - 20, (frames, status["frame"])


def test_realtime_says_what_it_leaves_out(checks):
    """At sixteen times real time with large pictures no machine of ours keeps up: it lowers and skips, and says so."""
    with serving(checks, "sim", "tiny", "--dashboard", "--realtime", "--speed", 16, "--quality", "standard", "--size", "640x480") as (port, process):
        client = FoxgloveClient(port)
        client.subscribe("/bramble/status", RGB + "/compressed", "/clock")
        status = client.status_until(lambda s: s["skipped"] > 20)
        status = client.status_until(lambda s: s["quality"] == "draft")
        assert status["notice"], status
        client.wait_for(RGB + "/compressed", 3)  # something is seen all the same
        for _ in range(100):  # the log is written once a second
            log = process.log.read_text()
            if "real time" in log or "cannot hold" in log:
                break
            time.sleep(0.2)
        else:
            raise AssertionError(log)


def test_ends_after_its_frames(checks):
    figures = checks.work / "figures.json"
    done = checks.run("--json", figures, "sim", "tiny", "--dashboard", "--port", 0, "--size", "64x48", "--speed", 0, "--frames", 30)
    assert "30 frames" in done.stdout, done.stdout
    numbers = json.loads(figures.read_text())
    assert numbers["frames"] == 30 and numbers["clients"] == 0 and "drive" in numbers["timings_ms"], numbers


def test_the_npm_client(checks):
    modules = checks.root / ".deps" / "npm" / "node_modules"
    if not shutil.which("node") or not (modules / "@foxglove" / "ws-protocol").exists() or not (modules / "ws").exists():
        return checks.skip("@foxglove/ws-protocol: node or the package is not installed")
    with simulation(checks, "--driver", "manual") as (port, _):
        done = subprocess.run(["node", str(checks.root / "tests" / "node" / "foxglove_client.cjs"), str(port)], capture_output=True,
                              text=True, timeout=120, env={**os.environ, "NODE_PATH": str(modules)})
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["channels"] > 20 and seen["status"]["source"] == "sim" and seen["time"] > 0, seen
    assert seen["jpeg"] and seen["updated"] is True and seen["answered"] == 0.5 and seen["errors"] == [], seen
    assert seen["moved_m"] > 1, seen


if __name__ == "__main__":
    checks = Checks()
    checks.main(globals())
