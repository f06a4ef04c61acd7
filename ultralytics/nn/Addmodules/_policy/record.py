"""Which fork this is, and what it says of itself in a checkpoint."""

from __future__ import annotations

import copy
import functools
import hashlib
import json
import sys
from pathlib import Path
from typing import Any, Dict

from torch import nn

PACKAGE = Path(__file__).resolve().parents[3]
"""The folder ``ultralytics`` that is running."""

LIBRARIES = {"Timm": "timm", "TorchVisionFeatures": "torchvision"}
"""Wrappers, and the library whose networks they wrap."""


@functools.cache
def stamp(package: Path = PACKAGE) -> Dict[str, Any]:
    """Return version, digest and files (path: SHA-256) as the build of a tree noted them, or ``unknown``."""
    try:
        read = json.loads((package / "fork.json").read_text(encoding="utf-8"))
        version = f"{read['release']}+addmodules.{read['revision']}"
        return {"version": version, "digest": str(read["digest"]), "files": dict(read["files"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {"version": "unknown", "digest": "unknown", "files": {}}


def record(backbone: nn.Module, name: str, arguments: Any) -> Dict[str, Any]:
    """Return which fork and which backbone this is, as plain data: pickled with the backbone as its attribute.

    Args:
        backbone: The instance.
        name: Its name in the YAML.
        arguments: Those of its row.
    """
    kind = type(backbone)
    file = Path(getattr(sys.modules.get(kind.__module__), "__file__", None) or "")
    library = sys.modules.get(LIBRARIES.get(kind.__name__, ""))
    return {
        "fork": "ultralytics-addmodules",
        "version": stamp()["version"],
        "digest": stamp()["digest"],
        "backbone": name,
        "arguments": copy.deepcopy(arguments),
        "class": f"{kind.__module__}.{kind.__qualname__}",
        **({"file": f"ultralytics/nn/Addmodules/{file.name}", "sha256": digest_of(file)} if file.is_file() else {}),
        **({"library": f"{library.__name__} {getattr(library, '__version__', '')}"} if library else {}),
    }


def digest_of(file: Path) -> str:
    """Return the SHA-256 of a file's content."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
