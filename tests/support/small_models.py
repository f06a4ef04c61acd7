"""Small detectors for tests of rows: one on a backbone of one row, and a stock one with the same head.

They are made with either tree of this project: the fork's own, and the one of the articles' ten steps alone.
"""

import contextlib

import torch
from torch import nn

from ultralytics.nn import tasks
from ultralytics.nn.Addmodules.registry import registry

STOCK_ROWS = [[-1, 1, "Conv", [width, 3, stride]] for width, stride in ((8, 2), (8, 2), (16, 2), (16, 1), (24, 2))]
STOCK_ROWS += [[-1, 1, "Conv", [24, 3, 1]], [-1, 1, "Conv", [32, 3, 2]]]


class Nested(nn.Module):
    """A backbone whose layers are called ``model.1`` and so on, as rows are."""

    def __init__(self, in_chans=3):
        super().__init__()
        self.width_list, self.strides = [16, 24, 32], [8, 16, 32]
        widths = [in_chans, 8, 8, 16, 24, 32]
        layers = [
            nn.Sequential(nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU())
            for a, b in zip(widths, widths[1:])
        ]
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        maps = []
        for layer in self.model:
            x = layer(x)
            maps.append(x)
        return maps[2:]


@contextlib.contextmanager
def known():
    """Within this block YAMLs may name ``Nested``; sweeps over all backbones must not meet it."""
    registry.add("Nested", Nested)
    tasks.Nested = Nested  # the articles' tree looks a row's name up there
    try:
        yield
    finally:
        del tasks.Nested
        registry._claims.pop("Nested")


def rows(backbone, first, p3, p4, inserted=()):
    """Return a model YAML: the head's first row has index ``first``, ``inserted`` rows come right behind that one."""
    n = first + len(inserted)
    head = [
        [-1, 1, "Conv", [32, 1, 1]],
        *inserted,
        [-1, 1, "nn.Upsample", [None, 2, "nearest"]],  # n + 1
        [[-1, p4], 1, "Concat", [1]],
        [-1, 1, "Conv", [24, 1, 1]],  # n + 3: P4
        [-1, 1, "Conv", [32, 3, 2]],
        [[-1, n], 1, "Concat", [1]],
        [-1, 1, "Conv", [32, 1, 1]],  # n + 6: P5
        [p3, 1, "Conv", [24, 1, 1]],  # n + 7: P3
        [[n + 7, n + 3, n + 6], 1, "Detect", ["nc"]],
    ]
    return {"nc": 1, "backbone": backbone, "head": head}


def ours_yaml(inserted=()):
    """Return the YAML of the detector on ``Nested``: index 4, and 5 to 13."""
    return rows([[-1, 1, "Nested", []]], 5, 2, 3, inserted)


def stock_yaml():
    """Return the YAML of the stock detector with the same head: rows 0 to 6, and 7 to 15."""
    return rows(STOCK_ROWS, 7, 3, 5)


def build(yaml, seed=0, cls=tasks.DetectionModel, ch=3):
    """Build a detector; its numbers are positive, so that nothing is cut off, and differ by ``seed``."""
    from ultralytics.cfg import get_cfg

    model = cls(yaml, ch=ch, verbose=False)
    model.names, model.args = {0: "square"}, get_cfg(overrides={"imgsz": 64})
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.uniform_(0.05, 0.15, generator=generator)
    return model
