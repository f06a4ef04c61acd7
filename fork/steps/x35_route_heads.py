"""Not in the articles: a YAML goes to the class that its head asks for, whatever the file is called."""

from __future__ import annotations

from typing import List

import libcst as cst

from fork.edit_cst import Outcome, Source, Step, assigns, code, expression, own_nodes, statement, with_value
from fork.steps._places_cst import HOOKS, HOOKS_IMPORT, import_hooks, imports_hooks
from fork.tree import Tree

NAME = "x35_route_heads"
MODEL, CLI = "ultralytics/engine/model.py", "ultralytics/cfg/__init__.py"
NEW, ENTRY = "Model._new", "entrypoint"
GUESS, TASK_OF = "guess_model_task", f"{HOOKS}.task_of"
STEM = f"{HOOKS}.stem(model)"


def apply(tree: Tree) -> Outcome:
    """Let ``addmodules`` check the task that ``Model._new`` guesses, and name the stem by which the CLI guesses."""
    model, cli = Source(tree, MODEL, NAME), Source(tree, CLI, NAME)
    done = any(code(_value(line)).startswith(TASK_OF) for line in _lines(model, NEW, "self.task"))
    done_too = any(assigns(line, "stem", STEM) for line in own_nodes(cli.find(ENTRY), cst.SimpleStatementLine))
    if model.applied(NEW, done, done_too):
        return Outcome(0, "already applied")
    lines = [line for line in _lines(model, NEW, "self.task") if GUESS in code(line)]
    line = model.one(NEW, f"the line `self.task = task or {GUESS}(...)`", lines)
    guess = _value(line)
    calls = [node for node in _calls(guess) if code(node.func) == GUESS]
    call = model.one(NEW, f"one call of {GUESS} in that line", calls)
    model.replace(NEW, line, with_value(line, expression(f"{TASK_OF}(self, {code(call.args[0])}, {code(guess)})")))
    if not imports_hooks(model):
        import_hooks(model)
    stems = [line for line in _lines(cli, ENTRY, "stem") if "Path(model)" in code(line)]
    stem = cli.one(ENTRY, "the line `stem = Path(model)...`", stems)
    new = cst.FlattenSentinel(
        [statement(HOOKS_IMPORT, "here, since nn imports this module"), with_value(stem, expression(STEM))]
    )
    cli.replace(ENTRY, stem, new)
    outcomes = [source.save() for source in (model, cli)]
    where = [f"{source.file}: {name}" for source in (model, cli) for name in source.edited]
    return Outcome(sum(outcome.applied for outcome in outcomes), where=tuple(where))


def _lines(source: Source, definition: str, target: str) -> List[cst.SimpleStatementLine]:
    lines = own_nodes(source.find(definition), cst.SimpleStatementLine)
    return [line for line in lines if isinstance(line, cst.SimpleStatementLine) and assigns(line, target)]


def _value(line: cst.SimpleStatementLine) -> cst.BaseExpression:
    return cst.ensure_type(line.body[0], cst.Assign).value


def _calls(node: cst.CSTNode) -> List[cst.Call]:
    from fork.edit_cst import walk

    return [child for child in walk(node) if isinstance(child, cst.Call)]


STEP = Step(
    name=NAME,
    section="-",
    title="Send a model YAML to the class of its head",
    reason=(
        "Upstream guesses the class from the file's name: an RT-DETR YAML whose name lacks `rtdetr` becomes a YOLO "
        "without a task, a detector called `my_sam3_test.yaml` a SAM. The command line reads the head instead, and in "
        "Python the wrong class is an error that names the right one."
    ),
    files=(MODEL, CLI),
    places=(2, 3),
    apply=apply,
)
"""Two lines of code, and the import where the file has none yet."""
