"""A data set of ours read by Python's pyarrow and OpenCV, as PerceptionMetrics' GAIA reader does. Run by tests/run."""
import csv
import json
import shutil
import sys

import cv2
import numpy

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


if __name__ == "__main__":
    Checks().main(globals())
