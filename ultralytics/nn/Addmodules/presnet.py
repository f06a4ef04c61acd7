"""PResNet, the ResNet-vd of the official RT-DETR, as a backbone.

Papers: He et al., "Bag of Tricks for Image Classification with Convolutional Neural Networks", CVPR 2019,
https://arxiv.org/abs/1812.01187 (variant D); Zhao et al., "DETRs Beat YOLOs on Real-time Object Detection", CVPR 2024,
https://arxiv.org/abs/2304.08069. Reference implementations: ``PResNet`` of https://github.com/lyuwenyu/RT-DETR, and
timm's ``resnet18d``, ``resnet34d``, ``resnet50d`` and ``resnet101d``. Weights of both carry over by name
(see ``rename``).

The two differ in one layer: at depths 18 and 34 the skip of the very first block, where the shape stays, has a 1x1
convolution with BatchNorm in the official network and nothing in timm's. ``projection`` chooses.

Deliberate differences:

* There is no classifier.
* No BatchNorm is frozen; the official configurations of depth 50 and 101 freeze them all,
  and the stem.
* The images are normalised where the weights come from a classifier, and not where they come from a whole RT-DETR,
  which is trained on plain 0…1.
* Residuals are added in place.
"""

from __future__ import annotations

import logging
import re
from typing import Dict, List, Optional

import torch
from torch import nn
from torch.nn import functional as F

from ultralytics.nn.modules.conv import Conv

from .base import Backbone, Pretrained, Reference, one_of
from .contract import BackboneError
from .registry import register_backbone

LOGGER = logging.getLogger("ultralytics")

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
"""Blocks in each stage, by depth."""

STEM = (32, 32, 64)
"""Channels of the stem's three convolutions; the first has stride 2."""

WIDTHS = (64, 128, 256, 512)
"""Channels of each stage's 3x3 convolutions."""

BOTTLENECK_FROM = 50
"""Least depth whose blocks are bottlenecks."""

WIDENING = 4
"""Channels out of a bottleneck as a multiple of its 3x3 convolution's."""

FIRST_SHORTCUT = "stages.0.0.shortcut."


class Residual(nn.Module):
    """Two 3x3 convolutions, or 1x1, 3x3, 1x1, added to the input or to a projection of it.

    Args:
        width: Channels in.
        inner: Channels of the 3x3 convolutions.
        stride: Of the first 3x3 convolution; above 1, the skip is pooled by as much.
        bottleneck: Whether 1x1 convolutions stand around a single 3x3.
        projects: Whether the skip has a 1x1 convolution even where the shape stays.
    """

    def __init__(self, width: int, inner: int, stride: int, bottleneck: bool, projects: bool = False) -> None:
        super().__init__()
        if bottleneck:
            self.width = inner * WIDENING
            layers = [
                Conv(width, inner, 1, act=_relu()),
                Conv(inner, inner, 3, stride, act=_relu()),
                Conv(inner, self.width, 1, act=False),
            ]
        else:
            self.width = inner
            layers = [Conv(width, inner, 3, stride, act=_relu()), Conv(inner, inner, 3, act=False)]
        self.branch = nn.Sequential(*layers)
        self.pool = nn.AvgPool2d(stride, stride, ceil_mode=True) if stride > 1 else nn.Identity()
        changes = stride > 1 or width != self.width
        self.shortcut = Conv(width, self.width, 1, act=False) if changes or projects else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, width, H, W) to (B, self.width, H / stride, W / stride), rounded up."""
        return F.relu_(self.branch(x).add_(self.shortcut(self.pool(x))))


def _relu() -> nn.Module:
    return nn.ReLU(inplace=True)


PATTERNS = (
    (r"conv1\.([036])\.", lambda m: f"stem.{int(m[1]) // 3}.conv."),  # timm
    (r"conv1\.([14])\.", lambda m: f"stem.{int(m[1]) // 3}.bn."),
    (r"bn1\.", lambda m: "stem.2.bn."),
    (r"layer(\d)\.(\d+)\.conv(\d)\.", lambda m: f"stages.{int(m[1]) - 1}.{m[2]}.branch.{int(m[3]) - 1}.conv."),
    (r"layer(\d)\.(\d+)\.bn(\d)\.", lambda m: f"stages.{int(m[1]) - 1}.{m[2]}.branch.{int(m[3]) - 1}.bn."),
    (r"layer(\d)\.(\d+)\.downsample\.1\.", lambda m: f"stages.{int(m[1]) - 1}.{m[2]}.shortcut.conv."),
    (r"layer(\d)\.(\d+)\.downsample\.2\.", lambda m: f"stages.{int(m[1]) - 1}.{m[2]}.shortcut.bn."),
    (r"conv1\.conv1_(\d)\.(conv|norm)\.", lambda m: f"stem.{int(m[1]) - 1}.{PARTS[m[2]]}."),  # official
    (
        r"res_layers\.(\d)\.blocks\.(\d+)\.branch2([abc])\.(conv|norm)\.",
        lambda m: f"stages.{m[1]}.{m[2]}.branch.{'abc'.index(m[3])}.{PARTS[m[4]]}.",
    ),
    (
        r"res_layers\.(\d)\.blocks\.(\d+)\.short\.(?:conv\.)?(conv|norm)\.",  # twice `conv.` where a pool is in front
        lambda m: f"stages.{m[1]}.{m[2]}.shortcut.{PARTS[m[3]]}.",
    ),
)
"""Names in timm's and in the official files, and ours."""

PARTS = {"conv": "conv", "norm": "bn"}


def rename(tensors: Dict[str, torch.Tensor]) -> Dict[str, torch.Tensor]:
    """Give the tensors of a checkpoint of timm's or of the official RT-DETR our names; others are dropped.

    Args:
        tensors: By the names of the backbone itself (``layer1.0.conv1.weight`` or
            ``res_layers.0.blocks.0.branch2a.conv.weight``).

    Returns:
        The same tensors by ours (``stages.0.0.branch.0.conv.weight``).
    """
    renamed = {}
    for name, tensor in tensors.items():
        for pattern, ours in PATTERNS:
            found = re.match(pattern, name)
            if found:
                renamed[ours(found) + name[found.end() :]] = tensor
                break
    return renamed


@register_backbone
class PResNet(Backbone):
    """ResNet-vd without its classifier; four maps of strides 4, 8, 16 and 32.

    In a YAML: ``[-1, 1, PResNet, [50]]`` or ``[-1, 1, PResNet50, []]``. The layers are upstream's ``Conv``, so
    ``model.fuse()`` folds every BatchNorm.

    Args:
        depth: 18 (11,199,968 parameters with ``projection``), 34 (21,308,128), 50 (23,527,264) or 101 (42,519,392).
        pretrained: True for timm's weights, or the path of a file of timm's or of the official RT-DETR's:
            the backbone's alone or the whole detector's.
        in_chans: Channels of the input image; the YAML's row need not give it.
        projection: Whether the first block's skip has a 1x1 convolution at depths 18 and 34 (4,224 parameters). None:
            as the weights have it, that is not where ``pretrained`` is True. A file of timm's gives it nothing; it is
            then set to let its input through, which holds in eval mode only, for in training its BatchNorm
            normalises; false avoids that.

    Attributes:
        width_list: Channels of each map.
        strides: Stride of each map.

    Raises:
        BackboneError: Unknown depth, a wrong number of channels or projection, or weights that cannot be had.
    """

    def __init__(
        self,
        depth: int = 50,
        pretrained: Pretrained = False,
        in_chans: int = 3,
        projection: Optional[bool] = None,
    ) -> None:
        super().__init__(in_chans)
        name = type(self).__name__
        one_of(name, "depth", depth, tuple(BLOCKS))
        if projection is not None and not isinstance(projection, bool):
            raise BackboneError(f"{name}: projection is {projection!r}, expected true, false or nothing")
        projects = pretrained is not True if projection is None else projection
        self.stem = nn.Sequential()
        width = in_chans
        for index, wider in enumerate(STEM):
            self.stem.append(Conv(width, wider, 3, 2 if index == 0 else 1, act=_relu()))
            width = wider
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.stages = nn.ModuleList()
        self.width_list: List[int] = []
        self.strides = [4, 8, 16, 32]
        for index, (inner, count) in enumerate(zip(WIDTHS, BLOCKS[depth])):
            blocks = []
            for number in range(count):
                stride = 2 if index > 0 and number == 0 else 1
                first = projects and index == number == 0
                blocks.append(Residual(width, inner, stride, depth >= BOTTLENECK_FROM, first))
                width = blocks[-1].width
            self.stages.append(nn.Sequential(*blocks))
            self.width_list.append(width)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self._load(depth, pretrained)

    def _load(self, depth: int, pretrained: Pretrained) -> None:
        """Load weights, and set right what depends on whose they are: normalisation and the first projection."""
        seen = {"detector": False, "filled": False}

        def ours(tensors: Dict[str, torch.Tensor]) -> Dict[str, torch.Tensor]:
            seen["detector"] |= any("backbone.conv1.conv1_1." in name for name in tensors)
            renamed = rename(tensors)
            lacks = "layer1.0.conv1.weight" in tensors and f"{FIRST_SHORTCUT}conv.weight" not in renamed
            first = self.stages[0][0]
            if lacks and isinstance(first.shortcut, Conv) and len(first.branch) == 2:
                seen["filled"] = True
                renamed.update(_passing(first.shortcut))
            return renamed

        self.load_pretrained(pretrained, Reference(hub=f"timm:resnet{depth}d.ra2_in1k", rename=ours))
        if seen["detector"]:  # neutral rather than absent: whether the module is there must not depend on the file
            self.normalize.mean.zero_()
            self.normalize.std.fill_(1.0)
        if seen["filled"]:
            LOGGER.warning(
                f"{type(self).__name__}: the weights are timm's and have no projection in the first skip: it starts as "
                f"an identity, exact in eval mode only; {{projection: false}} in the YAML's row leaves it out"
            )

    def forward(self, x: torch.Tensor) -> List[torch.Tensor]:
        """Return the maps, largest first.

        Args:
            x: Images, (B, in_chans, H, W), H and W divisible by 32, in 0…1 where the weights are pretrained.

        Returns:
            Four maps, (B, width, H / stride, W / stride) each.
        """
        x, maps = self.pool(self.stem(self.normalize(x))), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


def _passing(conv: Conv) -> Dict[str, torch.Tensor]:
    """Return weights with which a square 1x1 convolution and its BatchNorm, in eval mode, let their input through."""
    width = conv.conv.out_channels
    variance = torch.full((width,), 1.0, dtype=torch.float64) - conv.bn.eps
    return {
        f"{FIRST_SHORTCUT}conv.weight": torch.eye(width).view(width, width, 1, 1),
        f"{FIRST_SHORTCUT}bn.weight": torch.ones(width),
        f"{FIRST_SHORTCUT}bn.bias": torch.zeros(width),
        f"{FIRST_SHORTCUT}bn.running_mean": torch.zeros(width),
        f"{FIRST_SHORTCUT}bn.running_var": variance.float(),
    }


class _OfDepth(PResNet):
    """A network of a fixed depth, so that a YAML's row needs no arguments."""

    depth: int

    def __init__(self, pretrained: Pretrained = False, in_chans: int = 3, projection: Optional[bool] = None) -> None:
        super().__init__(self.depth, pretrained, in_chans, projection)


@register_backbone
class PResNet18(_OfDepth):
    """11,199,968 parameters; maps of 64/128/256/512 channels."""

    depth = 18


@register_backbone
class PResNet34(_OfDepth):
    """21,308,128 parameters; maps of 64/128/256/512 channels."""

    depth = 34


@register_backbone
class PResNet50(_OfDepth):
    """23,527,264 parameters; maps of 256/512/1024/2048 channels."""

    depth = 50


@register_backbone
class PResNet101(_OfDepth):
    """42,519,392 parameters; maps of 256/512/1024/2048 channels."""

    depth = 101
