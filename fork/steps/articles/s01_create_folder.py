"""Articles' section 4.1: the folder ``ultralytics/nn/Addmodules/`` with a file for each family of backbones."""

from __future__ import annotations

from fork.edit import Outcome, Step
from fork.errors import StepError
from fork.tree import OVERLAY, Tree

NAME = "s01_create_folder"
INIT = f"{OVERLAY}__init__.py"


def apply(tree: Tree) -> Outcome:
    """Check that the folder is there (git brings it)."""
    ours = [path for path in tree if path.startswith(OVERLAY) and path != INIT]
    if f"{OVERLAY}hooks.py" not in ours:
        raise StepError(NAME, OVERLAY, "folder", "the tracked files of Addmodules", "no hooks.py: git checkout it")
    return Outcome(0, "git brings the folder")


STEP = Step(
    name=NAME,
    section="4.1",
    title="Create the folder nn/Addmodules",
    reason=(
        "The articles create the folder and paste one file per backbone into it. Here it is part of the checkout, "
        "tracked by git and open to your own files; the step checks that it is there. No release needs an edit."
    ),
    files=(),
    places=(0, 0),
    apply=apply,
    not_needed_when="git has brought the folder, which is always: the step only checks that it is there.",
    differs="The folder is the only part of `ultralytics/` that is committed.",
)
