"""Not in the articles: a checkpoint is written whole or not at all."""

from __future__ import annotations

import ast
from typing import List

from fork.edit import ALREADY, Outcome, Place, Source, Sources, Step
from fork.steps._places import HOOKS, HOOKS_IMPORT, LATE_IMPORT, import_hooks, imports_hooks
from fork.syntax import Definition, matches
from fork.tree import Tree

NAME = "x13_save_whole"
TRAINER = "ultralytics/engine/trainer.py"
SAVE, FINAL = "BaseTrainer.save_model", "BaseTrainer.final_eval"
UTILS = "ultralytics/utils/torch_utils.py"
STRIP = "strip_optimizer"
SAVED, WRITTEN = f"{HOOKS}.save_whole", f"{HOOKS}.write_whole"


def apply(tree: Tree) -> Outcome:
    """Route the writes of save_model and strip_optimizer through ``addmodules.write_whole`` and ``save_whole``."""
    sources = Sources(tree, NAME)
    done = [_edit_save(sources[TRAINER]), _edit_strip(sources.find(UTILS, STRIP))]
    return ALREADY if sources.find(TRAINER, SAVE).applied(*done) else sources.save()


def _edit_save(source: Source) -> bool:
    """Edit every write of save_model, and a second one of final_eval; return whether that had been done before."""
    place = source.find(SAVE)
    places = [place, *([source.find(FINAL)] if source.has(FINAL) else [])]
    todo = [(place, call) for place in places for call in _writes(place)]
    done = place.nodes(ast.Call, f"{SAVED}(...)", f"{WRITTEN}(...)")
    if done and place.applied(not todo, imports_hooks(source)):
        return True
    if not _writes(place):
        raise place.fail("PATH.write_bytes(DATA) or torch.save(CONTENT, PATH)", "no such place")
    for place, call in todo:
        if matches(call, "torch.save(...)"):
            place.replace(call, _saved(place, call))
        elif isinstance(call.func, ast.Attribute):
            data = place.code(call).partition(".write_bytes(")[2].lstrip()
            place.replace(call, f"{WRITTEN}({place.code(call.func.value)}, {data}")
    import_hooks(source)
    return False


def _writes(place: Place[Definition]) -> List[ast.Call]:
    """Return the calls that write a file: ``PATH.write_bytes(DATA)``, and ``torch.save`` but into a buffer.

    Older releases pickle for each file; newer ones pickle once, into a buffer. Some write best.pt once more at the end
    of a run.
    """
    buffers = [place.code(line.targets[0]) for line in place.nodes(ast.Assign, "... = io.BytesIO()")]
    saves = place.nodes(ast.Call, "torch.save(...)")
    found = [call for call in saves if not any(place.code(value) in buffers for value in call.args[1:])]
    return found + place.nodes(ast.Call, "(...).write_bytes(...)")


def _saved(place: Place[Definition], call: ast.Call) -> str:
    """Return ``addmodules.save_whole(CONTENT, PATH, ...)`` for a ``torch.save(CONTENT, PATH, ...)``."""
    if len(call.args) < 2 or any(isinstance(value, ast.Starred) for value in call.args[:2]):
        raise place.fail("torch.save(CONTENT, PATH)", f"`{place.code(call)[:67]}`")
    return place.code(call).replace(place.code(call.func), SAVED, 1)


def _edit_strip(place: Place[Definition]) -> bool:
    """Edit the one ``torch.save(CONTENT, PATH)``; return whether that had been done before."""
    if place.applied(bool(place.nodes(ast.Call, f"{SAVED}(...)")), HOOKS_IMPORT in place.code()):
        return True
    call = place.one("torch.save(CONTENT, PATH)", place.nodes(ast.Call, "torch.save(...)"))
    lines = [line for line in place.lines(ast.Expr) if line.value is call]
    line = place.one("torch.save(CONTENT, PATH) on a line of its own", lines)
    place.replace(line, f"{LATE_IMPORT}\n{_saved(place, call)}")
    return False


STEP = Step(
    name=NAME,
    section="-",
    title="Write each checkpoint whole or not at all",
    reason=(
        "Upstream overwrites last.pt in place at the end of every epoch, and last.pt and best.pt at the end of a run. "
        "A run killed while it does so leaves a truncated file, and with it nothing to resume from. The bytes go to a "
        "neighbour first, which then takes the name."
    ),
    files=(TRAINER, UTILS),
    places=(3, 6),
    apply=apply,
)
