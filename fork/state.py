"""What stands on the disk: the stamp of the last build, the journal of an unfinished one, and hand edits.

A build writes its journal first, then file after file (each whole, see ``fork.tree.write_files``), then the stamp, and
deletes the journal last. Killed anywhere in between, every generated file is still either the old build's or the new
one's; the journal holds both manifests, so the next command can tell those files from a user's own edits.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Set

from fork import lock
from fork.errors import BusyError, PinError
from fork.pin import Pin
from fork.tree import ULTRALYTICS, Target, manifest_digest, scan, write_files

WORK = ".fork"
"""Git-ignored folder in the checkout for the journal and the lock."""


class Stamp(NamedTuple):
    """What a build wrote about itself into ``fork.json`` in the package.

    Attributes:
        release: Upstream version.
        revision: The fork's revision.
        series: Digest of the tree after the last step of the series, without saved edits.
        digest: Digest of the tree as written.
        steps: Step name -> outcome in words.
        local: Names of the saved edits that were replayed.
        files: Path -> SHA-256 of every generated file.
        other: Whether it is another release than the pinned one, built because the user named it (--upstream).
    """

    release: str
    revision: int
    series: str
    digest: str
    steps: Dict[str, str]
    local: List[str]
    files: Dict[str, str]
    other: bool

    @property
    def version(self) -> str:
        """Version of the fork that this build is, for example ``8.4.190+addmodules.1``."""
        return f"{self.release}+addmodules.{self.revision}"

    def to_bytes(self) -> bytes:
        """Return the stamp as the JSON text of its file."""
        return (json.dumps(self._asdict(), indent=1, sort_keys=True) + "\n").encode()


def read_stamp(root: Path, target: Target = ULTRALYTICS) -> Optional[Stamp]:
    """Return the stamp of the tree in ``root``; None where there is none, or it cannot be read as one."""
    data = _read_json(root / target.stamp)
    kinds = {"release": str, "revision": int, "series": str, "digest": str, "steps": dict, "local": list}
    kinds.update(files=dict, other=bool)
    if not isinstance(data, dict) or set(data) != set(kinds):
        return None  # damaged, or written by another version of this program
    return Stamp(**data) if all(isinstance(data[key], kind) for key, kind in kinds.items()) else None


def journal_path(root: Path) -> Path:
    """Return where an unfinished build leaves its journal."""
    return root / WORK / "building.json"


def read_journal(root: Path) -> Optional[List[Dict[str, str]]]:
    """Return the manifests (old and new) of an unfinished build; None where every build has finished."""
    path = journal_path(root)
    if not path.exists():
        return None
    data = _read_json(path)
    manifests = data.get("manifests") if isinstance(data, dict) else None
    return [item for item in manifests if isinstance(item, dict)] if isinstance(manifests, list) else []


def write_journal(root: Path, manifests: List[Dict[str, str]]) -> None:
    """Record that a build is under way, and which files may be found because of it."""
    text = json.dumps({"manifests": manifests})
    write_files(root, {journal_path(root).relative_to(root).as_posix(): text.encode()})


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


class State(NamedTuple):
    """The generated tree as found.

    Attributes:
        kind: ``absent`` (nothing generated), ``interrupted`` (a build did not finish), ``foreign`` (files, but no stamp
            of a build), ``other`` (built from another release, as the user asked), ``stale`` (built from another pin or
            series than the checkout's) or ``built``.
        stamp: Stamp of the last finished build.
        files: Path -> SHA-256 as found on disk.
        edited: Files whose content no build wrote, changed by hand or added.
        missing: Files of the last build that are gone.
    """

    kind: str
    stamp: Optional[Stamp]
    files: Dict[str, str]
    edited: List[str]
    missing: List[str]

    @property
    def digest(self) -> str:
        """Digest of the tree as found."""
        return manifest_digest(self.files)


def look(root: Path, pin: Pin, target: Target = ULTRALYTICS) -> State:
    """Look at the disk and tell what is there; nothing is changed."""
    stamp, journal, files = read_stamp(root, target), read_journal(root), scan(root, target)
    known: Dict[str, Set[str]] = {}
    for manifest in [*(journal or []), *([stamp.files] if stamp else [])]:
        for path, digest in manifest.items():
            known.setdefault(path, set()).add(digest)
    edited = sorted(path for path, digest in files.items() if digest not in known.get(path, ()))
    missing = sorted(path for path in stamp.files if path not in files) if stamp else []
    if journal is not None:
        kind, missing = "interrupted", []
    elif stamp is None:
        kind = "foreign" if files else "absent"
    elif stamp.other:
        kind = "other"
    elif stamp.version != pin.version or stamp.series != _locked_series(root, stamp.series):
        kind = "stale"
    else:
        kind = "built"
    return State(kind, stamp, files, edited, missing)


def _locked_series(root: Path, default: str) -> str:
    """Return the digest that ``tree.lock`` gives the finished series, or ``default`` where it cannot be read."""
    try:
        return list(lock.read(root).values())[-1]
    except (PinError, IndexError):
        return default


@contextlib.contextmanager
def exclusive(root: Path) -> Iterator[None]:
    """Hold the checkout for one writer; the operating system lets go of the lock however the process ends.

    Raises:
        BusyError: Another process holds it.
    """
    path = root / WORK / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+b") as handle:
        try:
            _lock(handle.fileno())
        except OSError:
            raise BusyError(f"another build is running in {root}: wait for it to end, then run this again") from None
        try:
            yield
        finally:
            _unlock(handle.fileno())


if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int) -> None:
        os.lseek(fd, 0, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

    def _unlock(fd: int) -> None:
        os.lseek(fd, 0, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_UN)
