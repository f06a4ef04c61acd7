"""A source tree in memory, its digest, and how it gets from an archive and onto the disk.

A tree is a plain dict from a path (relative, forward slashes, ``ultralytics/...``) to the file's bytes. The whole
series runs on such dicts, so nothing on disk changes before everything has worked.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import sys
import time
import zipfile
from pathlib import Path, PurePosixPath
from typing import Callable, Dict, Iterable, List, Mapping, NamedTuple, Sequence, Tuple

from fork.errors import BusyError, DiskError, ForkError, IntegrityError

Tree = Dict[str, bytes]

PACKAGE = "ultralytics"
OVERLAY = "ultralytics/nn/Addmodules/"
"""Our own folder inside the tree. Git tracks it and users add to it, so digests and manifests leave it out."""

STAMP = "ultralytics/fork.json"
"""Written by a build, last: which release and revision the tree is, and the hash of every generated file."""


class Target(NamedTuple):
    """One upstream package that the program patches, and where it puts the outcome.

    Attributes:
        name: For ``--target``, and the package's own name.
        home: Folder of the checkout that holds the generated package, ``.`` for the checkout itself.
        package: The package's folder, in the wheel and below ``home``.
        overlay: Our own folder inside the package, tracked by git, ended by a slash.
        table: Table of ``pin.toml`` with the pinned wheel.
        licence: Name of the licence's text in the wheel's metadata that becomes part of the tree, or empty.
        spared: Folders below ``home`` that are the user's, though inside the package.
    """

    name: str
    home: str
    package: str
    overlay: str
    table: str
    licence: str
    spared: Tuple[str, ...]

    @property
    def stamp(self) -> str:
        """Path below ``home`` of what a build writes last."""
        return f"{self.package}/fork.json"

    @property
    def option(self) -> str:
        """What commands need behind their name to mean this target."""
        return "" if self is ULTRALYTICS else f" --target {self.name}"


ULTRALYTICS = Target("ultralytics", ".", PACKAGE, OVERLAY, "upstream", "", ())
YOLOV5 = Target("yolov5", "yolov5-addmodules", "yolov5", "yolov5/addmodules/", "yolov5", "LICENSE", ("yolov5/runs/",))
TARGETS = {target.name: target for target in (ULTRALYTICS, YOLOV5)}

_OVERLAYS = tuple(target.overlay for target in TARGETS.values())
_SKIP_DIRS = {"__pycache__", ".ipynb_checkpoints"}
_TEMPORARY = ".tmp-fork"
_SKIP_SUFFIXES = {".pyc", ".pyo", _TEMPORARY}
_SKIP_NAMES = {".DS_Store", "Thumbs.db", "desktop.ini"}


def sha256(data: bytes) -> str:
    """Return the hexadecimal SHA-256 of ``data``."""
    return hashlib.sha256(data).hexdigest()


def manifest(tree: Tree) -> Dict[str, str]:
    """Return path -> SHA-256 for every file of ``tree`` outside the overlay, sorted by path."""
    return {path: sha256(tree[path]) for path in sorted(tree) if not path.startswith(_OVERLAYS)}


def digest(tree: Tree) -> str:
    """Return one SHA-256 for the whole tree: over its sorted manifest, one ``<sha256>  <path>`` line per file."""
    return manifest_digest(manifest(tree))


def digests(trees: Sequence[Tree]) -> List[str]:
    """Return the digest of each tree; a file that trees share, as those of a series do, is hashed once."""
    ours = [{path: data for path, data in tree.items() if not path.startswith(_OVERLAYS)} for tree in trees]
    known = {key: sha256(data) for key, data in {id(data): data for tree in ours for data in tree.values()}.items()}
    return [manifest_digest({path: known[id(data)] for path, data in tree.items()}) for tree in ours]


def manifest_digest(files: Mapping[str, str]) -> str:
    """Return the tree digest that belongs to a manifest (see ``digest``)."""
    return sha256("".join(f"{files[path]}  {path}\n" for path in sorted(files)).encode())


def read_wheel(path: Path, target: Target = ULTRALYTICS) -> Tree:
    """Read the package folder of a verified wheel into memory.

    The wheel's own metadata is not part of the tree, but for the licence where a target keeps it in the package.

    Raises:
        IntegrityError: The archive is damaged, or a member would leave the target folder or is not a plain file.
    """
    tree: Tree = {}
    package, licence = target.package, f".dist-info/{target.licence}"
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                check_member(path.name, member)
                if not member.is_dir() and member.filename.startswith(f"{package}/"):
                    tree[member.filename] = archive.read(member)
                elif target.licence and member.filename.endswith(licence):
                    tree[f"{package}/{target.licence}"] = archive.read(member)
    except (zipfile.BadZipFile, EOFError) as e:
        raise IntegrityError(f"{path} is not a readable wheel ({e})") from None
    if f"{package}/__init__.py" not in tree:
        raise IntegrityError(f"{path} holds no {package}/__init__.py: it is not a wheel of {package.title()}")
    return tree


def check_member(archive: str, member: zipfile.ZipInfo) -> None:
    """Refuse an archive member that would be written outside the target folder, or is a link or device.

    Raises:
        IntegrityError: Names the archive and the member.
    """
    name = member.filename
    parts = PurePosixPath(name).parts
    kind = (member.external_attr >> 16) & 0o170000  # the Unix file type, 0 where the archiver gave none
    if name.startswith("/") or "\\" in name or ":" in name or ".." in parts or kind not in (0, 0o100000, 0o040000):
        raise IntegrityError(f"{archive}: refused the unsafe member {name!r}; nothing was unpacked")


def scan(root: Path, target: Target = ULTRALYTICS) -> Dict[str, str]:
    """Return path -> SHA-256 for the files now in the target's package below ``root``, outside the overlay.

    Python's caches, editors' leftovers (links to nowhere are some) and the build's own stamp are ignored.
    """
    found: Dict[str, str] = {}
    top, others = root / target.package, {target.overlay, *target.spared}
    for folder, dirs, names in os.walk(top):
        relative = Path(folder).relative_to(root).as_posix()
        dirs[:] = sorted(d for d in dirs if d not in _SKIP_DIRS and f"{relative}/{d}/" not in others)
        for name in sorted(names):
            path = f"{relative}/{name}"
            if path == target.stamp or name in _SKIP_NAMES or Path(name).suffix in _SKIP_SUFFIXES:
                continue
            if (Path(folder) / name).is_file():
                found[path] = sha256((Path(folder) / name).read_bytes())
    return found


def read_overlay(root: Path, target: Target = ULTRALYTICS) -> Tree:
    """Read our own folder (Python files and what lies beside them, without caches) below ``root``."""
    base = root / target.overlay
    files = (p for p in sorted(base.rglob("*")) if p.is_file() and not _SKIP_DIRS & set(p.parts))
    return {
        p.relative_to(root).as_posix(): p.read_bytes()
        for p in files
        if p.suffix not in _SKIP_SUFFIXES and p.name not in _SKIP_NAMES
    }


def write_files(root: Path, files: Tree) -> None:
    """Write each file whole or not at all: all of them to neighbours first, then renamed over the old ones.

    What is written is on the disk, not only in the system's memory, when this returns. Where there is no room for one
    of the files, none has been changed, and no neighbour is left.

    Raises:
        BusyError: A file could not be replaced (on Windows: another program has it open).
        DiskError: A file could not be written: the disk is full, or the folder is read-only.
    """
    waiting: Dict[str, Path] = {}  # neighbour below root -> the file that it will be
    target = root
    try:
        for path, data in files.items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            waiting[path + _TEMPORARY] = target
            with (root / (path + _TEMPORARY)).open("wb") as file:
                file.write(data)
                file.flush()
                _to_disk(file.fileno())
        for temporary, target in list(waiting.items()):
            replace(root / temporary, target)
            del waiting[temporary]
        for folder in sorted({(root / path).parent for path in files}):
            _folder_to_disk(folder)
    except OSError as e:
        raise DiskError(
            f"cannot write {target}: {e.strerror or e}; the file is as it was\n"
            f"  to do: make room on the disk, or make the folder writable, then run the command again"
        ) from None
    finally:
        with contextlib.suppress(OSError, ForkError):
            remove_files(root, waiting)


def _to_disk(handle: int) -> None:
    try:
        os.fsync(handle)
    except OSError as e:
        if e.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):  # a file system that cannot
            raise


def _folder_to_disk(folder: Path) -> None:
    """Make renames last, where the system lets a folder be opened (Windows does not)."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def leftovers(root: Path, target: Target = ULTRALYTICS) -> List[str]:
    """Return the paths of what a killed process left of ``write_files`` where builds, locks and saved edits write."""
    found = [*(root / target.package).rglob(f"*{_TEMPORARY}"), *root.glob(f"*{_TEMPORARY}")]
    found += [*root.glob(f".fork/*{_TEMPORARY}"), *root.glob(f"local/*{_TEMPORARY}")]
    return [path.relative_to(root).as_posix() for path in found]


def remove_files(root: Path, paths: Iterable[str]) -> None:
    """Delete files (a missing one is fine), then the folders that this leaves empty.

    Raises:
        BusyError: A file could not be deleted (on Windows: another program has it open).
    """
    folders: List[Path] = []
    for path in paths:
        target = root / path
        _retry(functools.partial(target.unlink, missing_ok=True), target)
        folders.append(target.parent)
    for folder in sorted(set(folders), key=lambda f: -len(f.parts)):
        while folder != root and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent


def replace(source: Path, target: Path) -> None:
    """Rename a file or folder over ``target``, with patience where another program has it open (Windows).

    Raises:
        BusyError: It stayed in use.
    """
    _retry(functools.partial(os.replace, source, target), target)


def _retry(action: Callable[[], None], target: Path) -> None:
    """Windows refuses to replace an open file; virus scanners hold new ones for a moment. Elsewhere this runs once."""
    for pause in (0.05, 0.2, 0.5, 1.0, None):
        try:
            return action()
        except PermissionError as e:
            if sys.platform != "win32" or pause is None:
                raise BusyError(
                    f"cannot replace {target} ({e}): close the programs that use it, then build again"
                ) from None
            time.sleep(pause)
