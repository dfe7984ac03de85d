"""The same scenario, seed and version give the same bytes, whatever the number of threads. Run by tests/run."""
import filecmp
import shutil

from checks import Checks

TOPICS = ["-a"]


def record(checks, name, threads, *more):
    bag = checks.work / name / "drive"  # the same last name: it stands in the bag's file names
    shutil.rmtree(bag.parent, ignore_errors=True)
    bag.parent.mkdir(parents=True)
    checks.run("record", "-o", bag, "--threads", threads, *more, *TOPICS)
    return bag


def assert_equal_folders(a, b):
    names = sorted(p.relative_to(a) for p in a.rglob("*"))
    assert names == sorted(p.relative_to(b) for p in b.rglob("*")) and names
    for name in names:
        if (a / name).is_file():
            assert filecmp.cmp(a / name, b / name, shallow=False), f"{name} differs between {a} and {b}"


def test_bags_are_equal_with_one_and_two_threads(checks):
    source = ["--source", "sim:meadow", "--frames", 6, "--size", "256x192"]
    assert_equal_folders(record(checks, "one", 1, *source), record(checks, "two", 2, *source))


def test_reverse_drive_is_repeatable(checks):
    source = ["--source", "sim:tiny", "--driver", "reverse", "--frames", 6, "--size", "128x96"]
    assert_equal_folders(record(checks, "first", 2, *source), record(checks, "second", 2, *source))


def test_another_seed_gives_another_world(checks):
    text = (checks.root / "scenarios/tiny.yaml").read_text()
    other = checks.root / "scenarios" / "tiny.yaml"
    changed = checks.work / "tiny.yaml"
    lines = [("seed: 987654" if line.startswith("seed:") else line) for line in text.splitlines()]
    changed.write_text("\n".join(lines) + "\n")
    a = record(checks, "a", 2, "--source", f"sim:{other}", "--frames", 2, "--size", "64x48")
    b = record(checks, "b", 2, "--source", f"sim:{changed}", "--frames", 2, "--size", "64x48")
    assert not filecmp.cmp(next(a.glob("*.db3")), next(b.glob("*.db3")), shallow=False)


def test_extraction_is_repeatable(checks):
    bag = record(checks, "bag", 2, "--source", "sim:tiny", "--frames", 4, "--size", "128x96")
    for name, threads in (("one", 1), ("two", 2)):
        shutil.rmtree(checks.work / f"data_{name}", ignore_errors=True)
        checks.run("extract", bag, "-o", checks.work / f"data_{name}", "--threads", threads)
    assert_equal_folders(checks.work / "data_one", checks.work / "data_two")


if __name__ == "__main__":
    Checks().main(globals())
