"""Exported ONNX files in ONNX Runtime beside the network in NumPy: tensors made here go in by `bramble model import`, and
what comes out of another engine must be what acf_reference.py computes. Run by tests/run."""
import json
import shutil
import struct

import cv2
import numpy

import acf_reference
from checks import Checks

try:
    import onnxruntime
except ImportError:
    onnxruntime = None

CASES = [("acfnet", "lite0", 16), ("acfnet", "b0", 8), ("deeplabv3plus", "b0", 16), ("lraspp", "lite3", 16)]
WIDTH, HEIGHT = 64, 48


def made_package(checks, architecture, variant, stride, classes):
    """A package of made-up tensors, the picture they were asked for with, and NumPy's logits of it."""
    tensors = {}

    def tensor(name, shape):
        values = acf_reference.made_up(name, shape)
        tensors[name] = values
        return values

    picture = acf_reference.uniform("small", 3 * HEIGHT * WIDTH).reshape(3, HEIGHT, WIDTH)
    logits = getattr(acf_reference.Family(tensor, variant, stride), architecture)(picture, classes)
    file = checks.work / "tensors.safetensors"
    acf_reference.write_safetensors(file, tensors)
    folder = checks.work / f"{architecture}-{variant}-{stride}"
    checks.run("model", "import", file, "-o", folder, "--model", architecture, "--backbone", f"efficientnet-{variant}",
               "--output-stride", stride, "--ontology", "bramble", "--size", f"{WIDTH}x{HEIGHT}")
    return folder, picture, logits


def class_count(checks):
    return sum("carla_tag" in line for line in (checks.root / "ontologies" / "bramble.yaml").read_text().splitlines() if line.lstrip().startswith("-"))


def test_onnx_runtime_gives_the_logits_of_numpy(checks):
    if onnxruntime is None:
        return checks.skip("ONNX Runtime is not installed for this Python")
    classes = class_count(checks)
    assert classes > 1
    for architecture, variant, stride in CASES:
        folder, picture, logits = made_package(checks, architecture, variant, stride, classes)
        checks.run("model", "export", folder)
        session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
        assert [(i.name, i.shape) for i in session.get_inputs()] == [("rgb", [1, 3, HEIGHT, WIDTH])]
        assert [(o.name, o.shape) for o in session.get_outputs()] == [("logits", [1, *logits.shape])]
        got, = session.run(None, {"rgb": picture[None].astype(numpy.float32)})
        difference = numpy.abs(got[0] - logits).max() / numpy.abs(logits).max()
        assert difference < 1e-4, (architecture, variant, difference)
        metadata = session.get_modelmeta().custom_metadata_map
        assert metadata["architecture"] == architecture and len(json.loads(metadata["classes"])) == classes


def test_files_for_perceptionmetrics(checks):
    folder, _, logits = made_package(checks, "lraspp", "lite0", 16, class_count(checks))
    out = checks.work / "exported"
    checks.run("model", "export", folder, "--format", "torchscript", "-o", out)
    assert sorted(path.name for path in out.iterdir()) == ["model.pt", "model_cfg.json", "model_ontology.json"]
    config = json.loads((out / "model_cfg.json").read_text())
    assert config["resize"] == {"width": WIDTH, "height": HEIGHT} and config["batch_size"] == 1
    numpy.testing.assert_allclose(config["normalization"]["mean"], [127 / 255] * 3)
    ontology = json.loads((out / "model_ontology.json").read_text())
    assert sorted(entry["idx"] for entry in ontology.values()) == list(range(logits.shape[0]))
    assert all(len(entry["rgb"]) == 3 for entry in ontology.values())


def test_half_the_bytes_and_back(checks):
    folder, _, _ = made_package(checks, "lraspp", "b0", 16, class_count(checks))
    slim = checks.work / "slim"
    shutil.rmtree(slim, ignore_errors=True)
    checks.run("model", "slim", folder, "-o", slim)
    assert (slim / "weights.safetensors").stat().st_size < 0.55 * (folder / "weights.safetensors").stat().st_size
    assert "whole" in checks.run("model", "check", slim).stdout
    again = checks.run("model", "slim", folder, "-o", slim, check=False)
    assert again.returncode == 1 and "exists already" in again.stderr, again.stderr
    unknown = checks.run("model", "get", "nobody", "-o", checks.work / "got", check=False)
    assert unknown.returncode == 1 and "no model 'nobody' ships" in unknown.stderr, unknown.stderr


def test_the_model_that_ships(checks):
    got = checks.work / "default"
    shutil.rmtree(got, ignore_errors=True)
    checks.run("model", "get", "default", "-o", got)
    assert "whole" in checks.run("model", "check", got).stdout
    assert sum(file.stat().st_size for file in (checks.root / "models" / "default").iterdir()) < 12_000_000
    # A world that it was not trained in, at a size that is not its own.
    bag, data = checks.work / "unseen_bag", checks.work / "unseen"
    shutil.rmtree(bag, ignore_errors=True)
    shutil.rmtree(data, ignore_errors=True)
    checks.run("record", "-o", bag, "--source", "sim:forest_road", "--frames", 61, "--sensor-every", 20, "--size", "320x240",
               "/carla/hero/rgb_front/image", "/carla/hero/semantic_segmentation_front/image", "/carla/hero/depth_front/image")
    checks.run("extract", bag, "-o", data, "--depth")
    checks.run("eval", "--model", "default", "--data", data, "--json", checks.work / "unseen.json")
    model, = json.loads((checks.work / "unseen.json").read_text())["models"]
    assert model["accuracy"] > 0.8, model["accuracy"]
    # What is counted by distance are the pixels with a depth.
    near = sum(int((cv2.imread(str(file), cv2.IMREAD_UNCHANGED) > 0).sum()) for file in (data / "depth").rglob("*.png"))
    assert near > 0 and sum(band["pixels"] for band in model["by_distance"]) == near
    assert [band["from_m"] for band in model["by_distance"]] == [0, 5, 10, 20, 40, 80]


def test_damage_is_told(checks):
    folder, _, _ = made_package(checks, "deeplabv3plus", "lite0", 16, class_count(checks))
    assert "whole" in checks.run("model", "check", folder).stdout
    raw = bytearray((folder / "weights.safetensors").read_bytes())
    size, = struct.unpack("<Q", raw[:8])
    begin = 8 + size + json.loads(raw[8:8 + size])["classifier.bias"]["data_offsets"][0]
    raw[begin:begin + 4] = struct.pack("<f", float("nan"))
    (folder / "weights.safetensors").write_bytes(raw)
    refused = checks.run("model", "check", folder, check=False)
    assert refused.returncode == 1 and "classifier.bias holds nan" in refused.stderr, refused.stderr


Checks().main(globals())
