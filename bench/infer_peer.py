#!/usr/bin/env python3
"""PyTorch in eager mode on a model package of Bramble: the peer that `bramble bench infer` measures itself against.

Reads the package by itself (docs/model_package.md) and builds the network anew, so the labels it writes are also a
check of the engine. Where they can be imported, ONNX Runtime and OpenVINO's converter are measured on the same network.

    infer_peer.py --model FOLDER --picture RGB_BYTES --width W --height H --labels OUT --json OUT [--threads N] [--runs N]
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
except ImportError as error:
    sys.exit(f"Python's torch is not installed ({error})")

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


class Network(torch.nn.Module):
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
            if stage == 1:
                quarter = x
        return quarter, x

    def forward(self, x):
        f4, f16 = self.features(x)
        pool = self.unit(f16.mean((2, 3), keepdim=True), "aspp.pool").expand(-1, -1, *f16.shape[2:])
        branches = [pool, self.unit(f16, "aspp.point")]
        branches += [self.separable(f16, f"aspp.rate{rate}", rate) for rate in (6, 12, 18)]
        x = self.unit(torch.cat(branches, 1), "aspp.project")
        coarse = F.conv2d(x, self.get("coarse.weight"), self.get("coarse.bias"))
        share = coarse.softmax(1).flatten(2)
        centres = x.flatten(2) @ share.transpose(1, 2) / (share.sum(2).unsqueeze(1) + 1e-6)
        attended = (centres @ share).view_as(x)
        y = self.separable(torch.cat([x, self.unit(attended, "acf.attend")], 1), "acf.fuse")
        if self.decoder == "skip4":
            high = F.interpolate(self.unit(y, "decoder.high"), size=f4.shape[2:], mode="bilinear", align_corners=False)
            y = self.separable(torch.cat([high, self.unit(f4, "decoder.low")], 1), "decoder.refine")
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
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with torch.no_grad():
        run(options)


def run(options):
    size = options.height, options.width
    picture = torch.frombuffer(bytearray(open(options.picture, "rb").read()), dtype=torch.uint8).view(*size, 3)
    network = Network(options.model).eval()
    results = {}

    # Both memory layouts; the faster one counts.
    eager = {}
    for name, layout in (("nchw", torch.contiguous_format), ("nhwc", torch.channels_last)):
        for key, buffer in network.named_buffers():
            if buffer.dim() == 4 and key not in ("mean", "std"):
                setattr(network, key, buffer.contiguous(memory_format=layout))
        step = lambda: to_labels(network(prepare(network, picture, layout)), *size)
        eager[name + "_ms"] = median_ms(step, options.runs)
        x = prepare(network, picture, layout)
        eager[name + "_network_ms"] = median_ms(lambda: network(x), options.runs)
    results["torch_eager"] = {"ms": min(eager["nchw_ms"], eager["nhwc_ms"]), "version": torch.__version__, **eager}
    labels = to_labels(network(prepare(network, picture, torch.contiguous_format)), *size)
    with open(options.labels, "wb") as file:
        file.write(bytes(labels.flatten().tolist()))

    x = prepare(network, picture, torch.contiguous_format)
    try:
        import io
        import onnxruntime
        buffer = io.BytesIO()
        torch.onnx.export(network, x, buffer, opset_version=17)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = options.threads
        session = onnxruntime.InferenceSession(buffer.getvalue(), settings, providers=["CPUExecutionProvider"])
        feed = {session.get_inputs()[0].name: x.numpy()}
        results["onnxruntime"] = {"network_ms": median_ms(lambda: session.run(None, feed), options.runs),
                                  "version": onnxruntime.__version__}
    except Exception as error:  # optional: any failure only means that there is no such figure
        results["onnxruntime"] = {"network_ms": None, "why": str(error).split("\n")[0]}
    try:
        import openvino
        converted = openvino.convert_model(network, example_input=x)
        compiled = openvino.compile_model(converted, "CPU", {"INFERENCE_NUM_THREADS": options.threads,
                                                             "INFERENCE_PRECISION_HINT": "f32"})
        request = compiled.create_infer_request()
        results["openvino_python"] = {"network_ms": median_ms(lambda: request.infer([x.numpy()]), options.runs),
                                      "version": openvino.__version__}
    except Exception as error:
        results["openvino_python"] = {"network_ms": None, "why": str(error).split("\n")[0]}

    with open(options.json, "w") as file:
        json.dump(results, file)


if __name__ == "__main__":
    main()
