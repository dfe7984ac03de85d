"""Bags agree with Python's rosbags, both ways: every message, type, stamp, field and pixel. Run by tests/run."""
import dataclasses
import hashlib
import json
import math
import shutil
import sqlite3

import numpy

from checks import Checks

try:
    from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
    from rosbags.rosbag2 import CompressionFormat, CompressionMode, Reader, StoragePlugin, Writer
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore
except ImportError:
    Reader = None

START = 1_700_000_000_000_000_000
INFINITE = (9223372036, 854775807) if Reader is None else QosTime(9223372036, 854775807)

# Every type of ours that rosbags brings its own definition of, plus those it takes from our msg/ folder.
OWN_PACKAGES = ("ackermann_msgs", "carla_msgs", "derived_object_msgs", "service_msgs", "vision_msgs")


def typestore(checks):
    store = get_typestore(Stores.ROS2_HUMBLE)
    types = {}
    for package in OWN_PACKAGES:
        for file in sorted((checks.root / "msg" / package / "msg").glob("*.msg")):
            types.update(get_types_from_msg(file.read_text(), f"{package}/msg/{file.stem}"))
    store.register(types)
    return store


def our_types(checks):
    return sorted(f"{file.parts[-3]}/msg/{file.stem}" for file in (checks.root / "msg").glob("*/msg/*.msg"))


def random_value(store, random, field):
    """A random value for a rosbags field description (kind, argument)."""
    kind, argument = field[0].name, field[1]
    if kind == "NAME":
        return random_message(store, random, argument)
    if kind == "BASE":
        return random_base(random, argument[0])
    element, size = argument
    count = size if kind == "ARRAY" else int(random.integers(0, 4))
    if element[0].name == "BASE" and element[1][0] != "string":
        return numpy.array([random_base(random, element[1][0]) for _ in range(count)], dtype=numpy_type(element[1][0]))
    return [random_value(store, random, element) for _ in range(count)]


def numpy_type(name):
    return {"bool": "bool", "byte": "uint8", "char": "uint8", "octet": "uint8"}.get(name, name)


def random_base(random, name):
    if name == "string":
        return "".join(chr(ord("a") + int(letter)) for letter in random.integers(0, 26, int(random.integers(0, 12))))
    if name == "bool":
        return bool(random.integers(0, 2))
    if name.startswith("float"):
        value = numpy.dtype(name).type(random.normal(0, 1e6))
        return float(random.choice([float(value), float("nan"), float("inf"), 0.0], p=[0.9, 0.03, 0.03, 0.04]))
    limits = numpy.iinfo(numpy_type(name))
    return int(random.integers(limits.min, limits.max, dtype=numpy_type(name), endpoint=True))


def random_message(store, random, type_name):
    _, fields = store.fielddefs[type_name]
    values = {name: random_value(store, random, field) for name, field in fields}
    if type_name == "sensor_msgs/msg/Image":  # a picture must fit its own size
        values.update(width=3, height=2, step=9, encoding="rgb8", data=random.integers(0, 256, 18, dtype=numpy.uint8))
    return store.types[type_name](**values)


def qos(latched):
    return [Qos(QosHistory.KEEP_LAST, 10, QosReliability.RELIABLE,
                QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE, INFINITE, INFINITE,
                QosLiveliness.AUTOMATIC, INFINITE, False)]


def write_with_rosbags(checks, folder, version=9, compression=None, rounds=5, storage=None):
    """A bag of every type with random content, and a camera; returns [(topic, type, stamp, payload)] in bag order."""
    shutil.rmtree(folder, ignore_errors=True)
    store = typestore(checks)
    random = numpy.random.default_rng(4)
    written = []
    writer = Writer(folder, version=version, storage_plugin=storage or StoragePlugin.SQLITE3)
    if compression:
        writer.set_compression(compression, CompressionFormat.ZSTD)
    with writer:
        connections = {}
        for index, name in enumerate(our_types(checks)):
            connections[name] = writer.add_connection(f"/type_{index}", name, typestore=store, offered_qos_profiles=qos(index % 3 == 0))
        camera = writer.add_connection("/camera/image", "sensor_msgs/msg/Image", typestore=store, offered_qos_profiles=qos(False))
        stamp = START
        for turn in range(rounds):
            for name, connection in connections.items():
                payload = bytes(store.serialize_cdr(random_message(store, random, name), name))
                writer.write(connection, stamp, payload)
                written.append((connection.topic, name, stamp, payload))
                stamp += int(random.integers(0, 2)) * 1_000_003  # equal stamps too
            image = random_message(store, random, "sensor_msgs/msg/Image")
            image.width, image.height, image.encoding, image.step = 640, 480, "bgra8", 2560
            image.data = random.integers(0, 256, 640 * 480 * 4, dtype=numpy.uint8)
            payload = bytes(store.serialize_cdr(image, "sensor_msgs/msg/Image"))
            writer.write(camera, stamp, payload)
            written.append((camera.topic, camera.msgtype, stamp, payload))
    return written


def listing(checks, bag, *options):
    return [json.loads(line) for line in checks.run("bag", "dump", bag, *options).stdout.splitlines()]


def same_value(store, theirs, ours, where):
    """Compares a field that rosbags decoded with the JSON that Bramble made of its own decoding."""
    if dataclasses.is_dataclass(theirs):
        names = [name for name, _ in store.fielddefs[theirs.__msgtype__][1]]
        assert names == list(ours), f"{where}: fields {names} against {list(ours)}"
        for name in names:
            same_value(store, getattr(theirs, name), ours[name], f"{where}.{name}")
    elif isinstance(theirs, numpy.ndarray) and theirs.dtype == numpy.uint8 and isinstance(ours, dict):
        assert ours == {"bytes": theirs.size, "sha256": hashlib.sha256(theirs.tobytes()).hexdigest()}, where
    elif isinstance(theirs, (list, numpy.ndarray)):
        assert len(theirs) == len(ours), f"{where}: {len(theirs)} elements against {len(ours)}"
        for index, (one, other) in enumerate(zip(theirs, ours)):
            same_value(store, one, other, f"{where}[{index}]")
    elif isinstance(ours, str) and not isinstance(theirs, str):
        assert (math.isnan(theirs) and ours == "nan") or float(ours) == theirs, f"{where}: {theirs} against {ours}"
    else:
        assert theirs == ours, f"{where}: {theirs!r} against {ours!r}"


def compare_with_rosbags(checks, bag):
    """Reads a bag with rosbags and with Bramble; every message, type, stamp, field and pixel must be equal."""
    store = typestore(checks)
    ours = listing(checks, bag, "--decode")
    with Reader(bag) as reader:
        theirs = list(reader.messages())
        assert reader.message_count == len(theirs) == len(ours), f"{reader.message_count}, {len(theirs)}, {len(ours)} messages"
        assert reader.start_time == min(line["stamp_ns"] for line in ours)
        assert reader.end_time - 1 == max(line["stamp_ns"] for line in ours) or reader.end_time == max(line["stamp_ns"] for line in ours)
        for (connection, stamp, payload), line in zip(theirs, ours):
            where = f"{bag.name} {connection.topic} at {stamp}"
            assert (connection.topic, connection.msgtype, stamp) == (line["topic"], line["type"], line["stamp_ns"]), f"{where}: {line}"
            assert hashlib.sha256(payload).hexdigest() == line["sha256"], f"{where}: other bytes"
            message = store.deserialize_cdr(payload, connection.msgtype)
            same_value(store, message, line["message"], where)
            assert bytes(store.serialize_cdr(message, connection.msgtype)) == bytes(payload), f"{where}: not canonical CDR"
    return len(ours)


def contents(checks, bag):
    with Reader(bag) as reader:
        return [(c.topic, c.msgtype, stamp, bytes(payload)) for c, stamp, payload in reader.messages()]


def in_order(written):
    return [row for _, row in sorted(enumerate(written), key=lambda pair: (pair[1][2], pair[0]))]


def test_reads_what_rosbags_writes(checks):
    for version in (8, 9):
        bag = checks.work / f"theirs_{version}"
        written = in_order(write_with_rosbags(checks, bag, version))
        ours = [(line["topic"], line["type"], line["stamp_ns"], line["sha256"]) for line in listing(checks, bag)]
        assert ours == [(topic, name, stamp, hashlib.sha256(payload).hexdigest()) for topic, name, stamp, payload in written]
        assert compare_with_rosbags(checks, bag) == len(written)
        assert "whole" in checks.run("bag", "check", bag).stdout


def test_reads_compressed_bags_of_rosbags(checks):
    for mode in (CompressionMode.MESSAGE, CompressionMode.FILE):
        bag = checks.work / f"packed_{mode.name}"
        written = in_order(write_with_rosbags(checks, bag, 8, mode, rounds=2))
        ours = [(line["topic"], line["stamp_ns"], line["sha256"]) for line in listing(checks, bag)]
        assert ours == [(topic, stamp, hashlib.sha256(payload).hexdigest()) for topic, _, stamp, payload in written]
        assert "whole" in checks.run("bag", "check", bag).stdout


def test_rosbags_reads_what_we_write(checks):
    source = checks.work / "source"
    written = in_order(write_with_rosbags(checks, source))
    for distro, version, schema in (("humble", 5, 3), ("jazzy", 9, 4)):
        bag = checks.work / f"ours_{distro}"
        shutil.rmtree(bag, ignore_errors=True)
        checks.run("bag", "convert", source, "-o", bag, "--ros-distro", distro)
        assert sorted(file.name for file in bag.iterdir()) == ["metadata.yaml", f"ours_{distro}_0.db3"]
        assert contents(checks, bag) == written
        assert compare_with_rosbags(checks, bag) == len(written)
        with Reader(bag) as reader:
            assert f"\n  version: {version}\n" in (bag / "metadata.yaml").read_text()
            for index, name in enumerate(our_types(checks)):
                connection = next(c for c in reader.connections if c.topic == f"/type_{index}")
                durability = connection.ext.offered_qos_profiles[0].durability
                assert durability == (QosDurability.TRANSIENT_LOCAL if index % 3 == 0 else QosDurability.VOLATILE), name
        with sqlite3.connect(bag / f"ours_{distro}_0.db3") as database:
            assert database.execute("select * from schema").fetchall() == [(schema, distro)]
            assert database.execute("pragma integrity_check").fetchall() == [("ok",)]
            assert database.execute("pragma journal_mode").fetchone() == ("delete",)


def test_rosbags_reads_what_we_compress(checks):
    source = checks.work / "plain_source"
    written = in_order(write_with_rosbags(checks, source))
    for storage, mode in (("sqlite3", "message"), ("sqlite3", "file"), ("mcap", "file")):
        bag = checks.work / f"ours_{storage}_{mode}"
        shutil.rmtree(bag, ignore_errors=True)
        checks.run("bag", "convert", source, "-o", bag, "-s", storage, "--compression-format", "zstd", "--compression-mode", mode,
                   "-b", 2_000_000)
        assert f'compression_mode: "{mode.upper()}"' in (bag / "metadata.yaml").read_text()
        assert all(file.suffix == ".zstd" for file in bag.iterdir() if file.name != "metadata.yaml") == (mode == "file")
        assert contents(checks, bag) == written
        assert compare_with_rosbags(checks, bag) == len(written)
        assert "whole" in checks.run("bag", "check", bag).stdout
    refused = checks.run("bag", "convert", source, "-o", checks.work / "refused", "-s", "mcap", "--compression-format", "zstd",
                         "--compression-mode", "message", check=False)
    assert refused.returncode == 1 and "by file or by chunk" in refused.stderr, refused.stderr


def test_mcap_both_ways(checks):
    """rosbags reads our MCAP, and we read its; through every conversion the payloads stay."""
    source = checks.work / "mcap_source"
    written = in_order(write_with_rosbags(checks, source, storage=StoragePlugin.MCAP))
    ours = [(line["topic"], line["type"], line["stamp_ns"], line["sha256"]) for line in listing(checks, source)]
    assert ours == [(topic, name, stamp, hashlib.sha256(payload).hexdigest()) for topic, name, stamp, payload in written]
    for distro in ("humble", "jazzy"):
        for compression in ((), ("--compression-format", "zstd"), ("--compression-format", "lz4")):
            bag = checks.work / f"mcap_{distro}_{compression[-1] if compression else 'plain'}"
            shutil.rmtree(bag, ignore_errors=True)
            checks.run("bag", "convert", source, "-o", bag, "--ros-distro", distro, "-s", "mcap", *compression)
            assert sorted(file.name for file in bag.iterdir()) == [f"{bag.name}_0.mcap", "metadata.yaml"]
            assert contents(checks, bag) == written
            assert compare_with_rosbags(checks, bag) == len(written)
            assert "whole" in checks.run("bag", "check", bag).stdout
    back = checks.work / "mcap_back"
    shutil.rmtree(back, ignore_errors=True)
    checks.run("bag", "convert", checks.work / "mcap_jazzy_lz4", "-o", back)
    assert contents(checks, back) == written


def test_split_cut_merge_reindex(checks):
    source = checks.work / "parts_source"
    written = in_order(write_with_rosbags(checks, source, rounds=6))
    for storage, suffix in (("sqlite3", "db3"), ("mcap", "mcap")):
        split = checks.work / f"split_{storage}"
        shutil.rmtree(split, ignore_errors=True)
        checks.run("bag", "convert", source, "-o", split, "-s", storage, "-b", 2_000_000)
        files = sorted(split.glob(f"*.{suffix}"))
        assert len(files) >= 3, files
        assert contents(checks, split) == written
        (split / "metadata.yaml").unlink()
        checks.run("bag", "reindex", split)
        assert contents(checks, split) == written
        assert "whole" in checks.run("bag", "check", split).stdout
    half_ns = (written[-1][2] - written[0][2]) // 2
    middle_ns = written[0][2] + half_ns
    parts = []
    for name, option in (("early", "--until"), ("late", "--from")):
        parts.append(checks.work / name)
        shutil.rmtree(parts[-1], ignore_errors=True)
        checks.run("bag", "cut", source, "-o", parts[-1], option, f"{half_ns * 1e-9:.9f}", "-s", "mcap")
    early, late = (contents(checks, part) for part in parts)
    latched = {f"/type_{index}" for index in range(0, len(our_types(checks)), 3)}
    assert all(stamp < middle_ns for _, _, stamp, _ in early)
    assert all(stamp >= middle_ns or topic in latched for topic, _, stamp, _ in late)
    merged = checks.work / "merged"
    shutil.rmtree(merged, ignore_errors=True)
    checks.run("bag", "merge", *parts, "-o", merged)
    stamps = [stamp for _, _, stamp, _ in contents(checks, merged)]
    assert stamps == sorted(stamps) and len(stamps) == len(early) + len(late)


def test_type_hashes_and_definitions_agree_with_rosbags(checks):
    """rosbags computes both from definitions of its own."""
    store = typestore(checks)
    bag = checks.work / "hashes"
    shutil.rmtree(bag, ignore_errors=True)
    write_with_rosbags(checks, checks.work / "hash_source", rounds=1)
    checks.run("bag", "convert", checks.work / "hash_source", "-o", bag, "--ros-distro", "jazzy")
    with sqlite3.connect(bag / "hashes_0.db3") as database:
        definitions = database.execute(
            "select topic_type, encoding, encoded_message_definition, type_description_hash from message_definitions").fetchall()
    assert sorted(row[0] for row in definitions) == our_types(checks)
    for name, encoding, text, digest in definitions:
        assert encoding == "ros2msg"
        assert digest == store.hash_rihs01(name), f"{name}: {digest} against {store.hash_rihs01(name)}"
        for parsed, definition in get_types_from_msg(text, name).items():
            assert definition[1] == store.fielddefs[parsed][1], f"{name}: the text defines another {parsed}"


def test_killed_recorder_is_readable_by_rosbags_after_conversion(checks):
    bag = checks.work / "no_index"
    shutil.rmtree(bag, ignore_errors=True)
    written = in_order(write_with_rosbags(checks, bag, rounds=2))
    (bag / "metadata.yaml").unlink()
    saved = checks.work / "saved"
    shutil.rmtree(saved, ignore_errors=True)
    checks.run("bag", "convert", bag, "-o", saved)
    assert contents(checks, saved) == written


def test_cut_bag_gives_what_is_whole(checks):
    bag = checks.work / "cut"
    written = in_order(write_with_rosbags(checks, bag, rounds=4))
    file = next(bag.glob("*.db3"))
    whole = file.read_bytes()
    for share in (0.3, 0.6, 0.9):
        file.write_bytes(whole[:int(len(whole) * share)])
        refused = checks.run("bag", "dump", bag, check=False)
        assert refused.returncode == 1 and file.name in refused.stderr, refused.stderr
        assert "messages were read before" in refused.stderr, refused.stderr
        assert checks.run("bag", "check", bag, check=False).returncode == 1
        saved = checks.work / "cut_saved"
        shutil.rmtree(saved, ignore_errors=True)
        checks.run("bag", "convert", bag, "-o", saved, "--recover")
        rescued = contents(checks, saved)
        assert all(row in written for row in rescued)
        # A message of 1.2 MB that straddles the cut is lost, and rows are lost from the first damaged page on.
        assert len(rescued) >= (share - 0.3) * len(written), f"{len(rescued)} of {len(written)} at {share}"


def test_info_counts_what_is_there(checks):
    bag = checks.work / "info"
    written = write_with_rosbags(checks, bag, rounds=3)
    figures = checks.work / "info.json"
    checks.run("bag", "info", bag, "--json", figures)
    info = json.loads(figures.read_text())
    assert info["messages"] == len(written)
    assert info["start_ns"] == START
    assert info["duration_ns"] == max(row[2] for row in written) - START
    assert {topic["name"]: topic["messages"] for topic in info["topics"]} == {name: 3 for name in {row[0] for row in written}}
    shorter = checks.run("bag", "info", next(bag.glob("*.db3"))).stdout
    assert f"messages  {len(written)}" in shorter


def test_bench_measures_all_three(checks):
    figures = checks.work / "bench.json"
    done = checks.run("bench", "bag", "--megabytes", 20, "--rounds", 1, "--folder", checks.work, "--json", figures, check=False)
    if "bench" not in checks.run("--help").stdout:
        return checks.skip("bench bag: no bench command in this build")
    assert done.returncode == 0, done.stderr
    bench = json.loads(figures.read_text())
    for storage in ("sqlite3", "sqlite3_none", "mcap"):
        for what in ("write", "read"):
            assert bench[f"{storage}_{what}_mb_per_s"] > 0 and bench[f"{storage}_{what}_ratio"] > 0
            assert bench[f"{storage}_over_rosbags_{what}"] is not None, bench.get("note")
            assert bench[f"{storage}_small_over_rosbags_{what}"] is not None, bench.get("note")


def test_bag_recorded_by_the_simulation(checks):
    scenario = checks.root / "scenarios" / "tiny.yaml"
    if not any(line.split()[:1] == ["record"] for line in checks.run("--help").stdout.splitlines()):
        checks.skip("a bag of the simulation: no record command in this build")
        return
    bag = checks.work / "recorded"
    shutil.rmtree(bag, ignore_errors=True)
    checks.run("record", "-o", bag, "--source", f"sim:{scenario}", "--frames", "3", "/carla/hero/rgb_front/image",
               "/carla/hero/semantic_segmentation_front/image", "/clock", "/tf", "/carla/hero/odometry", "/carla/hero/lidar")
    assert compare_with_rosbags(checks, bag) >= 15
    assert "whole" in checks.run("bag", "check", bag).stdout
    with Reader(bag) as reader:
        connection = next(c for c in reader.connections if c.topic == "/carla/hero/rgb_front/image")
        store = typestore(checks)
        stamps = []
        for _, stamp, payload in reader.messages([connection]):
            image = store.deserialize_cdr(payload, connection.msgtype)
            assert image.encoding == "bgra8" and image.step == 4 * image.width and image.data.size == image.step * image.height
            assert (image.data[3::4] == 255).all()
            assert image.header.stamp.sec * 1_000_000_000 + image.header.stamp.nanosec == stamp
            stamps.append(stamp)
        assert sorted(set(stamps)) == stamps


if __name__ == "__main__":
    checks = Checks()
    if Reader is None:
        raise SystemExit("rosbags is not installed: run this with the Python of set-up (.deps/python)")
    checks.main(globals())
