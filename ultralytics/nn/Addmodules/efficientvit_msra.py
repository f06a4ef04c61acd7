"""EfficientViT of microsoft/Cream as a backbone: convolutions around a cascade of attention heads in windows.

Paper: Liu et al., "EfficientViT: Memory Efficient Vision Transformer with Cascaded Group Attention", CVPR 2023,
https://arxiv.org/abs/2305.07027, table 1. MIT's EfficientViT (arXiv 2205.14756) bears the same name and is another
network. Reference implementation: timm's ``efficientvit_m0`` … ``efficientvit_m5``; with ``stem_stride=2`` and its
kernels the maps are equal bit by bit, and its weights and those that Cream publishes carry over by name.

Deliberate differences:

* ``stem_stride=1`` is the default, as in the article: its fourth stem convolution keeps the size, so that the last
  map has stride 32. Cream and timm halve there, which saves two thirds of the work and gives strides 16/16/32/64.
* M0's query kernels are 7/5/3/3, as in the article and in Cream's detection code; timm has 5/5/5/5, and so does this
  where it is pretrained.
* The window is the same for every image size, and maps smaller than it are padded to it; timm fixes the image size at
  construction and shrinks the window to the map, so 224-pixel weights have a 4x4 table in the last stage. ``adapt``
  interpolates it, unless ``windows=(7, 7, 4)``.
* Branches that add to the main path start with a BatchNorm weight of ``BRANCH_SCALE``, the references' with 0. Zero
  keeps every gradient from the branch for the first step; a small value begins as near to the identity and trains from
  the first step on.
* The table of position biases is looked up in each forward pass; the references keep a copy that goes stale.
"""

from __future__ import annotations

import re
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import nn
from torch.nn import functional as F

from ultralytics.nn.modules.conv import Conv

from ._efficientvit_parts import PARTS, LocalFeedForward, Merging, WindowAttention
from .base import NORMS, Backbone, Pretrained, Reference, one_of, whole
from .contract import BackboneError
from .registry import register_backbone


class Variant(NamedTuple):
    """A network; each tuple has one entry a stage.

    Attributes:
        widths: Channels.
        depths: Number of attention blocks.
        heads: Heads of each block's cascade.
        kernels: Side of the depthwise kernel on the query of each head, first head first.
        published: The same, of the weights that are published, where they differ.
    """

    widths: Tuple[int, int, int]
    depths: Tuple[int, int, int]
    heads: Tuple[int, int, int]
    kernels: Tuple[int, int, int, int] = (7, 5, 3, 3)
    published: Optional[Tuple[int, int, int, int]] = None


VARIANTS: Dict[str, Variant] = {
    "m0": Variant(widths=(64, 128, 192), depths=(1, 2, 3), heads=(4, 4, 4), published=(5, 5, 5, 5)),
    "m1": Variant(widths=(128, 144, 192), depths=(1, 2, 3), heads=(2, 3, 3)),
    "m2": Variant(widths=(128, 192, 224), depths=(1, 2, 3), heads=(4, 3, 2)),
    "m3": Variant(widths=(128, 240, 320), depths=(1, 2, 3), heads=(4, 3, 4), kernels=(5, 5, 5, 5)),
    "m4": Variant(widths=(128, 256, 384), depths=(1, 2, 3), heads=(4, 4, 4)),
    "m5": Variant(widths=(192, 288, 384), depths=(1, 3, 4), heads=(3, 3, 4)),
}

_CREAM_PARTS = ("downsample.res1", "downsample.patchmerge", "downsample.res2")
"""timm's names for the first three entries of Cream's ``blocks2`` and ``blocks3``."""

_TIMM_PARTS = (
    (r"downsample\.res1\.0\.m", "0.0.filter"),
    (r"downsample\.res1\.1\.m\.pw1", "0.0.expand"),
    (r"downsample\.res1\.1\.m\.pw2", "0.0.project"),
    (r"downsample\.patchmerge\.conv1", "0.1.expand"),
    (r"downsample\.patchmerge\.conv2", "0.1.filter"),
    (r"downsample\.patchmerge\.conv3", "0.1.project"),
    (r"downsample\.patchmerge\.se\.fc1", "0.1.squeeze"),
    (r"downsample\.patchmerge\.se\.fc2", "0.1.excite"),
    (r"downsample\.res2\.0\.m", "0.2.filter"),
    (r"downsample\.res2\.1\.m\.pw1", "0.2.expand"),
    (r"downsample\.res2\.1\.m\.pw2", "0.2.project"),
    (r"dw0\.m", "0.filter"),
    (r"ffn0\.m\.pw1", "0.expand"),
    (r"ffn0\.m\.pw2", "0.project"),
    (r"mixer\.m\.attn\.qkvs", "1.qkvs"),
    (r"mixer\.m\.attn\.dws", "1.queries"),
    (r"mixer\.m\.attn\.proj\.1", "1.project"),
    (r"mixer\.m\.attn\.attention_biases", "1.attention_biases"),
    (r"dw1\.m", "2.filter"),
    (r"ffn1\.m\.pw1", "2.expand"),
    (r"ffn1\.m\.pw2", "2.project"),
)


def rename(tensors: Dict[str, torch.Tensor]) -> Dict[str, torch.Tensor]:
    """Return the tensors of a timm or Cream checkpoint under this file's names, without head and index tables."""
    ours = {}
    for name, tensor in tensors.items():
        name = _rename_timm(_rename_cream(name))
        if name:
            ours[name] = tensor
    return ours


def _rename_cream(name: str) -> str:
    """Return timm's name of a tensor for Cream's; other names stay."""
    name = name.replace(".c.", ".conv.")
    stem = re.match(r"patch_embed\.(\d+)\.", name)
    if stem:
        return f"patch_embed.conv{int(stem[1]) // 2 + 1}.{name[stem.end() :]}"
    block = re.match(r"blocks(\d)\.(\d+)\.", name)
    if block:
        stage, index, rest = int(block[1]) - 1, int(block[2]), name[block.end() :]
        if stage and index < len(_CREAM_PARTS):
            return f"stages.{stage}.{_CREAM_PARTS[index]}.{rest}"
        return f"stages.{stage}.blocks.{index - (len(_CREAM_PARTS) if stage else 0)}.{rest}"
    return name


def _rename_timm(name: str) -> str:
    """Return our name of a tensor for timm's; empty where this backbone has none."""
    stem = re.match(r"patch_embed\.conv(\d)\.", name)
    if stem:
        return f"stem.{int(stem[1]) - 1}.{name[stem.end() :]}"
    place = re.match(r"stages\.(\d)\.(?:blocks\.(\d+)\.)?", name)
    if not place:
        return ""
    stage, rest = int(place[1]), name[place.end() :]
    group = "" if place[2] is None else f"{int(place[2]) + (stage > 0)}."
    for theirs, ours in _TIMM_PARTS:
        part = re.match(rf"{theirs}(?=\.|$)", rest)
        if part:
            return f"stages.{stage}.{group}{ours}{rest[part.end() :]}"
    return ""


class EfficientViT(Backbone):
    """Common base of ``EfficientViT_M0`` … ``EfficientViT_M5``; a subclass names its row of ``VARIANTS``.

    Each of the three stages is a sequence of groups (``LocalFeedForward``, X, ``LocalFeedForward``): X is a
    ``Merging`` in the first group of the second and third stage, which halves the map, and a ``WindowAttention`` in
    every other.

    Args:
        pretrained: False, True for timm's ImageNet weights, or the path of a timm or Cream file.
        stem_stride: Stride of the fourth stem convolution: 1 for strides 8/8/16/32, 2 for 16/16/32/64.
        kernels: Side of the depthwise kernel on the query of each head: four odd numbers (a stage with fewer heads
            uses the first ones); None for the variant's own, those of the published weights where ``pretrained`` asks
            for weights. A file's kernels are embedded in larger ones exactly, and not cut to smaller ones.
        windows: Side of the attention windows of each stage.
        in_chans: Channels of the input image.

    Attributes:
        width_list: Channels of the four maps: the stem's, then each stage's.
        strides: Their strides.

    Raises:
        BackboneError: An argument is out of range, or the weights cannot be had.
    """

    variant = ""

    def __init__(
        self,
        pretrained: Pretrained = False,
        stem_stride: int = 1,
        kernels: Optional[Sequence[int]] = None,
        windows: Sequence[int] = (7, 7, 7),
        in_chans: int = 3,
    ) -> None:
        super().__init__(in_chans)
        name, table = type(self).__name__, VARIANTS[self.variant]
        one_of(name, "stem_stride", stem_stride, (1, 2))
        if kernels is None:
            kernels = table.published if pretrained and table.published else table.kernels
        kernels = _sides(name, "kernels", kernels, len(table.kernels))
        if any(kernel % 2 == 0 for kernel in kernels):
            raise BackboneError(f"{name}: kernels is {list(kernels)!r}, expected odd numbers")
        windows = _sides(name, "windows", windows, len(table.widths))
        first = table.widths[0]
        stem = (in_chans, first // 8, first // 4, first // 2, first)
        self.stem = nn.Sequential(
            Conv(stem[0], stem[1], 3, 2, act=nn.ReLU(inplace=True)),
            Conv(stem[1], stem[2], 3, 2, act=nn.ReLU(inplace=True)),
            Conv(stem[2], stem[3], 3, 2, act=nn.ReLU(inplace=True)),
            Conv(stem[3], stem[4], 3, stem_stride, act=False),
        )
        self.stages = nn.ModuleList()
        before = first
        for index, (width, depth, heads) in enumerate(zip(table.widths, table.depths, table.heads)):
            stage = nn.Sequential()
            if index:
                stage.append(
                    nn.Sequential(
                        LocalFeedForward(before, filter_scale=1.0),
                        Merging(before, width),
                        LocalFeedForward(width, filter_scale=1.0),
                    )
                )
            for _ in range(depth):
                mixer = WindowAttention(width, heads, windows[index], kernels)
                stage.append(nn.Sequential(LocalFeedForward(width), mixer, LocalFeedForward(width)))
            self.stages.append(stage)
            before = width
        self.width_list: List[int] = [first, *table.widths]
        self.strides: List[int] = [8 * stem_stride * step for step in (1, 1, 2, 4)]
        self.load_pretrained(pretrained, Reference(f"timm:efficientvit_{self.variant}.r224_in1k", rename))

    def adapt(self, name: str, given: torch.Tensor, wanted: torch.Tensor) -> Optional[torch.Tensor]:
        """See ``Backbone.adapt``; also bias tables of another window and smaller query kernels.

        A table is resized bicubically, as timm does; a smaller kernel gets a border of zeros, which changes nothing.
        """
        if name.endswith("attention_biases"):
            old, new = (round(tensor.shape[-1] ** 0.5) for tensor in (given, wanted))
            if given.ndim != 2 or given.shape[0] != wanted.shape[0] or old * old != given.shape[1]:
                return None
            table = given.float().reshape(1, -1, old, old)
            table = F.interpolate(table, size=(new, new), mode="bicubic", antialias=True)
            return table.flatten(2)[0].to(given.dtype)
        if ".queries." in name and given.ndim == 4 and given.shape[:2] == wanted.shape[:2]:
            border = (wanted.shape[-1] - given.shape[-1]) // 2
            return F.pad(given, (border,) * 4) if border > 0 else None
        return super().adapt(name, given, wanted)

    def deploy(self) -> None:
        """Bring every part into its fastest form for inference; a second call does nothing.

        Called once in eval mode, after every BatchNorm was folded into its convolution. The maps stay equal up to
        rounding; the form can neither be trained nor loaded with weights any more.

        Raises:
            BackboneError: A BatchNorm is left.
        """
        left = [name for name, module in self.named_modules() if isinstance(module, NORMS)]
        if left:
            raise BackboneError(f"{type(self).__name__}.deploy: fold BatchNorm first (fuse()); left is {left[0]}")
        for stage in self.stages:
            for group in stage:
                for index, part in enumerate(group):
                    if isinstance(part, PARTS):
                        group[index] = part.deployed()

    def forward(self, x: torch.Tensor) -> List[torch.Tensor]:
        """Return the maps, largest first.

        Args:
            x: Images, (B, in_chans, H, W), H and W divisible by 32, any range (upstream feeds 0…1).

        Returns:
            Four maps, (B, width, H / stride, W / stride) each: the stem's output and each stage's.
        """
        x = self.stem(self.normalize(x))
        maps = [x]
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


def _sides(owner: str, name: str, value: Sequence[int], count: int) -> Tuple[int, ...]:
    if not isinstance(value, (list, tuple)) or len(value) != count:
        raise BackboneError(f"{owner}: {name} is {value!r}, expected {count} whole numbers")
    return tuple(whole(owner, f"{name}[{index}]", side) for index, side in enumerate(value))


@register_backbone
class EfficientViT_M0(EfficientViT):
    """EfficientViT-M0: channels 64/64/128/192, 2,155,680 parameters; arguments as ``EfficientViT``."""

    variant = "m0"


@register_backbone
class EfficientViT_M1(EfficientViT):
    """EfficientViT-M1: channels 128/128/144/192, 2,787,473 parameters; arguments as ``EfficientViT``."""

    variant = "m1"


@register_backbone
class EfficientViT_M2(EfficientViT):
    """EfficientViT-M2: channels 128/128/192/224, 3,962,304 parameters; arguments as ``EfficientViT``."""

    variant = "m2"


@register_backbone
class EfficientViT_M3(EfficientViT):
    """EfficientViT-M3: channels 128/128/240/320, 6,579,478 parameters; arguments as ``EfficientViT``."""

    variant = "m3"


@register_backbone
class EfficientViT_M4(EfficientViT):
    """EfficientViT-M4: channels 128/128/256/384, 8,418,856 parameters; arguments as ``EfficientViT``."""

    variant = "m4"


@register_backbone
class EfficientViT_M5(EfficientViT):
    """EfficientViT-M5: channels 192/192/288/384, 12,088,532 parameters; arguments as ``EfficientViT``."""

    variant = "m5"
