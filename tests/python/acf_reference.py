#!/usr/bin/env python3
"""The network once more, in NumPy and double precision, written from docs/model_package.md: makes the numbers that
src/bramble/model/acfnet_test.cpp compares with. Run it again only when the network's definition changes:

    .deps/python/bin/python tests/python/acf_reference.py --weights efficientnet-lite0-57934424.pth -o tests/data/network_reference.safetensors

Weights and pictures are made by a formula of name and index (made_up), so that the file holds results only; the
pretrained weights are read with Python's own pickle, a second reader beside model/torch_file.cpp.
"""
import argparse
import collections
import json
import pickle
import struct

import numpy as np

MEAN, STD = 127 / 255, 128 / 255


# --- numbers both sides can make ---------------------------------------------------------------------------------------
def uniform(name, count):
    """[-1, 1), 24 bits: FNV-1a of the name, plus the index, through the finaliser of MurmurHash3."""
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = (seed ^ byte) * 0x01000193 & 0xFFFFFFFF
    h = (np.arange(count, dtype=np.uint64) * 0x9E3779B9 + seed) & 0xFFFFFFFF
    h ^= h >> 16
    h = h * 0x85EBCA6B & 0xFFFFFFFF
    h ^= h >> 13
    h = h * 0xC2B2AE35 & 0xFFFFFFFF
    h ^= h >> 16
    return (h >> 8).astype(np.float64) * 2.0**-23 - 1.0


def made_up(name, shape):
    """A tensor of the network: uniform with a size that keeps activations near 1; rounded to float32."""
    u = uniform(name, int(np.prod(shape)))
    if name.endswith("running_var"):
        values = 1.0 + 0.5 * u
    elif len(shape) == 1:
        values = 1.0 + 0.25 * u if name.endswith("weight") else 0.2 * u
    else:
        values = u * np.sqrt(6.0 / np.prod(shape[1:]))
    return values.astype(np.float32).astype(np.float64).reshape(shape)


# --- layers ------------------------------------------------------------------------------------------------------------
def conv(x, w, stride=1, dilation=1, symmetric=False):
    """x [C, H, W], w [O, C, k, k] or depthwise [C, 1, k, k]; TensorFlow's SAME padding or symmetric."""
    k = w.shape[2]
    out, pads = [], []
    for size in x.shape[1:]:
        if symmetric:
            half = dilation * (k - 1) // 2
            out.append((size + 2 * half - dilation * (k - 1) - 1) // stride + 1)
            pads.append((half, half))
            continue
        out.append(-(-size // stride))
        total = max((out[-1] - 1) * stride + (k - 1) * dilation + 1 - size, 0)
        pads.append((total // 2, total - total // 2))
    x = np.pad(x, [(0, 0), *pads])
    depthwise = w.shape[1] == 1 and x.shape[0] == w.shape[0]
    y = np.zeros((w.shape[0], *out))
    for r in range(k):
        for s in range(k):
            tap = x[:, r * dilation:r * dilation + (out[0] - 1) * stride + 1:stride,
                    s * dilation:s * dilation + (out[1] - 1) * stride + 1:stride]
            y += w[:, 0, r, s, None, None] * tap if depthwise else np.tensordot(w[:, :, r, s], tap, 1)
    return y


def resize(x, height, width):
    """Bilinear, half-pixel centres."""
    def positions(size, to):
        at = np.clip((np.arange(to) + 0.5) * size / to - 0.5, 0, size - 1)
        low = np.floor(at).astype(int)
        return low, np.minimum(low + 1, size - 1), at - low
    r0, r1, fr = positions(x.shape[1], height)
    c0, c1, fc = positions(x.shape[2], width)
    rows = x[:, r0] * (1 - fr)[None, :, None] + x[:, r1] * fr[None, :, None]
    return rows[:, :, c0] * (1 - fc) + rows[:, :, c1] * fc


class Network:
    def __init__(self, tensor):
        self.tensor = tensor  # name, shape -> array

    def norm(self, x, name, epsilon):
        g, b, m, v = (self.tensor(f"{name}.{part}", (x.shape[0],))[:, None, None]
                      for part in ("weight", "bias", "running_mean", "running_var"))
        return (x - m) / np.sqrt(v + epsilon) * g + b

    def backbone(self, x, prefix="backbone."):
        relu6 = lambda y: np.clip(y, 0, 6)
        w = lambda name, *shape: self.tensor(f"{prefix}{name}.weight", shape)
        n = lambda y, name: self.norm(y, prefix + name, 1e-3)
        x = relu6(n(conv(x, w("_conv_stem", 32, 3, 3, 3), 2), "_bn0"))
        blocks = [(3, 1, 16)] + [(3, 2, 24), (3, 1, 24)] + [(5, 2, 40), (5, 1, 40)] + [(3, 2, 80), (3, 1, 80), (3, 1, 80)]
        blocks += [(5, 1, 112)] * 3 + [(5, 1, 192)] * 4 + [(3, 1, 320)]
        for i, (k, stride, channels) in enumerate(blocks):
            name, y, middle = f"_blocks.{i}.", x, x.shape[0] * (1 if i == 0 else 6)
            if i > 0:
                y = relu6(n(conv(y, w(name + "_expand_conv", middle, x.shape[0], 1, 1)), name + "_bn0"))
            y = conv(y, w(name + "_depthwise_conv", middle, 1, k, k), stride, 2 if i > 11 else 1)
            y = relu6(n(y, name + "_bn1"))
            y = n(conv(y, w(name + "_project_conv", channels, middle, 1, 1)), name + "_bn2")
            x = y + x if stride == 1 and channels == x.shape[0] else y
            if i == 0:
                half = x
            if i == 2:
                quarter = x
        return half, quarter, x

    def point(self, x, name, channels):
        return np.maximum(self.norm(conv(x, self.tensor(f"{name}.conv.weight", (channels, x.shape[0], 1, 1))), name + ".bn", 1e-5), 0)

    def separable(self, x, name, channels, dilation=1):
        y = conv(x, self.tensor(f"{name}.depthwise.weight", (x.shape[0], 1, 3, 3)), 1, dilation)
        y = np.maximum(self.norm(y, name + ".depthwise_bn", 1e-5), 0)
        y = conv(y, self.tensor(f"{name}.pointwise.weight", (channels, x.shape[0], 1, 1)))
        return np.maximum(self.norm(y, name + ".bn", 1e-5), 0)

    def biased(self, x, name, channels):
        return conv(x, self.tensor(name + ".weight", (channels, x.shape[0], 1, 1))) + self.tensor(name + ".bias", (channels,))[:, None, None]

    def __call__(self, x, classes, decoder):
        f2, f4, f16 = self.backbone(x)
        pooled = np.broadcast_to(self.point(f16.mean((1, 2), keepdims=True), "aspp.pool", 256), (256, *f16.shape[1:]))
        branches = [pooled, self.point(f16, "aspp.point", 256)]
        branches += [self.separable(f16, f"aspp.rate{rate}", 256, rate) for rate in (6, 12, 18)]
        x = self.point(np.concatenate(branches), "aspp.project", 256)
        coarse = self.biased(x, "coarse", classes)
        attend = self.point(acf(x, coarse), "acf.attend", 256)
        y = self.separable(np.concatenate([x, attend]), "acf.fuse", 256)
        if decoder != "none":
            high = resize(self.point(y, "decoder.high", 64), *f4.shape[1:])
            y = self.separable(np.concatenate([high, self.point(f4, "decoder.low", 32)]), "decoder.refine", 64)
        if decoder == "skip2":
            high = resize(self.point(y, "decoder.half_high", 32), *f2.shape[1:])
            y = self.separable(np.concatenate([high, self.point(f2, "decoder.half_low", 16)]), "decoder.half_refine", 32)
        return coarse, self.biased(y, "classifier", classes)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class Family(Network):
    """Any EfficientNet (Tan and Le, table 1 and the scaling rules of the TensorFlow code) under ACF-Net, DeepLabV3+ and
    LR-ASPP, written from docs/model_package.md."""

    BASE = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)]
    SCALES = {"lite0": (1.0, 1.0), "lite3": (1.2, 1.4), "b0": (1.0, 1.0), "b1": (1.0, 1.1), "b3": (1.2, 1.4)}

    def __init__(self, tensor, variant, stride=16, symmetric=False, epsilon=1e-3):
        super().__init__(tensor)
        self.variant, self.stride, self.symmetric, self.epsilon = variant, stride, symmetric, epsilon

    def features(self, x, prefix="backbone."):
        """Features at a half, a quarter, an eighth and the output stride."""
        lite, (width, depth) = self.variant.startswith("lite"), self.SCALES[self.variant]

        def scaled(channels):
            wanted = channels * width
            rounded = max(8, int(wanted + 4) // 8 * 8)
            return rounded + 8 if rounded < 0.9 * wanted else rounded

        act = (lambda y: np.clip(y, 0, 6)) if lite else (lambda y: y * sigmoid(y))
        w = lambda name, *shape: self.tensor(f"{prefix}{name}.weight", shape)
        n = lambda y, name: self.norm(y, prefix + name, self.epsilon)
        biased = lambda y, name, channels: self.biased(y, prefix + name, channels)
        x = act(n(conv(x, w("_conv_stem", 32 if lite else scaled(32), 3, 3, 3), 2, 1, self.symmetric), "_bn0"))
        resolution, dilation, index, kept = 2, 1, 0, {}
        for stage, (repeats, k, stage_stride, expand, channels) in enumerate(self.BASE):
            if not (lite and stage in (0, 6)):
                repeats = int(np.ceil(depth * repeats))
            channels = scaled(channels)
            for repeat in range(repeats):
                stride = stage_stride if repeat == 0 else 1
                keep = stride == 2 and resolution == self.stride
                stride = 1 if keep else stride
                name, y, middle = f"_blocks.{index}.", x, x.shape[0] * expand
                if expand > 1:
                    y = act(n(conv(y, w(name + "_expand_conv", middle, x.shape[0], 1, 1)), name + "_bn0"))
                y = conv(y, w(name + "_depthwise_conv", middle, 1, k, k), stride, dilation, self.symmetric)
                y = act(n(y, name + "_bn1"))
                if not lite:
                    z = biased(y.mean((1, 2), keepdims=True), name + "_se_reduce", max(1, x.shape[0] // 4))
                    y = y * sigmoid(biased(z * sigmoid(z), name + "_se_expand", middle))
                y = n(conv(y, w(name + "_project_conv", channels, middle, 1, 1)), name + "_bn2")
                x = y + x if stride == 1 and channels == x.shape[0] else y
                resolution, index = resolution * stride, index + 1
                dilation = 2 * dilation if keep else dilation
                if dilation == 1:
                    kept[resolution] = x
        return kept[2], kept[4], kept[8], x

    def aspp(self, x):
        pooled = np.broadcast_to(self.point(x.mean((1, 2), keepdims=True), "aspp.pool", 256), (256, *x.shape[1:]))
        branches = [pooled, self.point(x, "aspp.point", 256)]
        branches += [self.separable(x, f"aspp.rate{rate}", 256, rate * 16 // self.stride) for rate in (6, 12, 18)]
        return self.point(np.concatenate(branches), "aspp.project", 256)

    def acfnet(self, picture, classes):
        f2, f4, _, deep = self.features(picture)
        x = self.aspp(deep)
        attend = self.point(acf(x, self.biased(x, "coarse", classes)), "acf.attend", 256)
        y = self.separable(np.concatenate([x, attend]), "acf.fuse", 256)
        high = resize(self.point(y, "decoder.high", 64), *f4.shape[1:])
        y = self.separable(np.concatenate([high, self.point(f4, "decoder.low", 32)]), "decoder.refine", 64)
        high = resize(self.point(y, "decoder.half_high", 32), *f2.shape[1:])
        y = self.separable(np.concatenate([high, self.point(f2, "decoder.half_low", 16)]), "decoder.half_refine", 32)
        return self.biased(y, "classifier", classes)

    def deeplabv3plus(self, picture, classes):
        _, f4, _, deep = self.features(picture)
        y = np.concatenate([resize(self.aspp(deep), *f4.shape[1:]), self.point(f4, "decoder.low", 48)])
        y = self.separable(self.separable(y, "decoder.refine1", 256), "decoder.refine2", 256)
        return self.biased(y, "classifier", classes)

    def lraspp(self, picture, classes):
        _, _, f8, deep = self.features(picture)
        gate = sigmoid(conv(deep.mean((1, 2), keepdims=True), self.tensor("head.scale.weight", (128, deep.shape[0], 1, 1))))
        x = resize(self.point(deep, "head.high", 128) * gate, *f8.shape[1:])
        return self.biased(f8, "head.low_classifier", classes) + self.biased(x, "head.high_classifier", classes)


def acf(x, coarse):
    """Attentional class features of x [C, h, w] and coarse logits [K, h, w]."""
    p = np.exp(coarse - coarse.max(0))
    p /= p.sum(0)
    centres = np.einsum("khw,chw->kc", p, x) / (p.sum((1, 2)) + 1e-6)[:, None]
    return np.einsum("khw,kc->chw", p, centres)


# --- files -------------------------------------------------------------------------------------------------------------
class TorchUnpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if name == "OrderedDict":
            return collections.OrderedDict
        if name == "_rebuild_tensor_v2":
            return lambda storage, offset, size, stride, *_: (storage, offset, size, stride)
        return name  # FloatStorage, LongStorage

    def persistent_load(self, pid):
        return pid[2], {"FloatStorage": "<f4", "LongStorage": "<i8"}[pid[1]]


def read_pth(path):
    with open(path, "rb") as file:
        _, _, _, state, keys = (TorchUnpickler(file).load() for _ in range(5))
        dtypes = {storage[0]: storage[1] for storage, *_ in state.values()}
        data = {}
        for key in keys:
            count, = struct.unpack("<q", file.read(8))
            dtype = np.dtype(dtypes[key])
            data[key] = np.frombuffer(file.read(count * dtype.itemsize), dtype)
    return {name: np.lib.stride_tricks.as_strided(data[s[0]][offset:], size, [t * data[s[0]].itemsize for t in stride]).copy()
            for name, (s, offset, size, stride) in state.items()}


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, values in tensors.items():
        raw = np.ascontiguousarray(values, dtype="<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def read_safetensors(path):
    with open(path, "rb") as file:
        size, = struct.unpack("<Q", file.read(8))
        header, data = json.loads(file.read(size)), file.read()
    return {name: np.frombuffer(data[entry["data_offsets"][0]:entry["data_offsets"][1]], "<f4").reshape(entry["shape"])
            for name, entry in header.items() if name != "__metadata__"}


# Backbones and heads that src/bramble/model/family_test.cpp compares: {variant, output stride, symmetric, epsilon}.
FEATURES = [("lite3", 16, False, 1e-3), ("b0", 16, False, 1e-3), ("b0", 16, True, 1e-5), ("b1", 8, True, 1e-5), ("b3", 16, False, 1e-3)]
HEADS = [("acfnet", "b0", 16), ("acfnet", "lite0", 8), ("deeplabv3plus", "lite0", 16), ("lraspp", "lite0", 16), ("lraspp", "b0", 8)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", required=True)
    parser.add_argument("-o", "--output", required=True)
    options = parser.parse_args()
    results = {}

    x, coarse = uniform("acf.x", 8 * 30).reshape(8, 5, 6), 3 * uniform("acf.coarse", 3 * 30).reshape(3, 5, 6)
    results["acf.features"] = acf(x.astype(np.float32).astype(np.float64), coarse.astype(np.float32).astype(np.float64))

    picture = uniform("picture", 3 * 96 * 128).reshape(3, 96, 128)
    for decoder in ("skip4", "skip2", "none"):
        results[f"{decoder}.coarse"], results[f"{decoder}.logits"] = Network(made_up)(picture, 5, decoder)

    small = uniform("small", 3 * 48 * 64).reshape(3, 48, 64)
    for variant, stride, symmetric, epsilon in FEATURES:
        network = Family(made_up, variant, stride, symmetric, epsilon)
        name = f"{variant}.os{stride}.{'symmetric' if symmetric else 'same'}"
        for part, values in zip(("quarter", "eighth", "deep"), network.features(small)[1:]):
            results[f"{name}.{part}"] = values if part == "deep" else values[::8]  # some channels say enough
    for architecture, variant, stride in HEADS:
        logits = getattr(Family(made_up, variant, stride), architecture)(small, 5)
        results[f"{architecture}.{variant}.os{stride}"] = logits

    pretrained = read_pth(options.weights)
    network = Network(lambda name, shape: pretrained[name].astype(np.float64).reshape(shape))
    smooth = resize(uniform("smooth", 3 * 6 * 8).reshape(3, 6, 8), 48, 64)
    _, results["lite0.quarter"], results["lite0.sixteenth"] = network.backbone(smooth, prefix="")
    results["lite0.sums"] = np.array([[values.astype(np.float64).sum(), np.abs(values.astype(np.float64)).sum()]
                                      for name, values in sorted(pretrained.items()) if values.dtype == np.float32])
    for name, values in results.items():
        print(f"{name:18} {str(values.shape):14} mean {values.mean():+.6f} std {values.std():.6f}")
    write_safetensors(options.output, results)


if __name__ == "__main__":
    main()
