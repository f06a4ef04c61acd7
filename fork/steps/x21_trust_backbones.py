"""Not in the articles: checkpoints with a backbone open in upstream's restricted mode, too."""

from __future__ import annotations

import libcst as cst

from fork.edit_cst import Outcome, Source, Step, code, definitions, expression, own_nodes, walk
from fork.steps._places_cst import HOOKS, TASKS, mentions
from fork.tree import Tree

NAME = "x21_trust_backbones"
CLASS = "_SafeLoad"
DEFINITION = f"{CLASS}.loading"
NEEDED, LIST = "needed", "cls._registry"
NEW = f"{HOOKS}.allow({NEEDED}, {LIST})"

LOAD, OPENED = "torch_safe_load", f"{CLASS}.loading("
FIXED = "torch.serialization.safe_globals"
ALLOWING = f"{HOOKS}.allowing"

SIGNS = (CLASS, "safe_globals", "add_safe_globals", "SAFE_LOAD")
"""What a restricted mode cannot do without, whatever its class is called."""

BLANK, STAND_IN = "SafeUnpickler.find_class", "SafeClass"


def apply(tree: Tree) -> Outcome:
    """Let ``addmodules.allow`` see the names in a checkpoint before upstream goes through them."""
    source = Source(tree, TASKS, NAME)
    if CLASS not in [name for name, _ in definitions(source.module)]:
        return _without_list(source, tree)
    calls = [code(node.func) for node in own_nodes(source.find(DEFINITION), cst.Call) if isinstance(node, cst.Call)]
    if FIXED in calls:
        return _open_file(source)
    loops = [loop for loop in own_nodes(source.find(DEFINITION), cst.For) if isinstance(loop, cst.For)]
    lists = [node for node in own_nodes(source.find(DEFINITION), cst.ListComp) if isinstance(node, cst.ListComp)]
    if NEW in [*(code(loop.iter) for loop in loops), *(code(node.for_in.iter) for node in lists)]:
        return Outcome(0, "already applied")
    found = [loop.iter for loop in loops if code(loop.iter) == NEEDED and f"{LIST}[" in code(loop.body)]
    if not found:  # all that there is to restore is in the list from the beginning
        found = [n.for_in.iter for n in lists if code(n.for_in.iter) == NEEDED and f"{LIST}[" in code(n.elt)]
    sought = f"the loop over `{NEEDED}` that fills `{LIST}`"
    source.replace(DEFINITION, source.one(DEFINITION, sought, found), expression(NEW))
    return source.save()


def _without_list(source: Source, tree: Tree) -> Outcome:
    """Say why a release without upstream's list of classes needs nothing, or that this cannot be told."""
    signs = mentions(tree, *SIGNS)
    if signs:
        raise source.fail(CLASS, "one definition of that name", f"0 of them, and a restricted mode in {signs[0]}")
    if BLANK not in [name for name, _ in definitions(source.module)]:
        if mentions(tree, "safe_only"):
            raise source.fail(BLANK, "one definition of that name", "0 of them, and an argument safe_only")
        return Outcome(0, "this release has no restricted mode")
    returned = {code(node) for node in own_nodes(source.find(BLANK), cst.Return)}
    if f"return {STAND_IN}" not in returned or len(returned) != 2:
        raise source.fail(BLANK, f"`return {STAND_IN}` for every class of a model", "; ".join(sorted(returned)))
    return Outcome(0, "the restricted mode of this release builds no model at all, upstream's neither")


def _open_file(source: Source) -> Outcome:
    """Let the names in the file be looked at where upstream's list is one for all files and knows none of them."""
    contexts = [node for node in walk(source.find(LOAD)) if isinstance(node, cst.With)]
    nodes = [node for node in contexts if any(code(item.item).startswith(OPENED) for item in node.items)]
    node = source.one(LOAD, f"`with {OPENED}...)`", nodes)
    if any(code(item.item).startswith(f"{ALLOWING}(") for item in node.items):
        return Outcome(0, "already applied")
    calls = [call for call in walk(node.body) if isinstance(call, cst.Call) and code(call.func) == "torch_load"]
    file = code(source.one(LOAD, "one call torch_load(FILE, ...) in it", calls).args[0].value)
    comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    last = node.items[-1].with_changes(comma=comma)
    items = [*node.items[:-1], last, cst.WithItem(expression(f"{ALLOWING}({file})"))]
    source.replace(LOAD, node, node.with_changes(items=items))
    return source.save()


STEP = Step(
    name=NAME,
    section="-",
    title="Open backbones in restricted mode",
    reason=(
        "With ULTRALYTICS_SAFE_LOAD=1 upstream restores only classes that it knows, and refuses every checkpoint with "
        "a backbone. Its list is given the backbones and the layers of the networks that they wrap, class by class; "
        "functions stay refused. Earlier releases have one list for all files, build no model at all in this mode, or "
        "lack it."
    ),
    files=(TASKS,),
    places=(1, 1),
    apply=apply,
)
