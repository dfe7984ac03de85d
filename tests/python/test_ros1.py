"""Bags of ROS 1, written by Python's rosbags, are read as if they were of ROS 2. Run by tests/run."""
import dataclasses
import hashlib
import json
import shutil

import numpy

from checks import Checks

try:
    from rosbags.rosbag1 import Writer
    from rosbags.rosbag2 import Reader
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore
except ImportError:
    Writer = None

START = 1_600_000_000_000_000_000

# Types that Bramble knows, whose fields ROS 1 and ROS 2 share (but for a header's seq), and one that it does not know.
KNOWN = ["sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/CameraInfo", "sensor_msgs/msg/PointCloud2",
         "sensor_msgs/msg/Imu", "sensor_msgs/msg/NavSatFix", "nav_msgs/msg/Odometry", "nav_msgs/msg/Path",
         "sensor_msgs/msg/JointState", "geometry_msgs/msg/Twist", "std_msgs/msg/Header", "rosgraph_msgs/msg/Clock",
         "std_msgs/msg/String", "tf2_msgs/msg/TFMessage"]
OWN = "lab_msgs/msg/Probe"
OWN_TEXT = """# A type of somebody's own.
int32 GOOD=1
string WHO=the lab # not a comment
Header header
uint8 kind
float64 value
time taken
duration took
string[] names
Reading[] readings
Reading[2] pair
bool[3] flags
uint16[] counts
std_msgs/Empty nothing
================================================================================
MSG: lab_msgs/Reading
uint8 id
float64 value
std_msgs/Header header
================================================================================
MSG: std_msgs/Header
uint32 seq
time stamp
string frame_id
================================================================================
MSG: std_msgs/Empty
"""
OWN_ROS2 = {
    OWN: "std_msgs/Header header\nuint8 kind\nfloat64 value\nbuiltin_interfaces/Time taken\nbuiltin_interfaces/Duration took\n"
         "string[] names\nlab_msgs/Reading[] readings\nlab_msgs/Reading[2] pair\nbool[3] flags\nuint16[] counts\nstd_msgs/Empty nothing\n",
    "lab_msgs/msg/Reading": "uint8 id\nfloat64 value\nstd_msgs/Header header\n",
}


def stores():
    one, two = get_typestore(Stores.ROS1_NOETIC), get_typestore(Stores.ROS2_HUMBLE)
    types = {}
    for part in OWN_TEXT.split("=" * 80 + "\n"):
        if part.startswith("MSG: std_msgs"):
            continue
        name = OWN if part.startswith("#") else "lab_msgs/msg/Reading"
        types.update(get_types_from_msg(part.split("\n", 1)[1], name))
    types.update(get_types_from_msg("geometry_msgs/TransformStamped[] transforms\n", "tf2_msgs/msg/TFMessage"))
    one.register(types)
    types = {}
    for name, text in OWN_ROS2.items():
        types.update(get_types_from_msg(text, name))
    two.register(types)
    return one, two


def random_base(random, name):
    if name == "string":
        return "".join(chr(ord("a") + int(letter)) for letter in random.integers(0, 26, int(random.integers(0, 12))))
    if name == "bool":
        return bool(random.integers(0, 2))
    if name.startswith("float"):
        return float(numpy.dtype(name).type(random.normal(0, 1e6)))
    kind = {"byte": "uint8", "char": "uint8", "octet": "uint8"}.get(name, name)
    limits = numpy.iinfo(kind)
    return int(random.integers(0, limits.max // 2, dtype=kind))


def random_value(one, two, random, field):
    """The same random value for both worlds: (ROS 1's, ROS 2's)."""
    kind, argument = field[0].name, field[1]
    if kind == "NAME":
        return random_message(one, two, random, argument)
    if kind == "BASE":
        value = random_base(random, argument[0])
        return value, value
    element, size = argument
    count = size if kind == "ARRAY" else int(random.integers(0, 4))
    if element[0].name == "BASE" and element[1][0] != "string":
        name = {"byte": "uint8", "char": "uint8", "octet": "uint8"}.get(element[1][0], element[1][0])
        values = numpy.array([random_base(random, element[1][0]) for _ in range(count)], dtype=name)
        return values, values
    pairs = [random_value(one, two, random, element) for _ in range(count)]
    return [first for first, _ in pairs], [second for _, second in pairs]


def random_message(one, two, random, name):
    """A message of ROS 1 and the same of ROS 2; fields are matched by name."""
    theirs, ours = {}, {}
    if name.startswith("builtin_interfaces/"):  # ROS 1's primitives of the same size
        sec, nanosec = int(random.integers(0, 2**31 - 1)), int(random.integers(0, 10**9))
        return one.types[name](sec, nanosec), two.types[name](sec, nanosec)
    kinds = {field.lower(): (field, kind) for field, kind in one.fielddefs[name][1]}
    for field, kind in two.fielddefs[name][1]:
        if field == "structure_needs_at_least_one_member":
            ours[field] = 0
            if kinds.pop(field, None):  # rosbags gives an empty message of ROS 1 one, too, but does not write it
                theirs[field] = 0
            continue
        source, kind = kinds.pop(field.lower())
        theirs[source], ours[field] = random_value(one, two, random, kind)
    for _, (field, kind) in kinds.items():
        assert field == "seq", f"{name}.{field} is only in ROS 1"
        theirs[field] = int(random.integers(0, 1000))
    if name == "sensor_msgs/msg/Image":
        data = random.integers(0, 256, 18, dtype=numpy.uint8)
        for values in (theirs, ours):
            values.update(width=3, height=2, step=9, encoding="rgb8", data=data)
    return one.types[name](**theirs), two.types[name](**ours)


def write_bag(path, compression=None, rounds=5, chunk=40_000):
    """A bag of every type; what ROS 2 should see of it: [(topic, type, stamp, CDR)]."""
    one, two = stores()
    random = numpy.random.default_rng(9)
    path.unlink(missing_ok=True)
    writer = Writer(path)
    writer.chunk_threshold = chunk
    if compression:
        writer.set_compression(compression)
    expected = []
    with writer:
        connections = {}
        for index, name in enumerate([*KNOWN, OWN]):
            extra = {"msgdef": OWN_TEXT, "md5sum": "0" * 32} if name == OWN else {}
            connections[name] = writer.add_connection(f"/type_{index}", name, typestore=one, latching=int(index % 3 == 0), **extra)
        second = writer.add_connection("/type_0", KNOWN[0], typestore=one, callerid="/another")  # two publishers of a topic
        stamp = START
        for turn in range(rounds):
            for name, connection in connections.items():
                theirs, ours = random_message(one, two, random, name)
                if name == KNOWN[0] and turn % 2:
                    connection = second
                writer.write(connection, stamp, bytes(one.serialize_ros1(theirs, name)))
                expected.append((connection.topic, name, stamp, bytes(two.serialize_cdr(ours, name))))
                stamp += 1_000_003
            image = random.integers(0, 256, 60_000, dtype=numpy.uint8)
            header = one.types["std_msgs/msg/Header"](turn, one.types["builtin_interfaces/msg/Time"](1, 2), "eye")
            theirs = one.types[KNOWN[0]](header, 100, 200, "rgb8", 0, 600, image)
            header = two.types["std_msgs/msg/Header"](two.types["builtin_interfaces/msg/Time"](1, 2), "eye")
            ours = two.types[KNOWN[0]](header, 100, 200, "rgb8", 0, 600, image)
            writer.write(connections[KNOWN[0]], stamp, bytes(one.serialize_ros1(theirs, KNOWN[0])))
            expected.append(("/type_0", KNOWN[0], stamp, bytes(two.serialize_cdr(ours, KNOWN[0]))))
            stamp += 1_000_003
    return expected


def listing(checks, bag, *options):
    return [json.loads(line) for line in checks.run("bag", "dump", bag, *options).stdout.splitlines()]


def sums(expected):
    return [(topic, name, stamp, hashlib.sha256(cdr).hexdigest()) for topic, name, stamp, cdr in expected]


def seen(lines):
    return [(line["topic"], line["type"], line["stamp_ns"], line["sha256"]) for line in lines]


def compressions():
    return (None, Writer.CompressionFormat.BZ2, Writer.CompressionFormat.LZ4)


def test_every_message_is_what_ros2_would_have(checks):
    for compression in compressions():
        bag = checks.work / f"plain_{compression.name if compression else 'none'}.bag"
        expected = write_bag(bag, compression)
        assert seen(listing(checks, bag)) == sums(expected), bag.name
        assert "whole" in checks.run("bag", "check", bag).stdout
        figures = checks.work / "info.json"
        checks.run("bag", "info", bag, "--json", figures)
        info = json.loads(figures.read_text())
        assert (info["storage"], info["messages"], info["start_ns"]) == ("ros1", len(expected), START), info
        assert {topic["name"]: topic["latched"] for topic in info["topics"]} == \
            {f"/type_{index}": index % 3 == 0 for index in range(len(KNOWN) + 1)}
        only = listing(checks, bag, "--topic", "/type_4")
        assert seen(only) == [row for row in sums(expected) if row[0] == "/type_4"]


def test_converted_bags_are_read_by_rosbags(checks):
    _, two = stores()
    bag = checks.work / "source.bag"
    expected = write_bag(bag, Writer.CompressionFormat.LZ4)
    for storage, distro in (("sqlite3", "humble"), ("sqlite3", "jazzy"), ("mcap", "jazzy")):
        target = checks.work / f"converted_{storage}_{distro}"
        shutil.rmtree(target, ignore_errors=True)
        checks.run("bag", "convert", bag, "-o", target, "-s", storage, "--ros-distro", distro)
        with Reader(target) as reader:
            assert [(c.topic, c.msgtype, stamp, bytes(data)) for c, stamp, data in reader.messages()] == expected
            own = next(c for c in reader.connections if c.msgtype == OWN)
            if distro == "jazzy":  # the text that goes with the type says what its bytes mean
                fresh = get_typestore(Stores.ROS2_HUMBLE)
                fresh.register(get_types_from_msg(own.msgdef.data, OWN))
                for _, _, data in reader.messages([own]):
                    assert fresh.deserialize_cdr(data, OWN).value == two.deserialize_cdr(data, OWN).value
                assert 'string WHO="the lab # not a comment"' in own.msgdef.data, own.msgdef.data
        # And the definition stays with the type from bag to bag.
        if distro == "jazzy":
            again = checks.work / f"again_{storage}"
            shutil.rmtree(again, ignore_errors=True)
            checks.run("bag", "convert", target, "-o", again, "-s", "mcap" if storage == "sqlite3" else "sqlite3", "--ros-distro", "jazzy")
            with Reader(again) as reader:
                assert next(c for c in reader.connections if c.msgtype == OWN).msgdef.data == own.msgdef.data


def test_bag_without_index(checks):
    """As a killed recorder leaves it: the header names no index, and nothing follows the chunks."""
    bag = checks.work / "unindexed.bag"
    expected = write_bag(bag, Writer.CompressionFormat.BZ2, rounds=4)
    data = bytearray(bag.read_bytes())
    at = data.index(b"index_pos=") + 10
    index_at = int.from_bytes(data[at:at + 8], "little")
    data[at:at + 8] = bytes(8)
    active = checks.work / "killed.bag.active"
    active.write_bytes(data[:index_at])
    refused = checks.run("bag", "info", active, check=False)
    assert refused.returncode == 1 and "has no index: its recorder was killed" in refused.stderr, refused.stderr
    assert seen(listing(checks, active, "--recover")) == sums(expected)


def test_torn_bag_gives_what_is_whole(checks):
    for compression in compressions():
        whole = checks.work / "whole.bag"
        expected = sums(write_bag(whole, compression, rounds=4))
        data = whole.read_bytes()
        torn = checks.work / "torn.bag"
        counts = []
        for share in (0.2, 0.5, 0.8):
            torn.write_bytes(data[:int(len(data) * share)])
            refused = checks.run("bag", "dump", torn, check=False)
            assert refused.returncode == 1 and "torn.bag: the " in refused.stderr and "cut" in refused.stderr, refused.stderr
            rescued = checks.run("bag", "dump", torn, "--recover")
            assert "the last record is cut" in rescued.stderr
            rows = seen([json.loads(line) for line in rescued.stdout.splitlines()])
            assert rows == expected[:len(rows)], "a prefix of what was written"
            counts.append(len(rows))
        # bzip2 gives nothing of a block of which the end is missing.
        assert counts == sorted(counts) and counts[1] > 0 and counts[-1] >= len(expected) * 0.5, counts
        saved = checks.work / "saved"
        shutil.rmtree(saved, ignore_errors=True)
        checks.run("bag", "convert", torn, "-o", saved, "--recover")
        assert seen(listing(checks, saved)) == expected[:counts[-1]]


def test_types_that_ros2_has_changed(checks):
    """A Marker of ROS 2 has a texture and more; tf/tfMessage is tf2_msgs/TFMessage."""
    one, two = stores()
    bag = checks.work / "changed.bag"
    bag.unlink(missing_ok=True)
    marker_text, marker_sum = one.generate_msgdef("visualization_msgs/msg/Marker")
    tf_text, _ = one.generate_msgdef("tf2_msgs/msg/TFMessage")
    zero = one.types["builtin_interfaces/msg/Time"](5, 6)
    header = one.types["std_msgs/msg/Header"](1, zero, "map")
    point = one.types["geometry_msgs/msg/Point"]
    marker = one.types["visualization_msgs/msg/Marker"](
        header, "boxes", 3, 1, 0, one.types["geometry_msgs/msg/Pose"](point(1, 2, 3), one.types["geometry_msgs/msg/Quaternion"](0, 0, 0, 1)),
        one.types["geometry_msgs/msg/Vector3"](1, 1, 1), one.types["std_msgs/msg/ColorRGBA"](1, 0, 0, 1),
        one.types["builtin_interfaces/msg/Duration"](1, 0), True, [point(7, 8, 9)], [], "said", "file:///mesh", False)
    with Writer(bag) as writer:
        connection = writer.add_connection("/marker", "visualization_msgs/msg/Marker", msgdef=marker_text, md5sum=marker_sum)
        writer.write(connection, START, bytes(one.serialize_ros1(marker, "visualization_msgs/msg/Marker")))
        connection = writer.add_connection("/tf", "tf/msg/tfMessage", msgdef=tf_text, md5sum="0" * 32)
        writer.write(connection, START + 1, bytes(4))
    lines = listing(checks, bag, "--decode")
    assert [line["type"] for line in lines] == ["visualization_msgs/msg/Marker", "tf2_msgs/msg/TFMessage"]
    read = lines[0]["message"]
    assert (read["ns"], read["id"], read["points"], read["text"], read["mesh_resource"]) == \
        ("boxes", 3, [{"x": 7.0, "y": 8.0, "z": 9.0}], "said", "file:///mesh"), read
    assert read["texture"]["format"] == "" and read["uv_coordinates"] == []
    assert dataclasses.is_dataclass(two.types["visualization_msgs/msg/Marker"])


def test_a_folder_of_bags_is_one_bag(checks):
    folder = checks.work / "rellis"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    rows = []
    for number in (1, 2, 10):
        rows += sums(write_bag(folder / f"part_{number}.bag", rounds=1))
    assert seen(listing(checks, folder)) == rows
    refused = checks.run("bag", "reindex", folder, check=False)
    assert refused.returncode == 1 and "bag of ROS 1" in refused.stderr and not (folder / "metadata.yaml").exists()


if __name__ == "__main__":
    if Writer is None:
        raise SystemExit("rosbags is not installed: run this with the Python of set-up (.deps/python)")
    Checks().main(globals())
