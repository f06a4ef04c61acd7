"""Not in the articles: a YAML goes to the class that its head asks for, whatever the file is called."""

from __future__ import annotations

import ast

from fork.edit import ALREADY, Outcome, Sources, Step
from fork.steps._places import HOOKS, LATE_IMPORT, import_hooks
from fork.syntax import within
from fork.tree import Tree

NAME = "x35_route_heads"
MODEL, CLI = "ultralytics/engine/model.py", "ultralytics/cfg/__init__.py"
NEW, ENTRY = "Model._new", "entrypoint"
GUESS, TASK_OF = "guess_model_task", f"{HOOKS}.task_of"
STEM = f"{HOOKS}.stem(model)"


def apply(tree: Tree) -> Outcome:
    """Let ``addmodules`` check the task that ``Model._new`` guesses, and name the stem by which the CLI guesses."""
    sources = Sources(tree, NAME)
    model, cli = sources.find(MODEL, NEW), sources.find(CLI, ENTRY)
    if model.applied(bool(model.nodes(ast.Call, f"{TASK_OF}(...)")), bool(cli.nodes(ast.Call, STEM))):
        return ALREADY
    tasks = [line.value for line in model.lines(ast.Assign, "self.task = ...") if within(line, ast.Name, GUESS)]
    task = model.one(f"the line `self.task = task or {GUESS}(...)`", tasks)
    guess = model.one(f"one call of {GUESS} in that line", within(task, ast.Call, f"{GUESS}(...)"))
    model.wrap(task, f"{TASK_OF}(self, {model.code(guess.args[0])}, ", ")")
    import_hooks(model.source)
    stems = [line for line in cli.lines(ast.Assign, "stem = ...") if within(line, ast.Call, "Path(model)")]
    stem = cli.one("the line `stem = Path(model)...`", stems)
    with cli.as_one():
        cli.insert_above(stem, LATE_IMPORT)
        cli.replace(stem.value, STEM)
    return sources.save()


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
