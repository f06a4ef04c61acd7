"""Stand-ins for weights: checkpoints of random weights that find something, built from the release's own YAMLs.

Plain random weights detect nothing: activations fade from layer to layer, and every score stays near the prior. So the
batch norms are given the statistics of two real pictures, and the last convolutions of each head are rescaled until a
few places in a hundred pass the usual threshold, with boxes that have an area. This checks that code runs and agrees
with itself; it says nothing about accuracy.

Runs with the pristine tree on the path; see ``tools.upstream_tests.assets``.
"""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path
from typing import Any, Dict, Iterable, List, NamedTuple

import cv2
import numpy as np
import torch
from torch import nn

FOUND = 0.03
"""Part of the places, at least, whose score of class 0 passes the threshold of 0.25."""

REACH = 6.0
"""Strides from an anchor to the sides of its box: a box found in a picture's padding still reaches into the picture."""

SPREAD = 0.5
"""Greatest deviation, in strides, of box sides and key points from their means, on the pictures used here."""

SIDES = (160, 320)
"""Sides of the pictures that the models are adjusted on: what upstream's tests predict at, and between that and 640."""


class Kind(NamedTuple):
    """A checkpoint to make: its file, the class of ``ultralytics.nn.tasks``, its YAML, its data, its channels."""

    file: str
    model: str
    yaml: str
    data: str
    channels: int = 3


KINDS = (
    Kind("yolo26n.pt", "DetectionModel", "yolo26n.yaml", "coco8.yaml"),
    Kind("yolo26n-seg.pt", "SegmentationModel", "yolo26n-seg.yaml", "coco8-seg.yaml"),
    Kind("yolo26n-sem.pt", "SemanticSegmentationModel", "yolo26n-sem.yaml", "cityscapes8.yaml"),
    Kind("yolo26n-depth.pt", "DepthModel", "yolo26n-depth.yaml", "depth8.yaml"),
    Kind("yolo26n-cls.pt", "ClassificationModel", "yolo26n-cls.yaml", "ImageNet.yaml"),
    Kind("yolo26n-pose.pt", "PoseModel", "yolo26n-pose.yaml", "coco8-pose.yaml"),
    Kind("yolo26n-obb.pt", "OBBModel", "yolo26n-obb.yaml", "dota8.yaml"),
    Kind("yolo11n.pt", "DetectionModel", "yolo11n.yaml", "coco8.yaml"),
    Kind("yolo11n-grayscale.pt", "DetectionModel", "yolo11n.yaml", "coco8-grayscale.yaml", 1),
    Kind("yolo26s.pt", "DetectionModel", "yolo26s.yaml", "coco8.yaml"),
    Kind("yolo26s-seg.pt", "SegmentationModel", "yolo26s-seg.yaml", "coco8-seg.yaml"),
    Kind("yolo26s-pose.pt", "PoseModel", "yolo26s-pose.yaml", "coco8-pose.yaml"),
    Kind("yolo26s-obb.pt", "OBBModel", "yolo26s-obb.yaml", "dota8.yaml"),
    Kind("rtdetr-l.pt", "RTDETRDetectionModel", "rtdetr-l.yaml", "coco8.yaml"),
    Kind("FastSAM-s.pt", "SegmentationModel", "yolov8s-seg.yaml", "coco8-pose.yaml"),
    Kind("yoloe-26n-seg.pt", "YOLOESegModel", "yoloe-26n-seg.yaml", "coco8-seg.yaml"),
)


def make(folder: Path, kinds: Iterable[Kind]) -> None:
    """Write the checkpoints of ``kinds`` into ``folder``."""
    from ultralytics.nn import tasks
    from ultralytics.utils import ASSETS, ROOT, YAML

    folder.mkdir(parents=True, exist_ok=True)
    pictures = [batch([ASSETS / "bus.jpg", ASSETS / "zidane.jpg"], side) for side in SIDES]
    for kind in kinds:
        torch.manual_seed(0)
        data: Dict[str, Any] = YAML.load(ROOT / "cfg" / "datasets" / kind.data)
        names = {int(n): str(name) for n, name in data["names"].items()}
        model = getattr(tasks, kind.model)(kind.yaml, ch=kind.channels, nc=len(names), verbose=False)
        model.names = names
        images = [p.mean(1, keepdim=True) for p in pictures] if kind.channels == 1 else pictures
        settle(model, images)
        adjust_heads(model, images)
        torch.save(checkpoint(model, kind), folder / kind.file)


def make_sam(path: Path) -> None:
    """Write MobileSAM's weights as upstream distributes them: a state dict."""
    from ultralytics.models.sam.build import build_mobile_sam

    torch.manual_seed(0)
    torch.save(build_mobile_sam().state_dict(), path)


def make_resnet(folder: Path) -> None:
    """Write ResNet-18 where torchvision looks for it: some of upstream's YAMLs ask for its weights when built."""
    import torchvision

    folder.mkdir(parents=True)
    name = torchvision.models.ResNet18_Weights.DEFAULT.url.rsplit("/", 1)[-1]
    torch.manual_seed(0)
    # torchvision checks a download's hash, not a file that is there already
    torch.save(torchvision.models.resnet18(weights=None).state_dict(), folder / name)


def batch(paths: List[Path], side: int) -> torch.Tensor:
    """Return pictures as one batch (N, 3, side, side), RGB, 0 to 1."""
    images = [cv2.resize(cv2.imread(str(path)), (side, side))[..., ::-1] for path in paths]
    return torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2).copy()).float() / 255


@torch.no_grad()
def settle(model: Any, images: List[torch.Tensor]) -> None:
    """Give every batch norm the statistics of ``images``, so that activations keep their size through the layers."""
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [m.momentum for m in norms]
    for m in norms:
        m.reset_running_stats()
        m.momentum = None  # the plain average
    model.train()
    for batch_ in images:
        model.predict(batch_)
    for m, momentum in zip(norms, momenta):
        m.momentum = momentum
    model.eval()


@torch.no_grad()
def adjust_heads(model: Any, images: List[torch.Tensor]) -> None:
    """Rescale what a detecting head ends in; other heads are left as they are."""
    head = model.model[-1]
    scores = _last(head, ("cv3", "one2one_cv3"))
    if not hasattr(head, "cv2") or not scores or not isinstance(scores[0], nn.Conv2d):
        return
    boxes = _last(head, ("cv2", "one2one_cv2"))
    points = _last(head, ("cv4_kpts", "one2one_cv4_kpts"))
    if not points and hasattr(head, "kpt_shape"):
        points = _last(head, ("cv4", "one2one_cv4"))
    if hasattr(head, "cv4") and type(head).__name__.startswith("YOLOE"):
        for contrast in [*head.cv4, *getattr(head, "one2one_cv4", [])]:
            contrast.bias.fill_(-1.0)  # scores are similarities of random vectors; the prior is -10
        scores = []
    seen = _outputs(model, images, [*scores, *boxes, *points])
    for layer in scores:
        first = [part[:, 0] for part in seen[layer]]
        std = torch.cat(first).std()
        least = min(float(part.quantile(1 - FOUND)) for part in first)  # every picture has its finds
        layer.weight[0] /= std
        layer.bias[0] = (layer.bias[0] - least) / std + math.log(0.25 / 0.75)
        layer.weight[1:] *= 0.1
        layer.bias[1:] = -8.0
    for layer in boxes if head.reg_max == 1 else ():
        _narrow(layer, torch.cat(seen[layer]), REACH)
    for layer in points:
        _narrow(layer, torch.cat(seen[layer]), 0.0)
        layer.bias[2 :: head.kpt_shape[1]] += 2.0  # visible


def _last(head: nn.Module, names: Iterable[str]) -> List[Any]:
    """Return the last layer of each branch of the lists ``names`` that the head has."""
    branches = [branch for name in names for branch in (getattr(head, name, None) or ())]
    return [branch[-1] if isinstance(branch, nn.Sequential) else branch for branch in branches]


def _outputs(model: Any, images: List[torch.Tensor], layers: List[Any]) -> Dict[nn.Module, List[torch.Tensor]]:
    """Return what ``layers`` give for each of the pictures, as (places, channels)."""
    seen: Dict[nn.Module, List[torch.Tensor]] = {layer: [] for layer in layers}

    def keep(layer: nn.Module, _: Any, out: torch.Tensor) -> None:
        seen[layer].append(out.permute(0, 2, 3, 1).reshape(-1, out.shape[1]))

    handles = [layer.register_forward_hook(keep) for layer in layers]
    for picture in [picture for batch_ in images for picture in batch_] if layers else ():
        model.predict(picture[None])
    for handle in handles:
        handle.remove()
    return seen


def _narrow(layer: Any, seen: torch.Tensor, mean: float) -> None:
    """Give each channel of a convolution, which gave ``seen``, this mean and little else."""
    middle = seen.mean(0)
    factor = SPREAD / (seen - middle).abs().amax(0).clamp(min=1e-6)
    layer.weight *= factor[:, None, None, None]
    layer.bias.copy_((layer.bias - middle) * factor + mean)


def checkpoint(model: Any, kind: Kind) -> Dict[str, Any]:
    """Return ``model`` as upstream's release checkpoints are: half precision, no optimizer, with training arguments."""
    from ultralytics import __version__
    from ultralytics.utils import DEFAULT_CFG_DICT

    arguments = {**DEFAULT_CFG_DICT, "model": kind.yaml, "data": kind.data, "imgsz": 640, "mode": "train"}
    arguments["task"] = model.task = _task(kind)
    model.args = arguments
    for parameter in model.parameters():
        parameter.requires_grad = False
    out: Dict[str, Any] = {"epoch": -1, "best_fitness": None, "model": model.half(), "ema": None, "updates": None}
    out.update(optimizer=None, train_args=arguments, date=datetime(2026, 1, 1).isoformat(), version=__version__)
    return out


def _task(kind: Kind) -> str:
    words = {"Segmentation": "segment", "SemanticSegmentation": "semantic", "Depth": "depth", "Pose": "pose"}
    words.update(Classification="classify", OBB="obb", YOLOESeg="segment")
    return words.get(kind.model[: -len("Model")], "detect")
