"""Not in the articles: processes that a training starts run the fork that started them, or stop."""

from __future__ import annotations

from typing import List

import libcst as cst

from fork.edit_cst import (
    Outcome,
    Source,
    Step,
    assigns,
    code,
    definitions,
    expression,
    own_nodes,
    statement,
    with_value,
)
from fork.steps._places_cst import (
    HOOKS,
    HOOKS_IMPORT,
    comma_like,
    dicts_with,
    import_hooks,
    imports_hooks,
    keys_of,
    mentions,
    value_of,
    with_first_entry,
)
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


def apply(tree: Tree) -> Outcome:
    """Put the tree first in what the processes open, and start those of a tuning in an environment that finds it."""
    dist, trainer = Source(tree, DIST, NAME), Source(tree, TRAINER, NAME)
    tuner = Source(tree, TUNER, NAME)
    sources = [dist, trainer, tuner]
    done = [_edit_state(dist) if _keeps_state(dist) else _edit_script(dist)]
    if _starts_processes(trainer, tree):
        done.append(_edit_trainer(trainer))
    if STARTS.encode() in tree[TUNER]:
        done.append(_edit_tuner(tuner))
    elif len(done) == 1 or CLASS.encode() not in tree[TUNER]:
        raise tuner.fail(TUNES, f"{STARTS}(COMMAND, ...), or {CLASS}, which does that", "neither")
    if not dist.applied(GPUS, *done):
        for source in sources:
            if source.edited:
                source.save()
    where = [f"{source.file}: {name}" for source in sources for name in source.edited]
    return Outcome(len(where), where=tuple(where)) if where else Outcome(0, "already applied")


def _starts_processes(source: Source, tree: Tree) -> bool:
    """Tell whether upstream trains on several data sets in processes of their own; it began with others."""
    if SERIES in [name for name, _ in definitions(source.module)]:
        return STARTS in code(source.find(SERIES).body) or COMMAND.encode() in tree[TRAINER]
    others = mentions(tree, CLASS)
    if others:
        raise source.fail(SERIES, "one definition of that name", f"0 of them, and the word in {others[0]}")
    return False


def _keeps_state(source: Source) -> bool:
    """Tell whether the processes open a file of state; in earlier releases all that they get is in their script."""
    return "cloudpickle" in code(source.find(GPUS).body) or not _scripts(source)


def _scripts(source: Source) -> List[cst.FormattedString]:
    nodes = own_nodes(source.find(GPUS), cst.FormattedString)
    return [node for node in nodes if isinstance(node, cst.FormattedString) and "__main__" in code(node)]


def _edit_script(source: Source) -> bool:
    """Put lines before all others of the script: where the fork is, and that it has to be this one."""
    script = source.one(GPUS, "the script with `__main__` in it", _scripts(source))
    imported = HOOKS_IMPORT in code(source.find(GPUS).body)
    if source.applied(GPUS, SCRIPT in code(script), imported):
        return True
    lines = [
        line
        for line in own_nodes(source.find(GPUS), cst.SimpleStatementLine)
        if isinstance(line, cst.SimpleStatementLine) and assigns(line) and value_of(line) is script
    ]
    line = source.one(GPUS, "the line `NAME = SCRIPT`", lines)
    first = cst.FormattedStringExpression(expression(SCRIPT))
    new = with_value(line, script.with_changes(parts=[first, *script.parts])).with_changes(leading_lines=[])
    hooks = statement(HOOKS_IMPORT).with_changes(leading_lines=line.leading_lines)
    source.replace(GPUS, line, cst.FlattenSentinel([hooks, new]))
    source.edited.append(GPUS)  # two places, one replacement
    return False


def _edit_tuner(source: Source) -> bool:
    """Start each training of a tuning in an environment that finds the fork, where the tuner itself starts them."""
    calls = [
        call
        for call in own_nodes(source.find(TUNES), cst.Call)
        if isinstance(call, cst.Call) and code(call.func) == STARTS and call.args
    ]
    call = source.one(TUNES, "the call subprocess.run(COMMAND, ...)", calls)
    if source.applied(TUNES, any(code(arg).startswith(ENVIRONMENT) for arg in call.args), imports_hooks(source)):
        return True
    option = cst.ensure_type(expression(f"f({ENVIRONMENT})"), cst.Call).args[0]
    first, *rest = call.args
    space = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    then = [option.with_changes(comma=space), *rest] if rest else [option]
    source.replace(TUNES, call, call.with_changes(args=[first.with_changes(comma=space), *then]))
    import_hooks(source)
    return False


def _edit_state(source: Source) -> bool:
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
    files=(DIST, TRAINER, TUNER),
    places=(4, 7),
    apply=apply,
)
