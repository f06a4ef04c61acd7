"""Article 002's section 2.2: the model's YAML; here any YAML of the checkout's ``cfg/`` is found by its name."""

from __future__ import annotations

from fork.edit import Outcome, Step
from fork.targets.yolov5._places import GENERAL, Swap, apply_swaps
from fork.tree import Tree

NAME = "y02_find_configs"
SWAPS = (
    Swap(
        GENERAL,
        "check_file",
        "'data', 'models', 'utils'",
        "('data', 'models', 'utils', *addmodules.config_folders())",
        "the loop over the folders that are searched",
    ),
)


def apply(tree: Tree) -> Outcome:
    """Make the edits."""
    return apply_swaps(tree, NAME, SWAPS)


STEP = Step(
    name=NAME,
    section="2.2",
    title="Find the checkout's YAMLs by name",
    reason=(
        "The article puts its YAML into models/, which a build would take for a hand edit. The project's own "
        "stand in cfg/, and a bare name after --cfg or --data is looked for there as well."
    ),
    files=(GENERAL,),
    places=(1, 1),
    apply=apply,
    brings_configs=True,
)
