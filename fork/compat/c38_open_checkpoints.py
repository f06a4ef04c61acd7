"""For old releases: checkpoints that hold a model, for torch 2.6 and later, which open tensors only unless told."""

from __future__ import annotations

from typing import List, Tuple

import libcst as cst

from fork.edit_cst import Outcome, Source, Step, code, walk
from fork.tree import Tree

NAME = "c38_open_checkpoints"
PATCHES = "ultralytics/utils/patches.py"
WRAPPER = "torch_load"
UTILS = "ultralytics/utils/__init__.py"
OPTION = "weights_only"

PLACES: Tuple[Tuple[str, str, int], ...] = (
    ("ultralytics/nn/tasks.py", "torch_safe_load", 2),
    ("ultralytics/utils/torch_utils.py", "strip_optimizer", 1),
    ("ultralytics/engine/tuner.py", "Tuner.__call__", 1),
    ("ultralytics/models/nas/model.py", "NAS._load", 1),
)
"""File, definition, and how often it opens a checkpoint; ``models/sam`` opens files of tensors only."""

ALWAYS = PLACES[:2]
"""Those that every release has."""


def apply(tree: Tree) -> Outcome:
    """Say ``weights_only=False`` wherever a checkpoint with a model is opened."""
    if _wrapped(tree):
        for file, definition, _ in ALWAYS:
            source = Source(tree, file, NAME)
            if not _calls(source, definition, WRAPPER) and not (_replaced(tree) and _calls(source, definition)):
                raise source.fail(definition, f"a call of `{WRAPPER}`", "none")
        return Outcome(0, f"upstream's own {WRAPPER} says it")
    sources = [Source(tree, file, NAME) for file, _, _ in PLACES]
    counts = []
    for source, (_, definition, count) in zip(sources, PLACES):
        calls = _calls(source, definition)
        if len(calls) != count:
            sought = f"`torch.load(...)` {'twice' if count == 2 else 'once'}"
            raise source.fail(definition, sought, f"{len(calls)} such places")
        counts += [_says(call) for call in calls]
    if sources[0].applied(PLACES[0][1], *counts):
        return Outcome(0, "already applied")
    for source, (_, definition, count) in zip(sources, PLACES):
        for at in range(count):
            call = _calls(source, definition)[at]
            last, blank = call.args[-1], cst.SimpleWhitespace("")
            option = last.with_changes(
                keyword=cst.Name(OPTION), equal=cst.AssignEqual(blank, blank), value=cst.Name("False")
            )
            last = last.with_changes(
                comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" ")), whitespace_after_arg=blank
            )
            source.replace(definition, call, call.with_changes(args=[*call.args[:-1], last, option]))
    outcomes = [source.save() for source in sources]
    return Outcome(sum(o.applied for o in outcomes), where=tuple(w for o in outcomes for w in o.where))


def _wrapped(tree: Tree) -> bool:
    """Tell whether upstream has a function ``torch_load`` that gives the option."""
    source = Source(tree, PATCHES, NAME)
    found = [node for node in source.module.body if isinstance(node, cst.FunctionDef) and node.name.value == WRAPPER]
    if not found:
        return False
    texts = [node.value.strip("\"'") for node in walk(found[0].body) if isinstance(node, cst.SimpleString)]
    if OPTION not in texts:
        raise source.fail(WRAPPER, f"the option `{OPTION}`", "it is not named")
    return True


def _replaced(tree: Tree) -> bool:
    """Tell whether upstream puts its function in the place of torch's."""
    return any(code(node) == f"torch.load = {WRAPPER}" for node in Source(tree, UTILS, NAME).module.body)


def _calls(source: Source, definition: str, name: str = "torch.load") -> List[cst.Call]:
    """Return the calls in a definition, those in functions within it included."""
    nodes = walk(source.find(definition))
    return [node for node in nodes if isinstance(node, cst.Call) and code(node.func) == name and node.args]


def _says(call: cst.Call) -> bool:
    return any(argument.keyword is not None and argument.keyword.value == OPTION for argument in call.args)


STEP = Step(
    name=NAME,
    section="-",
    title="Open checkpoints with today's torch",
    reason=(
        "torch 2.6 opens files of tensors only, unless weights_only=False is given, and a checkpoint holds the model "
        "itself: training ends in an UnpicklingError when it strips the optimizer, and no .pt can be loaded. Upstream "
        "gives the option since 8.2.64. As there, a checkpoint is to be opened only where its origin is trusted."
    ),
    files=tuple(file for file, _, _ in PLACES),
    places=(5, 5),
    apply=apply,
)
