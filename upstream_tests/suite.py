"""Upstream's ``tests/`` out of the pinned source distribution, in memory, and the two trees that they judge."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path, PurePosixPath
from typing import Callable, Optional

from fork.errors import ForkError, IntegrityError
from fork.fetch import obtain
from fork.pin import Pin
from fork.state import look
from fork.tree import PACKAGE, Tree

SUITE = "tests"

LIMIT = 64 * 2**20
"""Most bytes that the tests may unpack to; upstream's are 0.3 MB of text."""


def read_sdist(path: Path) -> Tree:
    """Read ``tests/`` of a verified source distribution into memory; nothing is unpacked to the disk.

    Returns:
        Path (``tests/...``) -> content.

    Raises:
        IntegrityError: The archive is damaged or holds no tests; or a member, wherever it lies in the archive, would
            leave the folder it is unpacked into, or is neither a plain file nor a folder.
    """
    tree: Tree = {}
    size = 0
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                check_member(path.name, member)
                inner = PurePosixPath(member.name).parts[1:]
                if member.isfile() and inner[:1] == (SUITE,):
                    size += member.size
                    if size > LIMIT:
                        raise IntegrityError(f"{path} unpacks to more than {LIMIT} bytes of tests: refused")
                    content = archive.extractfile(member)
                    tree["/".join(inner)] = content.read() if content else b""
    except (tarfile.TarError, EOFError, OSError) as e:
        raise IntegrityError(f"{path} is not a readable source distribution ({e})") from None
    if f"{SUITE}/__init__.py" not in tree:
        raise IntegrityError(f"{path} holds no {SUITE}/__init__.py: there are no tests of upstream's in it")
    return tree


def check_member(archive: str, member: tarfile.TarInfo) -> None:
    """Refuse a member that would be written outside the target folder, or is a link or a device.

    Raises:
        IntegrityError: Names the archive and the member.
    """
    name = member.name
    parts = PurePosixPath(name).parts
    if name.startswith("/") or "\\" in name or ":" in name or ".." in parts or not (member.isfile() or member.isdir()):
        raise IntegrityError(f"{archive}: refused the unsafe member {name!r}; nothing was unpacked")


def obtain_suite(pin: Pin, source: Optional[Path], say: Callable[[str], None]) -> Tree:
    """Return upstream's tests of the pinned release (see ``fork.fetch.obtain``).

    Raises:
        ForkError: The pin names no source distribution, or it could not be fetched, or is not the pinned one.
    """
    if pin.tests is None:
        raise ForkError(
            "pin.toml has no table [tests]: add it with file, sha256 and size of the release's source distribution"
        )
    return read_sdist(obtain(pin.tests, source, say))


def copy_fork(root: Path, target: Path, pin: Pin, say: Callable[[str], None]) -> None:
    """Copy the generated tree out of the checkout, with the project's own models, as the checkout has them.

    Raises:
        ForkError: The tree is not built, or was built from another pin or series than the checkout's.
    """
    state = look(root, pin)
    if state.kind != "built":
        raise ForkError(
            f"the tree in {root} is {state.kind}, not built from this checkout's pin and series: "
            "run `python -m fork build`, then this again"
        )
    for path in [*state.edited, *state.missing]:
        say(f"judged with its hand edit: {path}")
    skip = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(root / PACKAGE, target / PACKAGE, ignore=skip)
    shutil.copytree(root / "cfg", target / "cfg", ignore=skip)
