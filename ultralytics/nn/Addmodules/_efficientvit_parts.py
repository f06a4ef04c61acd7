"""Parts of EfficientViT (``efficientvit_msra.py``): the trainable form of each, and its form for inference.

The trainable forms do the operations of timm's ``efficientvit_msra.py`` in their order, so that results are equal bit
by bit. Every convolution is upstream's ``Conv``; once ``fuse()`` has folded its BatchNorm, a part's ``deployed()``
returns the form for inference, which takes over its convolutions (the trainable form is spent) and overwrites tensors
that nobody else holds.
"""

from __future__ import annotations

from typing import Sequence, Tuple

import torch
from torch import nn
from torch.nn import functional as F

from ultralytics.nn.modules.conv import Conv

BRANCH_SCALE = 0.1
"""BatchNorm weight with which a branch that is added to the main path starts."""

KEY_WIDTH = 16
"""Channels of the query and the key of each head."""


def _relu() -> nn.ReLU:
    return nn.ReLU(inplace=True)


def _scaled(conv: Conv, scale: float = BRANCH_SCALE) -> Conv:
    nn.init.constant_(conv.bn.weight, scale)
    return conv


class LocalFeedForward(nn.Module):
    """A depthwise 3x3 convolution, then two 1x1 convolutions over twice the channels; each of both adds to its input.

    Args:
        width: Channels in and out.
        filter_scale: BatchNorm weight with which the depthwise convolution starts.
    """

    def __init__(self, width: int, filter_scale: float = BRANCH_SCALE) -> None:
        super().__init__()
        self.filter = _scaled(Conv(width, width, 3, g=width, act=False), filter_scale)
        self.expand = Conv(width, 2 * width, 1, act=_relu())
        self.project = _scaled(Conv(2 * width, width, 1, act=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, width, H, W) to the same shape."""
        x = x + self.filter(x)
        return x + self.project(self.expand(x))

    def deployed(self) -> nn.Module:
        """Return the form for inference; BatchNorm must be folded."""
        return DeployedLocalFeedForward(self)


class DeployedLocalFeedForward(nn.Module):
    """``LocalFeedForward`` with the first addition inside the depthwise kernel."""

    def __init__(self, part: LocalFeedForward) -> None:
        super().__init__()
        self.filter = part.filter.conv
        with torch.no_grad():
            self.filter.weight[:, :, 1, 1] += 1
        self.expand, self.project = part.expand.conv, part.project.conv

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, width, H, W) to the same shape."""
        x = self.filter(x)
        return x.add_(self.project(self.expand(x).relu_()))


class Merging(nn.Module):
    """Halves the map: expand to four times the channels, filter with stride 2, squeeze and excite, project.

    Args:
        width: Channels in.
        out: Channels out.
    """

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        inner = 4 * width
        self.expand = Conv(width, inner, 1, act=_relu())
        self.filter = Conv(inner, inner, 3, 2, g=inner, act=_relu())
        self.squeeze = nn.Conv2d(inner, width, 1)
        self.excite = nn.Conv2d(width, inner, 1)
        self.project = Conv(inner, out, 1, act=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, width, H, W) to (B, out, H / 2, W / 2), rounded up."""
        x = self.filter(self.expand(x))
        mean = x.mean((2, 3), keepdim=True)  # (B, 4 * width, 1, 1)
        return self.project(x * self.excite(self.squeeze(mean).relu_()).sigmoid())

    def deployed(self) -> nn.Module:
        """Return the form for inference; BatchNorm must be folded."""
        return DeployedMerging(self)


class DeployedMerging(nn.Module):
    """``Merging`` that scales in place."""

    def __init__(self, part: Merging) -> None:
        super().__init__()
        self.expand, self.filter, self.project = part.expand.conv, part.filter.conv, part.project.conv
        self.squeeze, self.excite = part.squeeze.requires_grad_(False), part.excite.requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, width, H, W) to (B, out, H / 2, W / 2), rounded up."""
        x = self.filter(self.expand(x).relu_()).relu_()
        gate = self.excite(self.squeeze(x.mean((2, 3), keepdim=True)).relu_()).sigmoid_()
        return self.project(x.mul_(gate))


class WindowAttention(nn.Module):
    """Cascaded group attention in windows, added to its input.

    Each head attends over its share of the channels, to which the result of the head before it is added. The map is
    padded with zeros, right and below, to whole windows; padded tokens are attended like any other, as in the
    references.

    Args:
        width: Channels in and out, divisible by ``heads``.
        heads: Number of heads.
        window: Side of a window.
        kernels: Side of the depthwise kernel on each head's query.
    """

    def __init__(self, width: int, heads: int, window: int, kernels: Sequence[int]) -> None:
        super().__init__()
        share = width // heads
        self.heads, self.window, self.share = heads, window, share
        self.qkvs = nn.ModuleList(Conv(share, 2 * KEY_WIDTH + share, 1, act=False) for _ in range(heads))
        self.queries = nn.ModuleList(
            Conv(KEY_WIDTH, KEY_WIDTH, kernels[i], g=KEY_WIDTH, act=False) for i in range(heads)
        )
        self.act = _relu()
        self.project = _scaled(Conv(width, width, 1, act=False))
        self.attention_biases = nn.Parameter(torch.zeros(heads, window * window))
        self.register_buffer("offsets", _offsets(window), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, width, H, W) to the same shape."""
        side = self.window
        windows, grid = _partition(x, side)
        bias = self.attention_biases[:, self.offsets]  # (heads, window², window²)
        shares, results = windows.chunk(self.heads, dim=1), []
        for i, (qkv, query) in enumerate(zip(self.qkvs, self.queries)):
            y = qkv(shares[i] + results[-1] if i else shares[i])
            q, k, v = y.split([KEY_WIDTH, KEY_WIDTH, self.share], dim=1)
            q, k, v = query(q).flatten(2), k.flatten(2), v.flatten(2)
            scores = (q * KEY_WIDTH**-0.5).transpose(-2, -1) @ k + bias[i]
            y = v @ scores.softmax(dim=-1).transpose(-2, -1)
            results.append(y.reshape(-1, self.share, side, side))
        y = self.project(self.act(torch.cat(results, dim=1)))
        return x + _restore(y, grid, side)

    def deployed(self) -> nn.Module:
        """Return the form for inference; BatchNorm must be folded."""
        return DeployedWindowAttention(self)


class DeployedWindowAttention(nn.Module):
    """``WindowAttention`` with the bias of each pair of tokens looked up and the scale inside the query's kernel.

    On the CPU this is the fastest of the forms that were tried: ``nn.Linear`` in place of the 1x1 convolutions,
    ``scaled_dot_product_attention`` (49 tokens are too few) and heads first in memory are slower.
    """

    def __init__(self, part: WindowAttention) -> None:
        super().__init__()
        self.heads, self.window, self.share = part.heads, part.window, part.share
        self.qkvs = nn.ModuleList(qkv.conv for qkv in part.qkvs)
        self.queries = nn.ModuleList(query.conv for query in part.queries)
        with torch.no_grad():
            for query in self.queries:
                query.weight *= KEY_WIDTH**-0.5
                query.bias *= KEY_WIDTH**-0.5
        self.project = part.project.conv
        self.register_buffer("bias", part.attention_biases.detach()[:, part.offsets])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, width, H, W) to the same shape; overwrites ``x``."""
        side = self.window
        windows, grid = _partition(x, side)
        shares, results = windows.chunk(self.heads, dim=1), []
        for i, (qkv, query) in enumerate(zip(self.qkvs, self.queries)):
            y = qkv(shares[i] + results[-1] if i else shares[i])
            q, y = _tokens(query(y[:, :KEY_WIDTH])), _tokens(y)
            scores = torch.baddbmm(self.bias[i], q, y[..., KEY_WIDTH : 2 * KEY_WIDTH].transpose(1, 2))
            y = scores.softmax(dim=-1) @ y[..., 2 * KEY_WIDTH :]  # (windows, window², share)
            results.append(y.unflatten(1, (side, side)).permute(0, 3, 1, 2))
        y = self.project(torch.cat(results, dim=1).relu_())
        return x.add_(_restore(y, grid, side))


PARTS = (LocalFeedForward, Merging, WindowAttention)
"""Parts that have a form for inference of their own."""


def _offsets(window: int) -> torch.Tensor:
    """Return, for each pair of tokens, the entry of the bias table: rows apart times ``window`` plus columns apart."""
    place = torch.arange(window)
    apart = (place[:, None] - place).abs()
    table = apart[:, None, :, None] * window + apart[None, :, None, :]
    return table.reshape(window * window, window * window)


def _tokens(x: torch.Tensor) -> torch.Tensor:
    """Return windows (n, C, side, side) as tokens (n, side², C)."""
    return x.permute(0, 2, 3, 1).flatten(1, 2)


def _partition(x: torch.Tensor, side: int) -> Tuple[torch.Tensor, Tuple]:
    """Cut a map into windows, padded right and below; without branches on sizes, so that a trace serves every size.

    Returns:
        Windows, (B * rows * columns, C, side, side), channels last in memory; and what ``_restore`` needs.
    """
    batch, width, height, breadth = x.shape
    rows, columns = (height + side - 1) // side, (breadth + side - 1) // side
    y = F.pad(x.permute(0, 2, 3, 1), (0, 0, 0, columns * side - breadth, 0, rows * side - height))
    y = y.reshape(batch, rows, side, columns, side, width).transpose(2, 3)
    return y.reshape(-1, side, side, width).permute(0, 3, 1, 2), (batch, rows, columns, height, breadth)


def _restore(y: torch.Tensor, grid: Tuple, side: int) -> torch.Tensor:
    """Put windows together to a map (B, C, height, breadth) and cut the padding off: the inverse of ``_partition``."""
    batch, rows, columns, height, breadth = grid
    width = y.shape[1]
    y = y.permute(0, 2, 3, 1).reshape(batch, rows, columns, side, side, width).transpose(2, 3)
    y = y.reshape(batch, rows * side, columns * side, width)
    return y[:, :height, :breadth].permute(0, 3, 1, 2)
