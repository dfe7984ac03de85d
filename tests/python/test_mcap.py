"""MCAP files agree with MCAP's own libraries: Python's mcap and mcap-ros2-support, npm's @mcap/core. Run by tests/run."""
import functools
import hashlib
import json
import shutil
import subprocess

from checks import Checks

try:
    import mcap_ros2.writer
    from mcap.reader import make_reader
    from mcap.writer import CompressionType, Writer
    from mcap_ros2.reader import read_ros2_messages
    from mcap_ros2.writer import Writer as Ros2Writer
except ImportError:
    make_reader = None

TOPICS = ["/clock", "/tf", "/carla/hero/odometry", "/carla/hero/rgb_front/image", "/carla/hero/rgb_front/camera_info",
          "/carla/hero/lidar", "/carla/hero/imu", "/carla/hero/vehicle_info", "/carla/markers"]
MODULES = ".deps/npm/node_modules"


def listing(checks, bag, *options):
    return [json.loads(line) for line in checks.run("bag", "dump", bag, *options).stdout.splitlines()]


def drive(checks):
    """A short drive as MCAP in each way that there is: (name, file)."""
    source = checks.work / "drive"
    if not source.exists():
        checks.run("record", "-o", source, "--source", "sim:tiny", "--frames", 6, "--size", "96x64", "--quality", "preview", *TOPICS)
    for distro in ("humble", "jazzy"):
        for compression in ("", "zstd", "lz4"):
            bag = checks.work / f"drive_{distro}_{compression}"
            shutil.rmtree(bag, ignore_errors=True)
            checks.run("bag", "convert", source, "-o", bag, "-s", "mcap", "--ros-distro", distro,
                       *(["--compression-format", compression] if compression else []))
            yield bag, next(bag.glob("*.mcap")), distro


def same(theirs, ours, where):
    """A message that a peer decoded against our JSON of it."""
    if isinstance(ours, dict) and set(ours) == {"bytes", "sha256"}:
        data = bytes(theirs)
        assert (len(data), hashlib.sha256(data).hexdigest()) == (ours["bytes"], ours["sha256"]), where
    elif isinstance(ours, dict):
        for name, value in ours.items():
            same(getattr(theirs, name), value, f"{where}.{name}")
    elif isinstance(ours, list):
        assert len(theirs) == len(ours), where
        for one, other in zip(theirs, ours):
            same(one, other, where)
    else:
        assert theirs == ours, f"{where}: {theirs!r} against {ours!r}"


def test_mcap_and_its_ros2_support_read_ours(checks):
    for bag, file, distro in drive(checks):
        ours = listing(checks, bag, "--decode")
        with file.open("rb") as stream:
            reader = make_reader(stream, validate_crcs=True)
            summary = reader.get_summary()
            assert reader.get_header().profile == "ros2"
            assert summary.statistics.message_count == len(ours)
            assert summary.statistics.chunk_count == len(summary.chunk_indexes) > 0
            assert {channel.topic for channel in summary.channels.values()} == set(TOPICS)
            assert [record.name for record in reader.iter_metadata()] == ["rosbag2"]
            counts = {summary.channels[channel].topic: count for channel, count in summary.statistics.channel_message_counts.items()}
            for schema, channel, message in reader.iter_messages(log_time_order=True):
                assert message.log_time == message.publish_time
                counts[channel.topic] -= 1
            assert set(counts.values()) == {0}, counts
            raw = [(schema.name, channel.topic, message.log_time, hashlib.sha256(message.data).hexdigest())
                   for schema, channel, message in reader.iter_messages()]
            assert sorted(raw) == sorted((line["type"], line["topic"], line["stamp_ns"], line["sha256"]) for line in ours)
        decoded = list(read_ros2_messages(str(file)))
        assert len(decoded) == len(ours)
        by_place = {(line["topic"], line["stamp_ns"]): line["message"] for line in ours}
        for message in decoded:
            place = (message.channel.topic, message.log_time_ns)
            same(message.ros_msg, by_place[place], f"{file.name} {place}")


def test_core_of_npm_reads_ours(checks):
    if not (checks.root / MODULES / "@mcap" / "core").exists() or shutil.which("node") is None:
        return checks.skip("npm's @mcap/core: not installed (./bramble test installs it)")
    for bag, file, distro in drive(checks):
        if bag.name.endswith(("zstd", "lz4")):
            continue  # the package leaves unpacking to its users
        done = subprocess.run(["node", checks.root / "tests/python/mcap_peer.mjs", checks.root / MODULES, "read", file], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        head, *lines = map(json.loads, done.stdout.splitlines())
        ours = listing(checks, bag, "--decode")
        assert head["profile"] == "ros2" and head["metadata"] == ["rosbag2"], head
        assert head["statistics"]["messageCount"] == len(ours) == len(lines) and head["chunks"] == head["statistics"]["chunkCount"]
        key = ("topic", "stamp_ns", "sha256")
        assert sorted(tuple(line[name] for name in key) for line in lines) == sorted(tuple(line[name] for name in key) for line in ours)
        images = {line["stamp_ns"]: line["message"] for line in ours if line["type"] == "sensor_msgs/msg/Image"}
        for line in lines:
            if line["type"] == "sensor_msgs/msg/Image":
                message, own = line["message"], images[line["stamp_ns"]]
                assert message["data"] == own["data"] and message["encoding"] == own["encoding"] and message["step"] == own["step"]
                assert message["header"]["frame_id"] == own["header"]["frame_id"]


def test_we_read_core_of_npm(checks):
    if not (checks.root / MODULES / "@mcap" / "core").exists() or shutil.which("node") is None:
        return checks.skip("npm's @mcap/core: not installed (./bramble test installs it)")
    file = checks.work / "npm.mcap"
    subprocess.run(["node", checks.root / "tests/python/mcap_peer.mjs", checks.root / MODULES, "write", file], check=True)
    lines = listing(checks, file, "--decode")
    assert len(lines) == 200
    for i, line in enumerate(lines):
        assert (line["topic"], line["type"], line["stamp_ns"]) == ("/header", "std_msgs/msg/Header", 1000 + i)
        assert line["message"]["stamp"]["sec"] == i and line["message"]["frame_id"] == "frame " + "x" * (i % 9), line
    assert "whole" in checks.run("bag", "check", file).stdout


def test_we_read_mcap_of_python(checks):
    kinds = [(CompressionType.NONE, True), (CompressionType.LZ4, True), (CompressionType.ZSTD, True), (CompressionType.NONE, False)]
    for compression, chunked in kinds:
        file = checks.work / f"python_{compression.name}_{chunked}.mcap"
        with file.open("wb") as stream:
            mcap_ros2.writer.McapWriter = functools.partial(Writer, use_chunking=chunked)
            writer = Ros2Writer(stream, chunk_size=4000, compression=compression)
            schema = writer.register_msgdef("lab_msgs/msg/Probe", "uint8 kind\nfloat64 value\nstring name")
            text = writer.register_msgdef("std_msgs/msg/String", "string data")
            for i in range(300):
                writer.write_message("/probe", schema, {"kind": i % 256, "value": i / 3, "name": "p" * (i % 11)}, log_time=5000 + i, publish_time=i)
                if i % 10 == 0:
                    writer.write_message("/text", text, {"data": f"text {i}"}, log_time=5000 + i, publish_time=i)
            writer.finish()
        lines = listing(checks, file, "--decode")
        assert len(lines) == 330, (file.name, len(lines))
        with file.open("rb") as stream:
            theirs = [(channel.topic, schema.name, message.log_time, hashlib.sha256(message.data).hexdigest())
                      for schema, channel, message in make_reader(stream).iter_messages(log_time_order=False)]
        assert sorted((line["topic"], line["type"], line["stamp_ns"], line["sha256"]) for line in lines) == sorted(theirs)
        assert [line["message"]["data"] for line in lines if line["topic"] == "/text"] == [f"text {i}" for i in range(0, 300, 10)]
        # The definition of a type that Bramble does not know goes on into the next bag.
        bag = checks.work / "passed_on"
        shutil.rmtree(bag, ignore_errors=True)
        checks.run("bag", "convert", file, "-o", bag, "-s", "mcap", "--ros-distro", "jazzy")
        values = [message.ros_msg.value for message in read_ros2_messages(str(next(bag.glob("*.mcap"))), topics=["/probe"])]
        assert values == [i / 3 for i in range(300)]


def test_ros1_messages_in_mcap(checks):
    """A file of profile ros1, as `mcap convert` makes of a ROS 1 bag, is converted as such a bag is."""
    import struct

    file = checks.work / "ros1.mcap"
    with file.open("wb") as stream:
        writer = Writer(stream)
        writer.start(profile="ros1")
        text = b"uint32 seq\ntime stamp\nstring frame_id\n"
        schema = writer.register_schema("std_msgs/Header", "ros1msg", text)
        channel = writer.register_channel("/header", "ros1", schema)
        for i in range(20):
            writer.add_message(channel, 100 + i, struct.pack("<IIII", i, i, 9, 3) + b"map", 100 + i)
        writer.finish()
    lines = listing(checks, file, "--decode")
    assert [(line["type"], line["stamp_ns"], line["message"]["stamp"], line["message"]["frame_id"]) for line in lines] == \
        [("std_msgs/msg/Header", 100 + i, {"sec": i, "nanosec": 9}, "map") for i in range(20)]


def test_torn_files_of_another_writer(checks):
    file = checks.work / "python_LZ4_True.mcap"
    if not file.exists():
        test_we_read_mcap_of_python(checks)
    whole = [(line["topic"], line["stamp_ns"], line["sha256"]) for line in listing(checks, file)]
    data = file.read_bytes()
    folder = checks.work / "torn"
    counts = []
    for share in (0.1, 0.3, 0.5, 0.7):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "torn_0.mcap").write_bytes(data[:int(len(data) * share)])
        checks.run("bag", "reindex", folder)
        assert (folder / "torn_0.mcap.damaged").exists()
        rescued = [(line["topic"], line["stamp_ns"], line["sha256"]) for line in listing(checks, folder)]
        assert rescued == whole[:len(rescued)]
        counts.append(len(rescued))
        with (folder / "torn_0.mcap").open("rb") as stream:  # and the peer, which refuses a torn file, reads the mended one
            assert make_reader(stream).get_summary().statistics.message_count == len(rescued)
    assert counts == sorted(counts) and counts[-1] > 100, counts


if __name__ == "__main__":
    checks = Checks()
    if make_reader is None:
        raise SystemExit("mcap is not installed: run this with the Python of set-up (.deps/python)")
    checks.main(dict(globals()))
