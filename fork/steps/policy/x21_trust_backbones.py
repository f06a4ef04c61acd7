"""Not in the articles: checkpoints with a backbone open in upstream's restricted mode, too."""

from __future__ import annotations

import ast

from fork.edit import ALREADY, Outcome, Place, Source, Step
from fork.steps._places import HOOKS, TASKS, mentions
from fork.syntax import Definition, code, matches, within
from fork.tree import Tree

NAME = "x21_trust_backbones"
CLASS = "_SafeLoad"
DEFINITION = f"{CLASS}.loading"
NEEDED, LIST = "needed", "cls._registry"
NEW = f"{HOOKS}.allow({NEEDED}, {LIST})"

LOAD, OPENED = "torch_safe_load", f"{CLASS}.loading(...)"
FIXED = "torch.serialization.safe_globals(...)"
ALLOWING = f"{HOOKS}.allowing"

SIGNS = (CLASS, "safe_globals", "add_safe_globals", "SAFE_LOAD")
"""What a restricted mode cannot do without, whatever its class is called."""

BLANK, STAND_IN = "SafeUnpickler.find_class", "SafeClass"


def apply(tree: Tree) -> Outcome:
    """Let ``addmodules.allow`` see the names in a checkpoint before upstream goes through them."""
    source = Source(tree, TASKS, NAME)
    if not source.has(CLASS):
        return _without_list(source, tree)
    place = source.find(DEFINITION)
    if place.nodes(ast.Call, FIXED):
        return _open_file(source.find(LOAD))
    if place.nodes(ast.Call, NEW):
        return ALREADY
    loops = [(loop.iter, [*loop.body]) for loop in place.nodes(ast.For)]
    found = [names for names, body in loops if matches(names, NEEDED) and any(map(_fills, body))]
    if not found:  # all that there is to restore is in the list from the beginning
        lists = [(node.generators[0].iter, node.elt) for node in place.nodes(ast.ListComp)]
        found = [names for names, entry in lists if matches(names, NEEDED) and _fills(entry)]
    place.replace(place.one(f"the loop over `{NEEDED}` that fills `{LIST}`", found), NEW)
    return place.save()


def _fills(node: ast.AST) -> bool:
    return bool(within(node, ast.Subscript, f"{LIST}[...]"))


def _without_list(source: Source, tree: Tree) -> Outcome:
    """Say why a release without upstream's list of classes needs nothing, or that this cannot be told."""
    signs = mentions(tree, *SIGNS)
    if signs:
        raise source.fail(CLASS, "one definition of that name", f"0 of them, and a restricted mode in {signs[0]}")
    if not source.has(BLANK):
        if mentions(tree, "safe_only"):
            raise source.fail(BLANK, "one definition of that name", "0 of them, and an argument safe_only")
        return Outcome(0, "this release has no restricted mode")
    place = source.find(BLANK)
    returned = {code(node) for node in place.nodes(ast.Return)}
    if f"return {STAND_IN}" not in returned or len(returned) != 2:
        raise place.fail(f"`return {STAND_IN}` for every class of a model", "; ".join(sorted(returned)))
    return Outcome(0, "the restricted mode of this release builds no model at all, upstream's neither")


def _open_file(place: Place[Definition]) -> Outcome:
    """Let the names in the file be looked at where upstream's list is one for all files and knows none of them."""
    contexts = [node for node in within(place.node, ast.With) if _opens(node, OPENED)]
    node = place.one(f"`with {OPENED}`", contexts)
    if _opens(node, f"{ALLOWING}(...)"):
        return ALREADY
    calls = [call for line in node.body for call in within(line, ast.Call, "torch_load(...)")]
    file = place.one("one call torch_load(FILE, ...) in it", calls).args[0]
    last = node.items[-1]
    place.append(last.optional_vars or last.context_expr, f", {ALLOWING}({place.code(file)})")
    return place.save()


def _opens(node: ast.With, context: str) -> bool:
    return any(matches(item.context_expr, context) for item in node.items)


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
