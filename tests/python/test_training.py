"""Training by several processes, and what becomes of it when one of them dies. Run by tests/run."""
import json
import os
import signal
import socket
import struct
import subprocess
import time

import numpy

from checks import Checks


def data_set(checks):
    folder = checks.work / "data"
    if not folder.exists():
        bag = checks.work / "bag"
        checks.run("record", "-o", bag, "--source", "sim:tiny", "--frames", 8, "--size", "64x48", "-a")
        checks.run("extract", bag, "-o", folder)
    return folder


def command(checks, output, *more):
    data = data_set(checks)
    return [str(checks.program), "--threads", "1", "train", "--train", str(data), "--val", str(data), "-o", str(output),
            "--weights", "none", "--batch", "4", "--micro-batches", "2", *map(str, more)]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(checks, output, rank, size, port, *more):
    environment = {**os.environ, "RANK": str(rank), "WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return subprocess.Popen(command(checks, output, *more), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def weights(folder):
    """Tensors of a safetensors file by name."""
    raw = (folder / "weights.safetensors").read_bytes()
    size, = struct.unpack("<Q", raw[:8])
    return {name: numpy.frombuffer(raw[8 + size:][entry["data_offsets"][0]:entry["data_offsets"][1]], "<f4")
            for name, entry in json.loads(raw[8:8 + size]).items() if name != "__metadata__"}


def without_gloo(checks, text):
    if "has no Gloo" in text:
        checks.skip("several processes: this build has no Gloo")
        return True
    return False


def test_two_processes_learn_what_one_does(checks):
    # Two parts a batch, with batch norms of their own, by one process and by two. SGD: its steps are as close as their
    # gradients, where AdamW makes a full step of a gradient that is rounding alone.
    more = ["--epochs", 2, "--optimizer", "sgd", "--lr", "0.01"]
    one, two = checks.work / "one", checks.work / "two"
    subprocess.run(command(checks, one, *more), check=True, capture_output=True)
    port = free_port()
    processes = [start(checks, two, rank, 2, port, *more) for rank in (0, 1)]
    outputs = [process.communicate(timeout=300) for process in processes]
    if without_gloo(checks, outputs[0][1]):
        return
    for process, (_, errors) in zip(processes, outputs):
        assert process.returncode == 0, errors
    a, b = weights(one), weights(two)
    assert a.keys() == b.keys()
    for name in a:
        scale = numpy.abs(a[name]).max() + 1e-6
        assert numpy.abs(a[name] - b[name]).max() < 2e-3 * scale, (name, numpy.abs(a[name] - b[name]).max(), scale)
    histories = [json.loads((folder / "history.json").read_text()) for folder in (one, two)]
    for x, y in zip(*histories):
        assert abs(x["loss"] - y["loss"]) < 1e-3 * x["loss"], (x, y)


def test_a_killed_process_leaves_a_training_to_go_on_with(checks):
    output, port = checks.work / "killed", free_port()
    more = ["--epochs", 40]
    processes = [start(checks, output, rank, 2, port, *more) for rank in (0, 1)]
    deadline = time.time() + 100
    while not (output / "state.json").exists() and processes[0].poll() is None and time.time() < deadline:
        time.sleep(0.05)
    processes[1].send_signal(signal.SIGKILL)
    processes[1].communicate()
    _, errors = processes[0].communicate(timeout=100)
    if without_gloo(checks, errors):
        return
    assert processes[0].returncode == 1, errors
    assert "lost contact with another process" in errors, errors
    state = json.loads((output / "state.json").read_text())
    assert (output / state["checkpoint"]).exists()
    assert not (output / "model.yaml").exists()
    # One process alone may take it up: the result depends on the parts, not on who computes them.
    stopped = subprocess.Popen(command(checks, output, *more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    done = state["epochs_done"]
    while json.loads((output / "state.json").read_text())["epochs_done"] <= done and stopped.poll() is None:
        time.sleep(0.05)
    stopped.send_signal(signal.SIGINT)
    _, errors = stopped.communicate(timeout=100)
    assert f"going on after epoch {done} of 40" in errors, errors


def test_a_configuration_file_and_flags_over_it(checks):
    file = checks.work / "train.yaml"
    file.write_text("epochs: 1\nmodel: {architecture: lraspp}\nloss: {ohem: 0.5, dice: 0.3}\n")
    output = checks.work / "configured"
    subprocess.run(command(checks, output, "--config", file, "--dice", "0.7"), check=True, capture_output=True)
    recipe = json.loads(json.loads(checks.run("--json", checks.work / "show.json", "model", "show", output).stdout and
                                   (checks.work / "show.json").read_text())["provenance"]["recipe"])
    assert recipe["epochs"] == 1 and recipe["model"]["architecture"] == "lraspp"
    assert recipe["loss"]["ohem"] == 0.5 and recipe["loss"]["dice"] == 0.7
    # The package goes through export and check, and eval takes it with libtorch.
    checks.run("model", "export", output)
    text = checks.run("model", "check", output).stdout
    assert "model.pt" in text and "model.onnx" in text, text
    text = checks.run("eval", "--model", output, "--data", data_set(checks), "-o", checks.work / "report").stdout
    assert "boundary F1" in text and "calibration error" in text, text
    assert (checks.work / "report" / "metrics.tex").read_text().startswith("% Made by Bramble")
    file.write_text("epoch: 3\n")
    refused = checks.run("train", "--train", ".", "--val", ".", "-o", "x", "--config", file, check=False)
    assert refused.returncode != 0 and "epochs" in refused.stderr, refused.stderr


Checks().main(globals())
