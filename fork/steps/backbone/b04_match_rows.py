"""Not in the articles: weights of another model go to the rows that they belong to."""

from __future__ import annotations

import ast

from fork.edit import ALREADY, Outcome, Source, Step
from fork.steps._places import HOOKS, TASKS
from fork.syntax import parameters, within
from fork.tree import Tree

NAME = "b04_match_rows"
DEFINITION = "BaseModel.load"
FIT = "intersect_dicts(csd, ...)"
MATCH = f"{HOOKS}.match_rows"
REPORT = f"{HOOKS}.report_rows"


def apply(tree: Tree) -> Outcome:
    """Rename the tensors before upstream compares names, and say what fitted after it has."""
    place = Source(tree, TASKS, NAME).find(DEFINITION)
    if place.applied(*(bool(place.nodes(ast.Call, f"{call}(...)")) for call in (MATCH, REPORT))):
        return ALREADY
    if not {"self", "verbose"} <= set(parameters(place.node)):
        raise place.fail("the parameters self and verbose", "others")
    fits = [line for line in place.lines(ast.Assign, "... = ...") if within(line, ast.Call, FIT)]
    reads = [line for line in place.lines(ast.Assign, "csd = ...") if within(line, ast.Call, "(...).state_dict(...)")]
    reads = [line for line in reads if line not in fits]  # older releases give what fits the same name
    read = place.one("the line `csd = model...state_dict()`", reads)
    fit = place.one("the line `... = intersect_dicts(csd, ...)`", fits)
    place.wrap(read.value, f"{MATCH}(self, model, ", ")")
    place.wrap(fit.value, f"{REPORT}(self, csd, ", ", verbose)")
    return place.source.save()


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
    not_needed_when="upstream's load() goes by rows and not by positions.",
)
