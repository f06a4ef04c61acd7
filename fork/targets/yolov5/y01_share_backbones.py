"""Article 002's section 2.1: the file of a backbone; here the checkout's Addmodules, and the hooks to them."""

from __future__ import annotations

import ast
from typing import List, Union

from fork.edit import ALREADY, Outcome, Source, Sources, Step
from fork.errors import StepError
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
    sources = Sources(tree, NAME)
    if sources[FILES[0]].module.applied(*(at.imports_hooks(sources[file]) for file in FILES)):
        return ALREADY
    for file in FILES:
        _import(sources[file])
    return sources.save()


def _import(source: Source) -> None:
    imports = [node for node in source.text.node.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    if not imports:
        raise source.module.fail("an import at module level", "none")
    theirs = [node for node in imports if set(_packages(node)) & set(OURS)]
    if theirs:
        source.module.insert_before(theirs[0], at.HOOKS_IMPORT)
    else:
        source.module.insert_after(imports[-1], at.HOOKS_IMPORT)


def _packages(node: Union[ast.Import, ast.ImportFrom]) -> List[str]:
    if isinstance(node, ast.ImportFrom):
        return [] if node.level else [(node.module or "").split(".")[0]]
    return [alias.name.split(".")[0] for alias in node.names]


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
