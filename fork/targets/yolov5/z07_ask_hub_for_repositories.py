"""Today's packages: the hub of Hugging Face is asked for the names of its repositories only."""

from __future__ import annotations

from fork.edit import Outcome, Step
from fork.targets.yolov5._places import DOWNLOADS, Swap, apply_swaps
from fork.tree import Tree

NAME = "z07_ask_hub_for_repositories"
SWAPS = (
    Swap(
        DOWNLOADS,
        "attempt_download_from_hub",
        "from huggingface_hub import hf_hub_download, list_repo_files",
        "if not addmodules.is_repository(repo_id):\n    return None\n"
        "from huggingface_hub import hf_hub_download, list_repo_files",
    ),
    Swap(
        DOWNLOADS,
        "attempt_download_from_hub",
        "from huggingface_hub.utils._errors import RepositoryNotFoundError",
        "from huggingface_hub.utils import RepositoryNotFoundError",
    ),
    Swap(
        DOWNLOADS,
        "attempt_download_from_hub",
        "from huggingface_hub.utils._validators import HFValidationError",
        "from huggingface_hub.utils import HFValidationError",
    ),
    Swap(
        DOWNLOADS,
        "get_model_filename_from_hfhub",
        "from huggingface_hub.utils._errors import RepositoryNotFoundError",
        "from huggingface_hub.utils import RepositoryNotFoundError",
    ),
    Swap(
        DOWNLOADS,
        "get_model_filename_from_hfhub",
        "from huggingface_hub.utils._validators import HFValidationError",
        "from huggingface_hub.utils import HFValidationError",
    ),
)


def apply(tree: Tree) -> Outcome:
    """Make the edits."""
    return apply_swaps(tree, NAME, SWAPS)


STEP = Step(
    name=NAME,
    section="-",
    title="Ask the hub for names of repositories only",
    reason=(
        "Every start of a training, validation or detection asks the hub whether the weights' name, '' and "
        "local files included, is a repository, and imports a module that huggingface_hub has dropped. "
        "Without a network the run ends there."
    ),
    files=(DOWNLOADS,),
    places=(5, 5),
    apply=apply,
)
