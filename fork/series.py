"""Runs the series over a tree in memory, step by step, and checks what must hold afterwards."""

from __future__ import annotations

import ast
import contextlib
import gc
import re
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from fork.edit import Outcome, Step
from fork.errors import StepError
from fork.names import check_names
from fork.steps import SERIES
from fork.steps._places import HOOKS
from fork.steps.compat import COMPAT
from fork.syntax import definitions, own_nodes, parse, within
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


def run(
    pristine: Tree,
    overlay: Tree,
    steps: Optional[Sequence[Step]] = None,
    *,
    on_failure: Optional[Callable[[Step, StepError], None]] = None,
) -> List[Result]:
    """Run ``steps`` (default: ``ORDER``) over a pristine tree; the input is left alone.

    Args:
        pristine: A release's files.
        overlay: Our own folder.
        steps: Other steps than the whole series, which the finished tree is then not held to.
        on_failure: Called with a step that fails and its error, instead of raising that: the next steps run on the tree
            before it, the result has none for it, and what must hold after the series is the caller's to check.

    Raises:
        StepError: A step failed, edited another number of places or another file than it declares, put in a name
            that is bound nowhere, or the finished tree breaks a postcondition.
    """
    foreign = sorted(path for path in pristine if path.startswith(OVERLAY) and path not in overlay)
    if foreign and overlay:
        raise StepError("before the series", foreign[0], "file", "a release without nn/Addmodules", "upstream has one")
    tree: Tree = {**pristine, **overlay}
    results: List[Result] = []
    with _no_collection():
        for step in ORDER if steps is None else steps:
            after = dict(tree)
            try:
                outcome = step.apply(after)
                check_declared(step, outcome, tree, after)
                check_names(step.name, tree, after)
            except StepError as e:
                if on_failure is None:
                    raise
                on_failure(step, e)
                continue
            results.append(Result(step, outcome, after))
            tree = after
        if steps is None and on_failure is None:
            check_finished(results)
    return results


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
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


def check_finished(results: Sequence[Result]) -> None:
    """Check every loop over layers of the finished tree, and that those which go through the hook are as counted.

    Raises:
        StepError: A loop keeps outputs by itself; or the loops through the hook are not those that the step which
            routes them says it has edited, each once.
    """
    kept = sorted(check_layer_loops(results[-1].tree))
    for result in results:
        if result.step.name == LOOPS and result.outcome.applied:
            edited = sorted({place for place in result.outcome.where if not place.endswith(": module")})
            if edited != kept:
                raise StepError(LOOPS, ", ".join(result.step.files), "whole file", f"loops {edited}", f"loops {kept}")


def check_layer_loops(tree: Tree) -> List[str]:
    """Check that no loop over layers in the whole package keeps an output without ``addmodules.keep``.

    This looks again, apart from the step's search: any loop that reads ``y[m.f]`` for its loop variable ``m`` must
    route ``y`` through the hook and must not append to ``y`` itself. So must any loop that asks ``m`` for its ``f``,
    however it reads what stands there, and then runs ``m``.

    Returns:
        The functions that call ``addmodules.keep``, ``file: Class.method`` each.

    Raises:
        StepError: Names the file and line.
    """
    kept: List[str] = []
    for path in sorted(tree):
        if path.endswith(".py") and not path.startswith(OVERLAY) and re.search(rb"\.f\b|\.keep\(", tree[path]):
            try:
                module = parse(tree[path])
            except (SyntaxError, ValueError) as e:
                raise StepError("after the series", path, "module", "valid Python", str(e)) from None
            for line, problem in _bare_loops(module):
                raise StepError("after the series", path, f"line {line}", "addmodules.keep in the layer loop", problem)
            calls = within(module, ast.Call, f"{HOOKS}.keep(...)")
            for name, node in definitions(module) if calls else ():
                if any(call in calls for call in own_nodes(node, ast.Call)):
                    kept.append(f"{path}: {name}")
    return kept


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
