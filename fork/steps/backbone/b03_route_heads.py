"""Not in the articles: a YAML goes to the class that its head asks for, whatever the file is called."""

from __future__ import annotations

import ast

from fork.edit import ALREADY, Outcome, Source, Step
from fork.steps._places import HOOKS, import_hooks
from fork.syntax import within
from fork.tree import Tree

NAME = "b03_route_heads"
MODEL = "ultralytics/engine/model.py"
NEW = "Model._new"
GUESS, TASK_OF, BUILT = "guess_model_task", f"{HOOKS}.task_of", f"{HOOKS}.make"


def apply(tree: Tree) -> Outcome:
    """Let ``addmodules`` see to the class and the task in ``Model._new``, and explain a model that cannot be built."""
    place = Source(tree, MODEL, NAME).find(NEW)
    if place.applied(*(bool(place.nodes(ast.Call, f"{call}(...)")) for call in (TASK_OF, BUILT))):
        return ALREADY
    tasks = [line.value for line in place.lines(ast.Assign, "self.task = ...") if within(line, ast.Name, GUESS)]
    task = place.one(f"the line `self.task = task or {GUESS}(...)`", tasks)
    guess = place.one(f"one call of {GUESS} in that line", within(task, ast.Call, f"{GUESS}(...)"))
    content = place.code(guess.args[0])
    builds = [
        call
        for line in place.lines(ast.Assign, "self.model = ...")
        for call in within(line, ast.Call, f"(...)({content}, ...)")
    ]
    build = place.one(f"the line `self.model = (...)({content}, ...)`", builds)
    place.wrap(task, f"{TASK_OF}(self, {content}, ", ")")
    place.redirect(build, BUILT, place.code(build.func))
    import_hooks(place.source)
    return place.source.save()


STEP = Step(
    name=NAME,
    section="-",
    title="Send a model YAML to the class of its head",
    reason=(
        "Upstream guesses the class from the file's name: an RT-DETR YAML whose name lacks `rtdetr` becomes a YOLO "
        "without a task. The head decides instead, in Python and on the command line. Where rows do not fit together "
        "and building fails, the check says which row is to blame, and not only torch what it has found."
    ),
    files=(MODEL,),
    places=(2, 3),
    apply=apply,
    not_needed_when="upstream reads the head to choose a class, and names the row that fails.",
)
"""Two lines of code, and the import where the file has none yet."""
