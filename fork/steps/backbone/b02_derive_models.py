"""Not in the articles: a model named HEAD-BACKBONE.yaml needs no file of its own."""

from __future__ import annotations

import ast

from fork.edit import ALREADY, Outcome, Source, Step
from fork.steps._places import HOOKS, TASKS
from fork.syntax import matches, within
from fork.tree import Tree

NAME = "b02_derive_models"
DEFINITION = "yaml_model_load"
FIND, FIND_FIRST, READ = f"{HOOKS}.derive(path)", f"{HOOKS}.find_model(path)", f"{HOOKS}.read_model(yaml_file)"
EXACT, UNIFIED = "(...)(path, ...)", "(...)(unified_path, ...)"
READERS = ("d = YAML.load(yaml_file)", "d = yaml_load(yaml_file)")
"""How a release reads the file, newest first."""


def apply(tree: Tree) -> Outcome:
    """Derive where no file has exactly that name, before upstream drops the scale from it; read through the hook.

    Upstream looks for the exact name first, and what is derived comes behind that. Older releases drop a scale from the
    name before they look: ``rtdetr-NAMEs.yaml`` would be read as ``rtdetr-NAME.yaml``, though both are files. There the
    hook goes first, and looks for both.
    """
    place = Source(tree, TASKS, NAME).find(DEFINITION)
    if place.applied(bool(place.nodes(ast.Call, FIND, FIND_FIRST)), bool(place.nodes(ast.Call, READ))):
        return ALREADY
    line = place.one("the line `yaml_file = A or B`", place.lines(ast.Assign, "yaml_file = ... or ..."))
    reads = place.lines(ast.Assign, *READERS)
    *first, last = within(line, ast.BoolOp)[0].values
    if matches(first[0], EXACT):
        place.append(first[-1], f" or {FIND}")
    elif matches(first[0], UNIFIED) and matches(last, EXACT):
        place.wrap(first[0], f"{FIND_FIRST} or ", "")
    else:
        sought = "`yaml_file = A(path) or B(unified_path)`, or the other way round"
        raise place.fail(sought, f"`{place.code(line)[:67]}`")
    place.replace(place.one(f"the line `{READERS[0]}` or `{READERS[1]}`", reads).value, READ)
    return place.save()


STEP = Step(
    name=NAME,
    section="-",
    title="Derive HEAD-BACKBONE.yaml where no file has that name",
    reason=(
        "A YAML for each backbone and head would be a hundred files that differ in one row. cfg/models/ has one a "
        "head; `rtdetr-efficientvit_m0.yaml` is the RT-DETR one with another first row. A file of that name goes "
        "first. Upstream's search for a bare name ends at its own folder; the hook looks into cfg/models as well."
    ),
    files=(TASKS,),
    places=(2, 2),
    apply=apply,
    not_needed_when="upstream itself makes models from a head and the name of a backbone.",
    brings_configs=True,
)
