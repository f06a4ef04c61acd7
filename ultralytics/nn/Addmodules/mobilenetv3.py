"""MobileNetV3 as a backbone.

Paper: Howard et al., "Searching for MobileNetV3", ICCV 2019, https://arxiv.org/abs/1905.02244, tables 1 (large) and
2 (small). Reference implementation: torchvision's ``mobilenet_v3_large`` and ``mobilenet_v3_small``; with
``squeeze_divisor=8`` this is the same network, and its weights carry over tensor by tensor in order.

Deliberate differences from torchvision's classifier:

* The last 1x1 convolution (to 960 or 576 channels, before pooling) is the last map; there is no classifier.
* Squeeze-and-excitation narrows to a quarter of its input, rounded down, as the articles do
  (``squeeze_divisor=1``); torchvision rounds that quarter to a multiple of 8, and so does this where it is pretrained.
"""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Tuple

import torch
from torch import nn

from ultralytics.nn.modules.conv import Conv

from .base import Backbone, Pretrained, Reference, one_of, whole
from .registry import register_backbone


class Bottleneck(NamedTuple):
    """One row of the paper's tables.

    Attributes:
        kernel: Side of the depthwise kernel.
        expansion: Channels inside the block.
        width: Channels out.
        squeeze: Whether the block has squeeze-and-excitation.
        hard: Hard-swish where true, ReLU where false.
        stride: Stride of the depthwise convolution.
    """

    kernel: int
    expansion: int
    width: int
    squeeze: bool
    hard: bool
    stride: int


class Variant(NamedTuple):
    """A network: its blocks, the width of the final 1x1 convolution, and after which blocks a map is taken.

    The last map, of stride 32, is always the final convolution's.
    """

    blocks: Tuple[Bottleneck, ...]
    last_width: int
    taps: Tuple[int, int, int]


STEM_WIDTH = 16

VARIANTS: Dict[str, Variant] = {
    "large": Variant(
        blocks=(
            Bottleneck(3, 16, 16, False, False, 1),
            Bottleneck(3, 64, 24, False, False, 2),
            Bottleneck(3, 72, 24, False, False, 1),
            Bottleneck(5, 72, 40, True, False, 2),
            Bottleneck(5, 120, 40, True, False, 1),
            Bottleneck(5, 120, 40, True, False, 1),
            Bottleneck(3, 240, 80, False, True, 2),
            Bottleneck(3, 200, 80, False, True, 1),
            Bottleneck(3, 184, 80, False, True, 1),
            Bottleneck(3, 184, 80, False, True, 1),
            Bottleneck(3, 480, 112, True, True, 1),
            Bottleneck(3, 672, 112, True, True, 1),
            Bottleneck(5, 672, 160, True, True, 2),
            Bottleneck(5, 960, 160, True, True, 1),
            Bottleneck(5, 960, 160, True, True, 1),
        ),
        last_width=960,
        taps=(2, 5, 11),
    ),
    "small": Variant(
        blocks=(
            Bottleneck(3, 16, 16, True, False, 2),
            Bottleneck(3, 72, 24, False, False, 2),
            Bottleneck(3, 88, 24, False, False, 1),
            Bottleneck(5, 96, 40, True, True, 2),
            Bottleneck(5, 240, 40, True, True, 1),
            Bottleneck(5, 240, 40, True, True, 1),
            Bottleneck(5, 120, 48, True, True, 1),
            Bottleneck(5, 144, 48, True, True, 1),
            Bottleneck(5, 288, 96, True, True, 2),
            Bottleneck(5, 576, 96, True, True, 1),
            Bottleneck(5, 576, 96, True, True, 1),
        ),
        last_width=576,
        taps=(0, 2, 7),
    ),
}


def round_width(width: float, divisor: int) -> int:
    """Round to a multiple of ``divisor``, never down by more than a tenth (the paper's rule); 1 rounds down plainly."""
    if divisor == 1:
        return int(width)
    rounded = max(divisor, int(width + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * width else rounded


class SqueezeExcitation(nn.Module):
    """Scales each channel by a gate in 0…1 computed from the mean of all channels.

    Args:
        width: Channels in and out.
        squeezed: Channels in between.
    """

    def __init__(self, width: int, squeezed: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.reduce = nn.Conv2d(width, squeezed, 1)
        self.expand = nn.Conv2d(squeezed, width, 1)
        self.act = nn.ReLU(inplace=True)
        self.gate = nn.Hardsigmoid()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``x`` scaled; shape (B, width, H, W)."""
        mean = self.pool(x)  # (B, width, 1, 1)
        return x * self.gate(self.expand(self.act(self.reduce(mean))))


class DeployedSqueezeExcitation(nn.Module):
    """``SqueezeExcitation`` for inference: overwrites its input.

    Args:
        part: What it takes the place of.
    """

    def __init__(self, part: SqueezeExcitation) -> None:
        super().__init__()
        self.reduce, self.expand, self.act, self.gate = part.reduce, part.expand, part.act, nn.Hardsigmoid(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``x`` scaled; shape (B, width, H, W)."""
        mean = x.mean((2, 3), keepdim=True)  # (B, width, 1, 1)
        return x.mul_(self.gate(self.expand(self.act(self.reduce(mean)))))


class InvertedResidual(nn.Module):
    """Expand (1x1), filter (depthwise), squeeze-and-excite, project (1x1), with a skip where the shape stays.

    Args:
        width: Channels in.
        row: The block's row of the table.
        squeeze_divisor: See ``MobileNetV3``.
    """

    def __init__(self, width: int, row: Bottleneck, squeeze_divisor: int) -> None:
        super().__init__()
        act = nn.Hardswish if row.hard else nn.ReLU
        inner = row.expansion
        squeezed = round_width(inner // 4, squeeze_divisor)
        self.skips = row.stride == 1 and width == row.width
        self.expand = Conv(width, inner, 1, act=act(inplace=True)) if inner != width else nn.Identity()
        self.filter = Conv(inner, inner, row.kernel, row.stride, g=inner, act=act(inplace=True))
        self.squeeze = SqueezeExcitation(inner, squeezed) if row.squeeze else nn.Identity()
        self.project = Conv(inner, row.width, 1, act=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, width, H, W) to (B, row.width, H / stride, W / stride)."""
        y = self.project(self.squeeze(self.filter(self.expand(x))))
        return y.add_(x) if self.skips else y


@register_backbone
class MobileNetV3(Backbone):
    """MobileNetV3 without its classifier; four maps of strides 4, 8, 16 and 32.

    In a YAML: ``[-1, 1, MobileNetV3, []]``, ``[-1, 1, MobileNetV3, [small]]`` or, with torchvision's weights,
    ``[-1, 1, MobileNetV3, [large, {pretrained: true}]]``. The layers are upstream's ``Conv``, so ``model.fuse()`` folds
    every BatchNorm.

    Args:
        variant: ``large`` (2,970,118 parameters, channels 24/40/112/960) or ``small`` (921,390, 16/24/48/576).
        squeeze_divisor: Squeeze widths are rounded to a multiple of this: 1 as in the articles, 8 as in torchvision
            (2,971,952 and 927,008 parameters). None takes 8 where ``pretrained`` asks for weights, else 1.
        pretrained: False, True for torchvision's ImageNet weights, or the path of a file (see ``base.Backbone``).
        in_chans: Channels of the input image; the YAML's row need not give it.

    Attributes:
        width_list: Channels of each map.
        strides: Stride of each map.

    Raises:
        BackboneError: Unknown variant, a divisor or number of channels below 1, or weights that cannot be had.
    """

    def __init__(
        self,
        variant: str = "large",
        squeeze_divisor: Optional[int] = None,
        pretrained: Pretrained = False,
        in_chans: int = 3,
    ) -> None:
        super().__init__(in_chans)
        one_of("MobileNetV3", "variant", variant, list(VARIANTS))
        if squeeze_divisor is None:
            squeeze_divisor = 8 if pretrained else 1
        whole("MobileNetV3", "squeeze_divisor", squeeze_divisor)
        table = VARIANTS[variant]
        self.stem = Conv(in_chans, STEM_WIDTH, 3, 2, act=nn.Hardswish(inplace=True))
        self.stages = nn.ModuleList()
        self.width_list: List[int] = []
        self.strides = [4, 8, 16, 32]
        width, blocks = STEM_WIDTH, []
        for index, row in enumerate(table.blocks):
            blocks.append(InvertedResidual(width, row, squeeze_divisor))
            width = row.width
            if index in table.taps:
                self.stages.append(nn.Sequential(*blocks))
                self.width_list.append(width)
                blocks = []
        blocks.append(Conv(width, table.last_width, 1, act=nn.Hardswish(inplace=True)))
        self.stages.append(nn.Sequential(*blocks))
        self.width_list.append(table.last_width)
        self._initialize()
        hub = f"torchvision:mobilenet_v3_{variant}"
        self.load_pretrained(pretrained, Reference(hub, self._rename, eps=1e-3, momentum=0.01))

    def _initialize(self) -> None:
        """He-normal convolutions (fan out), as torchvision; BatchNorm eps 1e-3 and momentum 0.01, as the paper."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.BatchNorm2d):
                module.eps, module.momentum = 1e-3, 0.01

    def deploy(self) -> None:
        """Let squeeze-and-excitation work in place."""
        for block in self.modules():
            if isinstance(block, InvertedResidual) and isinstance(block.squeeze, SqueezeExcitation):
                block.squeeze = DeployedSqueezeExcitation(block.squeeze)

    def _rename(self, tensors: Dict[str, torch.Tensor]) -> Dict[str, torch.Tensor]:
        """Map torchvision's names (``features.4.block.1.0.weight``) to ours; the classifier's are left out."""
        names = {"features.0": "stem"}
        blocks = [(s, i, block) for s, stage in enumerate(self.stages) for i, block in enumerate(stage)]
        for number, (stage, index, block) in enumerate(blocks, start=1):
            ours, theirs = f"stages.{stage}.{index}", f"features.{number}"
            if isinstance(block, Conv):
                names[theirs] = ours
                continue
            parts = [name for name, part in block.named_children() if not isinstance(part, nn.Identity)]
            names.update({f"{theirs}.block.{at}": f"{ours}.{part}" for at, part in enumerate(parts)})
        kinds = {"0": "conv", "1": "bn", "fc1": "reduce", "fc2": "expand"}
        renamed = {}
        for key, tensor in tensors.items():
            block, _, leaf = key.rpartition(".")
            layer, _, kind = block.rpartition(".")
            if layer in names and kind in kinds:
                renamed[f"{names[layer]}.{kinds[kind]}.{leaf}"] = tensor
        return renamed

    def forward(self, x: torch.Tensor) -> List[torch.Tensor]:
        """Return the maps, largest first.

        Args:
            x: Images, (B, in_chans, H, W), H and W divisible by 32, any range (upstream feeds 0…1; pretrained, it has
                to be 0…1).

        Returns:
            Four maps, (B, width, H / stride, W / stride) each.
        """
        x, maps = self.stem(self.normalize(x)), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


@register_backbone
class MobileNetV3Large(MobileNetV3):
    """``MobileNetV3`` of variant ``large`` under a name of its own: ``[-1, 1, MobileNetV3Large, [True]]``.

    Args:
        pretrained: See ``MobileNetV3``.
        squeeze_divisor: The same.
        in_chans: The same.
    """

    variant = "large"

    def __init__(
        self, pretrained: Pretrained = False, squeeze_divisor: Optional[int] = None, in_chans: int = 3
    ) -> None:
        super().__init__(self.variant, squeeze_divisor, pretrained, in_chans)


@register_backbone
class MobileNetV3Small(MobileNetV3Large):
    """``MobileNetV3`` of variant ``small`` under a name of its own: ``[-1, 1, MobileNetV3Small, [True]]``."""

    variant = "small"
