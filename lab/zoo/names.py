"""Which model YAMLs there are: the project's, and HEAD-BACKBONE.yaml for every backbone and head."""

from __future__ import annotations

import re
from typing import Any, Dict, List, NamedTuple

from run import find

WRAPPED = {
    "Timm": "most networks of timm, see [timm.md](timm.md)",
    "TorchVisionFeatures": "most classifiers of torchvision, see [timm.md](timm.md); `TorchVision` in a YAML",
}
ALIASES = {"MobileNetV3": "MobileNetV3Large", "PResNet": "PResNet50"}
"""Names that stand for another one unless they are given an argument."""


class Entry(NamedTuple):
    """A model YAML of the list.

    Attributes:
        name: What it is asked for by.
        group: The head in front of the hyphen.
        backbone: The backbone's name.
    """

    name: str
    group: str
    backbone: str


def ours() -> List[Entry]:
    """Return the files of cfg/models, and every backbone of the registry under every head, by head.

    ``Timm`` and ``TorchVision`` stand for hundreds and are left out (docs/timm.md lists them), and so is a name that by
    default stands for another one that is listed.
    """
    from ultralytics.nn.Addmodules import registry
    from ultralytics.nn.Addmodules._rows.derive import HEADS

    files = {path.stem: path for path in sorted(find.CONFIGS.glob("*.yaml"))}
    found = []
    for head in HEADS:
        names: Dict[str, str] = {}
        for stem in files:
            start, _, backbone = stem.partition("-")
            if start == head and backbone:
                names[backbone] = stem
        taken = {ALIASES[name].lower() for name in ALIASES if name.lower() in names}
        for name in registry.names():
            if name not in WRAPPED and name not in ALIASES and name.lower() not in taken:
                names.setdefault(name.lower(), f"{head}-{name.lower()}")
        found += [Entry(f"{names[backbone]}.yaml", head, backbone) for backbone in sorted(names, key=_natural)]
    others = [stem for stem in files if f"{stem}.yaml" not in {entry.name for entry in found}]
    return found + [Entry(f"{stem}.yaml", "cfg/models", stem) for stem in others]


def _natural(name: str) -> List[Any]:
    """Return a key by which presnet50 goes before presnet101."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
