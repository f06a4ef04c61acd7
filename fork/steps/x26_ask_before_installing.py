"""Not in the articles: packages are installed where the user has asked for that, and not otherwise."""

from __future__ import annotations

from typing import List

import libcst as cst

from fork.edit_cst import Outcome, Source, Step, assigns, code, expression, own_nodes, statement, walk
from fork.steps._places_cst import HOOKS, TASKS, UTILS, import_here, imports_hooks, lines, mentions
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
    utils, checks, tasks = (Source(tree, file, NAME) for file in (UTILS, CHECKS, TASKS))
    default = utils.one("module", f'the default of "{VARIABLE}", True', _defaults(utils))
    notices, silent = _notices(checks), not _warns(checks, tree)
    notice = OLD_NOTICE if silent else NOTICE
    handler = _handler(tasks)
    refused = any(code(line).startswith(f"{REFUSE}(") for line in lines(handler))
    told = any(code(node) == notice for node in notices)
    sources = [utils, checks, tasks]
    ray = Source(tree, RAY, NAME) if RAY in tree and f'{RUN}"{PIP}'.encode() in tree[RAY] else None
    if utils.applied("module", code(default) == "False", told, refused, *([False] if ray else [])):
        return Outcome(0, "already applied")
    warning = tasks.one(LOAD, "a warning before `check_requirements(e.name)`", _warnings(handler))
    if silent:
        _add_notice(checks)
    else:
        _change_notice(checks, notices)
    utils.replace("module", default, expression("False"))
    if not imports_hooks(tasks):
        raise tasks.fail("module", "the import of the hooks (step s03)", "no such place")
    weight = cst.ensure_type(tasks.find(LOAD), cst.FunctionDef).params.params[0].name.value
    call = statement(f"{REFUSE}({weight}, {_error(handler)})")
    tasks.replace(LOAD, warning, cst.FlattenSentinel([call, warning]))
    if ray:
        _ask_for_ray(ray)
        sources.append(ray)
    outcomes = [source.save() for source in sources]
    return Outcome(
        sum(outcome.applied for outcome in outcomes), where=tuple(w for outcome in outcomes for w in outcome.where)
    )


def _defaults(source: Source) -> List[cst.BaseExpression]:
    """Return what stands behind the variable's name, wherever a line of the module reads it."""
    found = []
    for line in source.module.body:
        for call in walk(line) if isinstance(line, cst.SimpleStatementLine) else []:
            if isinstance(call, cst.Call) and len(call.args) == 2 and code(call.args[0].value) == f'"{VARIABLE}"':
                found.append(call.args[1].value)
    return [value for value in found if code(value) in ("True", "False")]


def _warns(source: Source, tree: Tree) -> bool:
    """Tell whether the function warns by itself of what it has not installed; earlier releases are silent."""
    if f"{VARIABLE}=False" in code(source.find(REQUIREMENTS).body) or NOTICE in code(source.find(REQUIREMENTS).body):
        return True
    others = [file for file in mentions(tree, VARIABLE) if file != UTILS]
    if others:
        raise source.fail(REQUIREMENTS, f"the warning that speaks of {VARIABLE}=False", f"none, but one in {others[0]}")
    return False


def _change_notice(source: Source, notices: List[cst.BaseExpression]) -> None:
    notice = source.one(REQUIREMENTS, f"the warning that speaks of {VARIABLE}=False", notices)
    if not any(assigns(line, "packages") for line in lines(source.find(REQUIREMENTS))):
        raise source.fail(REQUIREMENTS, "the line `packages = ...`", "no such place")
    source.replace(REQUIREMENTS, notice, expression(NOTICE))
    line = next(line for line in lines(source.find(REQUIREMENTS)) if NOTICE in code(line))
    source.replace(REQUIREMENTS, line, import_here(line))


def _add_notice(source: Source) -> None:
    """Warn where a release that is silent gives up: in the `else` of `if install and AUTOINSTALL`."""
    branches = [
        node.orelse.body.body[0]
        for node in own_nodes(source.find(REQUIREMENTS), cst.If)
        if isinstance(node, cst.If)
        and code(node.test) == "install and AUTOINSTALL"
        and isinstance(node.orelse, cst.Else)
        if [code(line) for line in node.orelse.body.body] == ["return False"]
    ]
    last = source.one(REQUIREMENTS, "`else: return False` behind `if install and AUTOINSTALL`", branches)
    notice = cst.ensure_type(cst.parse_statement(f"if install:\n    LOGGER.warning({OLD_NOTICE})\n"), cst.If)
    block = cst.ensure_type(notice.body, cst.IndentedBlock)
    body = import_here(cst.ensure_type(block.body[0], cst.SimpleStatementLine))
    notice = notice.with_changes(body=block.with_changes(body=list(body.nodes)))
    source.replace(REQUIREMENTS, last, cst.FlattenSentinel([notice, last]))


def _ask_for_ray(source: Source) -> None:
    """Let the function of earlier releases that runs pip by itself ask as all others do."""
    lines = [
        line
        for line in own_nodes(source.find(TUNE), cst.SimpleStatementLine)
        if isinstance(line, cst.SimpleStatementLine) and code(line).startswith(f'{RUN}"{PIP}')
    ]
    line = source.one(TUNE, f'{RUN}"{PIP}...".split(), ...) on a line of its own', lines)
    text = next(node.value for node in walk(line) if isinstance(node, cst.SimpleString))
    new = statement(f"{REQUIREMENTS}({text.replace(PIP, '')})").with_changes(leading_lines=[])
    first = statement(f"from ultralytics.utils.checks import {REQUIREMENTS}")
    source.replace(TUNE, line, cst.FlattenSentinel([first.with_changes(leading_lines=line.leading_lines), new]))


def _notices(source: Source) -> List[cst.BaseExpression]:
    """Return the texts of warnings that speak of the variable, or are ours."""
    return [
        call.args[0].value
        for call in own_nodes(source.find(REQUIREMENTS), cst.Call)
        if isinstance(call, cst.Call) and code(call.func) == "LOGGER.warning" and len(call.args) == 1
        if f"{VARIABLE}=False" in code(call.args[0].value) or code(call.args[0].value) in (NOTICE, OLD_NOTICE)
    ]


def _handler(source: Source) -> cst.ExceptHandler:
    """Return the handler of a missing module that installs it."""
    found = [
        node
        for node in own_nodes(source.find(LOAD), cst.ExceptHandler)
        if isinstance(node, cst.ExceptHandler) and node.type is not None and code(node.type) == "ModuleNotFoundError"
        if node.name is not None and any(_installs(line, _error(node)) for line in node.body.body)
    ]
    return source.one(LOAD, "`except ModuleNotFoundError as e` with `check_requirements(e.name)`", found)


def _error(handler: cst.ExceptHandler) -> str:
    return code(cst.ensure_type(handler.name, cst.AsName).name)


def _installs(line: cst.CSTNode, error: str) -> bool:
    return isinstance(line, cst.SimpleStatementLine) and code(line) == f"check_requirements({error}.name)"


def _warnings(handler: cst.ExceptHandler) -> List[cst.SimpleStatementLine]:
    """Return the warnings of the handler itself, not of its branches, before it installs."""
    found: List[cst.SimpleStatementLine] = []
    for line in handler.body.body:
        if _installs(line, _error(handler)):
            return found
        if isinstance(line, cst.SimpleStatementLine) and code(line).startswith("LOGGER.warning("):
            found.append(line)
    return []


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
