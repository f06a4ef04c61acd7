"""The series as a whole: what its steps declare, and that together they fit one another."""

import re
import sys
from pathlib import Path

import pytest

import fork.steps
from fork import series
from fork.edit import Step
from fork.errors import StepError
from fork.steps import SERIES
from fork.steps.articles import ARTICLES
from fork.steps.backbone import BACKBONE
from fork.steps.policy import POLICY
from fork.tree import digest

from . import test_b01_prepare_model as b01
from . import test_b02_derive_models as b02
from . import test_b03_route_heads as b03
from . import test_b04_match_rows as b04
from . import test_b05_count_rows as b05
from . import test_b06_keep_norm_settings as b06
from . import test_b07_fold_backbone as b07
from . import test_p01_trust_files as p01
from . import test_p02_quiet as p02
from . import test_p03_reach_first as p03
from . import test_s03_import_backbones as s03
from . import test_s04_name_row as s04
from . import test_s05_build_backbone_row as s05
from . import test_s06_shift_indices as s06
from . import test_s07_spread_maps as s07
from . import test_s08_probe_stride as s08
from . import test_s09_count_flops as s09
from . import test_s10_square_validation as s10
from .fakes import (
    DISTILL,
    DOWNLOADS,
    ENGINE,
    FLOPS,
    IMX,
    MODEL,
    NEWLINES,
    OURS,
    TASKS,
    TRAIN,
    UPSTREAM,
    UTILS,
    edited,
    tree_of,
)

FOLDERS = {"articles": ARTICLES, "backbone": BACKBONE, "policy": POLICY}
FILES = {
    folder: sorted(path.stem for path in (Path(fork.steps.__file__).parent / folder).glob("[a-z][0-9]*.py"))
    for folder in FOLDERS
}
STEPS = pytest.mark.parametrize("step", SERIES, ids=[step.name for step in SERIES])

FINISHED = {
    **UPSTREAM,
    **OURS,
    TASKS: edited(
        UPSTREAM[TASKS],
        *(s03.CHANGES + s04.CHANGES + s05.CHANGES + s06.CHANGES + s07.CHANGES + s08.CHANGES),
        *(b01.CHANGES + b02.CHANGES + b04.CHANGES + b05.TASKS_CHANGES + b07.CHANGES),
    ),
    IMX: s07.IMX_AFTER,
    FLOPS: edited(s09.AFTER, *b06.CHANGES),
    TRAIN: s10.AFTER,
    ENGINE: b05.AFTER[ENGINE],
    MODEL: edited(b03.AFTER, *b05.MODEL_CHANGES),
    UTILS: p02.AFTER,
    DOWNLOADS: p03.AFTER,
    DISTILL: b05.AFTER[DISTILL],
    **p01.AFTER,
}


@pytest.fixture(autouse=True)
def _series_alone(monkeypatch):
    """Leave out what follows the series for old releases; ``test_compat.py`` is about that."""
    monkeypatch.setattr(series, "ORDER", SERIES)


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_step_file_is_in_the_list_of_its_folder_once_and_in_order(folder):
    assert [step.name for step in FOLDERS[folder]] == FILES[folder]


def test_the_series_is_its_folders_one_after_the_other():
    assert (*ARTICLES, *BACKBONE, *POLICY) == SERIES


def test_every_step_file_has_its_own_test_file():
    here = {path.stem for path in Path(__file__).parent.glob("test_[a-z][0-9]*.py")}
    compat = {name for name in here if name.startswith("test_c")}  # which test_compat.py looks at
    assert here - compat == {f"test_{name}" for names in FILES.values() for name in names}


@pytest.mark.parametrize(("letter", "folder"), [("s", "articles"), ("b", "backbone"), ("p", "policy")])
def test_numbers_of_a_folder_count_up_from_one_without_a_gap(letter, folder):
    numbers = [re.fullmatch(rf"{letter}(\d\d)_[a-z_]+", step.name).group(1) for step in FOLDERS[folder]]
    assert numbers == [f"{n:02}" for n in range(1, len(numbers) + 1)]


def test_sections_are_those_of_the_articles_in_order():
    assert [step.section for step in ARTICLES] == [f"4.{n}" for n in range(1, 11)]
    assert {step.section for step in (*BACKBONE, *POLICY)} == {"-"}


def test_titles_are_told_apart():
    assert len({step.title for step in SERIES}) == len(SERIES)


@STEPS
def test_step_is_the_one_of_its_file(step):
    module = sys.modules[step.apply.__module__]
    assert Path(module.__file__).stem == step.name
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
    counts = [0, 0, 1, 2, 3, 6, 4, 1, 3, 2]  # the articles' own
    counts += [1, 2, 3, 2, 6, 1, 2]  # of a model with a backbone
    counts += [5, 3, 1]  # of the policy
    assert [(r.step, r.outcome.applied) for r in results] == list(zip(SERIES, counts))
    assert results[-1].tree == tree_of(FINISHED, newline)
    assert (pristine, overlay) == (tree_of(UPSTREAM, newline), tree_of(OURS, newline))


def test_only_a_few_steps_leave_open_how_many_places_they_edit():
    open_ = {step.name.split("_")[0] for step in SERIES if step.places[0] != step.places[1]}
    assert open_ == {"s07", "s08", "s09", "b03", "b05", "p01"}
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
    "s10 import only": (s10, TRAIN, s10.CHANGES[2]),
    "b02 derived only": (b02, TASKS, b02.CHANGES[0]),
    "b02 read only": (b02, TASKS, b02.CHANGES[1]),
    "b03 import only": (b03, MODEL, b03.CHANGES[2]),
    "b05 trainer's import only": (b05, ENGINE, b05.ENGINE_CHANGES[1]),
    "b05 import only": (b05, DISTILL, b05.DISTILL_CHANGES[1]),
    "b07 fuse only": (b07, TASKS, b07.CHANGES[0]),
    "b07 is_fused only": (b07, TASKS, b07.CHANGES[1]),
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
