"""The dashboard's modules without a browser: strict types, unit tests under Node.js, CDR against rosbags' serializer."""
import base64
import json
import math
import os
import shutil
import subprocess

import numpy as np
from rosbags.typesys import Stores, get_typestore

from checks import Checks

STORE = get_typestore(Stores.ROS2_HUMBLE)


def tool(checks, *places):
    """The first of the places that exists in .deps/npm/node_modules, or the program of that name."""
    for place in places:
        path = checks.root / ".deps/npm/node_modules" / place
        if path.exists():
            return str(path)
    return shutil.which(places[-1].split("/")[-1])


def vectors():
    """Messages of known content, both byte orders, base64."""
    t = STORE.types

    def header(frame_id):
        return t["std_msgs/msg/Header"](stamp=t["builtin_interfaces/msg/Time"](sec=12, nanosec=250_000_000), frame_id=frame_id)

    def pose(x, y, z, yaw):
        return t["geometry_msgs/msg/Pose"](
            position=t["geometry_msgs/msg/Point"](x=x, y=y, z=z),
            orientation=t["geometry_msgs/msg/Quaternion"](x=0.0, y=0.0, z=math.sin(yaw / 2), w=math.cos(yaw / 2)))

    def vector(x):
        return t["geometry_msgs/msg/Vector3"](x=x, y=0.0, z=0.0)

    def transform(child, z):
        return t["geometry_msgs/msg/TransformStamped"](
            header=header("hero"), child_frame_id=child,
            transform=t["geometry_msgs/msg/Transform"](translation=t["geometry_msgs/msg/Vector3"](x=0.0, y=0.0, z=z),
                                                       rotation=t["geometry_msgs/msg/Quaternion"](x=0.0, y=0.0, z=0.0, w=1.0)))

    points = np.array([(1, 2, 3, 5), (np.nan, 0, 0, 6), (-4, 0.5, 8, 34)], dtype=[("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("ObjTag", "<u4")])
    messages = {
        "image": t["sensor_msgs/msg/Image"](header=header("hero/rgb_front"), height=2, width=3, encoding="mono8", is_bigendian=0, step=3,
                                            data=np.array([0, 1, 2, 3, 4, 255], dtype=np.uint8)),
        "compressed": t["sensor_msgs/msg/CompressedImage"](header=header("hero"), format="png", data=np.array([1, 2, 3], dtype=np.uint8)),
        "cloud": t["sensor_msgs/msg/PointCloud2"](
            header=header("hero/lidar"), height=1, width=3, is_bigendian=False, point_step=16, row_step=48, is_dense=False,
            data=points.view(np.uint8).ravel(),
            fields=[t["sensor_msgs/msg/PointField"](name=name, offset=4 * i, datatype=7 if i < 3 else 6, count=1) for i, name in enumerate(points.dtype.names)]),
        "odometry": t["nav_msgs/msg/Odometry"](
            header=header("map"), child_frame_id="hero",
            pose=t["geometry_msgs/msg/PoseWithCovariance"](pose=pose(1.5, -2.5, 0.25, 0.7), covariance=np.zeros(36)),
            twist=t["geometry_msgs/msg/TwistWithCovariance"](twist=t["geometry_msgs/msg/Twist"](linear=vector(4.5), angular=vector(0.0)), covariance=np.zeros(36))),
        "path": t["nav_msgs/msg/Path"](header=header("map"), poses=[
            t["geometry_msgs/msg/PoseStamped"](header=header("map" * i), pose=pose(x, y, 0.0, 0.0)) for i, (x, y) in enumerate([(1.0, 2.0), (3.0, 4.0), (-5.0, 6.0)])]),
        "tf": t["tf2_msgs/msg/TFMessage"](transforms=[transform("hero/lidar", 2.4), transform("hero/imu", 0.7)]),
    }
    return {f"{name}.{order}": base64.b64encode(bytes(STORE.serialize_cdr(message, message.__msgtype__, little_endian=order == "little"))).decode()
            for name, message in messages.items() for order in ("little", "big")}


def test_types_are_sound(checks):
    compiler = tool(checks, "typescript/bin/tsc")
    if compiler is None:
        checks.skip("type check of the dashboard: the npm package typescript is not there (./bramble test fetches it)")
        return
    done = subprocess.run(["node", compiler, "-p", checks.root / "web"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_modules(checks):
    esbuild = tool(checks, "@esbuild/linux-x64/bin/esbuild")
    if esbuild is None:
        checks.skip("unit tests of the dashboard: esbuild is not there (./bramble test fetches it)")
        return
    (checks.work / "vectors.json").write_text(json.dumps(vectors()))
    sources = sorted((checks.root / "web/src").rglob("*_test.ts"))
    assert len(sources) >= 5
    built = checks.work / "modules"
    subprocess.run([esbuild, *sources, "--bundle", "--platform=node", "--format=esm", "--target=node18", "--out-extension:.js=.mjs", "--log-level=warning",
                    f"--outbase={checks.root / 'web/src'}", f"--outdir={built}"], check=True)
    done = subprocess.run(["node", "--test", *sorted(built.rglob("*.mjs"))], capture_output=True, text=True,
                          env={**os.environ, "BRAMBLE_CDR_VECTORS": str(checks.work / "vectors.json")})
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    passed = [line for line in done.stdout.splitlines() if line.lstrip("#ℹ ").startswith("pass ")]
    assert passed and int(passed[0].split()[-1]) >= 20, done.stdout[-500:]


if __name__ == "__main__":
    checks = Checks()
    if shutil.which("node") is None:
        print("SKIPPED the dashboard's modules: Node.js is not installed")
        print("1 passed, 0 failed, 1 skipped")
    else:
        checks.main(dict(globals()))
