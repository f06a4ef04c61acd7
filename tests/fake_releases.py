"""Small local releases in upstream's shape, and a checkout that is pinned to one of them."""

import functools
import hashlib
import zipfile

from steps.fakes import OURS, UPSTREAM

from fork import build as builder
from fork import lock, series
from fork.fetch import CACHE_VARIABLE
from fork.pin import load_pin
from fork.series import run
from fork.steps import SERIES
from fork.tree import read_overlay, read_wheel, write_files

OLD, NEW = "8.4.1", "8.4.2"
PLAIN = "ultralytics/utils/plain.py"
"""A file that no step edits."""

LINES = [f"line_{n} = {n}  # é\n" for n in range(1, 41)]

PIN = """\
[upstream]
name = "ultralytics"
version = "{version}"
file = "{file}"
sha256 = "{sha256}"
size = {size}

[fork]
revision = 1
"""


def release(folder, version, changes=None):
    """Write a wheel of our own small sources into ``folder`` and return its path.

    Args:
        folder: Where it goes, for example the cache.
        version: Its version.
        changes: Path -> text or bytes of files that this release has otherwise, None for one that it lacks.
    """
    files = {**UPSTREAM, "ultralytics/__init__.py": f'__version__ = "{version}"\n', PLAIN: "".join(LINES)}
    files.update(changes or {})
    path = folder / f"ultralytics-{version}-py3-none-any.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in sorted(files.items()):
            if text is not None:
                archive.writestr(name, text if isinstance(text, bytes) else text.encode())
    return path


def run_once(pristine, overlay, steps=None):
    """Run the series, but not again on releases that differ in files alone that no step looks at."""
    rest = {path: data for path, data in pristine.items() if path not in UPSTREAM}
    core = frozenset((path, data) for path, data in {**pristine, **overlay}.items() if path not in rest)
    return [result._replace(tree={**result.tree, **rest}) for result in _run(core)]


@functools.cache
def _run(core):
    return run(dict(core), {})


def pin_to(root, wheel):
    """Move the checkout's pin to a wheel, and its lock with it, as a change that a user pulls does."""
    data = wheel.read_bytes()
    version = wheel.name.split("-")[1]
    text = PIN.format(version=version, file=wheel.name, sha256=hashlib.sha256(data).hexdigest(), size=len(data))
    (root / "pin.toml").write_text(text, encoding="utf-8")
    pristine = read_wheel(wheel)
    lock.write(root, lock.digests(load_pin(root), pristine, run_once(pristine, read_overlay(root))))


def checkout(tmp_path, monkeypatch, changes=None):
    """Return a checkout that is pinned to the old release, with a cache of its own that holds it."""
    monkeypatch.setattr(series, "ORDER", SERIES)  # these sources have what the series edits, and nothing else
    monkeypatch.setattr(builder, "run", run_once)
    cache = tmp_path / "cache"
    monkeypatch.setenv(CACHE_VARIABLE, str(cache))
    root = tmp_path / "checkout"
    write_files(root, {path: text.encode() for path, text in OURS.items()})
    write_files(root, {"cfg/models/small.yaml": b"nc: 80\n"})
    pin_to(root, release(cache, OLD, changes))
    return root


def line(number, text):
    """Return the plain file with one line (from 1) replaced."""
    return "".join([*LINES[: number - 1], text, *LINES[number:]])
