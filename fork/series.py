"""Runs the series over a tree in memory, step by step, and checks what must hold afterwards."""

from __future__ import annotations

import ast
import contextlib
import gc
import re
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from fork.edit import Outcome, Step
from fork.errors import StepError
from fork.names import check_names
from fork.steps import SERIES
from fork.steps._places import HOOKS
from fork.steps.compat import COMPAT
from fork.tree import OVERLAY, Tree, digest

ORDER: Tuple[Step, ...] = (*SERIES, *COMPAT)
"""Every step, in the order in which a build runs them: the series, then what old releases need on today's libraries."""

LOOPS = "s07_spread_maps"
"""The step that routes the loops over layers."""


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
        StepError: A step failed, edited another number of places or another file than it declares, put in a name
            that is bound nowhere, or the finished tree breaks a postcondition.
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
            check_names(step.name, tree, after)
            results.append(Result(step, outcome, after))
            tree = after
    if whole:
        check_layer_loops(tree)
        check_manifest(results)
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
    loop variable ``m`` must route ``y`` through the hook and must not append to ``y`` itself. So must any loop that
    asks ``m`` for its ``f``, however it reads what stands there, and then runs ``m``.

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


def layer_loops(tree: Tree) -> Tuple[str, ...]:
    """Return the functions whose loop over layers goes through ``addmodules.keep``, ``file: Class.method`` each."""
    found = []
    for path in sorted(tree):
        if path.endswith(".py") and not path.startswith(OVERLAY) and b".keep(" in tree[path]:
            found += [f"{path}: {name}" for name in _keepers(ast.parse(tree[path]))]
    return tuple(found)


def _keepers(node: ast.AST, prefix: str = "") -> List[str]:
    """Return the qualified names of the functions below ``node`` that call ``addmodules.keep``, nested ones apart."""
    names = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names += _keepers(child, f"{prefix}{child.name}.")
        else:
            called = isinstance(child, ast.Call) and ast.unparse(child.func) == f"{HOOKS}.keep"
            names += ([prefix[:-1]] if called else []) + _keepers(child, prefix)
    return names


def check_manifest(results: Sequence[Result]) -> None:
    """Check that the loops which now go through the hook are those that their step says it has edited, each once.

    Raises:
        StepError: Names both lists.
    """
    for result in results:
        if result.step.name == LOOPS and result.outcome.applied:
            edited = sorted({place for place in result.outcome.where if not place.endswith(": module")})
            kept = sorted(layer_loops(results[-1].tree))
            if edited != kept:
                raise StepError(LOOPS, ", ".join(result.step.files), "whole file", f"loops {edited}", f"loops {kept}")


def _bare_loops(module: ast.Module) -> List[Tuple[int, str]]:
    problems = []
    for loop in ast.walk(module):
        if not isinstance(loop, (ast.For, ast.AsyncFor)):
            continue
        layers = {node.id for node in ast.walk(loop.target) if isinstance(node, ast.Name)}
        kept: Dict[str, int] = {}
        filled: Dict[str, int] = {}
        outputs, asked, ran, routed = set(), set(), set(), set()
        for node in ast.walk(loop):
            if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Attribute) and node.slice.attr == "f":
                if isinstance(node.slice.value, ast.Name) and node.slice.value.id in layers:
                    outputs.add(ast.unparse(node.value))
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                if node.func.attr == "keep" and node.args:
                    kept[ast.unparse(node.args[0])] = node.lineno
                    routed |= {ast.unparse(arg) for arg in node.args[1:2]}
                elif node.func.attr in {"append", "extend", "insert"}:
                    filled[ast.unparse(node.func.value)] = node.lineno
            elif isinstance(node, ast.Attribute) and node.attr == "f":
                asked.add(ast.unparse(node.value))
            elif isinstance(node, ast.Call):
                ran.add(ast.unparse(node.func))
        for name in sorted(outputs):
            if name in filled:
                problems.append((filled[name], f"`{name}` is filled without it"))
            elif name not in kept:
                problems.append((loop.lineno, f"`{name}` never goes through it"))
        if not outputs:
            bare = sorted(layers & asked & ran - routed)
            problems += [(loop.lineno, f"what `{layer}` gives never goes through it") for layer in bare]
    return problems
