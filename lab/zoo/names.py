"""Which model YAMLs there are: the project's, HEAD-BACKBONE.yaml for every backbone and head, and upstream's."""

from __future__ import annotations

import re
from pathlib import Path
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
        group: The head in front of the hyphen, or ``upstream``.
        backbone: The backbone's name, or that of the YAML for upstream's.
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


def upstream() -> List[Entry]:
    """Return upstream's model YAMLs by the names people use: ``yolo11n.yaml`` for the size n of ``yolo11.yaml``."""
    from ultralytics.nn.Addmodules._upstream import load_yaml
    from ultralytics.nn.tasks import guess_model_scale

    found = []
    for path in sorted(Path(find.ROOT, "ultralytics", "cfg", "models").rglob("*.yaml")):
        names = [path.stem]
        if not guess_model_scale(path.name):  # yolov10n.yaml is a file of its own
            sizes = [
                re.sub(r"(\d+)", rf"\g<1>{scale}", path.stem, count=1) for scale in load_yaml(path).get("scales") or []
            ]
            names = [name for name in sizes if guess_model_scale(name) and _unified(name) == path.stem] or names
        found += [Entry(f"{name}.yaml", "upstream", name) for name in names]
    return found


def _natural(name: str) -> List[Any]:
    """Return a key by which presnet50 goes before presnet101."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _unified(stem: str) -> str:
    """Return the file's name behind one with a size, by upstream's rule."""
    return re.sub(r"(\d+)([nslmx])(.+)?$", r"\1\3", stem)
