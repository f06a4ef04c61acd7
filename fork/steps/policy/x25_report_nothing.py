"""Not in the articles: a fork reports nothing to upstream, and does not advise to install upstream's in its place."""

from __future__ import annotations

import ast
import re

from fork.edit import ALREADY, Outcome, Place, Sources, Step
from fork.steps._places import UTILS, mentions
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
    sources = Sources(tree, NAME)
    utils, events = sources[UTILS], sources[_events(tree)]
    asks = not mentions(tree, FLAG)  # the question itself stands wherever later releases have the flag
    place: Place[ast.AST] = utils.find(QUESTION) if asks else utils.module
    name, line = (f"{QUESTION}()", "return ...") if asks else (FLAG, f"{FLAG} = ...")
    flag = place.one(f"one `{line}`" if asks else f"the line `{line}`", place.lines(ast.stmt, line))
    advice, enabled = utils.find(ADVICE), events.find(ENABLED)
    texts = [text for text in advice.nodes(ast.JoinedStr) for _ in re.findall(f"{THEIRS}|{OURS}", advice.code(text))]
    text = advice.one("the advice how to update", texts)
    values = [line.value for line in enabled.lines(ast.Assign, "self.enabled = ...")]
    value = enabled.one("the line `self.enabled = ...`", values)
    choices = enabled.nodes(ast.BoolOp, f"{name} or ...")
    new = line.replace("...", OFF)
    done = [place.code(flag) == new, OURS in advice.code(text), name in enabled.code(value) and not choices]
    if utils.module.applied(*done):
        return ALREADY
    place.replace(flag, new, comment=WHY)
    advice.replace_in(text, THEIRS, OURS)
    enabled.replace(enabled.one(f"`{name} or ...`", choices), name, bare=True)
    return sources.save()


def _events(tree: Tree) -> str:
    """Return the file that sends events; in earlier releases it is one of the hub's."""
    return HUB if EVENTS not in tree and HUB in tree and b"class Events" in tree[HUB] else EVENTS


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
