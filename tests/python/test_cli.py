"""Bad input gets one clear line and exit status 1; wrong usage status 2. Run by tests/run."""
import os
import shutil
import sqlite3
import struct
import subprocess
import zlib

from checks import Checks

RGB = "/carla/hero/rgb_front/image"
LABEL = "/carla/hero/semantic_segmentation_front/image"


def refused(checks, arguments, *expected, status=1, **keywords):
    done = checks.run(*arguments, check=False, **keywords)
    said = [line for line in done.stderr.splitlines() if line.startswith("bramble: ")]
    assert done.returncode == status, f"{arguments}: status {done.returncode}, expected {status}\n{done.stderr[-2000:]}"
    assert len(said) == 1, f"{arguments}: expected one line, got {done.stderr[-2000:]!r}"
    for words in expected:
        assert words in done.stderr, f"{arguments}: «{words}» is not in {done.stderr[-2000:]!r}"
    return done


def grey_png(path, width, height, value):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + bytes([value]) * width for _ in range(height))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
                     + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


_bag = None


def small_bag(checks):
    """A bag of five frames, recorded once."""
    global _bag
    if _bag is None:
        _bag = checks.work / "small"
        shutil.rmtree(_bag, ignore_errors=True)
        checks.run("record", "-o", _bag, "--source", "sim:tiny", "--frames", 5, "--size", "128x96", RGB, LABEL)
    return _bag


def small_dataset(checks):
    folder = checks.work / "dataset"
    if not folder.exists():
        checks.run("extract", small_bag(checks), "-o", folder)
    return folder


def test_usage_is_status_2(checks):
    assert checks.run("no-such-command", check=False).returncode == 2
    assert checks.run(check=False).returncode == 2
    assert checks.run("--help").returncode == 0


def test_missing_scenario(checks):
    refused(checks, ["record", "-o", checks.work / "x", "--source", "sim:nowhere.yaml", RGB], "nowhere.yaml")


def test_malformed_scenario(checks):
    text = (checks.root / "scenarios/tiny.yaml").read_text()
    wrong = checks.work / "wrong.yaml"
    wrong.write_text(text + "\nterain: 3\n")
    refused(checks, ["record", "-o", checks.work / "x", "--source", f"sim:{wrong}", RGB], "wrong.yaml:", "terain", "did you mean 'terrain'")
    wrong.write_text("name: [1, 2\n")
    refused(checks, ["record", "-o", checks.work / "x", "--source", f"sim:{wrong}", RGB], "wrong.yaml:", "not valid YAML")
    assert not (checks.work / "x").exists(), "a refused recording left a folder behind"


def test_unknown_class_folder(checks):
    assets = checks.work / "assets"
    shutil.rmtree(assets, ignore_errors=True)
    (assets / "gras").mkdir(parents=True)
    (assets / "gras" / "stone.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    refused(checks, ["assets", "--folder", assets], "gras", "grass")


def test_unreadable_mesh(checks):
    assets = checks.work / "assets"
    shutil.rmtree(assets, ignore_errors=True)
    (assets / "rubble").mkdir(parents=True)
    (assets / "rubble" / "broken.glb").write_bytes(b"glTF this is not a mesh")
    refused(checks, ["assets", "--folder", assets], "broken.glb")


def test_own_mesh_is_used(checks):
    assets = checks.work / "assets"
    shutil.rmtree(assets, ignore_errors=True)
    (assets / "rubble").mkdir(parents=True)
    (assets / "rubble" / "mine.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 2 3\nf 1 4 2\nf 1 3 4\nf 2 4 3\n")
    assert "mine" in checks.run("assets", "--folder", assets).stdout


def test_unknown_topic_lists_those_there_are(checks):
    refused(checks, ["record", "-o", checks.work / "x", "--source", "sim:tiny", "--frames", 1, "/carla/hero/nothing"], "/carla/hero/nothing", RGB)
    assert not (checks.work / "x").exists()
    refused(checks, ["extract", small_bag(checks), "-o", checks.work / "y", "--image", "/camera"], "/camera", RGB)
    assert not (checks.work / "y").exists()


def test_existing_bag_is_not_overwritten(checks):
    refused(checks, ["record", "-o", small_bag(checks), "--source", "sim:tiny", "--frames", 1, RGB], "exist")


def test_cut_bag(checks):
    cut = checks.work / "cut"
    shutil.rmtree(cut, ignore_errors=True)
    shutil.copytree(small_bag(checks), cut)
    file = next(cut.glob("*.db3"))
    data = file.read_bytes()
    for length in (len(data) // 2, 3000, 10, 0):
        file.write_bytes(data[:length])
        shutil.rmtree(checks.work / "z", ignore_errors=True)
        refused(checks, ["extract", cut, "-o", checks.work / "z"], file.name)


def test_folder_that_is_no_bag(checks):
    (checks.work / "empty").mkdir(exist_ok=True)
    refused(checks, ["extract", checks.work / "empty", "-o", checks.work / "z"], "empty")
    refused(checks, ["bag", "info", checks.work / "missing"], "missing")


def test_label_that_the_ontology_lacks(checks):
    wrong = checks.work / "wrong_labels"
    shutil.rmtree(wrong, ignore_errors=True)
    shutil.copytree(small_dataset(checks), wrong)
    label = sorted((wrong / "labels").glob("*.png"))[1]
    grey_png(label, 128, 96, 99)
    refused(checks, ["dataset", "check", wrong], "99", label.name)
    refused(checks, ["train", "--train", wrong, "--val", wrong, "-o", checks.work / "m", "--epochs", 1, "--batch", 2, "--weights", "none", "--size", "64x48"], "99", label.name)


def test_model_that_does_not_fit(checks):
    """A model with another ontology is refused by eval and names what differs."""
    data = small_dataset(checks)
    model = checks.work / "model"
    if not model.exists():
        checks.run("train", "--train", data, "--val", data, "-o", model, "--epochs", 1, "--batch", 2, "--weights", "none", "--size", "64x48")
    other = checks.work / "other_ontology"
    shutil.rmtree(other, ignore_errors=True)
    shutil.copytree(data, other)
    text = (other / "ontology.yaml").read_text().replace("bush", "shrub")
    (other / "ontology.yaml").write_text(text)
    refused(checks, ["eval", "--model", model, "--data", other, "-o", checks.work / "r"], "shrub")
    refused(checks, ["eval", "--model", checks.work / "no_model", "--data", data, "-o", checks.work / "r"], "no_model")
    weights = model / "weights.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    refused(checks, ["eval", "--model", model, "--data", data, "-o", checks.work / "r"], "weights.safetensors")
    weights.write_bytes(whole)


def test_not_a_picture(checks):
    text = checks.work / "notes.png"
    text.write_text("this is no picture")
    model = checks.work / "model"
    if model.exists():
        refused(checks, ["infer", "--model", model, "--image", text, "-o", checks.work / "i"], "notes.png")


def test_no_disk_space(checks):
    disk = checks.work / "disk"
    disk.mkdir(exist_ok=True)
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk], capture_output=True).returncode:
        checks.skip("no disk space: cannot mount a small disk here (needs root)")
        return
    try:
        refused(checks, ["record", "-o", disk / "bag", "--source", "sim:tiny", "--frames", 40, "--size", "512x384", RGB, LABEL], "space")
        shutil.rmtree(disk / "bag", ignore_errors=True)
        with open(disk / "fill", "wb", buffering=0) as fill:
            try:
                while True:
                    fill.write(bytes(4096))
            except OSError:
                pass
        refused(checks, ["extract", small_bag(checks), "-o", disk / "data"], "space")
    finally:
        subprocess.run(["umount", disk], check=True)


def test_bag_is_a_plain_sqlite_file(checks):
    file = next(small_bag(checks).glob("*.db3"))
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
        counts = dict(database.execute("SELECT name, count(*) FROM topics JOIN messages ON topic_id = topics.id GROUP BY name"))
    assert counts == {RGB: 5, LABEL: 5}, counts


if __name__ == "__main__":
    Checks().main(globals())
