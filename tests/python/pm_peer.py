"""Runs a command of PerceptionMetrics as its own console script does, without the packages that evaluation of pictures never calls
(open3d, nuScenes, COCO, …: several gigabytes): whoever imports them gets a placeholder. Debian 12's torchvision lacks two
transforms of later ones (ToImage, ToDtype); they are the lines below.

    python pm_peer.py pm_eval_model segmentation image …
"""
import importlib.abc
import importlib.machinery
import importlib.metadata
import sys
from unittest.mock import MagicMock

UNUSED = ("open3d", "nuimages", "nuscenes", "pycocotools", "supervision", "cityscapesscripts", "tensorboard", "streamlit", "addict", "sklearn", "mmengine", "mmdet3d")


class Placeholders(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if name.split(".")[0] in UNUSED else None

    def create_module(self, spec):
        module = MagicMock(name=spec.name)
        module.__spec__, module.__path__ = spec, []
        return module

    def exec_module(self, module):
        pass


sys.meta_path.append(Placeholders())  # behind the real ones
try:
    from torchvision.transforms import v2  # noqa: F401
except ImportError:
    import torch
    from torchvision.transforms import transforms

    class ToDtype(torch.nn.Module):
        def __init__(self, dtype, scale=False):
            super().__init__()
            self.dtype, self.scale = dtype, scale

        def forward(self, image):
            return image.to(self.dtype) / 255 if self.scale else image.to(self.dtype)

    transforms.ToImage, transforms.ToDtype = transforms.PILToTensor, ToDtype
command = sys.argv.pop(1)
entry, = importlib.metadata.entry_points(group="console_scripts", name=command)
sys.argv[0] = command
entry.load()()
