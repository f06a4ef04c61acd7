"""Articles' section 4.4: parse_model keeps a flag and the row's name."""

from __future__ import annotations

import libcst as cst

from fork.edit import Outcome, Source, Step, assigns, own_nodes, statement
from fork.steps._places import PARSE, TASKS, row_loop
from fork.tree import Tree

NAME = "s04_name_row"


def apply(tree: Tree, file: str = TASKS, step: str = NAME) -> Outcome:
    """Add ``backbone = False`` before the row loop and ``t = m`` as its first line."""
    source = Source(tree, file, step)
    function, loop = row_loop(source)
    body = cst.ensure_type(loop.body, cst.IndentedBlock)
    flags = [line for line in own_nodes(function, cst.SimpleStatementLine) if assigns(line, "backbone", "False")]
    if source.applied(PARSE, bool(flags), assigns(body.body[0], "t", "m")):
        return Outcome(0, "already applied")
    first = body.body[0]
    name = statement("t = m", "the row's module by name: a built backbone has no class to print")
    new = loop.with_changes(body=body.with_changes(body=[name, first, *body.body[1:]]))
    flag = statement("backbone = False", "True once row 0 is a multi-map backbone, which takes indices 0 to 4")
    flag = flag.with_changes(leading_lines=loop.leading_lines)
    source.replace(PARSE, loop, cst.FlattenSentinel([flag, new.with_changes(leading_lines=[])]))
    source.edited.append(PARSE)  # two places, one replacement
    return source.save()


STEP = Step(
    name=NAME,
    section="4.4",
    title="Keep a backbone flag and the row's name in parse_model",
    reason="The two variables that the next two steps use. Every release since 8.0.100 has the loop in this form.",
    files=(TASKS,),
    places=(2, 2),
    apply=apply,
)
