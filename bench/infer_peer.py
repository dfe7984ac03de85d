#!/usr/bin/env python3
"""Other runtimes on a model of Bramble: the peers that `bramble infer --bench` measures itself against, as far as this
Python can import them. OpenVINO reads the exported IR, ONNX Runtime the exported ONNX. PyTorch in eager mode reads the
package by itself (docs/model_package.md) and builds the network anew, so its labels are also a check of the engine.

    infer_peer.py --model FOLDER --picture RGB_BYTES --width W --height H --labels OUT --json OUT [--threads N] [--runs N]
                  [--openvino-ir XML [--openvino-folder FOLDER]] [--onnx FILE] [--peers NAME,NAME]
OUT.torch and OUT.openvino get the labels, one byte a pixel.
"""
import argparse
import json
import os
import re
import statistics
import struct
import sys
import time

try:
    import torch
    import torch.nn.functional as F
    Module = torch.nn.Module
except ImportError:
    torch, Module = None, object

BLOCKS = {  # repeats and channels of the seven stages
    "efficientnet-lite0": ([1, 2, 2, 3, 3, 4, 1], [16, 24, 40, 80, 112, 192, 320]),
    "efficientnet-lite1": ([1, 3, 3, 4, 4, 5, 1], [16, 24, 40, 80, 112, 192, 320]),
    "efficientnet-lite2": ([1, 3, 3, 4, 4, 5, 1], [16, 24, 48, 88, 120, 208, 352]),
}
STAGES = [(3, 1, 1), (3, 2, 1), (5, 2, 1), (3, 2, 1), (5, 1, 1), (5, 1, 2), (3, 1, 2)]  # kernel, stride, dilation


def read_safetensors(path):
    with open(path, "rb") as file:
        size, = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = bytearray(file.read())
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        flat = torch.frombuffer(data, dtype=torch.float32, offset=begin, count=(end - begin) // 4)
        tensors[name] = flat.reshape(entry["shape"]).clone()
    return tensors


def read_info(folder):
    text = open(os.path.join(folder, "model.yaml")).read()
    word = lambda key: re.search(rf"^{key}: *(\S+)", text, re.M).group(1)
    numbers = lambda key: [float(x) for x in re.search(rf"{key}: *\[([^\]]*)\]", text).group(1).split(",")]
    return word("backbone"), word("decoder"), numbers("mean"), numbers("std")


class Network(Module):
    """Tensors stay under their names in the package; forward() is the text of docs/model_package.md."""

    def __init__(self, folder):
        super().__init__()
        self.backbone, self.decoder, mean, std = read_info(folder)
        for name, tensor in read_safetensors(os.path.join(folder, "weights.safetensors")).items():
            self.register_buffer(name.replace(".", "|"), tensor)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))

    def get(self, name):
        return getattr(self, name.replace(".", "|"))

    def conv(self, x, name, stride=1, dilation=1):
        weight = self.get(name + ".weight")
        reach = (weight.shape[2] - 1) * dilation + 1
        pads = []
        for size in (x.shape[3], x.shape[2]):
            total = max((-(-size // stride) - 1) * stride + reach - size, 0)
            pads += [total // 2, total - total // 2]
        same = pads[0] == pads[1] and pads[2] == pads[3]
        if not same:
            x = F.pad(x, pads)
        groups = x.shape[1] if weight.shape[1] == 1 and weight.shape[0] == x.shape[1] else 1
        return F.conv2d(x, weight, None, stride, (pads[2], pads[0]) if same else 0, dilation, groups)

    def norm(self, x, name, eps=1e-5):
        get = lambda part: self.get(f"{name}.{part}")
        return F.batch_norm(x, get("running_mean"), get("running_var"), get("weight"), get("bias"), False, 0.0, eps)

    def unit(self, x, name, dilation=1):
        return F.relu(self.norm(self.conv(x, name + ".conv", dilation=dilation), name + ".bn"))

    def separable(self, x, name, dilation=1):
        x = F.relu(self.norm(self.conv(x, name + ".depthwise", dilation=dilation), name + ".depthwise_bn"))
        return F.relu(self.norm(self.conv(x, name + ".pointwise"), name + ".bn"))

    def features(self, x):
        norm = lambda x, name: self.norm(x, name, 1e-3)
        x = F.relu6(norm(self.conv(x, "backbone._conv_stem", 2), "backbone._bn0"))
        repeats, _ = BLOCKS[self.backbone]
        block = 0
        for stage, (kernel, stride, dilation) in enumerate(STAGES):
            for repeat in range(repeats[stage]):
                name = f"backbone._blocks.{block}."
                y = x
                if block > 0:
                    y = F.relu6(norm(self.conv(y, name + "_expand_conv"), name + "_bn0"))
                y = self.conv(y, name + "_depthwise_conv", stride if repeat == 0 else 1,
                              dilation if stage == 6 or repeat > 0 else 1)
                y = F.relu6(norm(y, name + "_bn1"))
                y = norm(self.conv(y, name + "_project_conv"), name + "_bn2")
                x = x + y if x.shape == y.shape else y
                block += 1
            if stage == 0:
                half = x
            if stage == 1:
                quarter = x
        return half, quarter, x

    def forward(self, x):
        f2, f4, f16 = self.features(x)
        pool = self.unit(f16.mean((2, 3), keepdim=True), "aspp.pool").expand(-1, -1, *f16.shape[2:])
        branches = [pool, self.unit(f16, "aspp.point")]
        branches += [self.separable(f16, f"aspp.rate{rate}", rate) for rate in (6, 12, 18)]
        x = self.unit(torch.cat(branches, 1), "aspp.project")
        coarse = F.conv2d(x, self.get("coarse.weight"), self.get("coarse.bias"))
        share = coarse.softmax(1).flatten(2)
        centres = x.flatten(2) @ share.transpose(1, 2) / (share.sum(2).unsqueeze(1) + 1e-6)
        attended = (centres @ share).view_as(x)
        y = self.separable(torch.cat([x, self.unit(attended, "acf.attend")], 1), "acf.fuse")
        if self.decoder != "none":
            high = F.interpolate(self.unit(y, "decoder.high"), size=f4.shape[2:], mode="bilinear", align_corners=False)
            y = self.separable(torch.cat([high, self.unit(f4, "decoder.low")], 1), "decoder.refine")
        if self.decoder == "skip2":
            high = F.interpolate(self.unit(y, "decoder.half_high"), size=f2.shape[2:], mode="bilinear", align_corners=False)
            y = self.separable(torch.cat([high, self.unit(f2, "decoder.half_low")], 1), "decoder.half_refine")
        return F.conv2d(y, self.get("classifier.weight"), self.get("classifier.bias"))


def prepare(network, picture, memory_format):
    x = picture.permute(2, 0, 1).unsqueeze(0).float()
    return ((x / 255 - network.mean) / network.std).contiguous(memory_format=memory_format)


def to_labels(logits, height, width):
    return F.interpolate(logits, size=(height, width), mode="bilinear", align_corners=False).argmax(1)[0].byte()


def median_ms(call, runs):
    for _ in range(3):
        call()
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        call()
        times.append((time.perf_counter() - begin) * 1e3)
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser()
    for name in ("--model", "--picture", "--labels", "--json"):
        parser.add_argument(name, required=True)
    parser.add_argument("--width", type=int, required=True)
    parser.add_argument("--height", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--openvino-ir")
    parser.add_argument("--openvino-folder")
    parser.add_argument("--onnx")
    parser.add_argument("--peers", default="torch_eager,openvino_python,onnxruntime")
    options = parser.parse_args()
    picture = open(options.picture, "rb").read()
    results = {}
    for name, run in (("torch_eager", run_torch), ("openvino_python", run_openvino), ("onnxruntime", run_onnxruntime)):
        if name not in options.peers.split(","):
            continue
        try:
            results[name] = run(options, picture)
        except Exception as error:  # optional: any failure only means that there is no such figure
            results[name] = {"ms": None, "network_ms": None, "why": str(error).split("\n")[0]}
    with open(options.json, "w") as file:
        json.dump(results, file)


def run_torch(options, pixels):
    if torch is None:
        raise RuntimeError("this Python has no torch")
    torch.set_num_threads(options.threads)
    with torch.no_grad():
        size = options.height, options.width
        picture = torch.frombuffer(bytearray(pixels), dtype=torch.uint8).view(*size, 3)
        network = Network(options.model).eval()
        eager = {}
        for name, layout in (("nchw", torch.contiguous_format), ("nhwc", torch.channels_last)):  # the faster one counts
            for key, buffer in network.named_buffers():
                if buffer.dim() == 4 and key not in ("mean", "std"):
                    setattr(network, key, buffer.contiguous(memory_format=layout))
            eager[name + "_ms"] = median_ms(lambda: to_labels(network(prepare(network, picture, layout)), *size), options.runs)
            x = prepare(network, picture, layout)
            eager[name + "_network_ms"] = median_ms(lambda: network(x), options.runs)
        labels = to_labels(network(prepare(network, picture, torch.contiguous_format)), *size)
        with open(options.labels + ".torch", "wb") as file:
            file.write(bytes(labels.flatten().tolist()))
        return {"ms": min(eager["nchw_ms"], eager["nhwc_ms"]),
                "network_ms": min(eager["nchw_network_ms"], eager["nhwc_network_ms"]), "version": torch.__version__, **eager}


def interpolation(count, wanted):
    """Matrix [wanted, count] of bilinear interpolation with half-pixel centres and clamped edges."""
    import numpy as np
    at = np.clip((np.arange(wanted) + 0.5) * count / wanted - 0.5, 0, count - 1)
    low = at.astype(int)
    high = np.minimum(low + 1, count - 1)
    matrix = np.zeros((wanted, count), np.float32)
    matrix[np.arange(wanted), low] += 1 - (at - low)
    matrix[np.arange(wanted), high] += at - low
    return matrix


def run_openvino(options, pixels):
    import numpy as np
    if not options.openvino_ir:
        raise RuntimeError("no exported network was given")
    if options.openvino_folder:
        sys.path.insert(0, options.openvino_folder)
    import openvino
    core = openvino.Core()
    picture = np.frombuffer(pixels, np.uint8).reshape(1, options.height, options.width, 3)
    requests = {}
    for precision in ("f32", "bf16"):
        if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            continue
        compiled = core.compile_model(core.read_model(options.openvino_ir), "CPU",
                                      {"INFERENCE_NUM_THREADS": options.threads, "NUM_STREAMS": 1,
                                       "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision})
        requests[precision] = compiled.create_infer_request()
    times = {precision: [] for precision in requests}
    for _ in range(options.runs + 2):
        for precision, request in requests.items():
            request.infer([picture])
            begin = time.perf_counter()
            request.infer([picture])
            times[precision].append((time.perf_counter() - begin) * 1e3)
    logits = np.array(requests["f32"].get_output_tensor().data[0])
    full = interpolation(logits.shape[1], options.height) @ logits @ interpolation(logits.shape[2], options.width).T
    with open(options.labels + ".openvino", "wb") as file:
        file.write(full.argmax(0).astype(np.uint8).tobytes())
    return {"version": openvino.__version__,
            **{f"{precision}_network_ms": statistics.median(values[2:]) for precision, values in times.items()}}


def run_onnxruntime(options, pixels):
    import numpy as np
    import onnxruntime
    if not options.onnx:
        raise RuntimeError("the model has not been exported to ONNX")
    _, _, mean, std = read_info(options.model)
    picture = np.frombuffer(pixels, np.uint8).reshape(options.height, options.width, 3).astype(np.float32) / 255
    x = ((picture - np.float32(mean)) / np.float32(std)).transpose(2, 0, 1)[None]
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    session = onnxruntime.InferenceSession(options.onnx, settings, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: np.ascontiguousarray(x)}
    return {"network_ms": median_ms(lambda: session.run(None, feed), options.runs), "version": onnxruntime.__version__}


if __name__ == "__main__":
    main()
