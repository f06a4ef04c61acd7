"""MobileNetV4 as a backbone: three convolutional networks and two hybrids with attention.

Paper: Qin et al., "MobileNetV4: Universal Models for the Mobile Ecosystem", ECCV 2024,
https://arxiv.org/abs/2404.10518. Reference implementation: timm's ``mobilenetv4_conv_small`` and so on; its weights
carry over by name (see ``rename``), and the maps are then the same.

Deliberate differences from timm's classifier:

* The 1x1 convolution to 960 channels at stride 32 is the last map; the pooled 1280-channel layer and the classifier
  behind it are left out.
* Attention reads all heads' queries as one long sequence, for they share one key and one value: the same sums, without
  repeating or transposing anything where the images are in channels_last.
* Residuals are added in place.
* In the hybrids, the learnt scale of a block without a skip begins at 1; timm begins it at 1e-5 there too, and the
  maps of an untrained network are then of the order of 1e-5.
* ``deploy`` takes out, for inference, the norms and scales that upstream's ``fuse`` leaves.
"""

from __future__ import annotations

import math
import re
from typing import Callable, Dict, List

import torch
from torch import nn
from torch.nn import functional as F

from ultralytics.nn.modules.conv import Conv

from ._mobilenetv4_tables import LAST_WIDTH, VARIANTS, Attention, Fused, Inverted, Plain, Row, Variant
from .base import Backbone, Pretrained, Reference
from .registry import register_backbone

SCALE = 1e-5
"""What a learnt scale begins with in a block with a skip, as in timm."""


class LayerScale(nn.Module):
    """Multiplies each channel by a learnt factor.

    Args:
        width: Number of channels.
        begin: Their first value.
    """

    def __init__(self, width: int, begin: float = SCALE) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((width,), begin))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``x`` scaled; shape (B, width, H, W)."""
        return x * self.gamma.view(-1, 1, 1)


class FusedBottleneck(nn.Module):
    """Expands with a dense strided convolution, then projects linearly; no skip in any of the networks.

    Args:
        width: Channels in.
        row: The block's row of the table.
        act: Makes an activation.
    """

    def __init__(self, width: int, row: Fused, act: Callable[[], nn.Module]) -> None:
        super().__init__()
        inner = width * row.expansion
        self.expand = Conv(width, inner, row.kernel, row.stride, act=act())
        self.project = Conv(inner, row.width, 1, act=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, width, H, W) to (B, row.width, H / stride, W / stride)."""
        return self.project(self.expand(x))


class UniversalBottleneck(nn.Module):
    """Linear depthwise, 1x1 expansion, depthwise, linear 1x1 projection; either depthwise may be missing.

    There is a skip where the shape stays.

    Args:
        width: Channels in.
        row: The block's row of the table.
        act: Makes an activation.
        scaled: Whether the result is scaled by a learnt factor a channel. timm begins it at 1e-5 without a skip too,
            which leaves next to nothing of the image behind three such blocks; here it begins at 1 there.
    """

    def __init__(self, width: int, row: Inverted, act: Callable[[], nn.Module], scaled: bool) -> None:
        super().__init__()
        inner = width * row.expansion
        first = 1 if row.middle else row.stride
        self.skips = row.stride == 1 and width == row.width
        self.start = Conv(width, width, row.start, first, g=width, act=False) if row.start else nn.Identity()
        self.expand = Conv(width, inner, 1, act=act())
        self.middle = Conv(inner, inner, row.middle, row.stride, g=inner, act=act()) if row.middle else nn.Identity()
        self.project = Conv(inner, row.width, 1, act=False)
        self.scale: nn.Module = LayerScale(row.width, SCALE if self.skips else 1.0) if scaled else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, width, H, W) to (B, row.width, H / stride, W / stride)."""
        y = self.scale(self.project(self.middle(self.expand(self.start(x)))))
        return y.add_(x) if self.skips else y

    @torch.no_grad()
    def deploy(self) -> None:
        """Multiply the scale into the projection."""
        if not isinstance(self.scale, LayerScale):
            return
        last = getattr(self.project, "bn", self.project.conv)  # the convolution, once its BatchNorm is folded
        last.weight.mul_(self.scale.gamma.view(-1, *[1] * (last.weight.ndim - 1)))
        last.bias.mul_(self.scale.gamma)
        self.scale = nn.Identity()


class MultiQueryAttention(nn.Module):
    """Normalises, attends with many query heads to one key and one value head, projects, scales, adds the input.

    Args:
        row: The block's row of the table. With ``reduction`` above 1, keys and values pass a 3x3 depthwise convolution
            of that stride first.
    """

    deployed = False

    def __init__(self, row: Attention) -> None:
        super().__init__()
        width, self.heads, self.dim = row.width, row.heads, row.dim
        self.norm: nn.Module = nn.BatchNorm2d(width)
        self.query = nn.Conv2d(width, self.heads * self.dim, 1, bias=False)
        self.key_reduce, self.value_reduce = (
            Conv(width, width, 3, row.reduction, g=width, act=False) if row.reduction > 1 else nn.Identity()
            for _ in range(2)
        )
        self.key = nn.Conv2d(width, self.dim, 1, bias=False)
        self.value = nn.Conv2d(width, self.dim, 1, bias=False)
        self.output = nn.Conv2d(self.heads * self.dim, width, 1, bias=False)
        self.scale: nn.Module = LayerScale(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, width, H, W) to the same shape."""
        batch, _, height, width = x.shape
        y = self.norm(x)
        query = self._rows(self.query(x if self.deployed else y))  # (B, 1, H * W * heads, dim)
        key = self._rows(self.key(self.key_reduce(y)))  # (B, 1, H * W / reduction ** 2, dim)
        value = self._rows(self.value(self.value_reduce(y)))
        found = F.scaled_dot_product_attention(query, key, value)
        found = found.reshape(batch, height, width, self.heads * self.dim).permute(0, 3, 1, 2)
        return self.scale(self.output(found)).add_(x)

    def _rows(self, x: torch.Tensor) -> torch.Tensor:
        """Reorder (B, C, H, W) to (B, 1, H * W * C / dim, dim): a view where ``x`` is channels_last."""
        return x.permute(0, 2, 3, 1).reshape(x.shape[0], 1, -1, self.dim)

    @torch.no_grad()
    def deploy(self) -> None:
        """Fold the norm into the 1x1 convolutions that read it, and the scale into the output's.

        The strided depthwise convolutions pad the normalised map with zeros, which is not what the norm makes of
        zeros: in front of them it cannot be folded without changing the border, so there it stays.
        """
        if self.deployed:
            return
        self.deployed = True
        reduced = isinstance(self.key_reduce, Conv)
        self.query = _fold_norm(self.norm, self.query)
        if not reduced:
            self.key, self.value = _fold_norm(self.norm, self.key), _fold_norm(self.norm, self.value)
            self.norm = nn.Identity()
        self.output.weight.mul_(self.scale.gamma.view(-1, 1, 1, 1))
        self.scale = nn.Identity()


def _fold_norm(norm: nn.BatchNorm2d, conv: nn.Conv2d) -> nn.Conv2d:
    """Return the unpadded 1x1 convolution that equals ``conv`` behind ``norm``; ``conv`` has no bias."""
    gain, shift, mean, variance = (
        t.cpu().double() for t in (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    )
    factor = gain / (variance + norm.eps).sqrt()
    offset = shift - mean * factor
    folded = nn.Conv2d(conv.in_channels, conv.out_channels, 1).to(conv.weight.device, conv.weight.dtype)
    weight = conv.weight.cpu().double()
    folded.weight.copy_(weight * factor.view(1, -1, 1, 1))
    folded.bias.copy_(weight.flatten(1) @ offset)
    return folded.train(conv.training).requires_grad_(conv.weight.requires_grad)


BLOCK_NAMES = (
    (r"dw_start\.|dw_mid\.|pw_exp\.|pw_proj\.", lambda m: UIB_NAMES[m.group()]),
    (r"layer_scale\.", "scale."),
    (r"attn\.(query|output)\.proj\.", r"\1."),
    (r"attn\.(key|value)\.proj\.", r"\1."),
    (r"attn\.(key|value)\.down_conv\.", r"\1_reduce.conv."),
    (r"attn\.(key|value)\.norm\.", r"\1_reduce.bn."),
    (r"conv_exp\.", "expand.conv."),
    (r"conv_pwl\.", "project.conv."),
    (r"bn2\.", "project.bn."),
)
"""timm's names within a block, and ours; ``bn1`` depends on what is beside it."""

UIB_NAMES = {"dw_start.": "start.", "dw_mid.": "middle.", "pw_exp.": "expand.", "pw_proj.": "project."}


def rename(tensors: Dict[str, torch.Tensor]) -> Dict[str, torch.Tensor]:
    """Give a timm checkpoint's tensors our names; those of the classifier are dropped.

    Args:
        tensors: By timm's names (``conv_stem.weight``, ``blocks.2.0.dw_start.conv.weight`` …).

    Returns:
        The same tensors by ours (``stem.conv.weight``, ``stages.2.0.start.conv.weight`` …).
    """
    renamed = {}
    for name, tensor in tensors.items():
        block = re.match(r"blocks\.(\d+)\.(\d+)\.", name)
        if block is None:
            found = re.match(r"(conv_stem|bn1)\.", name)
            if found:
                renamed[("stem.conv." if found[1] == "conv_stem" else "stem.bn.") + name[found.end() :]] = tensor
            continue
        inner = name[block.end() :]
        if inner.startswith("bn1."):
            fused = f"{block.group()}conv_exp.weight" in tensors
            inner = ("expand.bn." if fused else "bn.") + inner[len("bn1.") :]
        else:
            for pattern, ours in BLOCK_NAMES:
                inner, hits = re.subn(rf"^(?:{pattern})", ours, inner)
                if hits:
                    break
        stage = int(block[1])
        renamed[f"head.{inner}" if stage == 4 else f"stages.{stage}.{block[2]}.{inner}"] = tensor
    return renamed


class MobileNetV4(Backbone):
    """The network that a table describes; four maps of strides 4, 8, 16 and 32. YAMLs name the subclasses below.

    The layers are upstream's ``Conv`` where they have a BatchNorm, so ``model.fuse()`` folds those; ``deploy`` does the
    rest in the hybrids.

    Args:
        pretrained: True for timm's weights, or the path of a file of them.
        in_chans: Channels of the input image; the YAML's row need not give it.

    Attributes:
        variant: Key of ``VARIANTS``.
        width_list: Channels of each map.
        strides: Stride of each map.

    Raises:
        BackboneError: A wrong number of channels, or weights that cannot be had.
    """

    variant: str

    def __init__(self, pretrained: Pretrained = False, in_chans: int = 3) -> None:
        super().__init__(in_chans)
        table: Variant = VARIANTS[self.variant]
        self.strides = [4, 8, 16, 32]
        self.width_list: List[int] = []
        act = nn.GELU if table.gelu else _relu
        self.stem = Conv(in_chans, table.stem, 3, 2, act=act())
        self.stages = nn.ModuleList()
        width = table.stem
        for rows in table.stages:
            blocks: List[nn.Module] = []
            for row in rows:
                blocks.append(_build(width, row, act, table.scaled))
                width = row.width
            self.stages.append(nn.Sequential(*blocks))
            self.width_list.append(width)
        self.head = Conv(width, LAST_WIDTH, 1, act=act())
        self.width_list[-1] = LAST_WIDTH
        self._initialize()
        self.load_pretrained(pretrained, Reference(hub=table.hub, rename=rename))

    def _initialize(self) -> None:
        """He-normal convolutions (fan out, a group at a time); those of attention Xavier-uniform, as in timm."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan = module.kernel_size[0] * module.kernel_size[1] * module.out_channels // module.groups
                nn.init.normal_(module.weight, std=math.sqrt(2 / fan))
        for module in self.modules():
            if isinstance(module, MultiQueryAttention):
                for conv in module.modules():
                    if isinstance(conv, nn.Conv2d):
                        nn.init.xavier_uniform_(conv.weight)

    def forward(self, x: torch.Tensor) -> List[torch.Tensor]:
        """Return the maps, largest first.

        Args:
            x: Images, (B, in_chans, H, W), H and W divisible by 32, in 0…1 where the weights are pretrained.

        Returns:
            Four maps, (B, width, H / stride, W / stride) each.
        """
        x, maps = self.stem(self.normalize(x)), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        maps[-1] = self.head(x)
        return maps

    def deploy(self) -> None:
        """Fold what upstream's ``fuse`` cannot, for inference; call it in eval mode, once or more often."""
        for module in list(self.modules()):
            if isinstance(module, (UniversalBottleneck, MultiQueryAttention)):
                module.deploy()


def _relu() -> nn.Module:
    return nn.ReLU(inplace=True)


def _build(width: int, row: Row, act: Callable[[], nn.Module], scaled: bool) -> nn.Module:
    """Return the block of a row that reads ``width`` channels."""
    if isinstance(row, Plain):
        return Conv(width, row.width, row.kernel, row.stride, act=act())
    if isinstance(row, Fused):
        return FusedBottleneck(width, row, act)
    if isinstance(row, Inverted):
        return UniversalBottleneck(width, row, act, scaled)
    return MultiQueryAttention(row)


@register_backbone
class MobileNetV4ConvSmall(MobileNetV4):
    """1,261,664 parameters; maps of 32/64/96/960 channels."""

    variant = "ConvSmall"


@register_backbone
class MobileNetV4ConvMedium(MobileNetV4):
    """7,203,152 parameters; maps of 48/80/160/960 channels."""

    variant = "ConvMedium"


@register_backbone
class MobileNetV4ConvLarge(MobileNetV4):
    """30,078,504 parameters; maps of 48/96/192/960 channels."""

    variant = "ConvLarge"


@register_backbone
class MobileNetV4HybridMedium(MobileNetV4):
    """8,562,288 parameters; maps of 48/80/160/960 channels; attention at strides 16 and 32."""

    variant = "HybridMedium"


@register_backbone
class MobileNetV4HybridLarge(MobileNetV4):
    """35,252,264 parameters; maps of 48/96/192/960 channels; attention at strides 16 and 32, GELU throughout."""

    variant = "HybridLarge"
