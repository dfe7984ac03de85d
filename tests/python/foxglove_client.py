"""The Foxglove WebSocket protocol for the tests, over websocket.py."""
import json
import struct
import time

from websocket import BINARY, CLOSE, TEXT, WebSocket


class FoxgloveClient:
    def __init__(self, port, **keywords):
        self.socket = WebSocket(port, **keywords)
        self.channels, self.info, self.statuses, self.answers = {}, None, [], {}
        self.parameters, self.times, self.messages = {}, [], {}
        self.by_id = {}
        self.published = 0
        while not self.channels:
            self.pump()

    def pump(self):
        """Takes one message."""
        opcode, data = self.socket.receive()
        if opcode == CLOSE:
            raise EOFError(f"closed: {data!r}")
        if opcode == TEXT:
            message = json.loads(data)
            kind = message["op"]
            if kind == "serverInfo":
                self.info = message
            elif kind == "advertise":
                self.channels.update({channel["topic"]: channel for channel in message["channels"]})
            elif kind == "status":
                self.statuses.append(message)
            elif kind == "parameterValues":
                values = {p["name"]: p.get("value") for p in message["parameters"]}
                self.parameters.update(values)
                if "id" in message:
                    self.answers[message["id"]] = values
            return
        assert opcode == BINARY
        if data[0] == 2:
            self.times.append(struct.unpack("<Q", data[1:9])[0])
            return
        assert data[0] == 1, data[:20]
        subscription, stamp = struct.unpack("<IQ", data[1:13])
        self.messages.setdefault(self.by_id[subscription], []).append((stamp, data[13:]))

    def until(self, condition, seconds=90, what="it"):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"{what} did not happen in {seconds} s; status {self.status_or_none()}, said {self.statuses[-3:]}"
            self.pump()

    def subscribe(self, *topics):
        wishes = []
        for topic in topics:
            number = len(self.by_id)
            self.by_id[number] = topic
            wishes.append({"id": number, "channelId": self.channels[topic]["id"]})
        self.socket.send({"op": "subscribe", "subscriptions": wishes})

    def unsubscribe(self, topic):
        number = next(n for n, t in self.by_id.items() if t == topic)
        self.socket.send({"op": "unsubscribe", "subscriptionIds": [number]})

    def count(self, topic):
        return len(self.messages.get(topic, []))

    def wait_for(self, topic, count=1, seconds=90):
        target = self.count(topic) + count
        self.until(lambda: self.count(topic) >= target, seconds, f"{count} messages of {topic}")
        return self.messages[topic][-1][1]

    def status_or_none(self):
        messages = self.messages.get("/bramble/status")
        return json.loads(messages[-1][1]) if messages else None

    def status(self):
        """The next status."""
        return json.loads(self.wait_for("/bramble/status"))

    def status_until(self, condition, seconds=90, what="the status"):
        end = time.monotonic() + seconds
        while True:
            status = self.status()
            if condition(status):
                return status
            assert time.monotonic() < end, f"{what} did not come in {seconds} s: {status}; said {self.statuses[-3:]}"

    def set(self, name, value):
        """Sets a parameter; returns the value in force."""
        request = f"request {len(self.answers)} {time.monotonic()}"
        self.socket.send({"op": "setParameters", "parameters": [{"name": name, "value": value}], "id": request})
        self.until(lambda: request in self.answers, what=f"the answer to {name}")
        return self.answers[request].get(name)

    def get(self, *names):
        request = f"get {time.monotonic()}"
        self.socket.send({"op": "getParameters", "parameterNames": list(names), "id": request})
        self.until(lambda: request in self.answers)
        return self.answers[request]

    def advertise(self, topic, encoding, schema):
        self.published += 1
        self.socket.send({"op": "advertise", "channels": [{"id": self.published, "topic": topic, "encoding": encoding, "schemaName": schema}]})
        return self.published

    def publish(self, channel, payload):
        if isinstance(payload, dict):
            payload = json.dumps(payload).encode()
        self.socket.send(b"\x01" + struct.pack("<I", channel) + payload)

    def close(self):
        self.socket.close()
