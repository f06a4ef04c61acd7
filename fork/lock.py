"""``tree.lock``: the digest of the tree after every step, written by the program and committed."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Optional, Tuple

from fork.errors import PinError
from fork.pin import Pin
from fork.series import Result
from fork.tree import ULTRALYTICS, Target, Tree, write_files
from fork.tree import digests as tree_digests

FILE = "tree.lock"
_HEAD = """\
# Written by `python -m fork lock{option}`: SHA-256 of upstream's files after every step of the series.
# Our own folder {overlay} is not part of it: git tracks that one itself.
"""

Lock = Dict[str, str]


def digests(pin: Pin, pristine: Tree, results: List[Result]) -> Lock:
    """Return what the lock has to say: the version, the pristine digest, and the digest after each step."""
    found = tree_digests([pristine, *(result.tree for result in results)])
    return {"version": pin.version, **dict(zip(["pristine", *(result.step.name for result in results)], found))}


def write(root: Path, lock: Lock, target: Target = ULTRALYTICS) -> bool:
    """Write ``tree.lock``; return whether that changed it."""
    path, data = root / FILE, to_bytes(lock, target)
    if path.is_file() and path.read_bytes() == data:
        return False
    write_files(root, {FILE: data})
    return True


def to_bytes(lock: Lock, target: Target = ULTRALYTICS) -> bytes:
    """Return the text of ``tree.lock``."""
    width = max(map(len, lock))
    head = _HEAD.format(option=target.option, overlay=target.overlay)
    return (head + "".join(f'{name:<{width}} = "{value}"\n' for name, value in lock.items())).encode()


def read(root: Path) -> Lock:
    """Read ``tree.lock``.

    Raises:
        PinError: The file is missing or a line is malformed.
    """
    path = root / FILE
    if not path.is_file():
        raise PinError(f"{path} is missing: restore it (git checkout -- {FILE}) or write it (python -m fork lock)")
    lock: Lock = {}
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            name, equals, value = (part.strip() for part in line.partition("="))
            if not equals or len(value) < 3 or value[0] != '"' or value[-1] != '"':
                raise PinError(f'{path}, line {number}: expected NAME = "DIGEST", got {line!r}')
            lock[name] = value[1:-1]
    return lock


def first_difference(expected: Lock, actual: Lock) -> Optional[Tuple[str, str, str]]:
    """Return (name, expected, actual) of the first entry that differs, in the order of the series; None where equal."""
    for name in [*actual, *(name for name in expected if name not in actual)]:
        if expected.get(name) != actual.get(name):
            return name, expected.get(name, "(not in the lock)"), actual.get(name, "(not in the series)")
    return None
