"""Fetches one pinned package file through pip and verifies it before anyone reads it.

pip does the transfer, so that a mirror, a proxy, a local folder (``--find-links``) or credentials that the user has set
for pip are honoured. Nothing is trusted for having come from there: size and SHA-256 must equal the pin. A file that
does not is deleted, and reported with what was expected and what came.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Callable, Iterator, List, Optional, Sequence, Tuple

from fork.errors import FetchError, ForkError, IntegrityError
from fork.pin import Package
from fork.tree import write_files

RETRIES = (2.0, 5.0)
"""Pauses in seconds before the second and third attempt."""

ABANDONED = 3600.0
"""Seconds after which what a download has left in the cache is nobody's any more."""

CACHE_VARIABLE = "ADDMODULES_CACHE"

REQUIREMENT = "requirement.txt"
"""Beside the download: the line that asks pip for a source distribution by its hash."""


def cache_dir() -> Path:
    """Return the folder for verified downloads: ``$ADDMODULES_CACHE`` or the platform's cache folder for the user."""
    if os.environ.get(CACHE_VARIABLE):
        return Path(os.environ[CACHE_VARIABLE]).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "ultralytics-addmodules"


def problem(path: Path, package: Package) -> Optional[str]:
    """Return how the file at ``path`` differs from the pin (expected and actual), or None where it does not."""
    size = path.stat().st_size
    if package.size and size != package.size:
        return f"size: expected {package.size} bytes, got {size}"
    digest = hashlib.sha256()
    with path.open("rb") as f:
        for block in iter(lambda: f.read(1 << 20), b""):
            digest.update(block)
    if digest.hexdigest() != package.sha256:
        return f"sha256: expected {package.sha256}, got {digest.hexdigest()}"
    return None


def obtain(package: Package, source: Optional[Path] = None, say: Callable[[str], None] = lambda _: None) -> Path:
    """Return the path of the verified file of ``package``.

    Args:
        package: The pinned file.
        source: A local file, or a folder that holds ``package.file``, for machines without a network. Never deleted.
        say: Called with a line of progress.

    Raises:
        FetchError: pip is missing, or could not deliver the file in three attempts; or ``source`` has no such file.
        IntegrityError: What was found or fetched is not the pinned file.
    """
    if source is not None:
        return _local(package, source)
    folder = cache_dir()
    cached = folder / package.file
    if cached.is_file():
        wrong = problem(cached, package)
        if wrong is None:
            return cached
        cached.unlink()
        say(f"deleted the cached {cached}, which is not the pinned file ({wrong}); fetching it again")
    with _partial_folder() as partial:
        got = _pip_download(package, partial, say)
        wrong = problem(got, package)
        if wrong is not None:
            raise IntegrityError(
                f"the index gave another file than the pinned {package.file}; it was deleted.\n  {wrong}\n"
                f"  to do: check which index pip uses (pip config list), or pass a known good file with --upstream"
            )
        os.replace(got, cached)  # atomic: a reader sees a whole file or none
    return cached


def discover(
    name: str, version: str, source: Optional[Path] = None, say: Callable[[str], None] = lambda _: None
) -> Tuple[Package, Path]:
    """Return a release that nothing pins, as the index (or the cache, or ``source``) has it, and the path of its wheel.

    The hash that comes with it vouches for nothing: it says what was found, for a person or a record to compare.

    Args:
        name: Distribution name.
        version: Exact version.
        source: A wheel, or a folder that holds it, instead of cache and index. Never deleted.
        say: Called with a line of progress.

    Raises:
        FetchError: The file could not be fetched, or ``source`` has no such file.
        IntegrityError: What was found is not a wheel.
    """
    wanted = Package(name, version, f"{name}-{version}-py3-none-any.whl", "", 0)
    path = cache_dir() / wanted.file
    if source is not None:
        path = source / wanted.file if source.is_dir() else source
        if not path.is_file():
            raise FetchError(f"{path} does not exist: expected {wanted.file} there")
    if not path.is_file():
        with _partial_folder() as partial:
            got = _pip_download(wanted, partial, say)
            if not zipfile.is_zipfile(got):
                raise IntegrityError(f"what the index gave for {wanted.file} is not a wheel; it was deleted")
            os.replace(got, path)
    if not zipfile.is_zipfile(path):
        raise IntegrityError(f"{path} is not a wheel: delete it, or name another file")
    data = path.read_bytes()
    return wanted._replace(file=path.name, sha256=hashlib.sha256(data).hexdigest(), size=len(data)), path


@contextlib.contextmanager
def _partial_folder() -> Iterator[Path]:
    """Make a folder for a download inside the cache, where a finished file only needs another name.

    Raises:
        FetchError: The cache folder cannot be made.
    """
    folder = cache_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise FetchError(f"cannot create the cache folder {folder} ({e}): set {CACHE_VARIABLE} to another") from None
    for left in [*folder.glob(".partial-*"), *folder.glob("*.tmp-fork")]:  # by a process that was killed
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > ABANDONED:
                shutil.rmtree(left) if left.is_dir() else left.unlink()
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder) as partial:
        yield Path(partial)


def versions(name: str) -> List[str]:
    """Return every version of a distribution that pip's index has, in the index's order.

    Raises:
        FetchError: pip cannot ask the index.
    """
    command = [sys.executable, "-m", "pip", "index", "versions", name, "--disable-pip-version-check", "--no-input"]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    found = re.search(r"^Available versions: (.+)$", run.stdout or "", re.MULTILINE)
    if run.returncode or not found:
        lines = [line for line in (run.stderr or "").splitlines() if line.startswith("ERROR")]
        said = lines[-1] if lines else f"pip ended with {run.returncode}"
        raise FetchError(
            f"could not ask the index which versions of {name} there are:\n  {said}\n"
            f"  to do: check the network and `pip config list`, or name the versions"
        )
    return [version.strip() for version in found.group(1).split(",")]


def _local(package: Package, source: Path) -> Path:
    path = source / package.file if source.is_dir() else source
    if not path.is_file():
        raise FetchError(f"{path} does not exist: expected {package.file} ({package.size} bytes) there")
    wrong = problem(path, package)
    if wrong is not None:
        raise IntegrityError(f"{path} is not the pinned {package.file} and was left as it is.\n  {wrong}")
    cached = cache_dir() / package.file
    if not cached.exists():  # so that the next command, which is given no path, needs no network either
        with contextlib.suppress(OSError, ForkError):
            write_files(cached.parent, {cached.name: path.read_bytes()})
    return path


def pip_command(package: Package, folder: Path) -> Sequence[str]:
    """Return the pip command that downloads ``package`` into ``folder`` without its dependencies.

    A source distribution is asked for by its hash: pip checks it before it lets setuptools, which is installed here
    (no isolated build, so nothing else is fetched), read the metadata. Nothing is built or installed.
    """
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet"]
    command += ["--ignore-requires-python"]  # the file is read, not installed
    command += ["--disable-pip-version-check", "--no-input", "--dest", str(folder)]
    if package.file.endswith(".whl"):
        return [*command, "--only-binary=:all:", f"{package.name}=={package.version}"]
    command += [f"--no-binary={package.name}", "--no-build-isolation", "--require-hashes"]
    return [*command, "--requirement", str(folder / REQUIREMENT)]


def _pip_download(package: Package, folder: Path, say: Callable[[str], None]) -> Path:
    if importlib.util.find_spec("pip") is None:
        raise FetchError(
            f"this Python has no pip ({sys.executable}): run `python -m ensurepip --upgrade`, or download "
            f"{package.file} elsewhere and pass it with --upstream PATH"
        )
    last = ""
    for attempt, pause in enumerate((0.0, *RETRIES), 1):
        if pause:
            say(f"pip could not fetch {package.file}; attempt {attempt} of {len(RETRIES) + 1} in {pause:.0f} s")
            time.sleep(pause)
        else:
            say(f"fetching {package.file}{f' ({package.size / 1e6:.1f} MB)' if package.size else ''} with pip")
        command = list(pip_command(package, folder))
        line = f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n"
        (folder / REQUIREMENT).write_text(line, encoding="utf-8")
        shown: Optional[int] = subprocess.PIPE
        if sys.stderr is not None and sys.stderr.isatty():  # let a person see pip's own progress bar
            command.remove("--quiet")
            shown = sys.stderr.fileno()  # not stdout: `python -m fork diff > file` must hold the diff alone
        run = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=shown, stderr=subprocess.PIPE, text=True, errors="replace"
        )
        got = folder / package.file
        if run.returncode == 0 and got.is_file():
            return got
        if "DO NOT MATCH THE HASHES" in run.stderr:
            raise IntegrityError(
                f"the index gave another file than the pinned {package.file}, and pip refused it: expected sha256 "
                f"{package.sha256}.\n  to do: check which index pip uses (pip config list)"
            )
        lines = [line for line in (run.stderr + (run.stdout or "")).splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR")]
        warnings = [line for line in lines if line.startswith("WARNING: Retrying")]  # the connection's own error
        said = [*warnings[-1:], *(errors or lines)[-3:]]
        said = [re.sub(r" \(from versions: .*\)", "", line) for line in said]  # hundreds of them
        last = "\n  ".join(said) or f"pip ended with {run.returncode} and delivered no {package.file}"
    raise FetchError(
        f"could not fetch {package.name} {package.version} with pip:\n  {last}\n"
        f"  to do: check the network and `pip config list`; without a network, put {package.file}\n"
        + (f"         (sha256 {package.sha256})\n" if package.sha256 else "")
        + f"         into {cache_dir()}"
    )
