"""Makes sure that ``ultralytics`` is the checkout's own, the one with the backbones."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
"""The folder that holds ``yolov5-addmodules/`` and, generated beside it, ``ultralytics/``."""


def has_backbones(folder: Path) -> bool:
    """Return whether a folder is a built package ``ultralytics`` with the backbones in it."""
    return (folder / "__init__.py").is_file() and (folder / "nn" / "Addmodules" / "hooks.py").is_file()


def locate() -> None:
    """Let ``import ultralytics`` find one with the backbones: the checkout's, or else an installed one.

    Raises:
        ImportError: There is none, or another one has been imported already.
    """
    loaded = getattr(sys.modules.get("ultralytics"), "__file__", None)
    if loaded is not None:
        if not has_backbones(Path(loaded).parent):
            raise ImportError(
                f"the ultralytics that is imported already ({loaded}) has no backbones (nn/Addmodules): import yolov5 "
                f"before it, or install the checkout's own (python -m pip install -e . in {CHECKOUT})"
            )
        return
    spec = importlib.util.find_spec("ultralytics")
    found = Path(spec.origin).resolve().parent if spec is not None and spec.origin else None
    ours = CHECKOUT / "ultralytics"
    if has_backbones(ours):
        if found != ours:
            sys.path.insert(0, str(CHECKOUT))
            importlib.invalidate_caches()
    elif found is None or not has_backbones(found):
        raise ImportError(
            f"this yolov5 takes its backbones from the fork's ultralytics, which is neither in {CHECKOUT} nor\n"
            f"  installed: run `python -m fork build` in the checkout, or `python -m pip install -e .` there"
        )


locate()
