"""The folder of one run: its job, its state, and the epoch that it can go on from."""

from __future__ import annotations

import contextlib
import csv
import io
import os
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

from lab.files import read_json, write_json, write_text

STATE, JOB, LOG = "state.json", "job.json", "log.txt"
ATTEMPT = "--- attempt"
"""How the line begins that parts the attempts in a log."""

FRESH: Dict[str, Any] = {"state": "waiting", "reason": None, "epochs": 0, "seconds": 0.0, "attempts": 0}
"""State of a run that was never started."""


def read_state(run: Path) -> Dict[str, Any]:
    """Return the state of a run; that of one never started where it has none."""
    found = read_json(run / STATE)
    return {**FRESH, **found} if isinstance(found, dict) and "state" in found else dict(FRESH)


def change_state(run: Path, **changes: Any) -> Dict[str, Any]:
    """Change some of a run's state and return all of it."""
    state = {**read_state(run), **changes}
    write_json(run / STATE, state)
    return state


def evaluated(run: Path) -> bool:
    """Return whether a run has its evaluation, and whole: figures, and detections where there is a file of them."""
    from lab.compare.stats import load

    kept = run / "eval.npz"
    return isinstance(read_json(run / "eval.json"), dict) and (not kept.is_file() or load(kept) is not None)


class Point(NamedTuple):
    """Where a run stands.

    Attributes:
        kind: ``new`` (nothing to go on from), ``resume`` or ``trained``.
        epochs: Finished epochs.
        path: The checkpoint to go on from.
    """

    kind: str
    epochs: int
    path: Optional[Path] = None


def find_point(run: Path, epochs: int) -> Point:
    """Tell where a run of ``epochs`` epochs stands, from the checkpoints in its folder.

    ``last.pt`` is written whole by the fork, but not flushed to the disk; after a power cut it may be empty. Then
    ``resume.pt``, the worker's flushed copy, serves. A damaged ``best.pt`` cannot be made again: the run starts anew.
    """
    weights = run / "weights"
    found: List[Point] = []
    for path in (weights / "last.pt", weights / "resume.pt"):
        content = _load(path)
        if content is None:
            continue
        epoch = content.get("epoch")
        if epoch == -1 and content.get("optimizer") is None:  # upstream strips it once the last epoch is done
            found.append(Point("trained", epochs, path))
        elif isinstance(epoch, int) and epoch >= 0:
            found.append(Point("trained" if epoch + 1 >= epochs else "resume", epoch + 1, path))
    if not found or _load(weights / "best.pt") is None:
        return Point("new", 0)
    return max(found, key=lambda point: (point.kind == "trained", point.epochs))


def _load(path: Path) -> Optional[Dict[str, Any]]:
    """Return the content of a checkpoint of ours; None where it is missing or damaged.

    Raises:
        BackboneError: It is somebody else's, and opening it would run code.
    """
    from ultralytics.nn.Addmodules import BackboneError
    from ultralytics.utils.patches import torch_load

    if not path.is_file():
        return None
    try:
        content = torch_load(path, map_location="cpu")
    except EOFError:  # damaged
        return None
    except BackboneError:
        raise
    except Exception:  # cut short, empty, or not a checkpoint: each raises something else
        return None
    return content if isinstance(content, dict) else None


def trim_results(path: Path, epochs: int) -> int:
    """Drop the rows behind ``epochs`` from upstream's ``results.csv``, and torn ones; return how many went.

    Upstream appends the row of an epoch before it saves the checkpoint: a run killed in between would have the row
    twice.
    """
    if not path.is_file():
        return 0
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    if not lines:
        return 0
    width, kept, last = len(next(csv.reader(io.StringIO(lines[0])))), [lines[0]], 0
    for line in lines[1:]:
        row = next(csv.reader(io.StringIO(line)), [])
        with contextlib.suppress(ValueError, IndexError):
            if len(row) == width and line.endswith("\n") and last < int(float(row[0])) <= epochs:
                kept.append(line)
                last = int(float(row[0]))
    if len(kept) < len(lines):
        write_text(path, "".join(kept))
    return len(lines) - len(kept)


def reason_from_log(log: Path, code: Optional[int]) -> str:
    """Say why a worker ended without saying it itself: its exit code, and the last telling line of its log."""
    if code is not None and code < 0:
        text = f"killed by signal {-code}" + (": out of memory?" if code == -9 else "")
    else:
        text = "ended" if code is None else f"ended with exit code {code if code < 1 << 16 else hex(code)}"
    try:
        with open(log, "rb") as f:
            f.seek(max(0, os.fstat(f.fileno()).st_size - 20_000))
            lines = f.read().decode("utf-8", "replace").replace("\r", "\n").splitlines()
    except OSError:
        return text
    starts = [n for n, line in enumerate(lines) if line.startswith(ATTEMPT)]
    lines = lines[starts[-1] :] if starts else lines
    telling = [line.strip() for line in lines if "error" in line.lower() or "killed" in line.lower()]
    return f"{text}; {telling[-1][:300]}" if telling else text
