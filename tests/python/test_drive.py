"""bramble drive: a plan's bags, and that a killed call taken up again gives the same bytes."""
import hashlib
import random
import shutil
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
    checks.run("drive", checks.plan, "-o", checks.whole)
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


def killed_at(checks, folder, file, delay_s):
    """Starts the plan and kills it `delay_s` after it began `file`; False if it was through by then."""
    process = subprocess.Popen([str(checks.program), "drive", str(checks.plan), "-o", str(folder)],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not any((folder / where / file).exists() for where in (".unfinished", ".")):
        time.sleep(0.001)
    time.sleep(delay_s)
    process.kill()
    return process.wait() == -signal.SIGKILL and not (folder / "back").exists()


def test_killed_and_taken_up(checks):
    random.seed(5)
    cut = checks.work / "cut"
    # By what has been written, not by the clock: most of a call's time goes into building the world. In the first file,
    # in the middle, about where a bag is closed and moved, and in the second bag; each call takes up what the one
    # before it left.
    for file, longest_s in (("there/there_0.db3", 0.05), ("there/there_2.db3", 0.1), ("there/there_4.db3", 0.1), ("back/back_1.db3", 0.02)):
        for _ in range(3):
            if killed_at(checks, cut, file, random.uniform(0, longest_s)):
                break
            shutil.rmtree(cut)  # it was through before this program had its turn: once more, from the beginning
        else:
            raise AssertionError(f"never killed while writing {file}: the test says nothing")
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
