"""The block tables of the five MobileNetV4 networks (https://arxiv.org/abs/2404.10518; figures as in timm)."""

from __future__ import annotations

from typing import Dict, NamedTuple, Tuple, Union


class Plain(NamedTuple):
    """A dense convolution with BatchNorm and activation.

    Attributes:
        kernel: Side of the kernel.
        stride: Its stride.
        width: Channels out.
    """

    kernel: int
    stride: int
    width: int


class Fused(NamedTuple):
    """A fused inverted bottleneck: a dense convolution that expands and strides, then a linear 1x1.

    Attributes:
        kernel: Side of the dense kernel.
        stride: Its stride.
        expansion: Channels inside the block as a multiple of those that come in.
        width: Channels out.
    """

    kernel: int
    stride: int
    expansion: int
    width: int


class Inverted(NamedTuple):
    """A universal inverted bottleneck.

    Attributes:
        start: Side of the depthwise kernel before the expansion; 0 for none.
        middle: Side of the depthwise kernel between expansion and projection; 0 for none.
        stride: Of the middle convolution, or of the first one where there is no middle.
        expansion: Channels inside the block as a multiple of those that come in.
        width: Channels out.
    """

    start: int
    middle: int
    stride: int
    expansion: int
    width: int


class Attention(NamedTuple):
    """Multi-query attention.

    Attributes:
        heads: Number of query heads; keys and values have one.
        dim: Channels of each head.
        reduction: Stride at which keys and values are taken.
        width: Channels in and out.
    """

    heads: int
    dim: int
    reduction: int
    width: int


Row = Union[Plain, Fused, Inverted, Attention]


class Variant(NamedTuple):
    """One network.

    Attributes:
        stem: Channels of the first convolution, of stride 2.
        stages: The blocks up to strides 4, 8, 16 and 32; a map is taken behind each stage.
        gelu: Whether activations are GELU; ReLU otherwise.
        scaled: Whether universal bottlenecks and attention scale their result by a learnt factor a channel.
        hub: Weights that ``pretrained: true`` fetches.
    """

    stem: int
    stages: Tuple[Tuple[Row, ...], ...]
    gelu: bool
    scaled: bool
    hub: str


LAST_WIDTH = 960
"""Channels of the 1x1 convolution behind the last stage."""


def times(count: int, row: Row) -> Tuple[Row, ...]:
    """Return ``count`` equal rows."""
    return (row,) * count


def interleaved(attention: Attention, *rows: Inverted) -> Tuple[Row, ...]:
    """Return the rows with the same attention in front of each."""
    return tuple(block for row in rows for block in (attention, row))


LARGE_START = (
    Inverted(5, 5, 2, 4, 512),
    *times(3, Inverted(5, 5, 1, 4, 512)),
    Inverted(5, 0, 1, 4, 512),
    Inverted(5, 3, 1, 4, 512),
    *times(2, Inverted(5, 0, 1, 4, 512)),
    Inverted(5, 3, 1, 4, 512),
    Inverted(5, 5, 1, 4, 512),
)
"""How the last stage of both large networks begins."""

VARIANTS: Dict[str, Variant] = {
    "ConvSmall": Variant(
        stem=32,
        stages=(
            (Plain(3, 2, 32), Plain(1, 1, 32)),
            (Plain(3, 2, 96), Plain(1, 1, 64)),
            (Inverted(5, 5, 2, 3, 96), *times(4, Inverted(0, 3, 1, 2, 96)), Inverted(3, 0, 1, 4, 96)),
            (
                Inverted(3, 3, 2, 6, 128),
                Inverted(5, 5, 1, 4, 128),
                Inverted(0, 5, 1, 4, 128),
                Inverted(0, 5, 1, 3, 128),
                *times(2, Inverted(0, 3, 1, 4, 128)),
            ),
        ),
        gelu=False,
        scaled=False,
        hub="timm:mobilenetv4_conv_small.e2400_r224_in1k",
    ),
    "ConvMedium": Variant(
        stem=32,
        stages=(
            (Fused(3, 2, 4, 48),),
            (Inverted(3, 5, 2, 4, 80), Inverted(3, 3, 1, 2, 80)),
            (
                Inverted(3, 5, 2, 6, 160),
                *times(2, Inverted(3, 3, 1, 4, 160)),
                Inverted(3, 5, 1, 4, 160),
                Inverted(3, 3, 1, 4, 160),
                Inverted(3, 0, 1, 4, 160),
                Inverted(0, 0, 1, 2, 160),
                Inverted(3, 0, 1, 4, 160),
            ),
            (
                Inverted(5, 5, 2, 6, 256),
                Inverted(5, 5, 1, 4, 256),
                *times(2, Inverted(3, 5, 1, 4, 256)),
                Inverted(0, 0, 1, 4, 256),
                Inverted(3, 0, 1, 4, 256),
                Inverted(3, 5, 1, 2, 256),
                Inverted(5, 5, 1, 4, 256),
                *times(2, Inverted(0, 0, 1, 4, 256)),
                Inverted(5, 0, 1, 2, 256),
            ),
        ),
        gelu=False,
        scaled=False,
        hub="timm:mobilenetv4_conv_medium.e500_r256_in1k",
    ),
    "ConvLarge": Variant(
        stem=24,
        stages=(
            (Fused(3, 2, 4, 48),),
            (Inverted(3, 5, 2, 4, 96), Inverted(3, 3, 1, 4, 96)),
            (
                Inverted(3, 5, 2, 4, 192),
                *times(3, Inverted(3, 3, 1, 4, 192)),
                Inverted(3, 5, 1, 4, 192),
                *times(5, Inverted(5, 3, 1, 4, 192)),
                Inverted(3, 0, 1, 4, 192),
            ),
            (*LARGE_START, *times(3, Inverted(5, 0, 1, 4, 512))),
        ),
        gelu=False,
        scaled=False,
        hub="timm:mobilenetv4_conv_large.e600_r384_in1k",
    ),
    "HybridMedium": Variant(
        stem=32,
        stages=(
            (Fused(3, 2, 4, 48),),
            (Inverted(3, 5, 2, 4, 80), Inverted(3, 3, 1, 2, 80)),
            (
                Inverted(3, 5, 2, 6, 160),
                Inverted(0, 0, 1, 2, 160),
                Inverted(3, 3, 1, 4, 160),
                Inverted(3, 5, 1, 4, 160),
                *interleaved(
                    Attention(heads=4, dim=64, reduction=2, width=160),
                    Inverted(3, 3, 1, 4, 160),
                    Inverted(3, 0, 1, 4, 160),
                    Inverted(3, 3, 1, 4, 160),
                    Inverted(3, 0, 1, 4, 160),
                ),
            ),
            (
                Inverted(5, 5, 2, 6, 256),
                Inverted(5, 5, 1, 4, 256),
                *times(2, Inverted(3, 5, 1, 4, 256)),
                Inverted(0, 0, 1, 2, 256),
                Inverted(3, 5, 1, 2, 256),
                Inverted(0, 0, 1, 2, 256),
                Inverted(0, 0, 1, 4, 256),
                *interleaved(
                    Attention(heads=4, dim=64, reduction=1, width=256),
                    Inverted(3, 0, 1, 4, 256),
                    Inverted(5, 5, 1, 4, 256),
                    Inverted(5, 0, 1, 4, 256),
                    Inverted(5, 0, 1, 4, 256),
                ),
            ),
        ),
        gelu=False,
        scaled=True,
        hub="timm:mobilenetv4_hybrid_medium.ix_e550_r384_in1k",
    ),
    "HybridLarge": Variant(
        stem=24,
        stages=(
            (Fused(3, 2, 4, 48),),
            (Inverted(3, 5, 2, 4, 96), Inverted(3, 3, 1, 4, 96)),
            (
                Inverted(3, 5, 2, 4, 192),
                *times(3, Inverted(3, 3, 1, 4, 192)),
                Inverted(3, 5, 1, 4, 192),
                *times(2, Inverted(5, 3, 1, 4, 192)),
                *interleaved(
                    Attention(heads=8, dim=48, reduction=2, width=192),
                    *times(3, Inverted(5, 3, 1, 4, 192)),
                    Inverted(3, 0, 1, 4, 192),
                ),
            ),
            (
                *LARGE_START,
                *interleaved(
                    Attention(heads=8, dim=64, reduction=1, width=512),
                    *times(4, Inverted(5, 0, 1, 4, 512)),
                ),
            ),
        ),
        gelu=True,
        scaled=True,
        hub="timm:mobilenetv4_hybrid_large.ix_e600_r384_in1k",
    ),
}
