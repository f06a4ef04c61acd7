"""Not in the articles: a checkpoint whose backbone is not here says so, and what to do."""

from __future__ import annotations

import ast

from fork.edit import ALREADY, Outcome, Place, Source, Step
from fork.steps._places import HOOKS, TASKS
from fork.syntax import Definition, matches, within
from fork.tree import Tree

NAME = "x23_explain_checkpoint"
DEFINITION = "torch_safe_load"
FILE = "file"
INNER, HOOK = "_load", f"{HOOKS}.explained_load"
OLD, NEW = f"{INNER}()", f"{HOOK}({FILE}, {INNER})"
READS = ("torch.load(...)", "torch_load(...)")


def apply(tree: Tree) -> Outcome:
    """Call ``addmodules.explained_load`` where upstream tries to open a checkpoint."""
    source = Source(tree, TASKS, NAME)
    place = source.find(DEFINITION)
    if not source.has(f"{DEFINITION}.{INNER}"):
        return _apply_in_place(place)
    lines = [line for attempt in place.nodes(ast.Try) for line in attempt.body if isinstance(line, ast.Assign)]
    if any(matches(line.value, NEW) for line in lines):
        return ALREADY
    line = place.one(f"the line `NAME = {OLD}` in a try", [line for line in lines if matches(line.value, OLD)])
    _check_path(place)
    place.replace(line.value, NEW)
    return place.save()


def _apply_in_place(place: Place[Definition]) -> Outcome:
    """Wrap the calls themselves in a release that has no function for them, in the attempt before it installs."""
    attempts = [
        node
        for node in place.nodes(ast.Try)
        if any(handler.type and matches(handler.type, "ModuleNotFoundError") for handler in node.handlers)
    ]
    attempt = place.one("the try that knows ModuleNotFoundError", attempts)
    wrapped = [call for line in attempt.body for call in within(line, ast.Call, f"{HOOK}(...)")]
    inside = [read for call in wrapped for read in within(call, ast.Call, *READS)]
    reads = [call for line in attempt.body for call in within(line, ast.Call, *READS) if call not in inside]
    if not (reads or wrapped):
        raise place.fail("torch.load(...) in the try that knows ModuleNotFoundError", "no such place")
    if place.applied(*(True for _ in wrapped), *(False for _ in reads)):
        return ALREADY
    _check_path(place)
    for call in reads:
        place.wrap(call, f"{HOOK}({FILE}, lambda: ", ")")
    return place.save()


def _check_path(place: Place[Definition]) -> None:
    if not any("download" in place.code(line.value) for line in place.lines(ast.Assign, f"{FILE} = ...")):
        raise place.fail(f"the path of the file under the name `{FILE}`", "no such assignment")


STEP = Step(
    name=NAME,
    section="-",
    title="Explain a checkpoint that needs a backbone",
    reason=(
        "A checkpoint is opened by importing the file of its backbone. Where that is missing, broken or another "
        "one, upstream advises to train anew, or ends in a bare error. The record in the checkpoint tells which fork "
        "made it; it is read without opening it."
    ),
    files=(TASKS,),
    places=(1, 2),
    apply=apply,
)
