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
from typing import Dict, List, Optional

from fork.build import Plan
from fork.errors import ForkError
from fork.steps import s01_create_folder
from fork.tree import OVERLAY, Tree

AUTHOR = "ultralytics-addmodules <fork@addmodules.invalid>"
DATE = "1767225600 +0000"
"""2026-01-01 00:00:00 UTC, for every commit: a date must not depend on when one exports."""

BRANCH = "main"


def commits(work: Plan) -> List[Dict[str, object]]:
    """Return the commits in order: ``{"message": str, "tree": Tree, "tag": str or None}``.

    The overlay comes in with its own steps, s01 (the folder) and s02 (its ``__init__``), and saved edits come last.
    """
    release = work.pin.upstream
    first = (
        f"{release.name} {release.version}, as released\n\nFile: {release.file}\nSHA-256: {release.sha256}\n"
        f"Size: {release.size} bytes\n"
    )
    result: List[Dict[str, object]] = [
        {"message": first, "tree": work.pristine, "tag": f"upstream-{release.version}"},
    ]
    for item in work.results:
        step = item.step
        tree = _without_overlay(item.tree)
        if step.name != s01_create_folder.NAME:
            tree.update({p: d for p, d in item.tree.items() if p.startswith(OVERLAY)})
        else:
            tree.update(
                {p: d for p, d in item.tree.items() if p.startswith(OVERLAY) and p != s01_create_folder.INIT}
            )
        section = f"Articles' section {step.section}" if step.section != "-" else "Not in the articles"
        where = "".join(f"Edited: {place}\n" for place in dict.fromkeys(item.outcome.where))
        message = (
            f"{step.name.split('_')[0]}: {step.title}\n\n{textwrap.fill(step.reason, 76)}\n\n"
            f"{section}\nOutcome: {item.outcome}\n{where}"
        )
        result.append({"message": message, "tree": tree, "tag": None})
    if work.local:
        overlay = {p: d for p, d in work.results[-1].tree.items() if p.startswith(OVERLAY)}
        names = "\n".join(f"- {name}" for name in work.local)
        result.append({"message": f"Local edits\n\n{names}\n", "tree": {**work.final, **overlay}, "tag": None})
    result[-1]["tag"] = f"addmodules-{work.pin.version.replace('+', '-')}"
    return result


def _without_overlay(tree: Tree) -> Tree:
    return {path: data for path, data in tree.items() if not path.startswith(OVERLAY)}


def stream(work: Plan) -> bytes:
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
    for number, commit in enumerate(commits(work)):
        tree, message = commit["tree"], str(commit["message"]).encode()
        assert isinstance(tree, dict)
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
        if commit["tag"]:
            note = f"{commit['tag']}\n"
            put(f"tag {commit['tag']}\nfrom :{10**6 + number}\ntagger {AUTHOR} {DATE}\ndata {len(note)}\n{note}\n")
        before = tree
    put("done\n")
    return b"".join(parts)


def export(work: Plan, target: Path) -> str:
    """Write the history into a new git repository at ``target`` and check it out.

    Returns:
        The id of the last commit.

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
        _git(target, "init", "--quiet", "--template=", "--object-format=sha1", ".")
        _git(target, "symbolic-ref", "HEAD", f"refs/heads/{BRANCH}")
        _git(target, "fast-import", "--quiet", "--done", stdin=stream(work))
        _git(target, "reset", "--quiet", "--hard")
        return _git(target, "rev-parse", "HEAD").decode().strip()
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
