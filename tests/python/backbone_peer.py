"""The EfficientNets of timm and torchvision with made-up weights: files of them in every form, what they compute, and how
timm describes its own. Run by test_pretrained.py with a Python that has PyTorch; writes into the folder it is given.

    backbone_peer.py FOLDER

FOLDER/x.safetensors is the input, FOLDER/jobs.txt the work for backbone_features, FOLDER/expected/NAME.safetensors the
features, FOLDER/cases.json the list of both; FOLDER/names/NAME/… are timm's names with their conventions in names.json.
"""
import json
import pathlib
import re
import sys

import safetensors.torch
import timm
import timm.models
import torch
import torchvision

# library, its network, ours, output stride, form of the file
CASES = [("timm", "efficientnet_b0", "efficientnet-b0", 16, "safetensors"),
         ("timm", "efficientnet_b1", "efficientnet-b1", 8, "archive"),
         ("timm", "efficientnet_b5", "efficientnet-b5", 16, "half"),
         ("timm", "tf_efficientnet_b0", "efficientnet-b0", 8, "legacy"),
         ("timm", "tf_efficientnet_b4", "efficientnet-b4", 16, "checkpoint"),
         ("timm", "efficientnet_lite0", "efficientnet-lite0", 16, "legacy half"),
         ("timm", "tf_efficientnet_lite0", "efficientnet-lite0", 8, "archive"),
         ("timm", "tf_efficientnet_lite2", "efficientnet-lite2", 16, "legacy checkpoint"),
         ("timm", "tf_efficientnet_lite4", "efficientnet-lite4", 16, "safetensors"),
         ("torchvision", "efficientnet_b0", "efficientnet-b0", 8, "archive"),
         ("torchvision", "efficientnet_b1", "efficientnet-b1", 16, "legacy"),
         ("torchvision", "efficientnet_b5", "efficientnet-b5", 16, "half")]


def make_up(network):
    """Weights as they come, and norms that do something."""
    for name, tensor in network.state_dict().items():
        if name.endswith("running_mean") or (name.endswith("bias") and tensor.dim() == 1):
            tensor.normal_(0, 0.1)
        elif name.endswith("running_var") or (name.endswith("weight") and tensor.dim() == 1):
            tensor.uniform_(0.6, 1.4)


def write(network, form, file):
    """The weights in a form; returns what a reader finds there."""
    tensors = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    if "half" in form:
        tensors = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    content = tensors
    if "checkpoint" in form:
        other = {"module." + name: tensor * 2 for name, tensor in tensors.items()}
        ema = {"module." + name: tensor for name, tensor in tensors.items()}
        content = {"epoch": 3, "arch": "a network", "state_dict": other, "state_dict_ema": ema,
                   "optimizer": {"state": {0: {"step": 7, "moment": torch.ones(3).half()}}, "rate": 0.1}}
    if form == "safetensors":
        safetensors.torch.save_file(tensors, str(file))
    else:
        torch.save(content, str(file), _use_new_zipfile_serialization="legacy" not in form)
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}


def timm_features(name, tensors, stride, x):
    network = timm.create_model(name, features_only=True, output_stride=stride)
    missing, _ = network.load_state_dict(tensors, strict=False)
    assert not missing, missing[:3]
    stages = network.eval()(x)  # of the stages 1, 2, 3, 5 and 7
    return stages[0], stages[1], stages[2], stages[4]


def torchvision_features(name, tensors, stride, x):
    network = getattr(torchvision.models, name)(weights=None)
    network.load_state_dict(tensors)
    # Strides beyond `stride` become dilation, from the block after on.
    resolution, dilation = 2, 1
    for stage in range(1, 8):
        for block in network.features[stage]:
            for conv in block.modules():
                if not isinstance(conv, torch.nn.Conv2d) or conv.groups == 1:
                    continue
                wanted = dilation
                if conv.stride[0] == 2:
                    if resolution == stride:
                        conv.stride, dilation = (1, 1), dilation * 2
                    else:
                        resolution *= 2
                conv.dilation = (wanted, wanted)
                conv.padding = tuple(wanted * (side - 1) // 2 for side in conv.kernel_size)
    outputs = []
    y = network.eval().features[0](x)
    for stage in range(1, 8):
        y = network.features[stage](y)
        outputs.append(y)
    return outputs[0], outputs[1], outputs[2], outputs[6]


def write_names(folder):
    """A skeleton of a file under each name of timm's, enough to be recognised, and what timm says of it."""
    repeats = {"b0": [1, 2, 2, 3, 3, 4, 1]}
    names = []
    for name in timm.models.list_pretrained("*efficientnet_b0*") + timm.models.list_pretrained("*efficientnet_lite0*"):
        config = timm.models.get_pretrained_cfg(name)
        place = folder / "names" / f"models--timm--{name}" / "snapshots" / "0123abcd"
        place.mkdir(parents=True)
        tensors = {"conv_stem.weight": torch.zeros(1)}
        for stage, count in enumerate(repeats["b0"]):
            for block in range(count):
                tensors[f"blocks.{stage}.{block}.conv_dw.weight"] = torch.zeros(1)
        safetensors.torch.save_file(tensors, str(place / "model.safetensors"))
        names.append({"file": str(place / "model.safetensors"), "name": name, "mean": config.mean, "std": config.std,
                      "padding": "same" if name.startswith("tf_") else "symmetric",
                      "epsilon": 1e-3 if name.startswith("tf_") else 1e-5})
    (folder / "names.json").write_text(json.dumps(names))


def main():
    folder = pathlib.Path(sys.argv[1])
    (folder / "expected").mkdir(parents=True)
    torch.manual_seed(3)
    torch.set_grad_enabled(False)
    x = torch.randn(1, 3, 96, 128)
    safetensors.torch.save_file({"x": x}, str(folder / "x.safetensors"))
    jobs, cases = [], []
    for library, name, ours, stride, form in CASES:
        network = timm.create_model(name) if library == "timm" else getattr(torchvision.models, name)(weights=None)
        make_up(network)
        file = folder / (re.sub(r"\W", "-", f"{library} {form} {stride}") + "-" + name + (".safetensors" if form == "safetensors" else ".pth"))
        tensors = write(network, form, file)
        features = (timm_features if library == "timm" else torchvision_features)(name, tensors, stride, x)
        expected = folder / "expected" / (file.stem + ".safetensors")
        safetensors.torch.save_file({part: value.contiguous() for part, value in zip(("half", "quarter", "eighth", "deep"), features)}, str(expected))
        jobs.append(f"{ours} {stride} {file} {folder / 'x.safetensors'} {folder / (file.stem + '.ours.safetensors')}")
        cases.append({"what": f"{library} {name}, stride {stride}, {form}", "backbone": ours, "file": str(file), "expected": str(expected),
                      "found": str(folder / (file.stem + ".ours.safetensors"))})
    (folder / "jobs.txt").write_text("\n".join(jobs) + "\n")
    (folder / "cases.json").write_text(json.dumps(cases))
    write_names(folder)


main()
