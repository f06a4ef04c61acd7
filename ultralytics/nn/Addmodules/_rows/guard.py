"""Keeps what others have written from ending the program, and stands in for a row that cannot be built."""

from __future__ import annotations

import contextlib
import random
import traceback
from pathlib import Path
from typing import Any, Iterator, List

import numpy as np
import torch
from torch import nn

from .._sources import FOLDER
from ..contract import SLOTS, BackboneError

GAP = "AddmodulesGap"
GAP_BACKBONE = "AddmodulesGapBackbone"


class Gap(nn.Module):
    """Stands in for a row that cannot be built."""

    def forward(self, x: Any) -> Any:
        """Return nothing: what reads from here cannot be checked."""
        return None


class GapBackbone(nn.Module):
    """Stands in for a backbone that cannot be built; its channels are invented."""

    def __init__(self, in_chans: int = 3) -> None:
        super().__init__()
        self.width_list = [8] * SLOTS

    def forward(self, x: Any) -> List[Any]:
        """Return no map for each slot."""
        return [None] * SLOTS


STAND_INS = {GAP: Gap, GAP_BACKBONE: GapBackbone}


@contextlib.contextmanager
def unended(name: str) -> Iterator[None]:
    """Within this block somebody's code runs: a ``sys.exit()`` there would end the program, as if all were well.

    Args:
        name: That of the module.

    Raises:
        BackboneError: It was called, or something else was raised that is no ``Exception`` and no Ctrl-C.
    """
    try:
        yield
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as e:
        raise BackboneError(f"{name} ends the program: {said(e)}") from e


@contextlib.contextmanager
def undrawn() -> Iterator[None]:
    """Within this block random numbers may be drawn; behind it the next are those that they would have been."""
    drawn = torch.get_rng_state(), random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        torch.set_rng_state(drawn[0])
        random.setstate(drawn[1])
        np.random.set_state(drawn[2])


def said(error: BaseException) -> str:
    """Return an error as one line."""
    if isinstance(error, SystemExit):
        return f"sys.exit({error.code!r})" + (f" in {where}" if (where := ended_in(error)) else "")
    text = " ".join(str(error).split())
    if isinstance(error, BackboneError):
        return text
    return f"{type(error).__name__}{': ' if text else ''}{text[:200]}"


def ended_in(error: SystemExit) -> str:
    """Return the file of somebody's in this folder, and the line, that ended the program; an empty text for none."""
    found = ""
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename).resolve()
        if FOLDER in path.parents and path.relative_to(FOLDER).parts[0][0] != "_":
            found = f"ultralytics/nn/Addmodules/{path.relative_to(FOLDER).as_posix()}, line {frame.lineno}"
    return found
