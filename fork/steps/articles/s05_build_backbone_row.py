"""Articles' section 4.5: a branch of parse_model for backbones."""

from __future__ import annotations

import ast
from typing import List

from fork.edit import ALREADY, Outcome, Place, Source, Step
from fork.steps._places import HOOKS, PARSE, TASKS, row_loop
from fork.syntax import matches, within
from fork.tree import Tree

NAME = "s05_build_backbone_row"
LOOKUP, ACTIVATION = f"{HOOKS}.look_up(m, globals(), args)", f"{HOOKS}.activation(act)"
TEST = f"{HOOKS}.is_backbone(m)"
BRANCH = f"""\
elif {TEST}:
    m, c2 = {HOOKS}.build_backbone(m, args, ch, i, f, n, d)  # instance, channels of slots 0 to 4
    backbone = True"""


def apply(tree: Tree) -> Outcome:
    """Look up what a row and ``activation`` name, and add a branch that builds a backbone."""
    source = Source(tree, TASKS, NAME)
    parse, rows = source.find(PARSE), row_loop(source)
    done = [bool(parse.nodes(ast.Call, call)) for call in (LOOKUP, ACTIVATION)]
    if parse.applied(*done, bool(parse.nodes(ast.Call, TEST))):
        return ALREADY
    sought = "the call `eval(act)`, and no other eval"
    call = parse.one(sought, parse.nodes(ast.Call, "eval(...)"))
    if not parse.nodes(ast.Call, "eval(act)"):
        raise parse.fail(sought, parse.code(call))
    found = [line for line in rows.lines(ast.Assign, "m = ...") if within(line, ast.Subscript, "globals()[m]")]
    line = rows.one("the line `m = ...` with `globals()[m]`", found)
    parse.replace(call, ACTIVATION)
    rows.replace(line, f"m = {LOOKUP}")
    add_branch(rows)
    return source.save()


def add_branch(rows: Place[ast.For]) -> None:
    """Add an ``elif`` before the ``else`` (``c2 = ch[f]``) that ends parse_model's chain of module kinds."""
    branches = [branch for node in rows.node.body if isinstance(node, ast.If) for branch in _chain(node)]
    ends = [node for node in branches if len(node.orelse) == 1 and matches(node.orelse[0], "c2 = ch[f]")]
    last = rows.one("an if/elif chain that ends in `else: c2 = ch[f]`", ends)
    rows.insert_after(last.body[-1], BRANCH, level=last)


def _chain(branch: ast.If) -> List[ast.If]:
    """Return a branch and the ``elif`` ones behind it, which ``ast`` tells from an ``else: if`` by the column only."""
    chain, rest = [branch], branch.orelse
    while rest and isinstance(rest[0], ast.If) and rest[0].col_offset == branch.col_offset:
        chain.append(rest[0])
        rest = rest[0].orelse
    return chain


STEP = Step(
    name=NAME,
    section="4.5",
    title="Build a backbone row in parse_model",
    reason=(
        "The articles list every class in a set by hand and build it there. Here a row's name is looked up among "
        "layers and in the registry, and one branch builds a backbone; the building, with its checks (row 0, one "
        "repeat, 1 to 5 maps, input channels), lives in Addmodules/hooks.py. Upstream looks a name up among all "
        "globals of tasks.py, functions and whole models included, and runs `activation` as Python, so that a model "
        "YAML from elsewhere runs code; a typing error ends in a bare KeyError. Here neither is run, and the error "
        "says which names are near, or which file failed to import and why."
    ),
    files=(TASKS,),
    places=(3, 3),
    apply=apply,
    not_needed_when="parse_model itself builds a row that gives several maps.",
    differs="There is no list of classes to keep, and the number of input channels is passed on.",
)
