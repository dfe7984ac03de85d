"""Recorders killed at random moments: every message acknowledged as written is there after reindex. Run by tests/run.

`bramble record --report-written` prints «written N» when the first N messages of the recording are on files. The moments
are spread over the whole recording, its beginning and its end too; BRAMBLE_KILLS sets how many there are (100 for the
full test)."""
import json
import os
import random
import shutil
import subprocess
import threading
import time

from checks import Checks

KILLS = int(os.environ.get("BRAMBLE_KILLS", "12"))
TOPICS = ["/clock", "/carla/status", "/tf", "/carla/hero/vehicle_status", "/carla/hero/odometry", "/carla/hero/imu",
          "/carla/hero/gnss", "/carla/hero/speedometer", "/carla/hero/rgb_front/image"]


def command(checks, bag, storage):
    # Small batches, so that there is much to be broken; a new file now and then.
    return [str(checks.program), "record", "-o", str(bag), "--source", "sim:tiny", "--frames", "400", "--size", "32x24", "--quality",
            "preview", "-s", storage, "--max-cache-size", "20000", "-b", "400000", "--report-written", "-q", *TOPICS]


def listing(checks, bag):
    lines = [json.loads(line) for line in checks.run("bag", "dump", bag).stdout.splitlines()]
    return [(line["topic"], line["stamp_ns"], line["sha256"]) for line in lines]


class Recording:
    """A recorder whose promises are read as they are made."""

    def __init__(self, checks, bag, storage):
        shutil.rmtree(bag, ignore_errors=True)
        self.bag = bag
        self.acknowledged = 0
        self.begun = None
        self.process = subprocess.Popen(command(checks, bag, storage), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            if line.startswith("written "):
                self.acknowledged = int(line.split()[1])
                self.begun = self.begun or time.monotonic()

    def kill_after(self, seconds):
        """SIGKILL so long after the first promise (or at the end, if that comes first)."""
        while self.begun is None and self.process.poll() is None:
            time.sleep(0.002)
        try:
            self.process.wait(timeout=max(0, seconds))
        except subprocess.TimeoutExpired:
            self.process.kill()
        killed = self.process.wait() != 0
        self.reader.join()
        return killed

    def length(self):
        self.process.wait()
        self.reader.join()
        return time.monotonic() - self.begun


def kill(checks, storage):
    whole = Recording(checks, checks.work / f"whole_{storage}", storage)
    seconds = whole.length()
    assert whole.process.returncode == 0
    expected = listing(checks, whole.bag)  # the same drive gives the same messages, in the order in which they are written
    assert whole.acknowledged == len(expected) > 3000, (whole.acknowledged, len(expected))
    moments = random.Random(6)
    kills = lost = 0
    shares = []
    for number in range(KILLS):
        recording = Recording(checks, checks.work / f"killed_{storage}", storage)
        was_killed = recording.kill_after(moments.uniform(-0.02, 1.02) * seconds)
        kills += was_killed
        checks.run("bag", "reindex", recording.bag)
        rescued = listing(checks, recording.bag)
        assert rescued == expected[:len(rescued)], f"kill {number}: not what was recorded"
        assert len(rescued) >= recording.acknowledged, \
            f"kill {number}: {recording.acknowledged} messages were acknowledged, {len(rescued)} are there"
        assert "whole" in checks.run("bag", "check", recording.bag).stdout
        lost += len(rescued) < recording.acknowledged
        shares.append(len(rescued) / len(expected))
    print(f"{storage}: {kills} of {KILLS} recorders killed at {min(shares):.0%} to {max(shares):.0%} of {len(expected)} messages, "
          f"{lost} lost an acknowledged message")
    assert kills >= 0.7 * KILLS


def test_sqlite3(checks):
    kill(checks, "sqlite3")


def test_mcap(checks):
    kill(checks, "mcap")


if __name__ == "__main__":
    Checks().main(dict(globals()))
