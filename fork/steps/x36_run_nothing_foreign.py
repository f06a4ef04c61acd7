"""Not in the articles: what comes with others' weights and data sets is not run unasked."""

from __future__ import annotations

import re
from typing import Callable, List

import libcst as cst

from fork.edit import Outcome, Source, Step, assigns, code, definitions, expression, own_nodes, statement
from fork.steps._places import HOOKS, TASKS, import_here
from fork.tree import Tree

NAME = "x36_run_nothing_foreign"
DATA = "ultralytics/data/utils.py"
CHECK, ASK = "check_det_dataset", f"{HOOKS}.allow_download(file, s)"
CACHE, PICKLED = "load_dataset_cache_file", r"np\.load\(.*\)\.item\(\)$"
READ = f"{HOOKS}.read_cache(path)"
PATCHES = "ultralytics/utils/patches.py"
LOAD, PASSED, OPEN = "torch_load", "(*args, **kwargs)", f"{HOOKS}.open_weights"
RESTRICTED = "_SafeLoad.loading"


def apply(tree: Tree) -> Outcome:
    """Put the fork's own readers in the place of unpickling, and a question before ``download`` is followed."""
    data, patches = Source(tree, DATA, NAME), Source(tree, PATCHES, NAME)
    restricts = _restricts(Source(tree, TASKS, NAME))
    done = [READ in code(data.find(CACHE).body), ASK in code(data.find(CHECK).body)]
    done += [f"{OPEN}(" in code(patches.find(LOAD).body)] if restricts else []
    if data.applied(CACHE, *done):
        return Outcome(0, "already applied")
    _return(data, CACHE, "`return np.load(...).item()`", lambda value: bool(re.match(PICKLED, code(value))), READ)
    line = data.one(CHECK, "the line `t = time.time()`", _timed(data))
    data.replace(CHECK, line, import_here(statement(ASK), line))
    if restricts:
        _return(patches, LOAD, "`return LOAD(*args, **kwargs)`", lambda value: code(value).endswith(PASSED), OPEN)
    sources = [data, patches] if restricts else [data]
    outcomes = [source.save() for source in sources]
    return Outcome(
        sum(outcome.applied for outcome in outcomes), where=tuple(w for outcome in outcomes for w in outcome.where)
    )


def _restricts(tasks: Source) -> bool:
    """Tell whether the release restores, file by file, the classes that are on a list; earlier ones build no model."""
    found = [node for name, node in definitions(tasks.module) if name == RESTRICTED]
    return len(found) == 1 and len(cst.ensure_type(found[0], cst.FunctionDef).params.params) == 2


def _timed(source: Source) -> List[cst.SimpleStatementLine]:
    nodes = own_nodes(source.find(CHECK), cst.SimpleStatementLine)
    return [n for n in nodes if isinstance(n, cst.SimpleStatementLine) and assigns(n, "t", "time.time()")]


def _return(source: Source, name: str, sought: str, fits: Callable[[cst.CSTNode], bool], new: str) -> None:
    """Return a call of ours in a function's one such line; a call that passes all on is handed over as the first."""
    lines = [node for node in own_nodes(source.find(name), cst.SimpleStatementLine) if _fits(node, fits)]
    line = cst.ensure_type(source.one(name, sought, lines), cst.SimpleStatementLine)
    old = cst.ensure_type(line.body[-1], cst.Return)
    call = code(old.value or old)
    value = expression(f"{new}({call[: -len(PASSED)]}, {PASSED[1:]}" if call.endswith(PASSED) else new)
    source.replace(name, line, import_here(line.with_changes(body=[*line.body[:-1], old.with_changes(value=value)])))


def _fits(node: cst.CSTNode, fits: Callable[[cst.CSTNode], bool]) -> bool:
    last = node.body[-1] if isinstance(node, cst.SimpleStatementLine) else None
    return isinstance(last, cst.Return) and last.value is not None and fits(last.value)


STEP = Step(
    name=NAME,
    section="-",
    title="Run nothing that comes with others' files",
    reason=(
        "Weights and a data set's caches are pickles, and `download` in a data YAML is an address, a command or Python "
        "text: whoever made the file has the machine of whoever opens it. A cache is read as plain data, else made "
        "anew; `download` is followed for upstream's own data sets, or where the user says so; weights are restricted "
        "to known classes in all places that open them, where upstream's variable or one of our commands asks for it."
    ),
    files=(DATA, PATCHES, TASKS),
    places=(2, 3),
    apply=apply,
)
