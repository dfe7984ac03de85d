"""Data sets beside independent peers: ours read by pyarrow and OpenCV as PerceptionMetrics' GAIA reader does, public layouts
written by NumPy and OpenCV (public_datasets.py) and read by us. Run by tests/run.

PerceptionMetrics' own command line evaluates a TorchScript model on our export; BRAMBLE_PM_PYTHON names another Python
that has it than set-up's."""
import csv
import json
import os
import pathlib
import shutil
import subprocess
import sys

import cv2
import numpy

import public_datasets
from checks import Checks

sys.path.append(str(Checks.ROOT / ".deps" / "pyarrow"))  # set-up's wheel; it fits the Python it was made for
try:
    import pyarrow.parquet
except ImportError:
    pyarrow = None


def data_set(checks):
    folder = checks.work / "data"
    if not folder.exists():
        bag = checks.work / "bag"
        shutil.rmtree(bag, ignore_errors=True)
        checks.run("record", "-o", bag, "--source", "sim:tiny", "--frames", 5, "--size", "128x96", "-a")
        checks.run("extract", bag, "-o", folder, "--split", "val")
    return folder


def index_rows(folder):
    with open(folder / "index.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_parquet_index_names_the_same_samples(checks):
    if pyarrow is None:
        return checks.skip("reading Parquet: pyarrow does not fit this Python")
    folder = data_set(checks)
    table = pyarrow.parquet.read_table(folder / "dataset.parquet")
    rows = index_rows(folder)
    assert len(rows) == 5
    assert table.column_names == ["image", "label", "split", "__index_level_0__"], table.column_names
    for name in ("image", "label", "split"):
        assert table[name].to_pylist() == [row[name] for row in rows], name
    assert table["__index_level_0__"].to_pylist() == [row["name"] for row in rows]
    # What makes pandas restore the index, and PerceptionMetrics find the classes.
    pandas = json.loads(table.schema.metadata[b"pandas"])
    assert pandas["index_columns"] == ["__index_level_0__"]
    assert {column["field_name"] for column in pandas["columns"]} == set(table.column_names)
    assert (folder / pandas["attributes"]["ontology_fname"]).is_file()


def test_pictures_are_what_opencv_reads(checks):
    folder = data_set(checks)
    ontology = json.loads((folder / "ontology.json").read_text())
    ids = sorted(entry["idx"] for entry in ontology.values())
    assert ids == list(range(len(ids))), "PerceptionMetrics wants ids from 0 without gaps"
    for row in index_rows(folder):
        image = cv2.imread(str(folder / row["image"]), cv2.IMREAD_UNCHANGED)
        label = cv2.imread(str(folder / row["label"]), cv2.IMREAD_UNCHANGED)
        assert image.shape == (96, 128, 3) and image.dtype == numpy.uint8
        assert label.shape == (96, 128) and label.dtype == numpy.uint8, "labels are grey, not palette pictures"
        assert set(numpy.unique(label)) <= set(ids) | {255}
        assert len(numpy.unique(label)) > 2 and image.std() > 10


def test_memory_is_flat_in_the_length_of_the_bag(checks):
    """Extracting ten times the samples takes as much memory: what is held is what is in work."""
    peak_mib = {}
    for frames in (40, 400):
        bag, out = fresh(checks, f"bag_of_{frames}"), fresh(checks, f"data_of_{frames}")
        checks.run("record", "-o", bag, "--source", "sim:tiny", "--frames", frames, "--size", "160x120", "--quality", "preview",
                   "/carla/hero/rgb_front/image", "/carla/hero/semantic_segmentation_front/image")
        process = subprocess.Popen([checks.program, "extract", bag, "-o", out, "-q"], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        assert status == 0 and len(index_rows(out)) == frames
        peak_mib[frames] = usage.ru_maxrss / 1024
    assert peak_mib[400] < 1.05 * peak_mib[40] + 4, peak_mib


def fresh(checks, name):
    folder = checks.work / name
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def class_names(folder):
    """Name of every label value of a data set of ours; 255: None."""
    names = numpy.empty(256, object)
    for name, entry in json.loads((folder / "ontology.json").read_text()).items():
        names[entry["idx"]] = name
    return names


def compare_pictures(folder, truth, what):
    """Pictures and labels of a data set of ours with those that were written, in order of the file names of a split."""
    names = class_names(folder)
    rows = index_rows(folder)
    assert len(rows) == sum(map(len, truth.values())), f"{what}: {len(rows)} samples"
    for split, pairs in truth.items():
        ours = [row for row in rows if row["split"] == split]
        assert len(ours) == len(pairs), f"{what}: {len(ours)} in {split}"
        # Names and stamps order both alike; pictures are random, so each has one partner.
        for picture, wanted in pairs:
            found = [row for row in ours if (cv2.cvtColor(cv2.imread(str(folder / row["image"])), cv2.COLOR_BGR2RGB) == picture).all()]
            assert len(found) == 1, f"{what}: picture of {split} not there"
            label = cv2.imread(str(folder / found[0]["label"]), cv2.IMREAD_UNCHANGED)
            assert (names[label] == wanted).all(), f"{what}: {found[0]['name']}"


def test_public_layouts_are_read(checks):
    for format, write in public_datasets.PICTURES.items():
        root, out = fresh(checks, f"public_{format}"), fresh(checks, f"read_{format}")
        root.mkdir()
        truth = write(root)
        checks.run("dataset", "convert", f"{format}:{root}", "-o", out, "--strict")
        compare_pictures(out, truth, format)
        # Told without its name too, and gone round through the other formats that hold these classes.
        stats = checks.work / "stats.json"
        checks.run("dataset", "stats", root, "--json", stats)
        assert json.loads(stats.read_text())["format"] == format
        back, again = fresh(checks, f"back_{format}"), fresh(checks, f"again_{format}")
        checks.run("dataset", "convert", out, "-o", back, "--format", format, "--strict")
        checks.run("dataset", "convert", f"{format}:{back}", "-o", again, "--strict")
        compare_pictures(again, truth, f"{format} written by us")


def test_rellis_lidar_is_read(checks):
    root, out = fresh(checks, "rellis_lidar"), fresh(checks, "rellis_lidar_out")
    root.mkdir()
    public_datasets.rellis3d(root)
    checks.run("dataset", "convert", f"rellis3d:{root}", "-o", out)
    names = class_names(out)
    raw_names = {number: name for number, name, _ in public_datasets.RELLIS}
    rows = index_rows(out)
    assert len(rows) == 9 and all(row["cloud"] and row["cloud_label"] for row in rows)
    for row in rows:
        sequence, stem = row["name"].split("_", 1)
        number = stem[5:11]
        theirs = numpy.fromfile(root / sequence / "os1_cloud_node_kitti_bin" / f"{number}.bin", "<f4")
        assert (numpy.fromfile(out / row["cloud"], "<f4") == theirs).all()
        raw = numpy.fromfile(root / sequence / "os1_cloud_node_semantickitti_label_id" / f"{number}.label", "<u4")
        ids = numpy.fromfile(out / row["cloud_label"], "<u4") & 0xFFFF
        assert [names[i] for i in ids] == [raw_names[int(r)] for r in raw]


def test_semantickitti_is_read(checks):
    root, out = fresh(checks, "kitti"), fresh(checks, "kitti_out")
    truth = public_datasets.semantickitti(root)
    checks.run("dataset", "convert", f"semantickitti:{root}", "-o", out, "--strict")
    names = class_names(out)
    rows = index_rows(out)
    for split, pairs in truth.items():
        ours = [row for row in rows if row["split"] == split]
        assert len(ours) == len(pairs)
        for row, (points, wanted) in zip(ours, pairs):
            assert (numpy.fromfile(out / row["cloud"], "<f4").reshape(-1, 4) == points).all()
            ids = numpy.fromfile(out / row["cloud_label"], "<u4") & 0xFFFF
            assert [names[i] for i in ids] == wanted
    assert rows[1]["stamp_ns"] == "103600000"


def test_data_option_maps_on_reading(checks):
    root = fresh(checks, "mapped")
    root.mkdir()
    truth = public_datasets.rellis3d(root)
    figures = checks.work / "mapped.json"
    checks.run("dataset", "stats", f"rellis3d:{root}?map=bramble&split=train", "--json", figures)
    stats = json.loads(figures.read_text())
    assert stats["samples"] == 3
    target = {"dirt": "dirt", "mud": "dirt", "grass": "grass", "tree": "tree", "bush": "bush", "rubble": "rubble", "water": "water", "puddle": "water", "sky": "sky"}
    counts = {}
    for _, names in truth["train"]:
        for name in names.flatten():
            counts[target.get(name)] = counts.get(target.get(name), 0) + 1
    assert {c["name"]: c["pixels"] for c in stats["classes"]} == {name: counts.get(name, 0) for name in set(target.values())}
    assert stats["ignored_pixels"] == counts[None]


def test_bad_data_is_named_and_left_out_or_refused(checks):
    root = fresh(checks, "bad")
    root.mkdir()
    public_datasets.rellis3d(root)
    images = root / "00000" / "pylon_camera_node"
    stems = sorted(path.stem for path in images.iterdir())
    os.truncate(images / f"{stems[0]}.png", 100)
    (root / "00000" / "pylon_camera_node_label_id" / f"{stems[1]}.png").unlink()
    wide = cv2.imread(str(root / "00000" / "pylon_camera_node_label_id" / f"{stems[2]}.png"), cv2.IMREAD_UNCHANGED)
    wide[0, 0] = 99
    cv2.imwrite(str(root / "00000" / "pylon_camera_node_label_id" / f"{stems[2]}.png"), wide)
    figures = checks.work / "bad.json"
    text = checks.run("dataset", "convert", root, "-o", fresh(checks, "bad_out"), "--json", figures).stdout
    problems = json.loads(figures.read_text())["problems"]
    assert problems["counts"] == {"missing file": 1, "unknown label values": 1, "unreadable": 1}, problems
    assert all(any(stem in line for line in problems["first"]) for stem in stems), text
    strict = checks.run("dataset", "convert", root, "-o", fresh(checks, "bad_strict"), "--strict", check=False)
    assert strict.returncode == 1 and "--strict" in strict.stderr
    assert not (checks.work / "bad_strict" / "index.csv").exists()


def test_check_finds_leaks_between_data_sets(checks):
    root, a, b = fresh(checks, "leak"), fresh(checks, "leak_a"), fresh(checks, "leak_b")
    root.mkdir()
    public_datasets.camvid(root)
    checks.run("dataset", "convert", f"camvid:{root}?split=train", "-o", a)
    checks.run("dataset", "convert", f"camvid:{root}?split=test", "-o", b)
    assert checks.run("dataset", "check", a, b).returncode == 0
    row, other = index_rows(a)[0], index_rows(b)[0]
    shutil.copy(a / row["image"], b / other["image"])
    figures = checks.work / "leak.json"
    assert checks.run("dataset", "check", a, b, "--json", figures, check=False).returncode == 1
    assert json.loads(figures.read_text())["same_across_splits"] == 1


def test_manifest_is_what_sha256sum_reads(checks):
    folder = data_set(checks)
    checks.run("dataset", "manifest", folder)
    done = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "SHA256SUMS").unlink()


def test_gaia_export_keeps_index_and_pixels(checks):
    if pyarrow is None:
        return checks.skip("reading Parquet: pyarrow does not fit this Python")
    folder, out = data_set(checks), fresh(checks, "gaia")
    checks.run("dataset", "convert", folder, "-o", out, "--format", "gaia", "--strict")
    table = pyarrow.parquet.read_table(out / "dataset.parquet").to_pylist()
    rows = index_rows(folder)
    assert [row["__index_level_0__"] for row in table] == [row["name"] for row in rows]
    for row, ours in zip(table, rows):
        assert row["image"] == f"{row['split']}/image-{ours['name']}.png" and row["split"] == ours["split"] == "val"
        for kind in ("image", "label"):
            theirs = cv2.imread(str(out / row[kind]), cv2.IMREAD_UNCHANGED)
            assert (theirs == cv2.imread(str(folder / ours[kind]), cv2.IMREAD_UNCHANGED)).all()
    # A table of another writer, with other index and without metadata, is read too.
    for metadata in (True, False):
        other = pyarrow.Table.from_pylist([{"image": r["image"], "label": r["label"], "split": "test"} for r in table])
        if not metadata:
            other = other.replace_schema_metadata(None)
        pyarrow.parquet.write_table(other, out / "dataset.parquet", compression="snappy")
        figures = checks.work / "gaia.json"
        checks.run("dataset", "stats", f"gaia:{out}", "--json", figures)
        assert json.loads(figures.read_text())["splits"] == {"test": len(rows)}


PM_MODEL = """
import json, sys, torch
colors = torch.tensor(json.loads(sys.argv[1]), dtype=torch.float32) / 255
class Nearest(torch.nn.Module):  # nearest colour as a linear map: 2 c.x - c.c
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, len(colors), 1)
        self.conv.weight.data = 2 * colors[:, :, None, None]
        self.conv.bias.data = -(colors * colors).sum(1)
    def forward(self, x):
        return self.conv(x)
torch.jit.trace(Nearest(), torch.zeros(1, 3, 64, 96)).save(sys.argv[2])
"""


def test_perceptionmetrics_evaluates_our_export(checks):
    python = pathlib.Path(os.environ.get("BRAMBLE_PM_PYTHON", checks.root / ".deps" / "perceptionmetrics" / "bin" / "python"))
    if not python.exists() or subprocess.run([python, "-c", "import torch, torchvision, pandas"], capture_output=True).returncode != 0:
        return checks.skip(f"PerceptionMetrics on our GAIA export: {python} has no perceptionmetrics and torch (./bramble test installs them)")
    root, out = fresh(checks, "pm_source"), fresh(checks, "pm")
    # Pictures in the colours of their classes, a known share of them wrong.
    random = numpy.random.default_rng(5)
    classes = [(number, name, color) for number, name, color in public_datasets.CAMVID if name]
    wrong = total = 0
    for frame in range(4):
        label = random.integers(0, len(classes), (64, 96))
        shown = label.copy()
        mistakes = random.random(label.shape) < 0.1
        shown[mistakes] = (shown[mistakes] + 1) % len(classes)
        wrong += int(mistakes.sum())
        total += mistakes.size
        public_datasets.save(root / "test" / f"f{frame}.png", numpy.array([c for _, _, c in classes], numpy.uint8)[shown])
        public_datasets.save(root / "testannot" / f"f{frame}.png", numpy.array([n for n, _, _ in classes], numpy.uint8)[label])
    checks.run("dataset", "convert", f"camvid:{root}", "-o", out, "--format", "gaia", "--strict")
    ontology = json.loads((out / "ontology.json").read_text())
    colors = [entry["rgb"] for entry in sorted(ontology.values(), key=lambda e: e["idx"])]
    (out / "model_cfg.json").write_text(json.dumps({"batch_size": 1, "num_workers": 0}))
    subprocess.run([python, "-c", PM_MODEL, json.dumps(colors), str(out / "model.pt")], check=True)
    result = out / "result.csv"
    done = subprocess.run([python, checks.root / "tests" / "python" / "pm_peer.py", "pm_eval_model", "segmentation", "image", "--model_format", "torch", "--model", str(out / "model.pt"),
                           "--model_ontology", str(out / "ontology.json"), "--model_cfg", str(out / "model_cfg.json"), "--dataset_format", "gaia",
                           "--dataset_fname", str(out / "dataset.parquet"), "--split", "test", "--out_fname", str(result)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    rows = {row[0]: row[1:] for row in csv.reader(result.open())}
    micro = rows[""].index("micro")
    assert abs(float(rows["recall"][micro]) - (1 - wrong / total)) < 1e-3, rows["recall"]  # their accuracy counts true negatives


if __name__ == "__main__":
    Checks().main(globals())
