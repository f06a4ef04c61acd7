"""Not in the articles: the checkout's ``cfg/`` is searched for a YAML given by its bare name."""

from __future__ import annotations

import libcst as cst

from fork.edit_cst import Outcome, Source, Step, assigns, code, expression, own_nodes, with_value
from fork.steps._places_cst import value_of
from fork.tree import Tree

NAME = "x12_find_configs"
FILE = "ultralytics/utils/checks.py"
DEFINITION = "check_file"
SEARCH = 'glob.glob(str(ROOT.parent / "cfg" / "**" / file), recursive=True)'


def apply(tree: Tree) -> Outcome:
    """Append one more place to the search for a file."""
    source = Source(tree, FILE, NAME)
    found = [
        line
        for line in own_nodes(source.find(DEFINITION), cst.SimpleStatementLine)
        if isinstance(line, cst.SimpleStatementLine) and assigns(line, "files")
        if code(value_of(line)).startswith("glob.glob(")
    ]
    line = source.one(DEFINITION, "the line `files = glob.glob(...)`", found)
    if SEARCH in code(line):
        return Outcome(0, "already applied")
    either = cst.ensure_type(expression(f"a or {SEARCH}"), cst.BooleanOperation)
    source.replace(DEFINITION, line, with_value(line, either.with_changes(left=value_of(line))))
    return source.save()


STEP = Step(
    name=NAME,
    section="-",
    title="Find the checkout's cfg/ by bare name",
    reason=(
        "`yolo train model=rtdetr-mobilenetv3.yaml` finds a YAML inside the package only. Ours stand in the "
        "checkout's cfg/, where they can be edited; a wheel carries a copy inside the package, where upstream's "
        "search finds them."
    ),
    files=(FILE,),
    places=(1, 1),
    apply=apply,
)
