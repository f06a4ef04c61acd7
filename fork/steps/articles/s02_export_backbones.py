"""Articles' section 4.2: ``Addmodules/__init__.py``, which exports every backbone."""

from __future__ import annotations

from fork.edit import Outcome, Step
from fork.errors import StepError
from fork.steps.articles.s01_create_folder import INIT
from fork.tree import Tree

NAME = "s02_export_backbones"


def apply(tree: Tree) -> Outcome:
    """Check that the package file is there (git brings it)."""
    if INIT not in tree:
        raise StepError(NAME, INIT, "module", "the tracked file", "no such file: git checkout it")
    return Outcome(0, "git brings the file; it finds the folder's backbones by itself")


STEP = Step(
    name=NAME,
    section="4.2",
    title="Export every backbone from nn/Addmodules",
    reason=(
        "The articles add an import line for each pasted file. Here __init__.py reads the folder, so a file dropped "
        "in needs no such line, and a file that does not import breaks nothing else. No release needs an edit."
    ),
    files=(),
    places=(0, 0),
    apply=apply,
    not_needed_when="git has brought the file, which is always: the step only checks that it is there.",
    differs="No import line for a new file; one that does not import is named when a YAML asks for it.",
)
