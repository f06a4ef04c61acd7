"""Not in the articles: what comes with others' weights and data sets is not run unasked."""

from __future__ import annotations

import ast

from fork.edit import ALREADY, Outcome, Sources, Step
from fork.steps._places import HOOKS, LATE_IMPORT, import_hooks
from fork.syntax import within
from fork.tree import Tree

NAME = "p01_trust_files"
DATA, DATASET = "ultralytics/data/utils.py", "ultralytics/data/dataset.py"
CHECK = "check_det_dataset"
READERS = ("data = YAML.load(file, append_filename=True)", "data = yaml_load(file, append_filename=True)")
"""How a release reads a data YAML, newest first."""
TIME = "t = time.time()"
LEGIBLE, ASK = f"{HOOKS}.check_legible(file)", f"{HOOKS}.allow_download(file, s)"
CACHE, PICKLED, READ = "load_dataset_cache_file", "np.load(...).item()", f"{HOOKS}.read_cache(path)"
PATCHES, LOAD, PASSED, OPEN = "ultralytics/utils/patches.py", "torch_load", "(...)(*args, **kwargs)", "open_weights"


def apply(tree: Tree) -> Outcome:
    """Put the fork's own readers in the place of unpickling, and a question before ``download`` is followed."""
    sources = Sources(tree, NAME)
    check, cache = sources.find(DATA, CHECK), sources.find(DATA if sources[DATA].has(CACHE) else DATASET, CACHE)
    loads = [sources.find(PATCHES, LOAD)] if sources[PATCHES].has(LOAD) else []  # before 8.2.64: torch's own
    done = [(check, LEGIBLE), (check, ASK), (cache, READ), *((load, f"{HOOKS}.{OPEN}(...)") for load in loads)]
    if check.applied(*(bool(place.nodes(ast.Call, call)) for place, call in done)):
        return ALREADY
    read = check.one(f"the line `{READERS[0]}`", check.lines(ast.Assign, *READERS))
    time = check.one(f"the line `{TIME}`", check.lines(ast.Assign, TIME))
    check.insert_before(read, LEGIBLE)
    check.insert_before(time, ASK)
    cache.replace(cache.one(f"`{PICKLED}`", cache.nodes(ast.Call, PICKLED)), READ)
    for source in {check.source.file: check.source, cache.source.file: cache.source}.values():
        import_hooks(source)
    for load in loads:
        call = load.one("`LOAD(*args, **kwargs)`", load.nodes(ast.Call, PASSED))
        line = next(line for line in load.lines(ast.Return) if call in within(line, ast.Call))
        with load.as_one():
            load.insert_before(line, LATE_IMPORT)
            load.redirect(call, f"{HOOKS}.{OPEN}", load.code(call.func))
    return sources.save()


STEP = Step(
    name=NAME,
    section="-",
    title="Run nothing that comes with others' files",
    reason=(
        "Weights and a data set's caches are pickles, and `download` in a data YAML is an address, a command or Python "
        "text: its author controls the machine of whoever opens it. A cache is read as plain data, else made "
        "anew; `download` is followed for upstream's own data sets, or where the user says so; weights are restricted "
        "to known classes, those of backbones included, where upstream's variable or one of our commands asks for it. "
        "The same lines name what a checkpoint lacks here, and refuse a data YAML that is not in UTF-8, whose class "
        "names upstream would lose."
    ),
    files=(DATA, DATASET, PATCHES),
    places=(4, 5),
    apply=apply,
    not_needed_when=(
        "upstream unpickles nothing that comes with a data set or with weights, follows `download` only where it was "
        "asked to, and reads data YAMLs in their encoding."
    ),
)
