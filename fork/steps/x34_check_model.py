"""Not in the articles: a model YAML is checked before its first row is built."""

from __future__ import annotations

import libcst as cst

from fork.edit_cst import Outcome, Source, Step, code, own_nodes, statement
from fork.steps._places_cst import HOOKS, PARSE, TASKS
from fork.tree import Tree

NAME = "x34_check_model"
CALL = f"{HOOKS}.check_model(d, ch)"


def apply(tree: Tree) -> Outcome:
    """Call ``addmodules.check_model`` first thing in ``parse_model``, behind its docstring."""
    source = Source(tree, TASKS, NAME)
    function = cst.ensure_type(source.find(PARSE), cst.FunctionDef)
    if any(code(line) == CALL for line in own_nodes(function, cst.SimpleStatementLine)):
        return Outcome(0, "already applied")
    names = [parameter.name.value for parameter in function.params.params]
    if names[:2] != ["d", "ch"]:
        raise source.fail(PARSE, "the parameters d and ch", ", ".join(names) or "none")
    first = function.body.body[0]
    if not (isinstance(first, cst.SimpleStatementLine) and function.get_docstring() is not None):
        raise source.fail(PARSE, "a docstring, behind which the call goes", "none")
    source.replace(PARSE, first, cst.FlattenSentinel([first, statement(CALL)]))
    return source.save()


STEP = Step(
    name=NAME,
    section="-",
    title="Check a model YAML before it is built",
    reason=(
        "A wrong YAML ends in a shape error deep inside torch, or in a KeyError without the row. All that is wrong in "
        "it is said together instead, with file, line, row and cure, before a weight is allocated."
    ),
    files=(TASKS,),
    places=(1, 1),
    apply=apply,
)
