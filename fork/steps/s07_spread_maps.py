"""Articles' section 4.7: every loop over a model's layers spreads a backbone's maps over the slots P1 to P5."""

from __future__ import annotations

import re
from typing import List, Tuple

import libcst as cst

from fork.edit import Outcome, Source, Step, code, definitions, own_nodes, statement, walk
from fork.steps._places import HOOKS, HOOKS_IMPORT, TASKS, import_first, import_hooks, imports_hooks, lines
from fork.tree import OVERLAY, Tree

NAME = "s07_spread_maps"
MUST = (TASKS, "BaseModel._predict_once")
"""The loop that every release has (older ones call it _forward_once); its absence means the scan missed it."""

LATE = "ultralytics/utils/torch_utils.py"
"""A file that nn itself imports, where older releases keep IMX's loop: it imports the hooks inside the function."""


def apply(tree: Tree) -> Outcome:
    """Route what each layer loop keeps through ``addmodules.keep``, in every file of the package."""
    done: List[str] = []
    sources: List[Source] = []
    for file in sorted(tree):
        if file.endswith(".py") and re.search(rb"\[\w+\.f\]", tree[file]) and not file.startswith(OVERLAY):
            sources.append(Source(tree, file, NAME))
            done += _edit_file(sources[-1])
    edited = [f"{source.file}: {place}" for source in sources for place in source.edited]
    names = [place.replace("_forward_once", "_predict_once") for place in edited + done]
    if f"{MUST[0]}: {MUST[1]}" not in names:
        raise Source(tree, MUST[0], NAME).fail(MUST[1], "a loop over the layers that keeps their outputs", "none")
    for source in sources:  # none before all of them fit
        if source.edited:
            source.save()
    return Outcome(len(edited), where=tuple(edited)) if edited else Outcome(0, "already applied")


def _edit_file(source: Source) -> List[str]:
    """Edit every layer loop of one file; return those that were edited before."""
    done: List[str] = []
    todo = [name for name, _ in _loops(source)]
    for name in todo:
        found = [item for item in _loops(source) if item[0] == name]
        loop, outputs, layer = source.one(name, "one loop over the layers in a definition", found)[1]
        late = source.file == LATE
        kept = any(f"{HOOKS}.keep({outputs}, {layer}, " in code(line) for line in lines(loop))
        if late:
            source.applied(name, kept, HOOKS_IMPORT in code(source.find(name).body))
        if kept:
            done.append(f"{source.file}: {name}")
            continue
        appends = [line for line in lines(loop) if code(line).startswith(f"{outputs}.append(")]
        line = source.one(name, f"one `{outputs}.append(...)` in the loop over the layers", appends)
        new = _keep(source, name, line, outputs, layer)
        rest = line.body[1:]
        if rest:
            new = line.with_changes(body=[new.body[0].with_changes(semicolon=line.body[0].semicolon), *rest])
        source.replace(name, line, new.with_changes(leading_lines=line.leading_lines))
        if late:
            import_first(source, name)
    if source.file == LATE:
        return done
    if done:
        source.applied("module", True, imports_hooks(source))
    if source.edited and not imports_hooks(source):
        import_hooks(source)
    return done


def _loops(source: Source) -> List[Tuple[str, Tuple[cst.For, str, str]]]:
    """Return the loops that read earlier outputs by a layer's ``f``: (definition, (loop, outputs list, layer))."""
    result: List[Tuple[str, Tuple[cst.For, str, str]]] = []
    for name, definition in definitions(source.module):
        if isinstance(definition, cst.FunctionDef):
            for loop in own_nodes(definition, cst.For):
                assert isinstance(loop, cst.For)
                layers = [node.value for node in walk(loop.target) if isinstance(node, cst.Name)]
                found = {
                    (code(node.value), layer)
                    for node in walk(loop)
                    for layer in layers
                    if isinstance(node, cst.Subscript) and code(node).endswith(f"[{layer}.f]")
                }
                result += [(name, (loop, outputs, layer)) for outputs, layer in sorted(found)]
    return result


def _keep(
    source: Source, name: str, line: cst.SimpleStatementLine, outputs: str, layer: str
) -> cst.SimpleStatementLine:
    """Return the call that takes the place of ``outputs.append(x if layer.i in SAVE else None)`` or ``append(x)``."""
    first = line.body[0]
    call = first.value if isinstance(first, cst.Expr) else None
    plain = isinstance(call, cst.Call) and len(call.args) == 1 and not call.args[0].star and not call.args[0].keyword
    value = call.args[0].value if isinstance(call, cst.Call) and plain else None
    if isinstance(value, cst.Name):
        return statement(f"{value.value} = {HOOKS}.keep({outputs}, {layer}, {value.value})")
    if isinstance(value, cst.IfExp) and isinstance(value.body, cst.Name) and code(value.orelse) == "None":
        test = code(value.test)
        if test.startswith(f"{layer}.i in "):
            x, save = value.body.value, test[len(f"{layer}.i in ") :]
            return statement(f"{x} = {HOOKS}.keep({outputs}, {layer}, {x}, {save})", "save output")
    sought = f"`{outputs}.append(x if {layer}.i in self.save else None)` or `{outputs}.append(x)`"
    raise source.fail(name, sought, code(line))


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
)
