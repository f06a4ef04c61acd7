"""For old releases: checkpoints that hold a model, for torch 2.6 and later, which open tensors only unless told."""

from __future__ import annotations

import ast
from typing import List, Tuple

from fork.edit import ALREADY, Outcome, Place, Source, Sources, Step
from fork.syntax import Definition, has_strings, within
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
    sources = Sources(tree, NAME)
    if _wrapped(sources[PATCHES]):
        for file, definition, _ in ALWAYS:
            place = sources.find(file, definition)
            if not _calls(place, WRAPPER) and not (_replaced(sources[UTILS]) and _calls(place)):
                raise place.fail(f"a call of `{WRAPPER}`", "none")
        return Outcome(0, f"upstream's own {WRAPPER} says it")
    places = [(sources.find(file, definition), count) for file, definition, count in PLACES]
    calls = [(place, call) for place, _ in places for call in _calls(place)]
    for place, count in places:
        found = len(_calls(place))
        if found != count:
            raise place.fail(f"`torch.load(...)` {'twice' if count == 2 else 'once'}", f"{found} such places")
    if calls[0][0].applied(*(_says(call) for _, call in calls)):
        return ALREADY
    for place, call in calls:
        place.insert_argument(call, f"{OPTION}=False")
    return sources.save()


def _wrapped(source: Source) -> bool:
    """Return whether upstream has a function ``torch_load`` that gives the option."""
    if not source.has(WRAPPER):
        return False
    place = source.find(WRAPPER)
    if not has_strings(place.node, OPTION):
        raise place.fail(f"the option `{OPTION}`", "it is not named")
    return True


def _replaced(source: Source) -> bool:
    """Return whether upstream puts its function in the place of torch's."""
    return bool(source.module.nodes(ast.Assign, f"torch.load = {WRAPPER}"))


def _calls(place: Place[Definition], name: str = "torch.load") -> List[ast.Call]:
    """Return the calls in a definition, those in functions within it included."""
    return [call for call in within(place.node, ast.Call, f"{name}(...)") if call.args or call.keywords]


def _says(call: ast.Call) -> bool:
    return any(keyword.arg == OPTION for keyword in call.keywords)


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
    not_needed_when="upstream gives weights_only=False itself, as it does from 8.2.64 on.",
)
