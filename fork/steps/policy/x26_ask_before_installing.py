"""Not in the articles: packages are installed where the user has asked for that, and not otherwise."""

from __future__ import annotations

import ast
from typing import List

from fork.edit import ALREADY, Outcome, Place, Sources, Step
from fork.steps._places import HOOKS, LATE_IMPORT, TASKS, UTILS, imports_hooks, mentions
from fork.syntax import Definition, matches, parameters, within
from fork.tree import Tree

NAME = "x26_ask_before_installing"
CHECKS = "ultralytics/utils/checks.py"
VARIABLE = "YOLO_AUTOINSTALL"
REQUIREMENTS = "check_requirements"
LOAD = "torch_safe_load"
NOTICE = 'f"{prefix} {' + HOOKS + '.not_installed(packages, cmds)}"'
RAY, TUNE, RUN, PIP = "ultralytics/utils/tuner.py", "run_ray_tune", "subprocess.run(", "pip install "
OLD_NOTICE = NOTICE.replace("packages", "pkgs")
REFUSE = f"{HOOKS}.refuse_to_install"


def apply(tree: Tree) -> Outcome:
    """Leave installing off unless the variable is set, and say what to install instead."""
    sources = Sources(tree, NAME)
    utils, checks, tasks = sources[UTILS].module, sources[CHECKS], sources[TASKS]
    calls = utils.nodes(ast.Call, f'(...)("{VARIABLE}", True)', f'(...)("{VARIABLE}", False)')
    default = utils.one(f'the default of "{VARIABLE}", True', [call.args[1] for call in calls])
    asks, load = checks.find(REQUIREMENTS), tasks.find(LOAD)
    notices, silent = _notices(asks), not _warns(asks, tree)
    notice = OLD_NOTICE if silent else NOTICE
    handler = _handler(load)
    refused = bool(within(handler, ast.Call, f"{REFUSE}(...)"))
    told = any(notice in asks.code(node) for node in notices)
    asks_for_ray = RAY in tree and f'{RUN}"{PIP}'.encode() in tree[RAY]
    if utils.applied(matches(default, "False"), told, refused, *([False] if asks_for_ray else [])):
        return ALREADY
    warning = load.one("a warning before `check_requirements(e.name)`", _warnings(handler))
    utils.replace(default, "False")
    if silent:
        _add_notice(asks)
    else:
        _change_notice(asks, notices)
    if not imports_hooks(tasks):
        raise tasks.module.fail("the import of the hooks (step s03)", "no such place")
    load.insert_above(warning, f"{REFUSE}({parameters(load.node)[0]}, {handler.name})")
    if asks_for_ray:
        _ask_for_ray(sources.find(RAY, TUNE))
    return sources.save()


def _warns(place: Place[Definition], tree: Tree) -> bool:
    """Return whether the function warns by itself of what it has not installed; earlier releases are silent."""
    if f"{VARIABLE}=False" in place.code() or NOTICE in place.code():
        return True
    others = [file for file in mentions(tree, VARIABLE) if file != UTILS]
    if others:
        raise place.fail(f"the warning that speaks of {VARIABLE}=False", f"none, but one in {others[0]}")
    return False


def _change_notice(place: Place[Definition], notices: List[ast.Call]) -> None:
    notice = place.one(f"the warning that speaks of {VARIABLE}=False", notices)
    if not place.lines(ast.Assign, "packages = ..."):
        raise place.fail("the line `packages = ...`", "no such place")
    line = next(line for line in place.lines(ast.Expr) if line.value is notice)
    place.insert_before(line, LATE_IMPORT)
    place.replace(notice.args[0], NOTICE)


def _add_notice(place: Place[Definition]) -> None:
    """Warn where a release that is silent gives up: in the `else` of `if install and AUTOINSTALL`."""
    branches = [node for node in place.nodes(ast.If) if matches(node.test, "install and AUTOINSTALL")]
    found = [node.orelse[0] for node in branches if len(node.orelse) == 1 and matches(node.orelse[0], "return False")]
    last = place.one("`else: return False` behind `if install and AUTOINSTALL`", found)
    place.insert_above(last, "if install:", f"    {LATE_IMPORT}", f"    LOGGER.warning({OLD_NOTICE})")


def _ask_for_ray(place: Place[Definition]) -> None:
    """Let the function of earlier releases that runs pip by itself ask as all others do."""
    lines = [line for line in place.lines(ast.Expr) if place.code(line).startswith(f'{RUN}"{PIP}')]
    line = place.one(f'{RUN}"{PIP}...".split(), ...) on a line of its own', lines)
    text = place.code(within(line, ast.Constant)[0]).replace(PIP, "")
    first = f"from ultralytics.utils.checks import {REQUIREMENTS}"
    place.replace(line, f"{first}\n{REQUIREMENTS}({text})", comment="")


def _notices(place: Place[Definition]) -> List[ast.Call]:
    """Return the warnings that speak of the variable, or are ours."""
    calls = [call for call in place.nodes(ast.Call, "LOGGER.warning(...)") if len(call.args) == 1]
    own = (f"{VARIABLE}=False", NOTICE, OLD_NOTICE)
    return [call for call in calls if any(text in place.code(call.args[0]) for text in own)]


def _handler(place: Place[Definition]) -> ast.ExceptHandler:
    """Return the handler of a missing module that installs it."""
    handlers = [node for node in place.nodes(ast.ExceptHandler) if node.type and node.name]
    found = [node for node in handlers if node.type and matches(node.type, "ModuleNotFoundError")]
    found = [node for node in found if any(_installs(line, node) for line in node.body)]
    return place.one("`except ModuleNotFoundError as e` with `check_requirements(e.name)`", found)


def _installs(line: ast.stmt, handler: ast.ExceptHandler) -> bool:
    return matches(line, f"check_requirements({handler.name}.name)")


def _warnings(handler: ast.ExceptHandler) -> List[ast.stmt]:
    """Return the warnings of the handler itself, not of its branches, before it installs."""
    installs = next(at for at, line in enumerate(handler.body) if _installs(line, handler))
    return [line for line in handler.body[:installs] if matches(line, "LOGGER.warning(...)")]


STEP = Step(
    name=NAME,
    section="-",
    title="Install nothing unasked",
    reason=(
        "Upstream installs missing packages on its own, over versions that the user has chosen, and even a module "
        "that a checkpoint names. Now they are named, with the command that installs them; YOLO_AUTOINSTALL=true "
        "brings the old way back."
    ),
    files=(UTILS, CHECKS, TASKS, RAY),
    places=(3, 4),
    apply=apply,
)
