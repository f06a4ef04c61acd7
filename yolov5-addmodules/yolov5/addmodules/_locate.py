"""Makes sure that ``ultralytics`` is the checkout's own, the one with the backbones."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
"""The folder that holds ``yolov5-addmodules/`` and, generated beside it, ``ultralytics/``."""


def has_backbones(folder: Path) -> bool:
    """Tell whether a folder is a built package ``ultralytics`` with the backbones in it."""
    return (folder / "__init__.py").is_file() and (folder / "nn" / "Addmodules" / "hooks.py").is_file()


def locate() -> None:
    """Let ``import ultralytics`` find one with the backbones: what Python finds, or else the checkout's.

    Raises:
        ImportError: There is none, or another one has been imported already.
    """
    spec = importlib.util.find_spec("ultralytics")
    found = Path(spec.origin).parent if spec is not None and spec.origin else None
    if found is not None and has_backbones(found):
        return
    ours = CHECKOUT / "ultralytics"
    if "ultralytics" in sys.modules:
        raise ImportError(
            f"the ultralytics that is imported already ({found}) has no backbones (nn/Addmodules): import yolov5 "
            f"before it, or install the checkout's own (python -m pip install -e . in {CHECKOUT})"
        )
    if not has_backbones(ours):
        raise ImportError(
            f"this yolov5 takes its backbones from the fork's ultralytics, which is neither installed nor in {CHECKOUT}:\n"
            f"  run `python -m fork build` in the checkout, or `python -m pip install -e .` there"
        )
    sys.path.insert(0, str(CHECKOUT))
    importlib.invalidate_caches()


locate()
