"""The series as a whole: what its steps declare, and that together they fit one another."""

import importlib
import re
from pathlib import Path

import pytest

import fork.steps
from fork import series
from fork.edit import Step
from fork.errors import StepError
from fork.steps import SERIES
from fork.tree import digest

from . import test_s03_import_backbones as s03
from . import test_s04_name_row as s04
from . import test_s05_build_backbone_row as s05
from . import test_s06_shift_indices as s06
from . import test_s07_spread_maps as s07
from . import test_s08_probe_stride as s08
from . import test_s09_count_flops as s09
from . import test_s10_square_validation as s10
from . import test_x11_look_up_modules as x11
from . import test_x12_find_configs as x12
from . import test_x13_save_whole as x13
from . import test_x14_keep_norm_settings as x14
from . import test_x15_fold_backbone as x15
from . import test_x16_follow_checkpoint as x16
from . import test_x17_read_text as x17
from . import test_x18_drop_anchors as x18
from . import test_x19_derive_models as x19
from . import test_x20_inherit_settings as x20
from . import test_x21_trust_backbones as x21
from . import test_x22_record_fork as x22
from . import test_x23_explain_checkpoint as x23
from . import test_x24_same_fork as x24
from . import test_x25_report_nothing as x25
from . import test_x26_ask_before_installing as x26
from . import test_x27_reach_first as x27
from . import test_x28_match_rows as x28
from . import test_x29_freeze_rows as x29
from . import test_x30_embed_rows as x30
from . import test_x31_distill_rows as x31
from . import test_x32_explain_flops as x32
from . import test_x33_name_nonfinite as x33
from . import test_x34_check_model as x34
from . import test_x35_route_heads as x35
from . import test_x36_run_nothing_foreign as x36
from .fakes import (
    BLOCK,
    CHECKS,
    CLI,
    DATA,
    DIST,
    DISTILL,
    DOWNLOADS,
    ENGINE,
    EVENTS,
    EXPORTER,
    FLOPS,
    IMX,
    MODEL,
    NEWLINES,
    OURS,
    PATCHES,
    TASKS,
    TRAIN,
    UPSTREAM,
    UTILS,
    edited,
    tree_of,
)

FILES = sorted(path.stem for path in Path(fork.steps.__file__).parent.glob("*.py") if not path.stem.startswith("_"))
STEPS = pytest.mark.parametrize("step", SERIES, ids=[step.name for step in SERIES])

FINISHED = {
    **UPSTREAM,
    **OURS,
    TASKS: edited(
        UPSTREAM[TASKS],
        *(x11.CHANGES + s03.CHANGES + s05.CHANGES + s06.CHANGES + s07.CHANGES + s08.CHANGES + s04.CHANGES),
        *(x15.CHANGES + x17.CHANGES + x18.CHANGES + x19.CHANGES + x20.CHANGES + x21.CHANGES + x23.CHANGES),
        *(x26.TASKS_CHANGES + x28.CHANGES + x30.TASKS_CHANGES + x34.CHANGES),
    ),
    IMX: s07.IMX_AFTER,
    FLOPS: edited(s09.AFTER, *(x13.STRIP_CHANGES + x14.CHANGES + x32.CHANGES)),
    TRAIN: s10.AFTER,
    CHECKS: edited(UPSTREAM[CHECKS], *(x12.CHANGES + x26.CHECKS_CHANGES)),
    ENGINE: edited(  # each step but the first finds the import there
        x13.AFTER,
        *x16.ENGINE_CHANGES[:2],
        x22.ENGINE_CHANGES[0],
        *x24.ENGINE_CHANGES[:2],
        *(x29.CHANGES + x33.CHANGES),
    ),
    MODEL: edited(x16.AFTER, x22.MODEL_CHANGES[0], *x30.CHANGES, x35.MODEL_CHANGES[0]),
    EXPORTER: x22.AFTER[EXPORTER],
    DIST: x24.AFTER[DIST],
    UTILS: edited(UPSTREAM[UTILS], *(x25.CHANGES + x26.CHANGES + x27.CHANGES)),
    EVENTS: x25.AFTER[EVENTS],
    DOWNLOADS: x27.AFTER[DOWNLOADS],
    BLOCK: x27.AFTER[BLOCK],
    DISTILL: x31.AFTER,
    CLI: x35.CLI_AFTER,
    DATA: edited(x17.DATA_AFTER, *x36.CHANGES),
    PATCHES: x36.AFTER[PATCHES],
}


@pytest.fixture(autouse=True)
def _series_alone(monkeypatch):
    """Leave out what follows the series for old releases; ``test_compat.py`` is about that."""
    monkeypatch.setattr(series, "ORDER", SERIES)


def test_every_step_file_is_in_the_series_once_and_in_order():
    assert [step.name for step in SERIES] == FILES


def test_every_step_file_has_its_own_test_file():
    here = sorted(path.stem for path in Path(__file__).parent.glob("test_[sx][0-9]*.py"))
    assert here == [f"test_{name}" for name in FILES]


def test_numbers_count_up_without_a_gap():
    assert [re.match(r"[sx](\d\d)_[a-z_]+$", step.name).group(1) for step in SERIES] == [
        f"{n:02}" for n in range(1, len(SERIES) + 1)
    ]


def test_sections_are_those_of_the_articles_in_order():
    ours = [step.section for step in SERIES if step.name.startswith("s")]
    assert ours == [f"4.{n}" for n in range(1, 11)]
    assert {step.section for step in SERIES if step.name.startswith("x")} == {"-"}


def test_titles_are_told_apart():
    assert len({step.title for step in SERIES}) == len(SERIES)


@STEPS
def test_step_is_the_one_of_its_file(step):
    module = importlib.import_module(f"fork.steps.{step.name}")
    assert isinstance(step, Step)
    assert module.STEP is step
    assert step.name == module.NAME
    assert step.apply is module.apply


@STEPS
def test_step_says_what_it_is_for(step):
    assert re.fullmatch(r"4\.\d+|-", step.section)
    assert re.fullmatch(r"[A-Z][^\n]*[^\s.]", step.title), "an imperative sentence without a full stop"
    assert step.reason == step.reason.strip()
    assert step.reason.endswith(".")


@pytest.mark.parametrize("step", SERIES, ids=lambda s: s.name)
def test_title_fits_the_subject_of_a_commit(step):
    assert len(step.title) < 60


@STEPS
def test_step_declares_files_of_the_package_and_a_range_of_places(step):
    low, high = step.places
    assert 0 <= low <= high
    assert (high == 0) == (step.files == ())
    assert all(re.fullmatch(r"ultralytics/[\w/]+\.py", file) for file in step.files)
    assert len(set(step.files)) == len(step.files)


@NEWLINES
def test_whole_series_gives_exactly_the_edits_of_its_steps(newline):
    pristine, overlay = tree_of(UPSTREAM, newline), tree_of(OURS, newline)
    results = series.run(pristine, overlay)
    counts = [0, 0, 1, 2, 1, 6, 4, 1, 2, 2, 2, 1, 5, 1, 2, 5, 2, 1, 2, 1, 1, 4, 1, 4, 3, 4, 5, 2, 3, 2, 2, 2, 2, 1, 2]
    counts.append(3)
    assert [(r.step, r.outcome.applied) for r in results] == list(zip(SERIES, counts))
    assert results[-1].tree == tree_of(FINISHED, newline)
    assert (pristine, overlay) == (tree_of(UPSTREAM, newline), tree_of(OURS, newline))


def test_only_a_few_steps_leave_open_how_many_places_they_edit():
    open_ = {step.name.split("_")[0] for step in SERIES if step.places[0] != step.places[1]}
    assert open_ == {"s07", "s08", "s09", "x13", "x16", *(f"x{n}" for n in (22, 23, 24, 26, 27, 29, 32, 33, 35, 36))}
    for result in series.run(tree_of(UPSTREAM), tree_of(OURS)):
        low, high = result.step.places
        assert low == high == result.outcome.applied or result.step.name.split("_")[0] in open_


@NEWLINES
def test_second_run_of_the_series_changes_nothing(newline):
    finished = tree_of(FINISHED, newline)
    results = series.run(finished, {})
    assert [r.outcome.applied for r in results] == [0] * len(SERIES)
    assert {r.digest for r in results} == {digest(finished)}


def test_result_is_python():
    for path, data in series.run(tree_of(UPSTREAM), tree_of(OURS))[-1].tree.items():
        compile(data, path, "exec")


HALVES = {
    "s03 hooks only": (s03, TASKS, (s03.FIRST, s03.HOOKS + s03.FIRST)),
    "s04 name only": (s04, TASKS, (s04.LOOP, s04.LOOP + s04.NAME)),
    "s04 flag only": (s04, TASKS, (s04.LOOP, s04.FLAG + s04.LOOP)),
    "s06 last only": (s06, TASKS, s06.CHANGES[5]),
    "s06 first only": (s06, TASKS, s06.CHANGES[0]),
    "s07 no import": (s07, IMX, s07.IMX_CHANGES[1]),
    "s09 no import": (s09, FLOPS, s09.CHANGES[1]),
    "s09 import only": (s09, FLOPS, s09.CHANGES[0]),
    "s10 no import": (s10, TRAIN, s10.CHANGES[0]),
    "s07 import only": (s07, IMX, s07.IMX_CHANGES[0]),
    "s10 import only": (s10, TRAIN, s10.CHANGES[1]),
    "x13 first only": (x13, ENGINE, x13.CHANGES[0]),
    "x13 import only": (x13, ENGINE, x13.CHANGES[3]),
    "x15 fuse only": (x15, TASKS, x15.CHANGES[0]),
    "x15 is_fused only": (x15, TASKS, x15.CHANGES[1]),
    "x16 train only": (x16, MODEL, x16.CHANGES[0]),
    "x16 tune only": (x16, MODEL, x16.CHANGES[1]),
    "x16 import only": (x16, MODEL, x16.CHANGES[2]),
    "x16 trainer's first only": (x16, ENGINE, x16.ENGINE_CHANGES[0]),
    "x16 trainer's second only": (x16, ENGINE, x16.ENGINE_CHANGES[1]),
    "x16 trainer's import only": (x16, ENGINE, x16.ENGINE_CHANGES[2]),
    "x19 derived only": (x19, TASKS, x19.CHANGES[0]),
    "x19 read only": (x19, TASKS, x19.CHANGES[1]),
}


@pytest.mark.parametrize(
    ("module", "file", "change"),
    [pytest.param(*half, id=name) for name, half in HALVES.items()],
)
def test_half_an_edit_is_completed_or_refused(module, file, change):
    whole = tree_of(UPSTREAM)
    module.STEP.apply(whole)
    half = tree_of({**UPSTREAM, file: edited(UPSTREAM[file], change)})
    tree = dict(half)
    try:
        module.STEP.apply(tree)
    except StepError:
        assert tree == half
    else:
        assert tree == whole
