"""Not in the articles: a fork reports nothing to upstream, and does not advise to install upstream's in its place."""

from __future__ import annotations

from typing import List, Tuple

import libcst as cst

from fork.edit_cst import Outcome, Source, Step, assigns, code, expression, own_nodes, statement
from fork.steps._places_cst import UTILS, assignments, mentions, value_of
from fork.tree import Tree

NAME = "x25_report_nothing"
EVENTS = "ultralytics/utils/events.py"
HUB = "ultralytics/hub/utils.py"
FLAG, QUESTION, OFF = "IS_PIP_PACKAGE", "is_pip_package", "False"
WHY = "a fork is not: nothing is reported, and no update of PyPI's advised"
ADVICE = "IterableSimpleNamespace.__getattr__"
ENABLED = "Events.__init__"
THEIRS = "'pip install -U ultralytics'"
OURS = "'git pull', then 'python -m fork build',"


def apply(tree: Tree) -> Outcome:
    """Say that this is not the package of PyPI, and let nothing but that decide on reports."""
    utils, events = Source(tree, UTILS, NAME), Source(tree, _events(tree), NAME)
    asks = not mentions(tree, FLAG)  # the question itself stands wherever later releases have the flag
    place, flag = _question(utils) if asks else ("module", _flag(utils))
    name = f"{QUESTION}()" if asks else FLAG
    texts = _texts(utils)
    text = utils.one(ADVICE, "the advice how to update", texts)
    lines = assignments(events.find(ENABLED).body, "self.enabled")
    enabled = value_of(events.one(ENABLED, "the line `self.enabled = ...`", lines))
    choices = [node for node in _choices(events) if code(node.left) == name]
    new = statement(f"return {OFF}" if asks else f"{FLAG} = {OFF}", WHY)
    done = [code(flag) == code(new), OURS in text.value, name in code(enabled) and not choices]
    if utils.applied("module", *done):
        return Outcome(0, "already applied")
    choice = events.one(ENABLED, f"`{name} or ...`", choices)
    utils.replace(place, flag, new.with_changes(leading_lines=flag.leading_lines))
    text = _texts(utils)[0]
    utils.replace(ADVICE, text, text.with_changes(value=text.value.replace(THEIRS, OURS)))
    events.replace(ENABLED, choice, expression(name))
    done_there, done_here = utils.save(), events.save()
    return Outcome(done_there.applied + done_here.applied, where=done_there.where + done_here.where)


def _events(tree: Tree) -> str:
    """Return the file that sends events; in earlier releases it is one of the hub's."""
    return HUB if EVENTS not in tree and HUB in tree and b"class Events" in tree[HUB] else EVENTS


def _flag(source: Source) -> cst.SimpleStatementLine:
    lines = [line for line in source.module.body if isinstance(line, cst.SimpleStatementLine) and assigns(line, FLAG)]
    return source.one("module", f"the line `{FLAG} = ...`", lines)


def _question(source: Source) -> Tuple[str, cst.SimpleStatementLine]:
    """Return the function that says whether this is the package of PyPI, and the line that does."""
    lines = [
        line
        for line in own_nodes(source.find(QUESTION), cst.SimpleStatementLine)
        if isinstance(line, cst.SimpleStatementLine) and isinstance(line.body[0], cst.Return)
    ]
    return QUESTION, source.one(QUESTION, "one `return ...`", lines)


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
    files=(UTILS, EVENTS, HUB),
    places=(3, 3),
    apply=apply,
)
