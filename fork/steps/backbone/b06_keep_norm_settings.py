"""Not in the articles: BatchNorm settings that belong to pretrained weights survive upstream's initialisation."""

from __future__ import annotations

import ast

from fork.edit import ALREADY, Outcome, Source, Step
from fork.syntax import matches
from fork.tree import Tree

NAME = "b06_keep_norm_settings"
FILE = "ultralytics/utils/torch_utils.py"
DEFINITION = "initialize_weights"
TEST = "t is nn.BatchNorm2d"
NEW = f'{TEST} and not hasattr(m, "addmodules_keeps_settings")'


def apply(tree: Tree) -> Outcome:
    """Leave out marked BatchNorms where upstream sets eps and momentum."""
    place = Source(tree, FILE, NAME).find(DEFINITION)
    tests = [branch.test for branch in place.nodes(ast.If)]
    if any(matches(test, NEW) for test in tests):
        return ALREADY
    found = [test for test in tests if matches(test, TEST)]
    place.replace(place.one(f"the branch `{TEST}`", found), NEW)
    return place.save()


STEP = Step(
    name=NAME,
    section="-",
    title="Keep eps and momentum of pretrained BatchNorms",
    reason=(
        "Upstream sets every BatchNorm of a model to eps 1e-3 and momentum 0.03. In a backbone with pretrained weights "
        "that changes what the weights compute: eps belongs to them. Those are marked, and left as they are."
    ),
    files=(FILE,),
    places=(1, 1),
    apply=apply,
    not_needed_when="initialize_weights leaves BatchNorms with pretrained weights alone.",
)
