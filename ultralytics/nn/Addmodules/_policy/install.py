"""What is said of packages that are missing: a fork installs nothing unasked (step x26)."""

from __future__ import annotations

import re
from typing import Any, Sequence

ASK = "YOLO_AUTOINSTALL=true lets such packages be installed"


def not_installed(packages: Sequence[str], options: str = "") -> str:
    """Return the notice of packages that a feature needs and that are missing or too old.

    Args:
        packages: Requirements as pip takes them.
        options: Further words for pip.
    """
    return f"{', '.join(packages)} not found: run `{_command(packages, options)}` ({ASK})"


def refuse_to_install(file: Any, error: ModuleNotFoundError) -> None:
    """Say that a checkpoint needs a module that is missing, unless the user lets upstream install it.

    A checkpoint names modules itself: what is installed must not be up to a file.

    Args:
        file: The checkpoint.
        error: What was raised while it was read.

    Raises:
        ModuleNotFoundError: ``YOLO_AUTOINSTALL`` is not set.
    """
    from ultralytics import utils

    if utils.AUTOINSTALL:
        return
    name = error.name or str(error)
    raise ModuleNotFoundError(
        f"{file} cannot be loaded: it was saved with the module {name!r}, which is not installed, and is not installed "
        f"unasked. If you trust the file, run `{_command([name.partition('.')[0]])}` (or what else the package of that "
        f"module is called) and load it again",
        name=error.name,
    ) from error


def _command(packages: Sequence[str], options: str = "") -> str:
    """Return the command that installs packages, quoted so that every shell takes it."""
    quoted = [package if re.fullmatch(r"[\w.\-/:+@]+", package) else f'"{package}"' for package in packages]
    return " ".join(["python -m pip install", *quoted, *([options] if options else [])])
