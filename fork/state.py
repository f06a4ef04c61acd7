"""What stands on the disk: the stamp of the last build, the journal of an unfinished one, and hand edits.

A build writes its journal first, then file after file (each whole, see ``fork.tree.write_files``), then the stamp, and
deletes the journal last. Killed anywhere in between, every generated file is still either the old build's or the new
one's; the journal holds both manifests, so the next command can tell those files from a user's own edits. What was
built is kept, too: an edit is told from it whatever has become of pin, series and saved edits since.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Set

from fork import lock
from fork.errors import BusyError, PinError
from fork.pin import Pin
from fork.tree import ULTRALYTICS, Target, Tree, manifest_digest, scan, sha256, write_files

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
    write_files(root, journal_file(root, manifests))


def journal_file(root: Path, manifests: List[Dict[str, str]]) -> Tree:
    """Return path -> content of the journal."""
    return {journal_path(root).relative_to(root).as_posix(): json.dumps({"manifests": manifests}).encode()}


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
        missing: Files of the last build that are gone; of an unfinished one those that were there before it, too.
        damaged: Generated files that are empty or zeros now, as a power cut leaves them. They count as nobody's edit.
        known: Path -> digests under which a build, or ``save``, left the file.
    """

    kind: str
    stamp: Optional[Stamp]
    files: Dict[str, str]
    edited: List[str]
    missing: List[str]
    damaged: List[str]
    known: Dict[str, Set[str]]

    @property
    def digest(self) -> str:
        """Digest of the tree as found."""
        return manifest_digest(self.files)

    @property
    def digests(self) -> Set[str]:
        """Every digest under which a build left a file."""
        return {digest for digests in self.known.values() for digest in digests}


def look(root: Path, pin: Pin, target: Target = ULTRALYTICS) -> State:
    """Look at the disk and tell what is there; nothing is changed."""
    stamp, journal, files = read_stamp(root, target), read_journal(root), scan(root, target)
    known: Dict[str, Set[str]] = {}
    manifests = [*(journal or []), *([stamp.files] if stamp else [])]
    for manifest in manifests:
        for path, digest in manifest.items():
            known.setdefault(path, set()).add(digest)
    changed = sorted(path for path, digest in files.items() if digest not in known.get(path, ()))
    damaged = [path for path in changed if path in known and hollow(root / path)]
    edited = [path for path in changed if path not in damaged]
    missing = sorted(p for p in known if p not in files and all(p in manifest for manifest in manifests))
    if journal is not None:
        kind = "interrupted"
    elif stamp is None:
        kind = "foreign" if files else "absent"
    elif stamp.other:
        kind = "other"
    elif stamp.version != pin.version or stamp.series != _locked_series(root, stamp.series):
        kind = "stale"
    else:
        kind = "built"
    return State(kind, stamp, files, edited, missing, damaged, known)


def hollow(path: Path) -> bool:
    """Return whether a file is empty or zeros throughout, as one that was not on the disk yet is after a power cut."""
    return not path.read_bytes().strip(b"\0")


def blobs_path(root: Path) -> Path:
    """Return the archive of what was built: each file's content under its digest, for telling edits from it later."""
    return root / WORK / "built.zip"


def keep_blobs(root: Path, tree: Tree, others: Iterable[str] = ()) -> None:
    """Keep the content of files that are about to be generated, and of what is kept already that with these digests."""
    new = {sha256(data): data for data in tree.values()}
    found = read_blobs(root)
    if not set(new) <= set(found):
        kept = {digest: found[digest] for digest in others if digest in found}
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for digest, data in {**kept, **new}.items():
                archive.writestr(digest, data)
        write_files(root, {blobs_path(root).relative_to(root).as_posix(): buffer.getvalue()})


def read_blobs(root: Path) -> Dict[str, bytes]:
    """Return digest -> content of what was built; empty where the archive is missing or damaged."""
    try:
        with zipfile.ZipFile(blobs_path(root)) as archive:
            return {digest: archive.read(digest) for digest in archive.namelist()}  # checks the sums
    except (OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error):
        return {}


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
