"""Not in the articles: weights of another model go to the rows that they belong to."""

from __future__ import annotations

from typing import List, Optional

import libcst as cst

from fork.edit_cst import Outcome, Source, Step, assigns, code, expression, own_nodes, with_value
from fork.steps._places_cst import HOOKS, TASKS, value_of
from fork.tree import Tree

NAME = "x28_match_rows"
DEFINITION = "BaseModel.load"
FIT = "intersect_dicts"
MATCH = f"{HOOKS}.match_rows"
REPORT = f"{HOOKS}.report_rows"


def apply(tree: Tree) -> Outcome:
    """Rename the tensors before upstream compares names, and say what fitted after it has."""
    source = Source(tree, TASKS, NAME)
    text = code(source.find(DEFINITION).body)
    if source.applied(DEFINITION, f"{MATCH}(" in text, f"{REPORT}(" in text):
        return Outcome(0, "already applied")
    parameters = cst.ensure_type(source.find(DEFINITION), cst.FunctionDef).params.params
    if not {"self", "verbose"} <= {parameter.name.value for parameter in parameters}:
        raise source.fail(DEFINITION, "the parameters self and verbose", "others")
    line = source.one(DEFINITION, "the line `csd = model...state_dict()`", _lines(source, "csd", ".state_dict(", FIT))
    source.replace(DEFINITION, line, with_value(line, expression(f"{MATCH}(self, model, {code(value_of(line))})")))
    lines = _lines(source, None, f"{FIT}(csd")
    line = source.one(DEFINITION, "the line `... = intersect_dicts(csd, ...)`", lines)
    new = expression(f"{REPORT}(self, csd, {code(value_of(line))}, verbose)")
    source.replace(DEFINITION, line, with_value(line, new))
    return source.save()


def _lines(source: Source, target: Optional[str], part: str, but: str = "\n") -> List[cst.SimpleStatementLine]:
    """Return the assignments of ``load`` to ``target`` (None: any) whose value has ``part`` in it, and not ``but``."""
    return [
        line
        for line in own_nodes(source.find(DEFINITION), cst.SimpleStatementLine)
        if isinstance(line, cst.SimpleStatementLine) and assigns(line, target) and part in code(value_of(line))
        if but not in code(value_of(line))
    ]


STEP = Step(
    name=NAME,
    section="-",
    title="Load weights into the rows they belong to",
    reason=(
        "Upstream copies tensors by position in the model. Where one of two models has its backbone in one row, the "
        "rows of the same head stand at other positions: their weights are lost, or land in another row whose shapes "
        "happen to fit. The rows of the two models are aligned, and a report names each row that got something."
    ),
    files=(TASKS,),
    places=(2, 2),
    apply=apply,
)
