"""Articles' section 4.4: parse_model keeps a flag and the row's name."""

from __future__ import annotations

import ast

from fork.edit import ALREADY, Outcome, Source, Step
from fork.steps._places import PARSE, TASKS, row_loop
from fork.syntax import matches
from fork.tree import Tree

NAME = "s04_name_row"
FLAG, ROW = "backbone = False", "t = m"


def apply(tree: Tree, file: str = TASKS, step: str = NAME) -> Outcome:
    """Add ``backbone = False`` before the row loop and ``t = m`` as its first line."""
    source = Source(tree, file, step)
    function, rows = source.find(PARSE), row_loop(source)
    first = rows.node.body[0]
    if function.applied(bool(function.lines(ast.Assign, FLAG)), matches(first, ROW)):
        return ALREADY
    rows.insert_before(rows.node, f"{FLAG}  # True once row 0 is a multi-map backbone, which takes indices 0 to 4")
    rows.insert_above(first, f"{ROW}  # the row's module by name: a built backbone has no class to print")
    return source.save()


STEP = Step(
    name=NAME,
    section="4.4",
    title="Keep a backbone flag and the row's name in parse_model",
    reason="The two variables that the next two steps use. Every release since 8.0.100 has the loop in this form.",
    files=(TASKS,),
    places=(2, 2),
    apply=apply,
    not_needed_when="parse_model itself takes a row that gives several maps; then s05 and s06 are not needed either.",
    differs="None.",
)
