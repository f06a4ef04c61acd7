"""Runs the series over a tree in memory, step by step, and checks what must hold afterwards."""

from __future__ import annotations

import ast
import contextlib
import gc
import re
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from fork.compat import COMPAT
from fork.edit import Outcome, Step
from fork.errors import StepError
from fork.steps import SERIES
from fork.tree import OVERLAY, Tree, digest

ORDER: Tuple[Step, ...] = (*SERIES, *COMPAT)
"""Every step, in the order in which a build runs them: the series, then what old releases need on today's libraries."""


class Result(NamedTuple):
    """One step's outcome, and the tree right after it (files not edited are shared, not copied)."""

    step: Step
    outcome: Outcome
    tree: Tree

    @property
    def digest(self) -> str:
        """Digest of the tree after the step (see ``fork.tree.digest``)."""
        return digest(self.tree)


def run(pristine: Tree, overlay: Tree, steps: Optional[Sequence[Step]] = None) -> List[Result]:
    """Run ``steps`` (default: ``ORDER``) over a pristine tree; the input is left alone.

    Raises:
        StepError: A step failed, edited another number of places or another file than it declares, or the finished
            tree breaks a postcondition.
    """
    whole = steps is None
    foreign = sorted(path for path in pristine if path.startswith(OVERLAY) and path not in overlay)
    if foreign and overlay:
        raise StepError("before the series", foreign[0], "file", "a release without nn/Addmodules", "upstream has one")
    tree: Tree = {**pristine, **overlay}
    results: List[Result] = []
    with no_collection():
        for step in ORDER if steps is None else steps:
            after = dict(tree)
            outcome = step.apply(after)
            check_declared(step, outcome, tree, after)
            results.append(Result(step, outcome, after))
            tree = after
    if whole:
        check_layer_loops(tree)
    return results


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """Keep the garbage collector from looking, over and over, through the millions of nodes of parsed sources."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def check_declared(step: Step, outcome: Outcome, before: Tree, after: Tree) -> None:
    """Check that a step edited as many places as it declares, in the files that it declares, and no others.

    Raises:
        StepError: Says what was edited instead.
    """
    low, high = step.places
    if outcome.applied and not low <= outcome.applied <= high:
        sought = f"{low} to {high} places" if low != high else f"{low} places"
        raise StepError(step.name, ", ".join(step.files), "whole file", sought, f"{outcome.applied} were edited")
    changed = sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
    stray = [path for path in changed if path not in step.files]
    if stray or bool(changed) != bool(outcome.applied):
        raise StepError(step.name, ", ".join(stray or step.files), "whole file", "edits as declared", f"{changed}")


def check_layer_loops(tree: Tree) -> None:
    """Check that no loop over layers in the whole package keeps an output without ``addmodules.keep``.

    This looks again with Python's own parser, apart from the step's search: any loop that reads ``y[m.f]`` for its
    loop variable ``m`` must route ``y`` through the hook and must not append to ``y`` itself.

    Raises:
        StepError: Names the file and line.
    """
    for path in sorted(tree):
        if path.endswith(".py") and not path.startswith(OVERLAY) and re.search(rb"\.f\b", tree[path]):
            try:
                module = ast.parse(tree[path])
            except (SyntaxError, ValueError) as e:
                raise StepError("after the series", path, "module", "valid Python", str(e)) from None
            for line, problem in _bare_loops(module):
                raise StepError("after the series", path, f"line {line}", "addmodules.keep in the layer loop", problem)


def _bare_loops(module: ast.Module) -> List[Tuple[int, str]]:
    problems = []
    for loop in ast.walk(module):
        if not isinstance(loop, (ast.For, ast.AsyncFor)):
            continue
        layers = {node.id for node in ast.walk(loop.target) if isinstance(node, ast.Name)}
        kept: Dict[str, int] = {}
        filled: Dict[str, int] = {}
        outputs = set()
        for node in ast.walk(loop):
            if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Attribute) and node.slice.attr == "f":
                if isinstance(node.slice.value, ast.Name) and node.slice.value.id in layers:
                    outputs.add(ast.unparse(node.value))
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                if node.func.attr == "keep" and node.args:
                    kept[ast.unparse(node.args[0])] = node.lineno
                elif node.func.attr in {"append", "extend", "insert"}:
                    filled[ast.unparse(node.func.value)] = node.lineno
        for name in sorted(outputs):
            if name in filled:
                problems.append((filled[name], f"`{name}` is filled without it"))
            elif name not in kept:
                problems.append((loop.lineno, f"`{name}` never goes through it"))
    return problems
