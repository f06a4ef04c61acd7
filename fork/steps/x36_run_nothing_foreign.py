"""Not in the articles: what comes with others' weights and data sets is not run unasked."""

from __future__ import annotations

import re
from typing import List, Tuple

import libcst as cst

from fork.edit import Outcome, Source, Step, assigns, code, definitions, expression, own_nodes, statement, walk
from fork.steps._places import HOOKS, TASKS, import_here
from fork.tree import Tree

NAME = "x36_run_nothing_foreign"
DATA, DATASET = "ultralytics/data/utils.py", "ultralytics/data/dataset.py"
CHECK, ASK = "check_det_dataset", f"{HOOKS}.allow_download(file, s)"
CACHE, PICKLED = "load_dataset_cache_file", r"^np\.load\(.*\)\.item\(\)$"
READ = f"{HOOKS}.read_cache(path)"
PATCHES = "ultralytics/utils/patches.py"
LOAD, PASSED, OPEN = "torch_load", r"\(\*args, \*\*kwargs\)$", f"{HOOKS}.open_weights"
RESTRICTED = "_SafeLoad.loading"


def apply(tree: Tree) -> Outcome:
    """Put the fork's own readers in the place of unpickling, and a question before ``download`` is followed."""
    sources = [Source(tree, file, NAME) for file in (DATA, PATCHES) if file in tree]
    data, patches = sources[0], sources[-1]
    caches = data if CACHE in [name for name, _ in definitions(data.module)] else Source(tree, DATASET, NAME)
    sources += [caches] if caches is not data else []
    restricts = RESTRICTED in [name for name, _ in definitions(Source(tree, TASKS, NAME).module)]
    done = [READ in code(caches.find(CACHE).body), ASK in code(data.find(CHECK).body)]
    done += [f"{OPEN}(" in code(patches.find(LOAD).body)] if restricts else []
    if data.applied(CACHE, *done):
        return Outcome(0, "already applied")
    line, call = _call(caches, CACHE, "`np.load(...).item()`", PICKLED)
    caches.replace(CACHE, line, import_here(_with(line, call, expression(READ))))
    line = data.one(CHECK, "the line `t = time.time()`", _timed(data))
    data.replace(CHECK, line, import_here(statement(ASK), line))
    if restricts:
        line, call = _call(patches, LOAD, "`LOAD(*args, **kwargs)`", PASSED)
        first = cst.Arg(call.func, comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" ")))
        new = call.with_changes(func=expression(OPEN), args=[first, *call.args])
        patches.replace(LOAD, line, import_here(_with(line, call, new)))
    outcomes = [source.save() for source in sources if source.edited]
    return Outcome(
        sum(outcome.applied for outcome in outcomes), where=tuple(w for outcome in outcomes for w in outcome.where)
    )


def _timed(source: Source) -> List[cst.SimpleStatementLine]:
    nodes = own_nodes(source.find(CHECK), cst.SimpleStatementLine)
    return [n for n in nodes if isinstance(n, cst.SimpleStatementLine) and assigns(n, "t", "time.time()")]


def _call(source: Source, name: str, sought: str, form: str) -> Tuple[cst.SimpleStatementLine, cst.Call]:
    """Return the one call of this form in a function, with its line."""
    lines = [n for n in own_nodes(source.find(name), cst.SimpleStatementLine) if isinstance(n, cst.SimpleStatementLine)]
    calls = [(line, node) for line in lines for node in walk(line) if isinstance(node, cst.Call)]
    return source.one(name, sought, [(line, call) for line, call in calls if re.search(form, code(call))])


def _with(line: cst.SimpleStatementLine, old: cst.Call, new: cst.BaseExpression) -> cst.SimpleStatementLine:
    return cst.ensure_type(line.deep_replace(old, new), cst.SimpleStatementLine)


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
    files=(DATA, DATASET, PATCHES),
    places=(2, 3),
    apply=apply,
)
