"""Not in the articles: a fork reports nothing to upstream, and does not advise to install upstream's in its place."""

from __future__ import annotations

from typing import List

import libcst as cst

from fork.edit import Outcome, Source, Step, assigns, code, expression, own_nodes, statement
from fork.steps._places import UTILS, assignments, value_of
from fork.tree import Tree

NAME = "x25_report_nothing"
EVENTS = "ultralytics/utils/events.py"
FLAG = "IS_PIP_PACKAGE"
ADVICE = "IterableSimpleNamespace.__getattr__"
ENABLED = "Events.__init__"
THEIRS = "'pip install -U ultralytics'"
OURS = "'git pull', then 'python -m fork build',"


def apply(tree: Tree) -> Outcome:
    """Say that this is not the package of PyPI, and let nothing but that decide on reports."""
    utils, events = Source(tree, UTILS, NAME), Source(tree, EVENTS, NAME)
    flags = [line for line in utils.module.body if isinstance(line, cst.SimpleStatementLine) and assigns(line, FLAG)]
    flag = utils.one("module", f"the line `{FLAG} = ...`", flags)
    texts = _texts(utils)
    text = utils.one(ADVICE, "the advice how to update", texts)
    lines = assignments(events.find(ENABLED).body, "self.enabled")
    enabled = value_of(events.one(ENABLED, "the line `self.enabled = ...`", lines))
    choices = [node for node in _choices(events) if code(node.left) == FLAG]
    done = [code(value_of(flag)) == "False", OURS in text.value, FLAG in code(enabled) and not choices]
    if utils.applied("module", *done):
        return Outcome(0, "already applied")
    choice = events.one(ENABLED, f"`{FLAG} or ...`", choices)
    new = statement(f"{FLAG} = False", "a fork is not: nothing is reported, and no update of PyPI's advised")
    utils.replace("module", flag, new.with_changes(leading_lines=flag.leading_lines))
    text = _texts(utils)[0]
    utils.replace(ADVICE, text, text.with_changes(value=text.value.replace(THEIRS, OURS)))
    events.replace(ENABLED, choice, expression(FLAG))
    done_there, done_here = utils.save(), events.save()
    return Outcome(done_there.applied + done_here.applied, where=done_there.where + done_here.where)


def _texts(source: Source) -> List[cst.FormattedStringText]:
    return [
        node
        for node in own_nodes(source.find(ADVICE), cst.FormattedStringText)
        if isinstance(node, cst.FormattedStringText) and (THEIRS in node.value or OURS in node.value)
    ]


def _choices(source: Source) -> List[cst.BooleanOperation]:
    return [
        node
        for node in own_nodes(source.find(ENABLED), cst.BooleanOperation)
        if isinstance(node, cst.BooleanOperation) and isinstance(node.operator, cst.Or)
    ]


STEP = Step(
    name=NAME,
    section="-",
    title="Report nothing, advise no other package",
    reason=(
        "Upstream sends usage events and errors home, unless a setting says otherwise, and advises to update from "
        "PyPI, which would put the stock package in the fork's place. It means to do so for the package of PyPI, or a "
        "clone of its own repository: a fork is neither, whatever its folder and its remote look like, and is updated "
        "with git and a build."
    ),
    files=(UTILS, EVENTS),
    places=(3, 3),
    apply=apply,
)
