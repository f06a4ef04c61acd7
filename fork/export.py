"""Exports the fork as a git repository: pristine upstream first, then one commit a step.

The commits are written with ``git fast-import`` from bytes that depend on the pin, the series and the overlay alone:
author, dates, order and messages are fixed and no configuration of the user's is read, so the commit ids are the same
on every machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import textwrap
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional

from fork.build import Plan
from fork.errors import ForkError
from fork.pin import ROOT
from fork.steps.articles import s01_create_folder
from fork.steps.backbone import x12_find_configs
from fork.targets.yolov5 import y02_find_configs
from fork.tree import ULTRALYTICS, YOLOV5, Target, Tree

AUTHOR = "ultralytics-addmodules <fork@addmodules.invalid>"
DATE = "1767225600 +0000"
"""2026-01-01 00:00:00 UTC, for every commit: a date must not depend on when one exports."""

BRANCH = "main"


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
    ours, finders = work.target.overlay, {x12_find_configs.NAME, y02_find_configs.NAME}
    brought: Tree = {}
    for item in work.results:
        step = item.step
        overlay = {path: data for path, data in item.tree.items() if path.startswith(ours)}
        if step.name == s01_create_folder.NAME:
            overlay.pop(s01_create_folder.INIT, None)
        if step.name in finders:
            brought = configs
        upstream = {path: data for path, data in item.tree.items() if not path.startswith(ours)}
        whose = "Articles'" if work.target is ULTRALYTICS else "Article 002's"
        section = f"{whose} section {step.section}" if step.section != "-" else "Not in the articles"
        where = "".join(f"Edited: {place}\n" for place in dict.fromkeys(item.outcome.where))
        message = (
            f"{step.name.split('_')[0]}: {step.title}\n\n{textwrap.fill(step.reason, 76)}\n\n"
            f"{section}\nOutcome: {item.outcome}\n{where}"
        )
        result.append(Commit(message, {**upstream, **overlay, **brought}, None))
    if work.local:
        names = "\n".join(f"- {name}" for name in work.local)
        last = result[-1].tree
        kept = {path: data for path, data in last.items() if path.startswith(ours) or path in configs}
        result.append(Commit(f"Local edits\n\n{names}\n", {**kept, **work.final}, None))
    result[-1] = result[-1]._replace(tag=f"addmodules-{work.pin.version.replace('+', '-')}")
    return result


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
    if shutil.which("git") is None:
        raise ForkError("export needs git, which is not on PATH: install it from https://git-scm.com")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ForkError(f"{target} exists and is not an empty folder: name a new one")
    made = not target.exists()
    target.mkdir(parents=True, exist_ok=True)
    try:
        _git(target, "init", "--quiet", "--template=", ".")
        _git(target, "symbolic-ref", "HEAD", f"refs/heads/{BRANCH}")
        _git(target, "fast-import", "--quiet", "--done", stdin=stream(work, read_configs(root, work.target)))
        _git(target, "reset", "--quiet", "--hard")
        return int(_git(target, "rev-list", "--count", "HEAD"))
    except (ForkError, OSError, KeyboardInterrupt):
        for item in target.iterdir():  # it was empty or new before: leave no half repository
            shutil.rmtree(item, ignore_errors=True) if item.is_dir() else item.unlink()
        if made:
            target.rmdir()
        raise


def _git(folder: Path, *arguments: str, stdin: Optional[bytes] = None) -> bytes:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment.update(GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_NOSYSTEM="1", LC_ALL="C")
    settings = ("-c", "core.autocrlf=false", "-c", "core.longpaths=true", "-c", "advice.detachedHead=false")
    run = subprocess.run(
        ["git", *settings, *arguments], cwd=folder, env=environment, input=stdin or b"", capture_output=True
    )
    if run.returncode:
        error = run.stderr.decode(errors="replace").strip()
        raise ForkError(f"git {arguments[0]} failed in {folder}:\n  {error}")
    return run.stdout
