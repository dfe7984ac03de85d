"""The usual bag-to-images script: rosbags reads, OpenCV writes PNG, one process. Prints {samples, samples_per_s} as JSON.

    extract_peer.py BAG OUT
"""
import json
import pathlib
import sys
import time

import cv2
import numpy as np
from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore

IMAGE = "/carla/hero/rgb_front/image"
LABEL = "/carla/hero/semantic_segmentation_front/image"


def main():
    bag, out = map(pathlib.Path, sys.argv[1:])
    for name in ("images", "labels"):
        (out / name).mkdir(parents=True)
    begin = time.perf_counter()
    waiting = {IMAGE: {}, LABEL: {}}
    samples = 0
    with AnyReader([bag], default_typestore=get_typestore(Stores.ROS2_HUMBLE)) as reader:
        wanted = [c for c in reader.connections if c.topic in waiting]
        for connection, _, raw in reader.messages(connections=wanted):
            message = reader.deserialize(raw, connection.msgtype)
            stamp = message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec
            other = LABEL if connection.topic == IMAGE else IMAGE
            waiting[connection.topic][stamp] = message
            if stamp not in waiting[other]:
                continue
            image, label = waiting[IMAGE].pop(stamp), waiting[LABEL].pop(stamp)
            bgra = np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, 4)
            ids = np.frombuffer(label.data, np.uint8).reshape(label.height, label.width)
            cv2.imwrite(str(out / "images" / f"{stamp}.png"), cv2.cvtColor(bgra, cv2.COLOR_BGRA2BGR))
            cv2.imwrite(str(out / "labels" / f"{stamp}.png"), ids)
            samples += 1
    print(json.dumps({"samples": samples, "samples_per_s": samples / (time.perf_counter() - begin)}))


if __name__ == "__main__":
    main()
