"""Not in the articles: the checkout's ``cfg/`` is searched for a YAML given by its bare name."""

from __future__ import annotations

import ast

from fork.edit import ALREADY, Outcome, Source, Step
from fork.tree import Tree

NAME = "x12_find_configs"
FILE = "ultralytics/utils/checks.py"
DEFINITION = "check_file"
SEARCH = 'glob.glob(str(ROOT.parent / "cfg" / "**" / file), recursive=True)'


def apply(tree: Tree) -> Outcome:
    """Append one more place to the search for a file."""
    place = Source(tree, FILE, NAME).find(DEFINITION)
    found = place.lines(ast.Assign, "files = glob.glob(...)", "files = glob.glob(...) or ...")
    line = place.one("the line `files = glob.glob(...)`", found)
    if SEARCH in place.code(line):
        return ALREADY
    place.append(line.value, f" or {SEARCH}")
    return place.save()


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
