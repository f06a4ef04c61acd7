"""The verbs for those who read the fork or carry it on: ``explain``, ``procedure``, ``drop``, ``export --patches``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Callable

from fork.build import Plan
from fork.tree import TARGETS

Verb = Callable[[str, str], argparse.ArgumentParser]


def add_verbs(verb: Verb) -> None:
    """Add the verbs to the command line; ``verb`` makes one from its name and help."""
    sub = verb("drop", "put a saved edit aside: builds leave it out, and its patch is kept under another name")
    sub.add_argument("name", metavar="NAME", help="name of the saved edit")
    sub = verb("explain", "say which steps edit a place of the release, why, and how")
    sub.add_argument(
        "place",
        nargs="?",
        metavar="PLACE",
        help="a step (s06), a section of the articles (4.6), a definition or a file; "
        "without it, every edited place is listed",
    )
    sub = verb("procedure", "write docs/procedure.md and its Chinese version from the steps")
    sub.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a page is not current")


def add_export(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``export``: one of the two kinds."""
    kinds = parser.add_mutually_exclusive_group(required=True)
    kinds.add_argument("dir", nargs="?", type=Path, metavar="DIR", help="a new or empty folder, for a git repository")
    kinds.add_argument(
        "--patches", type=Path, metavar="DIR", help="write a numbered series of patches for `git am` into DIR instead"
    )


def drop(options: argparse.Namespace, root: Path) -> int:
    """Put a saved edit aside."""
    from fork.releases import local

    target = TARGETS[options.target]
    path = local.drop(root, options.name, target)
    print(f"the saved edit is now {path}, which builds leave out: run `python -m fork build{target.option}`")
    return 0


def explain(options: argparse.Namespace, root: Path, work: Plan) -> int:
    """Print what the steps do to a place."""
    from fork.review import explain

    print(explain.explain(work, options.place, root), end="")
    return 0


def procedure(options: argparse.Namespace, root: Path, work: Plan) -> int:
    """Write the pages of the procedure, or check them."""
    from fork.review import procedure

    return procedure.write(root, work, check=options.check)


def patches(options: argparse.Namespace, root: Path, work: Plan) -> int:
    """Write the series of patches."""
    from fork.review import mail

    count = mail.write(work, options.patches, root)
    print(f"wrote {count} patches for {work.pin.upstream.name} {work.pin.upstream.version} to {options.patches}")
    print(f"`git am` takes them on the release; then the tree's digest is {work.stamp().digest}")
    return 0
