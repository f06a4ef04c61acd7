import pytest

from fork.steps.compat import c38_open_checkpoints

from .fakes import NEWLINES, check, edited, refuses, tree_of, unchanged
from .fakes_compat import (
    FLOPS,
    LOADING_CHANGES,
    LOADING_LATER,
    LOADING_NEW,
    LOADING_OLD,
    NAS,
    PATCHES,
    TASKS,
    TUNER,
    UTILS,
)

STEP = c38_open_checkpoints.STEP
AFTER = {**LOADING_OLD, **{file: edited(LOADING_OLD[file], *changes) for file, changes in LOADING_CHANGES.items()}}
DONE = "upstream's own torch_load says it"
PLACES = {
    TASKS: f"{TASKS}: torch_safe_load",
    FLOPS: f"{FLOPS}: strip_optimizer",
    TUNER: f"{TUNER}: Tuner.__call__",
    NAS: f"{NAS}: NAS._load",
}


@NEWLINES
def test_says_it_at_every_place(newline):
    outcome = check(STEP, tree_of(LOADING_OLD, newline), tree_of(AFTER, newline))
    assert outcome.where == (PLACES[TASKS], *PLACES.values())


@pytest.mark.parametrize("release", [LOADING_LATER, LOADING_NEW], ids=["replaced", "named"])
def test_a_release_that_says_it_itself_needs_nothing(release):
    unchanged(STEP, tree_of(release), DONE)


@pytest.mark.parametrize(
    ("file", "change", "sought", "found"),
    [
        (TASKS, ("def torch_safe_load(", "def load("), "one definition of that name", "0 of them"),
        (TASKS, ("torch.load( weight", "read(weight"), "`torch.load(...)` twice", "1 such places"),
        (FLOPS, ("torch.load(f", "load(f"), "`torch.load(...)` once", "0 such places"),
        (
            TUNER,
            ("torch.load(file)", "torch.load(a) or torch.load(b)"),
            "`torch.load(...)` once",
            "2 such places",
        ),
        (NAS, ("def _load(", "def _open("), "one definition of that name", "0 of them"),
    ],
)
def test_refuses_where_a_checkpoint_is_opened_in_another_way(file, change, sought, found):
    refuses(STEP, tree_of({**LOADING_OLD, file: edited(LOADING_OLD[file], change)}), PLACES[file], sought, found)


def test_refuses_half_of_it():
    half = {**LOADING_OLD, NAS: AFTER[NAS]}
    sought = "the whole of this step's edit, or nothing of it"
    refuses(STEP, tree_of(half), PLACES[TASKS], sought, "1 of 5 places edited")


@pytest.mark.parametrize("file", [TASKS, FLOPS])
def test_refuses_callers_that_pass_by_upstreams_function(file):
    """Neither is torch's function replaced, nor is upstream's called."""
    bare = {**LOADING_NEW, file: LOADING_OLD[file]}
    refuses(STEP, tree_of(bare), PLACES[file], "a call of `torch_load`", "none")


def test_refuses_a_function_of_that_name_that_does_not_say_it():
    silent = {**LOADING_NEW, PATCHES: LOADING_NEW[PATCHES].replace("weights_only", "weights")}
    refuses(STEP, tree_of(silent), f"{PATCHES}: torch_load", "the option `weights_only`", "it is not named")


@pytest.mark.parametrize("file", [PATCHES, TASKS, FLOPS, TUNER, NAS])
def test_refuses_a_release_without_one_of_the_files(file):
    left = {name: text for name, text in LOADING_OLD.items() if name != file}
    refuses(STEP, tree_of(left), f"{file}: module", "the file", "no such file in this release")


def test_looks_at_whether_torchs_function_is_replaced():
    not_any_more = {**LOADING_LATER, UTILS: "torch.save = torch_save\n"}
    refuses(STEP, tree_of(not_any_more), PLACES[TASKS], "a call of `torch_load`", "none")
