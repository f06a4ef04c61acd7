"""Not in the articles: a fork reports nothing to upstream, looks nothing up at import, installs nothing unasked."""

from __future__ import annotations

import ast

from fork.edit import ALREADY, Outcome, Place, Source, Step
from fork.steps._places import UTILS, mentions
from fork.syntax import matches
from fork.tree import Tree

NAME = "p02_quiet"
VARIABLE = "YOLO_AUTOINSTALL"
FLAG, QUESTION, OFF = "IS_PIP_PACKAGE", "is_pip_package", "False"
ONLINE, ASKED = "ONLINE = is_online()", "AUTOINSTALL and is_online()"


def apply(tree: Tree) -> Outcome:
    """Turn installing off by default, say that this is not PyPI's package, and look nothing up where that is so."""
    source = Source(tree, UTILS, NAME)
    utils = source.module
    defaults = utils.nodes(ast.Call, *(f'(...)("{VARIABLE}", {value})' for value in (True, False)))
    default = utils.one(f'the default of "{VARIABLE}", True', [call.args[1] for call in defaults])
    online = utils.one(f"the line `{ONLINE}`", utils.lines(ast.Assign, ONLINE, f"ONLINE = {ASKED}")).value
    asks = not mentions(tree, FLAG)  # the question itself stands wherever later releases have the flag
    place: Place[ast.AST] = source.find(QUESTION) if asks else utils
    line = "return ..." if asks else f"{FLAG} = ..."
    flag = place.one(f"one `{line}`" if asks else f"the line `{line}`", place.lines(ast.stmt, line))
    new = line.replace("...", OFF)
    if utils.applied(matches(default, OFF), matches(online, ASKED), matches(flag, new)):
        return ALREADY
    utils.replace(default, OFF)
    utils.replace(online, ASKED)
    place.replace(flag, new, comment="a fork is not: nothing is reported, and no update of PyPI's advised")
    return source.save()


STEP = Step(
    name=NAME,
    section="-",
    title="Report nothing, install nothing unasked",
    reason=(
        "Upstream sends usage events and errors home, advises to update from PyPI, which would put the stock package "
        "in the fork's place, asks a name server at each import whether there is a network, and installs missing "
        "packages on its own, over versions that the user has chosen, even a module that a checkpoint names. None of "
        "it happens now; YOLO_AUTOINSTALL=true brings the look-up and the installing back."
    ),
    files=(UTILS,),
    places=(3, 3),
    apply=apply,
    not_needed_when="upstream reports, looks up and installs only where it was asked to.",
)
