"""Latency of CycloneDDS for the same picture: two processes, reliable, keep last 10. The picture is serialized beforehand, and
its arrival is the moment at which the subscriber's listener hears of it, so that Python's own work on the bytes is not
measured. Prints the delays in milliseconds as a JSON list, or {"note": why there are none}.

    latency_peer.py MESSAGES RATE_HZ WIDTH HEIGHT
"""
import dataclasses
import json
import multiprocessing
import os
import sys
import time

from cyclonedds._clayer import ddspy_write
from cyclonedds.core import Listener, Policy, Qos
from cyclonedds.domain import DomainParticipant
from cyclonedds.idl import IdlStruct
from cyclonedds.idl.types import int32, sequence, uint8, uint32
from cyclonedds.pub import DataWriter
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic
from cyclonedds.util import duration


@dataclasses.dataclass
class Time(IdlStruct, typename="builtin_interfaces::msg::dds_::Time_"):
    sec: int32 = 0
    nanosec: uint32 = 0


@dataclasses.dataclass
class Header(IdlStruct, typename="std_msgs::msg::dds_::Header_"):
    stamp: Time = dataclasses.field(default_factory=Time)
    frame_id: str = ""


@dataclasses.dataclass
class Image(IdlStruct, typename="sensor_msgs::msg::dds_::Image_"):
    header: Header = dataclasses.field(default_factory=Header)
    height: uint32 = 0
    width: uint32 = 0
    encoding: str = ""
    is_bigendian: uint8 = 0
    step: uint32 = 0
    data: sequence[uint8] = dataclasses.field(default_factory=list)


QOS = Qos(Policy.Reliability.Reliable(duration(seconds=10)), Policy.Durability.Volatile, Policy.History.KeepLast(10))


def receive(domain, messages, results):
    arrivals = []

    class Arrivals(Listener):
        def on_data_available(self, reader):
            arrivals.append(time.monotonic_ns())

    participant = DomainParticipant(domain)
    reader = DataReader(participant, Topic(participant, "rt/bench", Image, qos=QOS), qos=QOS, listener=Arrivals())
    idle = 0
    while len(arrivals) < messages and idle < 200:
        before = len(arrivals)
        time.sleep(0.05)
        idle = 0 if len(arrivals) > before else idle + 1
    results.put(arrivals)
    del reader


def main():
    messages, rate_hz, width, height = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    domain = 130 + os.getpid() % 60
    results = multiprocessing.Queue()
    receiver = multiprocessing.Process(target=receive, args=(domain, messages, results))
    receiver.start()
    participant = DomainParticipant(domain)
    topic = Topic(participant, "rt/bench", Image, qos=QOS)
    writer = DataWriter(participant, topic, qos=QOS)
    image = Image(Header(Time(1, 2), "bench"), height, width, "bgra8", 0, 4 * width, bytes(4 * width * height))
    data = image.serialize(use_version_2=False)
    data = data.ljust((len(data) + 3) & ~3, b"\0")
    while not writer.get_matched_subscriptions():
        time.sleep(0.05)
    time.sleep(0.5)
    sent = []
    due = time.monotonic()
    for _ in range(messages):
        time.sleep(max(0.0, due - time.monotonic()))
        due += 1 / rate_hz
        sent.append(time.monotonic_ns())
        if ddspy_write(writer._ref, data) < 0:
            sys.exit("a picture could not be written")
    arrivals = results.get(timeout=60)
    receiver.join()
    # A lost picture would shift those behind it: only whole runs are told.
    if len(arrivals) != len(sent):
        print(json.dumps({"note": f"{len(arrivals)} of {len(sent)} pictures arrived"}))
        sys.exit(1)
    print(json.dumps([(arrival - begin) * 1e-6 for begin, arrival in zip(sent, arrivals)]))


if __name__ == "__main__":
    main()
