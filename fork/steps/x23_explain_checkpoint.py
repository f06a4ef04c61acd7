"""Not in the articles: a checkpoint whose backbone is not here says so, and what to do."""

from __future__ import annotations

import libcst as cst

from fork.edit import Outcome, Source, Step, assigns, code, expression, own_nodes, with_value
from fork.steps._places import HOOKS, TASKS, assignments, value_of
from fork.tree import Tree

NAME = "x23_explain_checkpoint"
DEFINITION = "torch_safe_load"
FILE = "file"
OLD, NEW = "_load()", f"{HOOKS}.explained_load({FILE}, _load)"


def apply(tree: Tree) -> Outcome:
    """Call ``addmodules.explained_load`` where upstream tries to open a checkpoint."""
    source = Source(tree, TASKS, NAME)
    definition = source.find(DEFINITION)
    attempts = [node for node in own_nodes(definition, cst.Try) if isinstance(node, cst.Try)]
    lines = [line for attempt in attempts for line in attempt.body.body if isinstance(line, cst.SimpleStatementLine)]
    if any(assigns(line, value=NEW) for line in lines):
        return Outcome(0, "already applied")
    line = source.one(DEFINITION, f"the line `NAME = {OLD}` in a try", [i for i in lines if assigns(i, value=OLD)])
    if not any("download" in code(value_of(item)) for item in assignments(definition, FILE)):
        raise source.fail(DEFINITION, f"the path of the file under the name `{FILE}`", "no such assignment")
    source.replace(DEFINITION, line, with_value(line, expression(NEW)))
    return source.save()


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
    places=(1, 1),
    apply=apply,
)
