"""Not in the articles: checkpoints with a backbone open in upstream's restricted mode, too."""

from __future__ import annotations

import libcst as cst

from fork.edit import Outcome, Source, Step, code, definitions, expression, own_nodes
from fork.steps._places import HOOKS, TASKS
from fork.tree import Tree

NAME = "x21_trust_backbones"
CLASS = "_SafeLoad"
DEFINITION = f"{CLASS}.loading"
NEEDED, LIST = "needed", "cls._registry"
NEW = f"{HOOKS}.allow({NEEDED}, {LIST})"


def apply(tree: Tree) -> Outcome:
    """Let ``addmodules.allow`` see the names in a checkpoint before upstream goes through them."""
    source = Source(tree, TASKS, NAME)
    if CLASS not in [name for name, _ in definitions(source.module)]:
        return Outcome(0, "this release has no restricted mode")
    loops = [loop for loop in own_nodes(source.find(DEFINITION), cst.For) if isinstance(loop, cst.For)]
    if any(code(loop.iter) == NEW for loop in loops):
        return Outcome(0, "already applied")
    found = [loop.iter for loop in loops if code(loop.iter) == NEEDED and f"{LIST}[" in code(loop.body)]
    sought = f"the loop over `{NEEDED}` that fills `{LIST}`"
    source.replace(DEFINITION, source.one(DEFINITION, sought, found), expression(NEW))
    return source.save()


STEP = Step(
    name=NAME,
    section="-",
    title="Open backbones in restricted mode",
    reason=(
        "With ULTRALYTICS_SAFE_LOAD=1 upstream restores only classes that it knows, and refuses every checkpoint with "
        "a backbone. Its list is given the backbones and the layers of the networks that they wrap, class by class; "
        "functions stay refused. Releases before this mode have no list."
    ),
    files=(TASKS,),
    places=(1, 1),
    apply=apply,
)
