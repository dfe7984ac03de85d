"""The same bag read and written again with Python rosbags, payloads untouched. Prints {bytes, read_s, write_s} as JSON; the
better of three rounds counts.

    bag_peer.py BAG OUT
"""
import json
import pathlib
import shutil
import sys
import time

from rosbags.rosbag2 import Reader, StoragePlugin, Writer


def main():
    bag, out = map(pathlib.Path, sys.argv[1:])
    read_s = write_s = float("inf")
    for _ in range(3):
        begin = time.perf_counter()
        with Reader(bag) as reader:
            connections = list(reader.connections)
            messages = [(connection, stamp, bytes(data)) for connection, stamp, data in reader.messages()]
            storage = StoragePlugin.MCAP if any(file.suffix == ".mcap" for file in bag.iterdir()) else StoragePlugin.SQLITE3
        read_s = min(read_s, time.perf_counter() - begin)
        shutil.rmtree(out, ignore_errors=True)
        begin = time.perf_counter()
        with Writer(out, version=8, storage_plugin=storage) as writer:
            # Neither definition nor hash is looked at when payloads pass untouched, but the writer wants some.
            there = {connection.id: writer.add_connection(connection.topic, connection.msgtype, msgdef=connection.msgdef.data or "# not stored",
                                                          rihs01=connection.digest or "RIHS01_" + "0" * 64)
                     for connection in connections}
            for connection, stamp, data in messages:
                writer.write(there[connection.id], stamp, data)
        write_s = min(write_s, time.perf_counter() - begin)
    print(json.dumps({"bytes": sum(len(data) for _, _, data in messages), "read_s": read_s, "write_s": write_s}))


if __name__ == "__main__":
    main()
