"""Reads ``pin.toml``: which upstream release, and which revision of the fork."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

from fork.errors import PinError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
"""The checkout: the folder that holds ``pin.toml``, ``fork/`` and the generated ``ultralytics/``."""


class Package(NamedTuple):
    """One file of a package index, pinned.

    Attributes:
        name: Distribution name.
        version: Exact version.
        file: File name on the index, without a folder.
        sha256: Lower-case hexadecimal digest of the file.
        size: Size in bytes; 0 where it is not known yet.
    """

    name: str
    version: str
    file: str
    sha256: str
    size: int


class Pin(NamedTuple):
    """The upstream package and the fork's own revision number, counted from 1 for each release.

    Attributes:
        upstream: The release's wheel.
        revision: The fork's own revision number.
        tests: The release's source distribution, which holds upstream's tests; None where the pin has no table [tests].
    """

    upstream: Package
    revision: int
    tests: Optional[Package] = None

    @property
    def version(self) -> str:
        """Version of the distribution that the fork installs as, for example ``8.4.190+addmodules.1``."""
        return f"{self.upstream.version}+addmodules.{self.revision}"


_SHAPES = {
    "name": r"[A-Za-z0-9._-]+",
    "version": r"\d+(\.\d+)+[A-Za-z0-9.]*",
    "file": r"[A-Za-z0-9][A-Za-z0-9._+-]*\.whl",
    "sha256": r"[0-9a-f]{64}",
}
_SDIST = {"file": r"[A-Za-z0-9][A-Za-z0-9._+-]*\.tar\.gz", "sha256": _SHAPES["sha256"]}


def load_pin(root: Path = ROOT, table: str = "upstream") -> Pin:
    """Read and check ``pin.toml`` in ``root``: the package of ``table``, and the fork's revision.

    The revision stands in the table itself or, for ``upstream``, in ``[fork]``.

    Raises:
        PinError: The file is missing, is not TOML, or a key is missing or malformed.
    """
    path = root / "pin.toml"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PinError(f"{path} is missing: restore it with `git checkout -- pin.toml`") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise PinError(f"{path} is not valid TOML ({e}): compare it with `git diff pin.toml`") from None
    name, version, file, sha256, size = _file(path, data, table, _SHAPES)
    fork = "fork" if table == "upstream" else table
    revision = _table(path, data, fork).get("revision")
    if type(revision) is not int or revision < 1:
        raise PinError(f"{path}: [{fork}] revision is {revision!r}, expected a whole number from 1")
    own = table == "upstream" and "tests" in data
    tests = Package(name, version, *_file(path, data, "tests", _SDIST)) if own else None
    return Pin(Package(name, version, file, sha256, size), revision, tests)


def _file(path: Path, data: Dict[str, Any], table: str, shapes: Dict[str, str]) -> List[Any]:
    """Return the values of ``shapes`` in ``[table]``, and then the size, each checked."""
    found = _table(path, data, table)
    for key, shape in shapes.items():
        value = found.get(key)
        if not isinstance(value, str) or not re.fullmatch(shape, value):
            raise PinError(f"{path}: [{table}] {key} is {value!r}, expected text of the form {shape}")
    size = found.get("size")
    if type(size) is not int or size <= 0:
        raise PinError(f"{path}: [{table}] size is {size!r}, expected the file's size in bytes")
    return [*(found[key] for key in shapes), size]


def _table(path: Path, data: Dict[str, Any], name: str) -> Dict[str, Any]:
    table = data.get(name)
    if not isinstance(table, dict):
        raise PinError(f"{path}: the table [{name}] is missing")
    return table
