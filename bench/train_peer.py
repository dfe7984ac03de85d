#!/usr/bin/env python3
"""Python PyTorch on the same training step: the peer that `bramble bench train` measures itself against.

Builds ACF-Net with torch.nn from docs/model_package.md, takes weights and one batch from the folder that Bramble wrote,
and repeats the step (forward, both cross-entropies, backward, AdamW) in eager mode, in both memory layouts. The loss of
the batch in evaluation mode is written too: it shows that both sides train the same network.

    train_peer.py --work FOLDER --json OUT [--threads N] [--steps N] [--warm-up N] [--device cpu|cuda] [--precision f32|bf16|f16]

FOLDER holds step.json {backbone, decoder, classes, mean, std, learning_rate, backbone_factor, weight_decay, aux_weight},
weights.safetensors, and batch.safetensors with image [N, 3, H, W] on 0…1 and label [N, H, W].
"""
import argparse
import json
import os
import struct
import sys
import time

try:
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
except ImportError as error:
    sys.exit(f"Python's torch is not installed ({error})")

REPEATS = {"efficientnet-lite0": [1, 2, 2, 3, 3, 4, 1], "efficientnet-lite1": [1, 3, 3, 4, 4, 5, 1],
           "efficientnet-lite2": [1, 3, 3, 4, 4, 5, 1]}
WIDTHS = {"efficientnet-lite0": [16, 24, 40, 80, 112, 192, 320], "efficientnet-lite1": [16, 24, 40, 80, 112, 192, 320],
          "efficientnet-lite2": [16, 24, 48, 88, 120, 208, 352]}
KERNELS, STRIDES = [3, 3, 5, 3, 5, 5, 3], [1, 2, 2, 2, 1, 1, 1]


class Same(nn.Conv2d):
    """TensorFlow's SAME padding."""

    def forward(self, x):
        pads = []
        for axis in (1, 0):
            size, k, s, d = x.shape[2 + axis], self.kernel_size[axis], self.stride[axis], self.dilation[axis]
            total = max((-(-size // s) - 1) * s + (k - 1) * d + 1 - size, 0)
            pads += [total // 2, total - total // 2]
        if pads[0] == pads[1] and pads[2] == pads[3]:
            return F.conv2d(x, self.weight, None, self.stride, (pads[2], pads[0]), self.dilation, self.groups)
        return F.conv2d(F.pad(x, pads), self.weight, None, self.stride, 0, self.dilation, self.groups)


def same(inputs, outputs, kernel, stride=1, dilation=1, groups=1):
    return Same(inputs, outputs, kernel, stride, 0, dilation, groups, bias=False)


class Block(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride, dilation, expand):
        super().__init__()
        middle = inputs * expand
        norm = lambda channels: nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)
        if expand > 1:
            self._expand_conv, self._bn0 = same(inputs, middle, 1), norm(middle)
        self._depthwise_conv, self._bn1 = same(middle, middle, kernel, stride, dilation, middle), norm(middle)
        self._project_conv, self._bn2 = same(middle, outputs, 1), norm(outputs)
        self.expand, self.residual = expand > 1, stride == 1 and inputs == outputs

    def forward(self, x):
        y = F.relu6(self._bn0(self._expand_conv(x)), inplace=True) if self.expand else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)), inplace=True)
        y = self._bn2(self._project_conv(y))
        return x + y if self.residual else y


class Backbone(nn.Module):
    def __init__(self, variant):
        super().__init__()
        self._conv_stem, self._bn0 = same(3, 32, 3, 2), nn.BatchNorm2d(32, eps=1e-3, momentum=0.01)
        blocks, channels = [], 32
        for stage, (repeats, width) in enumerate(zip(REPEATS[variant], WIDTHS[variant])):
            for repeat in range(repeats):
                dilation = 2 if stage == 6 or stage == 5 and repeat > 0 else 1
                blocks.append(Block(channels, width, KERNELS[stage], STRIDES[stage] if repeat == 0 else 1, dilation,
                                    1 if stage == 0 else 6))
                channels = width
            if stage == 0:
                self.half_block = len(blocks) - 1
            if stage == 1:
                self.quarter_block = len(blocks) - 1
        self._blocks = nn.ModuleList(blocks)
        self.half_channels, self.quarter_channels, self.channels = *WIDTHS[variant][:2], channels

    def forward(self, x):
        x = F.relu6(self._bn0(self._conv_stem(x)), inplace=True)
        for i, block in enumerate(self._blocks):
            x = block(x)
            if i == self.half_block:
                half = x
            if i == self.quarter_block:
                quarter = x
        return half, quarter, x


class Point(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv, self.bn = same(inputs, outputs, 1), nn.BatchNorm2d(outputs)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)), inplace=True)


class Separable(nn.Module):
    def __init__(self, inputs, outputs, dilation=1):
        super().__init__()
        self.depthwise, self.depthwise_bn = same(inputs, inputs, 3, 1, dilation, inputs), nn.BatchNorm2d(inputs)
        self.pointwise, self.bn = same(inputs, outputs, 1), nn.BatchNorm2d(outputs)

    def forward(self, x):
        x = F.relu(self.depthwise_bn(self.depthwise(x)), inplace=True)
        return F.relu(self.bn(self.pointwise(x)), inplace=True)


class AcfNet(nn.Module):
    def __init__(self, backbone, decoder, classes):
        super().__init__()
        self.backbone = Backbone(backbone)
        deep = self.backbone.channels
        self.aspp = nn.ModuleDict({"pool": Point(deep, 256), "point": Point(deep, 256), "rate6": Separable(deep, 256, 6),
                                   "rate12": Separable(deep, 256, 12), "rate18": Separable(deep, 256, 18),
                                   "project": Point(5 * 256, 256)})
        self.coarse = nn.Conv2d(256, classes, 1)
        self.acf = nn.ModuleDict({"attend": Point(256, 256), "fuse": Separable(512, 256)})
        self.decoder, channels = None, 256
        if decoder != "none":
            self.decoder, channels = nn.ModuleDict({"high": Point(256, 64), "low": Point(self.backbone.quarter_channels, 32),
                                                    "refine": Separable(96, 64)}), 64
        if decoder == "skip2":
            self.decoder["half_high"], self.decoder["half_low"] = Point(64, 32), Point(self.backbone.half_channels, 16)
            self.decoder["half_refine"], channels = Separable(48, 32), 32
        self.classifier = nn.Conv2d(channels, classes, 1)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x):
        f2, f4, f16 = self.backbone(x)
        pool = self.aspp["pool"](f16.mean((2, 3), keepdim=True)).expand(-1, -1, *f16.shape[2:])
        branches = [pool] + [self.aspp[name](f16) for name in ("point", "rate6", "rate12", "rate18")]
        x = self.dropout(self.aspp["project"](torch.cat(branches, 1)))
        coarse = self.coarse(x)
        share, features = coarse.softmax(1).flatten(2), x.flatten(2)
        centres = share @ features.transpose(1, 2) / (share.sum(2, keepdim=True) + 1e-6)
        attended = (centres.transpose(1, 2) @ share).view_as(x)
        y = self.dropout(self.acf["fuse"](torch.cat([x, self.acf["attend"](attended)], 1)))
        if self.decoder:
            high = F.interpolate(self.decoder["high"](y), size=f4.shape[2:], mode="bilinear", align_corners=False)
            y = self.decoder["refine"](torch.cat([high, self.decoder["low"](f4)], 1))
        if self.decoder and "half_refine" in self.decoder:
            high = F.interpolate(self.decoder["half_high"](y), size=f2.shape[2:], mode="bilinear", align_corners=False)
            y = self.decoder["half_refine"](torch.cat([high, self.decoder["half_low"](f2)], 1))
        return self.classifier(y), coarse


def read_safetensors(path):
    with open(path, "rb") as file:
        size, = struct.unpack("<Q", file.read(8))
        header, data = json.loads(file.read(size)), bytearray(file.read())
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        flat = torch.frombuffer(data, dtype=torch.float32, offset=begin, count=(end - begin) // 4)
        tensors[name] = flat.reshape(entry["shape"]).clone()
    return tensors


def peak_memory_mb():
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024e-6
    return 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    parser.add_argument("--json", required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--warm-up", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="f32")
    options = parser.parse_args()
    device, gpu = torch.device(options.device), options.device == "cuda"
    kind = {"f32": None, "bf16": torch.bfloat16, "f16": torch.float16}[options.precision]
    torch.backends.cudnn.benchmark = True
    torch.set_num_threads(options.threads)
    step = json.load(open(os.path.join(options.work, "step.json")))
    batch = read_safetensors(os.path.join(options.work, "batch.safetensors"))
    host_image, host_label = batch["image"], batch["label"].long()
    if gpu:
        host_image, host_label = host_image.pin_memory(), host_label.pin_memory()
    mean, std = (torch.tensor(step[name], device=device).view(1, 3, 1, 1) for name in ("mean", "std"))
    results = {"version": torch.__version__}

    for name, layout in (("nhwc", torch.channels_last), ("nchw", torch.contiguous_format)):
        network = AcfNet(step["backbone"], step["decoder"], step["classes"])
        missing, surplus = network.load_state_dict(read_safetensors(os.path.join(options.work, "weights.safetensors")), strict=False)
        missing = [key for key in missing if not key.endswith("num_batches_tracked")]
        if missing or surplus:
            sys.exit(f"the weights do not fit: missing {missing[:3]}, surplus {surplus[:3]}")
        network = network.to(device, memory_format=layout)
        scaler = torch.amp.GradScaler() if options.precision == "f16" else None

        def loss_of():
            image, label = host_image.to(device, non_blocking=True), host_label.to(device, non_blocking=True)
            with torch.autocast(device.type, dtype=kind, enabled=kind is not None and network.training):
                logits, coarse = network(((image - mean) / std).contiguous(memory_format=layout))
            logits, coarse = logits.float(), coarse.float()
            full = F.interpolate(logits, size=label.shape[1:], mode="bilinear", align_corners=False)
            cell = label.shape[1] // coarse.shape[2]
            small = label[:, cell // 2::cell, cell // 2::cell]
            return F.cross_entropy(full, label, ignore_index=255) + step["aux_weight"] * F.cross_entropy(coarse, small, ignore_index=255)

        network.eval()
        with torch.no_grad():
            results["eval_loss"] = loss_of().item()
        network.train()
        own = [p for key, p in network.named_parameters() if not key.startswith("backbone.")]
        optimizer = torch.optim.AdamW([{"params": own}, {"params": network.backbone.parameters(),
                                                         "lr": step["learning_rate"] * step["backbone_factor"]}],
                                      lr=step["learning_rate"], weight_decay=step["weight_decay"])
        times = []
        for i in range(options.warm_up + options.steps):
            begin = time.perf_counter()
            optimizer.zero_grad()
            loss = loss_of()
            if scaler:
                scaler.scale(loss).backward()
                scaler.step(optimizer)
                scaler.update()
            else:
                loss.backward()
                optimizer.step()
            loss.item()
            if gpu:
                torch.cuda.synchronize()
            if i >= options.warm_up:
                times.append(time.perf_counter() - begin)
        results[name + "_s"] = times
        results[name + "_peak_memory_mb"] = peak_memory_mb()
    with open(options.json, "w") as file:
        json.dump(results, file)


main()
