"""Upstream's ``tests/`` out of the pinned source distribution, in memory, and the two trees that they judge."""

from __future__ import annotations

import re
import shutil
import tarfile
from pathlib import Path, PurePosixPath
from typing import Callable, Optional

from fork.errors import ForkError, IntegrityError, PinError
from fork.fetch import obtain
from fork.pin import Package, Pin
from fork.releases.bump import with_values
from fork.state import look
from fork.tree import PACKAGE, Tree, write_files

Say = Callable[[str], None]

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
                name, parts = member.name, PurePosixPath(member.name).parts
                plain = (member.isfile() or member.isdir()) and not name.startswith("/")
                if not plain or "\\" in name or ":" in name or ".." in parts:
                    raise IntegrityError(f"{path.name}: refused the unsafe member {name!r}; nothing was unpacked")
                inner = parts[1:]
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


def obtain_suite(pin: Pin, source: Optional[Path], say: Say) -> Tree:
    """Return upstream's tests of the pinned release (see ``fork.fetch.obtain``).

    Raises:
        ForkError: The pin names no source distribution, or another release's; or it could not be fetched, or is not
            the pinned one.
    """
    wanted = file_of(pin)
    if pin.tests is None or pin.tests.file != wanted:
        found = "has no table [tests]" if pin.tests is None else f"has {pin.tests.file} in its table [tests]"
        page = f"https://pypi.org/project/{pin.upstream.name}/{pin.upstream.version}/#files"
        raise PinError(
            f"pin.toml {found}, expected {wanted}: take its sha256 from {page},\n"
            "  and write it down with `python -m tools.upstream_tests --pin SHA256`"
        )
    return read_sdist(obtain(pin.tests, source, say))


def file_of(pin: Pin) -> str:
    """Return the name of the pinned release's source distribution."""
    return f"{pin.upstream.name}-{pin.upstream.version}.tar.gz"


def write_pin(root: Path, pin: Pin, sha256: str, source: Optional[Path], say: Say) -> Package:
    """Write the release's source distribution into ``pin.toml``, and return it.

    Args:
        root: The checkout.
        pin: Its pin.
        sha256: The hash that the index publishes: what comes has to have it before anything reads it.
        source: The file or its folder, instead of the index.
        say: Called with lines of progress.

    Raises:
        ForkError: No such file could be had, or it holds no tests.
    """
    path = root / "pin.toml"
    text = path.read_text(encoding="utf-8")
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise PinError(f"--pin takes the sha256 of {file_of(pin)}, 64 hexadecimal digits, got {sha256!r}")
    package = Package(pin.upstream.name, pin.upstream.version, file_of(pin), sha256, 0)
    got = obtain(package, source, say)
    read_sdist(got)
    package = package._replace(size=got.stat().st_size)
    values = {"file": package.file, "sha256": package.sha256, "size": package.size}
    if pin.tests is None:
        text = text.rstrip("\n") + '\n\n[tests]\nfile = ""\nsha256 = ""\nsize = 0\n'
    write_files(root, {path.name: with_values(text, "tests", values).encode()})
    return package


def copy_fork(root: Path, target: Path, pin: Pin, say: Say) -> None:
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
    for path in [*state.edited, *state.missing, *state.damaged]:
        say(f"judged with its hand edit: {path}")
    skip = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(root / PACKAGE, target / PACKAGE, ignore=skip)
    shutil.copytree(root / "cfg", target / "cfg", ignore=skip)
