"""Model YAMLs that need no file: HEAD-BACKBONE.yaml is the head's own YAML with another first row (step b02)."""

from __future__ import annotations

import difflib
import logging
import re
from pathlib import Path
from typing import Any, Dict, Iterable, List, NamedTuple, Union

from .._check.report import accept_name, check_text
from .._check.yamltext import SAVE_AS_UTF8, read_text, render
from .._upstream import load_yaml
from ..contract import BackboneError
from ..registry import registry
from ..weights import FOLLOW

LOGGER = logging.getLogger("ultralytics")

CONFIGS = Path(__file__).resolve().parents[4] / "cfg" / "models"
"""The checkout's model YAMLs; a wheel has them where upstream looks."""

BASE = "mobilenetv3"
"""The backbone of the files that the others are derived from."""

HEADS = ("rtdetr", "yolov5", "yolo11", "yolo26")
"""What stands in front of the first hyphen: there is a file ``HEAD-mobilenetv3.yaml`` for each."""

PRETRAINED = "-pretrained"
"""Ending of a name that asks for the reference's own weights."""

WRAPPERS = {"timm-": "Timm", "torchvision-": "TorchVisionFeatures"}
"""What stands in front of a model of another library: ``rtdetr-timm-resnet18.yaml``."""


_told: List[str] = []
"""What was logged last of a derived model."""


class Derived(NamedTuple):
    """A model YAML that is not on disk.

    Attributes:
        base: Path of the head's own YAML.
        row: The first row.
    """

    base: str
    row: List[Any]


def derive(path: Union[str, Path]) -> Union[str, Derived, None]:
    """Return what a bare name of a YAML stands for: a file of cfg/models, or one HEAD-BACKBONE.yaml, or None.

    Case and the characters ``-_.`` are ignored in the backbone's name. ``-timm-MODEL`` and
    ``-torchvision-MODEL`` name models of these libraries, and a final ``-pretrained`` their weights.

    Raises:
        BackboneError: It is of that form, and there is no such backbone.
    """
    from ultralytics.utils.checks import check_yaml

    path = Path(path)
    if path.parent != Path("."):
        return None
    for name in (path.name, re.sub(r"(\d+)([nslmx])(.+)$", r"\1\3", path.name)):  # as upstream drops a scale
        if (CONFIGS / name).is_file():
            return str(CONFIGS / name)
    head, _, rest = path.name.partition("-")
    rest = rest[: -len(path.suffix)]
    if path.suffix not in (".yaml", ".yml") or head not in HEADS or not rest:
        return None
    pretrained = rest.endswith(PRETRAINED)
    name = rest[: -len(PRETRAINED)] if pretrained else rest
    wrapper = next((prefix for prefix in WRAPPERS if name.startswith(prefix)), None)
    if wrapper and name != wrapper:
        arguments: List[Any] = [name[len(wrapper) :], pretrained]
        target = WRAPPERS[wrapper]
    else:
        every, there = registry.all_names(), registry.names()
        found: List[str] = []
        for known in ([key for key in every if key in there or not registry.broken_file(key)], every):
            for form in (str, _plain):
                found = found or [key for key in known if form(key) == form(name)]
        if len(found) > 1:
            raise BackboneError(f"{path.name}: {' and '.join(found)} are both backbones: write the name as it is")
        if not found:
            plain = {_plain(key): key for key in registry.names()}
            names = [plain[key] for key in _near(_plain(name), plain) or plain]
            near = len(names) < len(plain)
            raise BackboneError(
                f"{path.name}: there is no such file, and no backbone {name!r} to put in front of the head of {head}: "
                f"{'did you mean' if near else 'there are'} {', '.join(names)}?"
            )
        target = found[0]
        arguments = [{"pretrained": True}] if pretrained else []
    file = f"{head}-{BASE}.yaml"
    base = str(CONFIGS / file) if (CONFIGS / file).is_file() else check_yaml(file, hard=False)
    if not base:
        raise BackboneError(f"{path.name}: cfg/models/{head}-{BASE}.yaml, which it is derived from, is missing")
    return Derived(str(base), [-1, 1, target, arguments])


def find_model(path: Union[str, Path]) -> Union[str, Derived, None]:
    """Return the file of exactly this name, or what ``derive`` makes of the name, or None (step b02).

    For releases of upstream that first look for the name without a scale.
    """
    from ultralytics.utils.checks import check_yaml

    found = check_yaml(path, hard=False)
    if found and Path(str(found)).is_file():  # some releases give back the name of a file that they do not find
        return str(found)
    return derive(path)


def read_model(source: Union[str, Derived]) -> Dict[str, Any]:
    """Return the content of a model YAML: of the file, or of one that ``derive`` has made out."""
    if not isinstance(source, Derived):
        check_text(source)
        model = accept_name(load_yaml(source))
        if isinstance(model, dict):
            model.pop(FOLLOW, None)  # of a checkpoint's YAML that somebody has written to a file
        return model
    model = load_yaml(source.base)
    model["backbone"] = [source.row, *model["backbone"][1:]]
    shown = ", ".join(map(str, source.row[3]))
    line = f"{Path(source.base).name} with the row [-1, 1, {source.row[2]}, [{shown}]]"
    if line not in _told:  # upstream reads a YAML several times in a row
        _told[:] = [line]
        LOGGER.info(line)
    return model


def check_legible(file: Union[str, Path]) -> None:
    """Refuse a data YAML that is not in UTF-8 where upstream, which drops what does not fit, reads other values (x17).

    Raises:
        BackboneError: Names the place, what would become of it, and how to save the file.
    """
    data = Path(file).read_bytes()
    try:
        if "\0" not in data.decode("utf-8"):  # which UTF-16 has
            return
    except UnicodeDecodeError:
        pass
    found = [one for one in read_text(data, str(file)).problems if one.severe]
    wrong = next((one for one in found if one.advice == SAVE_AS_UTF8), found[0] if found else None)
    if wrong is not None:
        raise BackboneError(render(wrong, str(file)))


def _near(name: str, known: Iterable[str]) -> List[str]:
    """Return the names that begin most like ``name``, the best first; none where nothing comes near."""
    likeness = {key: difflib.SequenceMatcher(None, name, key[: len(name) + 1]).ratio() for key in known}
    best = max(likeness.values(), default=0.0)
    return sorted(key for key, value in likeness.items() if value >= max(0.6, best - 0.02))


def _plain(name: str) -> str:
    return re.sub(r"[-_.]", "", name).lower()
