"""Article 002's section 2.1: the file of a backbone; here the checkout's Addmodules, and the hooks to them."""

from __future__ import annotations

from typing import List

import libcst as cst

from fork.edit import Outcome, Source, Step, code, statement
from fork.errors import StepError
from fork.steps._places import name_of
from fork.targets.yolov5 import _places as at
from fork.tree import YOLOV5, Tree

NAME = "y01_share_backbones"
FILES = (
    *(at.YOLO, at.TF, at.COMMON, at.GENERAL, at.DOWNLOADS, at.PLOTS, at.SEGMENT_PLOTS),
    *(at.TRAIN, at.VAL, at.EXPORT, at.BENCHMARKS, at.SEGMENT_TRAIN, at.CLASSIFY_TRAIN),
    *(at.CLASSIFY_VAL, at.AUTOBATCH),
)
"""The files of which a later step edits a line into a call of the hooks."""

OURS = ("yolov5", "ultralytics", "torch", "pandas", "seaborn")
"""Packages before whose first import the hooks stand: a later step puts a call of them there."""


def apply(tree: Tree) -> Outcome:
    """Import the hooks into the files whose edited lines call them, before what they are to come before."""
    if f"{YOLOV5.overlay}__init__.py" not in tree:
        raise StepError(NAME, YOLOV5.overlay, "folder", "the tracked files of the hooks", "none: git checkout them")
    sources = [Source(tree, file, NAME) for file in FILES]
    done = [any(code(node) == at.HOOKS_IMPORT for node in source.module.body) for source in sources]
    if sources[0].applied(at.MODULE, *done):
        return Outcome(0, "already applied")
    for source in sources:
        _import(source)
    outcomes = [source.save() for source in sources]
    return Outcome(len(outcomes), where=tuple(place for outcome in outcomes for place in outcome.where))


def _import(source: Source) -> None:
    lines = [node for node in source.module.body if isinstance(node, cst.SimpleStatementLine)]
    imports = [line for line in lines if isinstance(line.body[0], (cst.Import, cst.ImportFrom))]
    theirs = [line for line in imports if set(_packages(line)) & set(OURS)]
    if not imports:
        raise source.fail(at.MODULE, "an import at module level", "none")
    new = statement(at.HOOKS_IMPORT)
    if theirs:
        first = theirs[0]
        new = new.with_changes(leading_lines=first.leading_lines)
        source.replace(at.MODULE, first, cst.FlattenSentinel([new, first.with_changes(leading_lines=[])]))
    else:
        source.replace(at.MODULE, imports[-1], cst.FlattenSentinel([imports[-1], new]))


def _packages(line: cst.SimpleStatementLine) -> List[str]:
    part = line.body[0]
    if isinstance(part, cst.ImportFrom):
        return [] if part.relative else [name_of(part.module).split(".")[0]]
    return [name_of(alias.name).split(".")[0] for alias in cst.ensure_type(part, cst.Import).names]


STEP = Step(
    name=NAME,
    section="2.1",
    title="Share the backbones of the checkout",
    reason=(
        "The article pastes a backbone's file into models/. Here YOLOv5 takes the backbones of the checkout's own "
        "ultralytics/nn/Addmodules, which any file dropped in there joins. The package needs `ultralytics` anyway, and "
        "no file of the AGPL-3.0 tree is copied into this GPL-3.0 one."
    ),
    files=FILES,
    places=(len(FILES), len(FILES)),
    apply=apply,
)
