"""Exports the fork as a git repository: pristine upstream first, then one commit per step.

The commits are written with ``git fast-import`` from bytes that depend on the pin, the series and the overlay alone:
author, dates, order and messages are fixed and no configuration of the user's is read, so the commit ids are the same
on every machine.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import textwrap
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional

from fork.build import Plan
from fork.errors import ForkError
from fork.pin import ROOT
from fork.steps.articles import s01_create_folder
from fork.tree import ULTRALYTICS, YOLOV5, Target, Tree

AUTHOR = "ultralytics-addmodules <fork@addmodules.invalid>"
DATE = "1767225600 +0000"
"""2026-01-01 00:00:00 UTC, for every commit: a date must not depend on when one exports."""

BRANCH = "main"
WIDTH = 76


class Commit(NamedTuple):
    """One commit: its message, the whole tree after it, and a tag or None."""

    message: str
    tree: Tree
    tag: Optional[str]


def commits(work: Plan, configs: Tree) -> List[Commit]:
    """Return the commits in order.

    The overlay comes in with its own steps, s01 (the folder) and s02 (its ``__init__``), or y01, the checkout's
    ``cfg/`` with the step that finds it, x12 or y02, and saved edits come last.
    """
    release = work.pin.upstream
    first = (
        f"{release.name} {release.version}, as released\n\nFile: {release.file}\nSHA-256: {release.sha256}\n"
        f"Size: {release.size} bytes\n"
    )
    result = [Commit(first, work.pristine, f"upstream-{release.version}")]
    ours = work.target.overlay
    article = "" if work.target is ULTRALYTICS else "002, "
    brought: Tree = {}
    for item in work.results:
        step = item.step
        overlay = {path: data for path, data in item.tree.items() if path.startswith(ours)}
        if step.name == s01_create_folder.NAME:
            overlay.pop(s01_create_folder.INIT, None)
        if step.brings_configs:
            brought = configs
        upstream = {path: data for path, data in item.tree.items() if not path.startswith(ours)}
        places = item.outcome.where
        trailers = [
            ("Origin", f"ultralytics-addmodules {work.pin.version}, step {step.name}"),
            ("Article-Section", f"{article}{step.section}" if step.section != "-" else "none"),
            ("Not-needed-when", step.not_needed_when),
            ("Outcome", str(item.outcome)),
            *(("Edited", f"{place} ({places.count(place)})") for place in dict.fromkeys(places)),
        ]
        head = f"{step.name.split('_')[0]}: {step.title}\n\n{textwrap.fill(step.reason, WIDTH)}\n\n"
        message = head + "".join(trailer(*pair) for pair in trailers)
        result.append(Commit(message, {**upstream, **overlay, **brought}, None))
    if work.local:
        names = "\n".join(f"- {name}" for name in work.local)
        last = result[-1].tree
        kept = {path: data for path, data in last.items() if path.startswith(ours) or path in configs}
        result.append(Commit(f"Local edits\n\n{names}\n", {**kept, **work.final}, None))
    result[-1] = result[-1]._replace(tag=f"addmodules-{work.pin.version.replace('+', '-')}")
    return result


def trailer(name: str, text: str) -> str:
    """Return a line for the end of a message as git reads it; what is long goes on behind a blank."""
    line = f"{name}: {text}"
    return textwrap.fill(line, WIDTH, subsequent_indent=" ", break_long_words=False, break_on_hyphens=False) + "\n"


def stream(work: Plan, configs: Tree) -> bytes:
    """Return the fast-import stream of the whole history."""
    parts: List[bytes] = []
    marks: Dict[bytes, int] = {}

    def put(text: str) -> None:
        parts.append(text.encode())

    def blob(data: bytes) -> int:
        if data not in marks:
            marks[data] = len(marks) + 1
            put(f"blob\nmark :{marks[data]}\ndata {len(data)}\n")
            parts.extend((data, b"\n"))
        return marks[data]

    before: Tree = {}
    for number, commit in enumerate(commits(work, configs)):
        tree, message = commit.tree, commit.message.encode()
        changed = {path: blob(data) for path, data in sorted(tree.items()) if before.get(path) != data}
        put(f"commit refs/heads/{BRANCH}\nmark :{10**6 + number}\nauthor {AUTHOR} {DATE}\ncommitter {AUTHOR} {DATE}\n")
        put(f"data {len(message)}\n")
        parts.extend((message, b"\n"))
        if number:
            put(f"from :{10**6 + number - 1}\n")
        for path in sorted(set(before) - set(tree)):
            put(f"D {path}\n")
        for path, mark in changed.items():
            put(f"M 100644 :{mark} {path}\n")
        put("\n")
        if commit.tag:
            note = f"{commit.tag}\n"
            put(f"tag {commit.tag}\nfrom :{10**6 + number}\ntagger {AUTHOR} {DATE}\ndata {len(note)}\n{note}\n")
        before = tree
    put("done\n")
    return b"".join(parts)


def read_configs(root: Path, target: Target = ULTRALYTICS) -> Tree:
    """Read the model and data YAMLs of the checkout; for YOLOv5 the models, into the package's own folder of them."""
    special = root / "cfg" / YOLOV5.name
    if target is YOLOV5:
        models = sorted(special.glob(f"{target.name}*.yaml"))
        return {f"{target.package}/models/addmodules/{path.name}": path.read_bytes() for path in models}
    paths = (path for path in sorted((root / "cfg").rglob("*.yaml")) if special not in path.parents)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def export(work: Plan, target: Path, root: Path = ROOT) -> int:
    """Write the history into a new git repository at ``target`` and check it out.

    Args:
        work: The finished plan of a build.
        target: A new or empty folder.
        root: The checkout that ``cfg/`` is taken from.

    Returns:
        The number of commits.

    Raises:
        ForkError: git is missing or failed, or ``target`` exists and is not empty.
    """
    with new_folder(target):
        history(work, target, root)
        git(target, "reset", "--quiet", "--hard")
        return int(git(target, "rev-list", "--count", "HEAD"))


def history(work: Plan, folder: Path, root: Path) -> None:
    """Make a git repository of an empty folder, with the history and no files checked out.

    Raises:
        ForkError: git is missing or failed.
    """
    if shutil.which("git") is None:
        raise ForkError("export needs git, which is not on PATH: install it from https://git-scm.com")
    git(folder, "init", "--quiet", "--template=", ".")
    git(folder, "symbolic-ref", "HEAD", f"refs/heads/{BRANCH}")
    git(folder, "fast-import", "--quiet", "--done", stdin=stream(work, read_configs(root, work.target)))


@contextlib.contextmanager
def new_folder(target: Path) -> Iterator[None]:
    """Make a folder, or take an empty one; leave nothing in it, or not even the folder, if what is done there fails.

    Raises:
        ForkError: It exists and is not an empty folder.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ForkError(f"{target} exists and is not an empty folder: name a new one")
    made = not target.exists()
    target.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for item in target.iterdir():
            shutil.rmtree(item, ignore_errors=True) if item.is_dir() else item.unlink()
        if made:
            target.rmdir()
        raise


def git(folder: Path, *arguments: str, stdin: Optional[bytes] = None) -> bytes:
    """Run git in a folder, without any settings of the user's; return what it prints.

    Raises:
        ForkError: It failed.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment.update(GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_NOSYSTEM="1", LC_ALL="C")
    command = ["git"]
    for setting in ("core.autocrlf=false", "core.longpaths=true", "core.compression=0", "advice.detachedHead=false"):
        command += ["-c", setting]
    run = subprocess.run(
        [*command, *arguments], cwd=folder, env=environment, input=stdin or b"", capture_output=True, check=False
    )
    if run.returncode:
        error = run.stderr.decode(errors="replace").strip()
        raise ForkError(f"git {arguments[0]} failed in {folder}:\n  {error}")
    return run.stdout
