"""Not in the articles: processes that a training starts run the fork that started them, or stop."""

from __future__ import annotations

import ast
from typing import List

from fork.edit import ALREADY, Outcome, Place, Source, Sources, Step
from fork.steps._places import HOOKS, HOOKS_IMPORT, dicts_with, import_hooks, imports_hooks, mentions
from fork.syntax import Definition, keys_of, matches
from fork.tree import Tree

NAME = "x24_same_fork"
DIST, GPUS = "ultralytics/utils/dist.py", "generate_ddp_file"
TRAINER, SERIES = "ultralytics/engine/trainer.py", "MultiTrainer.train"
CLASS, STARTS = "MultiTrainer", "subprocess.run"
COMMAND = "_YOLO_CLI_COMMAND"
KEY, TREE = HOOKS, f"{HOOKS}.this_tree()"
TUNER, TUNES = "ultralytics/engine/tuner.py", "Tuner.__call__"
SCRIPT = f"{HOOKS}.open_this_tree()"
ENVIRONMENT = f"env={HOOKS}.child_environment()"
STARTED = f"(...)(..., {ENVIRONMENT})"


def apply(tree: Tree) -> Outcome:
    """Put the tree first in what the processes open, and start those of a tuning in an environment that finds it."""
    sources = Sources(tree, NAME)
    dist, trainer, tuner = (sources[file] for file in (DIST, TRAINER, TUNER))
    gpus = dist.find(GPUS)
    done = [_edit_state(gpus) if _keeps_state(gpus) else _edit_script(gpus)]
    if _starts_processes(trainer, tree):
        done.append(_edit_trainer(trainer.find(SERIES)))
    if STARTS.encode() in tree[TUNER]:
        done.append(_edit_tuner(tuner.find(TUNES)))
    elif len(done) == 1 or CLASS.encode() not in tree[TUNER]:
        raise tuner.fail(TUNES, f"{STARTS}(COMMAND, ...), or {CLASS}, which does that", "neither")
    return ALREADY if gpus.applied(*done) else sources.save()


def _starts_processes(source: Source, tree: Tree) -> bool:
    """Return whether upstream trains on several data sets in processes of their own; it began with others."""
    if source.has(SERIES):
        return STARTS in source.find(SERIES).code() or COMMAND.encode() in tree[TRAINER]
    others = mentions(tree, CLASS)
    if others:
        raise source.fail(SERIES, "one definition of that name", f"0 of them, and the word in {others[0]}")
    return False


def _keeps_state(place: Place[Definition]) -> bool:
    """Return whether the processes open a file of state; in earlier releases all that they get is in their script."""
    return "cloudpickle" in place.code() or not _scripts(place)


def _scripts(place: Place[Definition]) -> List[ast.JoinedStr]:
    return [text for text in place.nodes(ast.JoinedStr) if "__main__" in place.code(text)]


def _edit_state(place: Place[Definition]) -> bool:
    """Put the tree into the state; return whether that had been done before, as the edits below do."""
    found = dicts_with(place, "trainer", "args")
    if place.applied(_has_tree(found), HOOKS_IMPORT in place.code()):
        return True
    place.insert_entry(place.one("the dict with the keys `trainer` and `args`", found), KEY, TREE)
    line = place.one("the line `import cloudpickle`", place.lines(ast.Import, "import cloudpickle"))
    place.insert_after(line, HOOKS_IMPORT)
    return False


def _edit_script(place: Place[Definition]) -> bool:
    """Put lines before all others of the script: where the fork is, and that it has to be this one."""
    script = place.one("the script with `__main__` in it", _scripts(place))
    if place.applied(SCRIPT in place.code(script), HOOKS_IMPORT in place.code()):
        return True
    lines = [line for line in place.lines(ast.Assign) if line.value is script]
    place.insert_before(place.one("the line `NAME = SCRIPT`", lines), HOOKS_IMPORT)
    place.prepend(script, f"{{{SCRIPT}}}")
    return False


def _edit_trainer(place: Place[Definition]) -> bool:
    """Put the tree into what a training of a series is given, and start it in an environment that finds the fork."""
    found = dicts_with(place, "model", "train_args")
    calls = place.nodes(ast.Call, f"(...)([..., *{COMMAND}, ...], ...)")
    calls = [call for call in calls if len([*call.args, *call.keywords]) > 1]
    if place.applied(_has_tree(found), any(matches(call, STARTED) for call in calls)):
        return place.applied(True, imports_hooks(place.source))
    call = place.one(f"the call of a process with [*{COMMAND}, ...] and options", calls)
    place.insert_argument(call, ENVIRONMENT, after=0)
    place.insert_entry(place.one("the dict with the keys `model` and `train_args`", found), KEY, TREE)
    import_hooks(place.source)
    return False


def _edit_tuner(place: Place[Definition]) -> bool:
    """Start each training of a tuning in an environment that finds the fork, where the tuner itself starts them."""
    calls = [call for call in place.nodes(ast.Call, f"{STARTS}(...)") if call.args]
    call = place.one(f"the call {STARTS}(COMMAND, ...)", calls)
    if place.applied(matches(call, STARTED), imports_hooks(place.source)):
        return True
    place.insert_argument(call, ENVIRONMENT, after=0)
    import_hooks(place.source)
    return False


def _has_tree(found: List[ast.Dict]) -> bool:
    return any(KEY in keys_of(node) for node in found)


STEP = Step(
    name=NAME,
    section="-",
    title="Hold child processes to the fork that started them",
    reason=(
        "Each process of a training on several GPUs, and each training of a tuning, imports ultralytics anew. Where "
        "it finds another tree, such as a stock package in the working directory, it trains with other code without "
        "a word. What it is given begins with the folder and digest of the fork: a process that runs another one "
        "ends, and names both. Those of a tuning are started so that they find it."
    ),
    files=(DIST, TRAINER, TUNER),
    places=(4, 7),
    apply=apply,
)
