"""Recorders killed at random moments: every message acknowledged as written is there after reindex. Run by tests/run.

`bramble record --report-written` prints «written N» when the first N messages of the recording are on files. The moments
are spread over the whole recording, its beginning and its end too; BRAMBLE_KILLS sets how many there are (100 for the
full test)."""
import json
import os
import random
import shutil
import signal
import subprocess
import threading

from checks import Checks

KILLS = int(os.environ.get("BRAMBLE_KILLS", "12"))
TOPICS = ["/clock", "/carla/status", "/tf", "/carla/hero/vehicle_status", "/carla/hero/odometry", "/carla/hero/imu",
          "/carla/hero/gnss", "/carla/hero/speedometer"]
# Small batches and files, so that there is much to be broken.
BATCHES = ["--report-written", "--max-cache-size", "20000", "-b", "200000", "-q"]


def drive(checks, bag, storage):
    """The simulation into a bag: many small messages."""
    return ["record", "-o", bag, "--source", "sim:tiny", "--frames", 300, *TOPICS, *storage, *BATCHES]


def copy(checks, bag, storage):
    """A bag with pictures into another."""
    source = checks.work / "source"
    if not source.exists():
        checks.run("record", "-o", source, "--source", "sim:tiny", "--frames", 150, "--size", "96x64", "--quality", "preview", *TOPICS,
                   "/carla/hero/rgb_front/image", "/carla/hero/semantic_segmentation_front/image")
    return ["bag", "convert", source, "-o", bag, *storage, *BATCHES]


def listing(checks, bag):
    lines = [json.loads(line) for line in checks.run("bag", "dump", bag).stdout.splitlines()]
    return [(line["topic"], line["stamp_ns"], line["sha256"]) for line in lines]


class Recording:
    """A recorder whose promises are read as they are made, and which is killed some time after one of them."""

    def __init__(self, checks, bag, arguments, target=None, delay=0.0):
        shutil.rmtree(bag, ignore_errors=True)
        self.acknowledged, self.target, self.delay = 0, target, delay
        self.process = subprocess.Popen([str(checks.program), *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if not line.startswith("written "):
                continue
            self.acknowledged = int(line.split()[1])
            if self.target is not None and self.acknowledged >= self.target:
                self.target = None
                threading.Timer(self.delay, self.process.kill).start()
        self.errors = self.process.stderr.read()
        self.killed = self.process.wait() == -signal.SIGKILL


def kill(checks, name, storage):
    moments = random.Random(6)
    killed = 0
    shares = []
    for recorder in (drive, copy):
        bag = checks.work / f"{recorder.__name__}_{name}"
        whole = Recording(checks, bag, recorder(checks, bag, storage))
        assert whole.process.returncode == 0, whole.errors
        expected = listing(checks, bag)  # the same each time, and in the order in which it is written
        assert whole.acknowledged == len(expected) > 500, (whole.acknowledged, len(expected))
        # On a busy machine many are done before the signal reaches them: then it is tried again, up to three times each.
        number, before = 0, killed
        while killed - before < KILLS // 2 and number < 3 * (KILLS // 2):
            number += 1
            # After a random promise; the next batch may be on its way, a file be closed, or all be done but the index.
            target = moments.randrange(1, len(expected) + 1)
            latest_s = 0.01 if recorder is drive else 0.002  # a copy is done that much sooner
            recording = Recording(checks, bag, recorder(checks, bag, storage), target, moments.uniform(0, latest_s))
            killed += recording.killed
            checks.run("bag", "reindex", bag)
            rescued = listing(checks, bag)
            where = f"{name}, {recorder.__name__}, kill {number} after {recording.acknowledged} messages"
            assert rescued == expected[:len(rescued)], f"{where}: not what was recorded"
            assert len(rescued) >= recording.acknowledged, f"{where}: {len(rescued)} are there"
            assert "whole" in checks.run("bag", "check", bag).stdout, where
            shares.append(len(rescued) / len(expected))
    print(f"{name}: {killed} of {len(shares)} recorders killed with {min(shares):.0%} to {max(shares):.0%} of their messages written; "
          "every acknowledged message is there")
    assert killed >= 0.6 * KILLS, "most were done before they were killed"


def test_sqlite3(checks):
    kill(checks, "sqlite3", ["-s", "sqlite3"])


def test_sqlite3_with_a_rollback_journal(checks):
    kill(checks, "sqlite3_none", ["-s", "sqlite3", "--storage-preset-profile", "none"])


def test_mcap(checks):
    kill(checks, "mcap", ["-s", "mcap"])


if __name__ == "__main__":
    Checks().main(dict(globals()))
