"""Not in the articles: what comes with others' weights and data sets is not run unasked."""

from __future__ import annotations

import ast

from fork.edit import ALREADY, Outcome, Place, Sources, Step
from fork.steps._places import HOOKS, LATE_IMPORT, TASKS
from fork.syntax import Definition, within
from fork.tree import Tree

NAME = "x36_run_nothing_foreign"
DATA, DATASET = "ultralytics/data/utils.py", "ultralytics/data/dataset.py"
CHECK, ASK = "check_det_dataset", f"{HOOKS}.allow_download(file, s)"
CACHE, PICKLED = "load_dataset_cache_file", "np.load(...).item()"
READ = f"{HOOKS}.read_cache(path)"
PATCHES = "ultralytics/utils/patches.py"
LOAD, PASSED, OPEN = "torch_load", "(...)(*args, **kwargs)", f"{HOOKS}.open_weights"
RESTRICTED = "_SafeLoad.loading"


def apply(tree: Tree) -> Outcome:
    """Put the fork's own readers in the place of unpickling, and a question before ``download`` is followed."""
    sources = Sources(tree, NAME)
    asks = sources.find(DATA, CHECK)
    opens = [sources.find(PATCHES, LOAD)] if sources[TASKS].has(RESTRICTED) else []
    reads = sources.find(DATA if sources[DATA].has(CACHE) else DATASET, CACHE)
    done = [bool(place.nodes(ast.Call, f"{OPEN}(...)")) for place in opens]
    if reads.applied(bool(reads.nodes(ast.Call, READ)), bool(asks.nodes(ast.Call, ASK)), *done):
        return ALREADY
    call = reads.one(f"`{PICKLED}`", reads.nodes(ast.Call, PICKLED))
    with reads.as_one():
        reads.insert_before(_line_of(reads, call), LATE_IMPORT)
        reads.replace(call, READ)
    line = asks.one("the line `t = time.time()`", asks.lines(ast.Assign, "t = time.time()"))
    asks.insert_before(line, LATE_IMPORT, ASK)
    for place in opens:
        call = place.one("`LOAD(*args, **kwargs)`", place.nodes(ast.Call, PASSED))
        with place.as_one():
            place.insert_before(_line_of(place, call), LATE_IMPORT)
            place.redirect(call, OPEN, place.code(call.func))
    return sources.save()


def _line_of(place: Place[Definition], node: ast.expr) -> ast.stmt:
    """Return the line on which an expression stands."""
    return next(line for line in place.lines(ast.stmt) if not hasattr(line, "body") and node in within(line, ast.expr))


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
