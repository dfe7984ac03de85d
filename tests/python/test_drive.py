"""bramble drive: a plan's bags, and that a killed call taken up again gives the same bytes."""
import hashlib
import random
import signal
import subprocess
import time

from checks import Checks

PLAN = """scenario: tiny
size: 96x72
sensor_every: 2
samples_per_file: 5
topics: [/clock, /carla/hero/rgb_front/image, /carla/hero/semantic_segmentation_front/image, /carla/hero/imu,
         /carla/hero/vehicle_info]
drives:
  - {name: there, driver: autopilot, samples: 23}
  - {name: back, driver: reverse, samples: 12}
"""


def bytes_of(folder):
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def test_undisturbed(checks):
    checks.plan = checks.work / "plan.yaml"
    checks.plan.write_text(PLAN)
    checks.whole = checks.work / "whole"
    begin = time.monotonic()
    checks.run("drive", checks.plan, "-o", checks.whole)
    checks.whole_s = time.monotonic() - begin
    info = checks.run("bag", "info", checks.whole / "there").stdout
    assert "/carla/hero/rgb_front/image" in info, info
    names = {path.name for path in (checks.whole / "there").iterdir()}
    assert names == {"metadata.yaml", "trace.csv"} | {f"there_{i}.db3" for i in range(5)}, names
    again = checks.run("drive", checks.plan, "-o", checks.whole).stdout
    assert again.count("was complete") == 2, again


def test_peer_counts_samples(checks):
    from rosbags.rosbag2 import Reader

    for name, samples in (("there", 23), ("back", 12)):
        with Reader(checks.whole / name) as reader:
            stamps = {}
            for connection, stamp, _ in reader.messages():
                stamps.setdefault(connection.topic, []).append(stamp)
        images = stamps["/carla/hero/rgb_front/image"]
        assert len(images) == samples and images == sorted(set(images))
        assert stamps["/carla/hero/semantic_segmentation_front/image"] == images
        assert len(stamps["/clock"]) == 2 * samples
        assert len(stamps["/carla/hero/vehicle_info"]) == 1


def test_replayed_trace_gives_the_same(checks):
    plan = checks.work / "replay.yaml"
    lines = [f"  - {{name: {name}, driver: 'trace:{checks.whole / name / 'trace.csv'}', samples: {samples}}}"
             for name, samples in (("there", 23), ("back", 12))]
    plan.write_text(PLAN[:PLAN.index("drives:")] + "drives:\n" + "\n".join(lines) + "\n")
    replayed = checks.work / "replayed"
    checks.run("drive", plan, "-o", replayed)
    for name in ("there", "back"):
        here, there = bytes_of(replayed / name), bytes_of(checks.whole / name)
        assert here.pop("trace.csv") and there.pop("trace.csv")  # they name their drivers
        assert here == there, name


def test_killed_and_taken_up(checks):
    random.seed(5)
    cut = checks.work / "cut"
    kills = 0
    for attempt in range(40):
        process = subprocess.Popen([str(checks.program), "drive", str(checks.plan), "-o", str(cut)],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # Anywhere in the drives; later ones get further, so that it ends.
        try:
            process.wait(timeout=checks.whole_s * (random.uniform(0.1, 0.9) + 0.03 * attempt))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
            continue
        assert process.returncode == 0
        break
    assert kills >= 1, "never killed: the test says nothing"
    checks.run("drive", checks.plan, "-o", cut)
    assert bytes_of(cut) == bytes_of(checks.whole)


def test_processes_give_the_same(checks):
    parallel = checks.work / "parallel"
    checks.run("drive", checks.plan, "-o", parallel, "-j", "2")
    assert bytes_of(parallel) == bytes_of(checks.whole)


def test_another_plan_is_refused(checks):
    other = checks.work / "other.yaml"
    other.write_text(PLAN.replace("samples: 23", "samples: 24"))
    refused = checks.run("drive", other, "-o", checks.whole, check=False)
    assert refused.returncode == 1 and "another plan" in refused.stderr, refused.stderr


if __name__ == "__main__":
    Checks().main(globals())
