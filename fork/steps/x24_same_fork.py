"""Not in the articles: processes that a training starts run the fork that started them, or stop."""

from __future__ import annotations

import libcst as cst

from fork.edit import Outcome, Source, Step, code, definitions, expression, own_nodes, statement
from fork.steps._places import (
    HOOKS,
    HOOKS_IMPORT,
    comma_like,
    dicts_with,
    import_hooks,
    imports_hooks,
    keys_of,
    with_first_entry,
)
from fork.tree import Tree

NAME = "x24_same_fork"
DIST, GPUS = "ultralytics/utils/dist.py", "generate_ddp_file"
TRAINER, SERIES = "ultralytics/engine/trainer.py", "MultiTrainer.train"
COMMAND = "_YOLO_CLI_COMMAND"
KEY, TREE = HOOKS, f"{HOOKS}.this_tree()"
ENVIRONMENT = f"env={HOOKS}.child_environment()"


def apply(tree: Tree) -> Outcome:
    """Put the tree first in what the processes open, and start those of a tuning in an environment that finds it."""
    dist, trainer = Source(tree, DIST, NAME), Source(tree, TRAINER, NAME)
    done = [_edit_dist(dist)]
    if SERIES in [name for name, _ in definitions(trainer.module)]:  # earlier releases tune in another way
        done.append(_edit_trainer(trainer))
    if not dist.applied(GPUS, *done):
        dist.save()
        trainer.save()
    where = [f"{source.file}: {name}" for source in (dist, trainer) for name in source.edited]
    return Outcome(len(where), where=tuple(where)) if where else Outcome(0, "already applied")


def _edit_dist(source: Source) -> bool:
    definition = source.find(GPUS)
    found = dicts_with(definition, "trainer", "args")
    if source.applied(GPUS, any(KEY in keys_of(node) for node in found), HOOKS_IMPORT in code(definition.body)):
        return True
    node = source.one(GPUS, "the dict with the keys `trainer` and `args`", found)
    source.replace(GPUS, node, with_first_entry(node, KEY, TREE))
    imports = [
        line
        for line in own_nodes(source.find(GPUS), cst.SimpleStatementLine)
        if isinstance(line, cst.SimpleStatementLine) and code(line) == "import cloudpickle"
    ]
    line = source.one(GPUS, "the line `import cloudpickle`", imports)
    source.replace(GPUS, line, cst.FlattenSentinel([line, statement(HOOKS_IMPORT)]))
    return False


def _edit_trainer(source: Source) -> bool:
    definition = source.find(SERIES)
    found = dicts_with(definition, "model", "train_args")
    calls = [
        call
        for call in own_nodes(definition, cst.Call)
        if isinstance(call, cst.Call) and len(call.args) > 1 and isinstance(call.args[0].value, cst.List)
        if any(code(element) == f"*{COMMAND}," for element in call.args[0].value.elements)
    ]
    started = any(code(arg).startswith(ENVIRONMENT) for call in calls for arg in call.args)
    if source.applied(SERIES, any(KEY in keys_of(node) for node in found), started):
        return source.applied(SERIES, True, imports_hooks(source))
    call = source.one(SERIES, f"the call of a process with [*{COMMAND}, ...] and options", calls)
    option = cst.ensure_type(expression(f"f({ENVIRONMENT})"), cst.Call).args[0]
    first, *rest = call.args
    comma = comma_like(cst.ensure_type(first.comma, cst.Comma).whitespace_after)
    source.replace(SERIES, call, call.with_changes(args=[first, option.with_changes(comma=comma), *rest]))
    found = dicts_with(source.find(SERIES), "model", "train_args")
    node = source.one(SERIES, "the dict with the keys `model` and `train_args`", found)
    source.replace(SERIES, node, with_first_entry(node, KEY, TREE))
    if not imports_hooks(source):
        import_hooks(source)
    return False


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
    files=(DIST, TRAINER),
    places=(2, 5),
    apply=apply,
)
