"""Articles' section 4.7: every loop over a model's layers spreads a backbone's maps over the slots P1 to P5."""

from __future__ import annotations

import ast
import re
from typing import List, Tuple

from fork.edit import ALREADY, Outcome, Place, Source, Sources, Step
from fork.steps._places import HOOKS, HOOKS_IMPORT, TASKS, import_first, import_hooks, imports_hooks
from fork.syntax import matches, within
from fork.tree import OVERLAY, Tree

NAME = "s07_spread_maps"
MUST = (TASKS, "BaseModel._predict_once")
"""The loop that every release has (older ones call it _forward_once); its absence means the scan missed it."""

LATE = "ultralytics/utils/torch_utils.py"
"""A file that nn itself imports, where older releases keep IMX's loop: it imports the hooks inside the function."""


def apply(tree: Tree) -> Outcome:
    """Route what each layer loop keeps through ``addmodules.keep``, in every file of the package."""
    sources, done = Sources(tree, NAME), []
    for file in sorted(tree):
        if file.endswith(".py") and re.search(rb"\[\w+\.f\]", tree[file]) and not file.startswith(OVERLAY):
            done += _edit_file(sources[file])
    names = [place.replace("_forward_once", "_predict_once") for place in sources.edited + done]
    if f"{MUST[0]}: {MUST[1]}" not in names:
        raise sources[MUST[0]].fail(MUST[1], "a loop over the layers that keeps their outputs", "none")
    return sources.save() if sources.edited else ALREADY


def _edit_file(source: Source) -> List[str]:
    """Edit every layer loop of one file; return those that were edited before."""
    done: List[str] = []
    for place in source.places():
        loops = _loops(place) if isinstance(place.node, ast.FunctionDef) else []
        if not loops:
            continue
        loop, outputs, layer = place.one("one loop over the layers in a definition", loops)
        kept = bool(within(loop, ast.Call, f"{HOOKS}.keep({outputs}, {layer}, ...)"))
        if source.file == LATE:
            place.applied(kept, HOOKS_IMPORT in place.code())
        if kept:
            done.append(f"{source.file}: {place.name}")
            continue
        appends = place.at(loop).lines(ast.Expr, f"{outputs}.append(...)")
        line = place.one(f"one `{outputs}.append(...)` in the loop over the layers", appends)
        place.replace(line, *_keep(place, line, outputs, layer))
        if source.file == LATE:
            import_first(place)
    if source.file != LATE:
        if done:
            source.module.applied(True, imports_hooks(source))
        if source.edited:
            import_hooks(source)
    return done


def _loops(place: Place[ast.AST]) -> List[Tuple[ast.For, str, str]]:
    """Return the loops that read earlier outputs by a layer's ``f``: (loop, outputs list, layer)."""
    result: List[Tuple[ast.For, str, str]] = []
    for loop in place.nodes(ast.For):
        layers = [name.id for name in within(loop.target, ast.Name)]
        reads = [(node, layer) for node in within(loop, ast.Subscript) for layer in layers]
        found = {(place.code(node.value), layer) for node, layer in reads if matches(node.slice, f"{layer}.f")}
        result += [(loop, outputs, layer) for outputs, layer in sorted(found)]
    return result


def _keep(place: Place[ast.AST], line: ast.Expr, outputs: str, layer: str) -> Tuple[str, str]:
    """Return the call, and the comment behind it, that takes the place of a line.

    The line is ``outputs.append(x if layer.i in SAVE else None)`` or ``outputs.append(x)``.
    """
    for value in within(line, ast.Call)[0].args:
        if isinstance(value, ast.Name) and matches(line, f"{outputs}.append({value.id})"):
            return f"{value.id} = {HOOKS}.keep({outputs}, {layer}, {value.id})", ""
        if isinstance(value, ast.IfExp) and isinstance(value.body, ast.Name):
            x = value.body.id
            if matches(line, f"{outputs}.append({x} if {layer}.i in ... else None)"):
                save = place.code(within(value.test, ast.Compare)[0].comparators[0])
                return f"{x} = {HOOKS}.keep({outputs}, {layer}, {x}, {save})", "save output"
    sought = f"`{outputs}.append(x if {layer}.i in self.save else None)` or `{outputs}.append(x)`"
    raise place.fail(sought, place.code(line))


STEP = Step(
    name=NAME,
    section="4.7",
    title="Spread a backbone's maps over five slots in each layer loop",
    reason=(
        "The articles replace the base model's loop and RT-DETR's by older copies, which lose embed and profile and "
        "leave the World, YOLOE and IMX loops to fail. Here one statement of each loop is edited, wherever in the "
        "package a loop reads earlier outputs by a layer's `f`. Maps fill the slots from the right, so a backbone "
        "with three maps keeps P5 at index 4."
    ),
    files=(TASKS, "ultralytics/utils/export/imx.py", LATE),
    places=(1, 6),
    apply=apply,
    not_needed_when=(
        "upstream's loops over layers themselves keep several maps of a row. A loop that a release does not have "
        "is not asked for, but for the base model's."
    ),
    differs=(
        "One statement of a loop, not two whole loops. The articles' `insert(0, …)` is right for 4 and 5 maps only."
    ),
)
