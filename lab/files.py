"""Files that are written whole or not at all, and JSON that is read without an accident where it is damaged."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence

from run.arguments import UsageError


def write(target: Path, fill: Callable[[Any], None]) -> Path:
    """Write a file by ``fill(file)``, a binary one, under another name, and rename it once it is whole.

    Raises:
        UsageError: The file cannot be replaced: another program has it open (Windows), or the disk is full or locked.
    """
    part = target.parent / f".{target.name}.{os.getpid()}.part"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as f:
            fill(f)
            f.flush()
            os.fsync(f.fileno())
        _replace(part, target)
    except OSError as e:
        raise UsageError(
            f"{target} cannot be written: {e.strerror or e}\n  to do: close the program that has it open, or make room"
        ) from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
    return target


def _replace(part: Path, target: Path) -> None:
    """Rename a file over another, with patience: Windows refuses while another process reads the old one."""
    for pause in (0.05, 0.2, 0.5, 1.0):
        try:
            return os.replace(part, target)
        except PermissionError:
            time.sleep(pause)
    return os.replace(part, target)


def write_bytes(target: Path, data: bytes) -> Path:
    """Write bytes; see ``write``."""
    return write(target, lambda f: f.write(data))


def write_text(target: Path, text: str) -> Path:
    """Write text in UTF-8 with line feeds; see ``write``."""
    return write_bytes(target, text.encode("utf-8"))


def write_json(target: Path, content: Any, finite: bool = False) -> Path:
    """Write JSON; see ``write``. A training's argument may be infinite; ``finite`` refuses that."""
    return write_text(target, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=not finite) + "\n")


def read_json(path: Path) -> Optional[Dict[str, Any]]:
    """Return the object in a JSON file; None where there is no such file, or it holds none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def write_csv(target: Path, heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> Path:
    """Write a CSV file whole or not at all; None is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows([["" if value is None else value for value in row] for row in rows])
    return write_text(target, text.getvalue())


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]], words: Sequence[int]) -> List[str]:
    """Return the lines of a Markdown table of texts that are escaped already; ``words`` are columns without numbers."""
    rule = ["---" if n in words else "---:" for n in range(len(heads))]
    return ["| " + " | ".join(line) + " |" for line in (heads, rule, *rows)]
