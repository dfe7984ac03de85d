"""Pretrained backbones beside the networks they come from: timm's and torchvision's EfficientNets with made-up weights,
saved in every form that is met, must give the same features here as there. Run by tests/run."""
import json
import shutil
import subprocess

import numpy

from acf_reference import read_safetensors
from checks import Checks

TOLERANCE = 1e-4


def prepared(checks):
    """The folder that backbone_peer.py filled and the program that reads it; None, said aloud, where one is missing."""
    python = checks.root / ".deps" / "perceptionmetrics" / "bin" / "python"
    program = checks.program.parents[2] / "tests" / "cpp" / "bramble_backbone_features"
    if not program.exists():
        return checks.skip(f"{program} is not built: comparison with timm and torchvision")
    if not python.exists() or subprocess.run([python, "-c", "import timm, torchvision, safetensors"], capture_output=True).returncode != 0:
        return checks.skip("timm and torchvision are not installed: ./bramble test does it")
    folder = checks.work / "peer"
    if not (folder / "names.json").exists():
        shutil.rmtree(folder, ignore_errors=True)
        peer = subprocess.run([python, checks.root / "tests" / "python" / "backbone_peer.py", folder], capture_output=True, text=True, timeout=600)
        assert peer.returncode == 0, peer.stderr[-3000:]
    return folder, program


def test_features_are_those_of_timm_and_torchvision(checks):
    if not (ready := prepared(checks)):
        return
    folder, program = ready
    done = subprocess.run([program, "features", folder / "jobs.txt"], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    for case in json.loads((folder / "cases.json").read_text()):
        expected, found = read_safetensors(case["expected"]), read_safetensors(case["found"])
        assert set(found) == {"half", "quarter", "eighth", "deep"}
        worst = 0
        for part, values in expected.items():
            assert found[part].shape == values.shape, (case["what"], part, found[part].shape, values.shape)
            assert values.std() > 1e-3 and numpy.isfinite(found[part]).all(), (case["what"], part)
            worst = max(worst, numpy.abs(found[part] - values).max() / numpy.abs(values).max())
        print(f"{case['what']}: worst difference {worst:.1e}")
        assert worst < TOLERANCE, (case["what"], worst)


def test_conventions_are_those_that_timm_names(checks):
    if not (ready := prepared(checks)):
        return
    folder, program = ready
    names = json.loads((folder / "names.json").read_text())
    assert len(names) >= 8
    for backbone in ("efficientnet-b0", "efficientnet-lite0"):
        mine = [name for name in names if ("lite" in name["name"]) == ("lite" in backbone)]
        done = subprocess.run([program, "conventions", backbone, *(name["file"] for name in mine)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        for name, line in zip(mine, done.stdout.splitlines(), strict=True):
            found = json.loads(line)
            for key in ("padding", "epsilon", "mean", "std"):
                assert found[key] == name[key], (name["name"], key, found[key], name[key])


def test_another_network_is_refused_in_one_line(checks):
    if not (ready := prepared(checks)):
        return
    folder, program = ready
    for case in json.loads((folder / "cases.json").read_text()):
        other = "efficientnet-b6" if "-b" in case["backbone"] else "efficientnet-lite3"
        done = subprocess.run([program, "conventions", other, case["file"]], capture_output=True, text=True)
        assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
        assert "blocks" in done.stderr and other in done.stderr and case["backbone"] in done.stderr, done.stderr


Checks().main(globals())
