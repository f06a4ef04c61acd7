"""The steps for old releases as a whole: kept apart from the series, behind it, and without effect on the pin."""

import importlib
import re
from pathlib import Path

import pytest

import fork.compat
from fork import series
from fork.compat import COMPAT
from fork.edit import Step
from fork.steps import SERIES

FILES = sorted(path.stem for path in Path(fork.compat.__file__).parent.glob("*.py") if not path.stem.startswith("_"))
STEPS = pytest.mark.parametrize("step", COMPAT, ids=[step.name for step in COMPAT])


def test_every_file_is_listed_once_and_in_order_and_has_a_test():
    assert [step.name for step in COMPAT] == FILES
    here = sorted(path.stem for path in Path(__file__).parent.glob("test_c[0-9]*.py"))
    assert here == [f"test_{name}" for name in FILES]


def test_they_follow_the_series_and_count_without_a_gap():
    assert (*SERIES, *COMPAT) == series.ORDER
    numbers = [int(re.match(r"c(\d\d)_[a-z_]+$", step.name).group(1)) for step in COMPAT]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert all(step.name.startswith("c") for step in COMPAT)
    assert not any(step.name.startswith("c") for step in SERIES)


@STEPS
def test_step_says_what_it_is_for_and_which_release_does_without(step):
    module = importlib.import_module(f"fork.compat.{step.name}")
    assert isinstance(step, Step)
    assert module.STEP is step
    assert (step.name, step.apply) == (module.NAME, module.apply)
    assert step.section == "-"
    assert re.fullmatch(r"[A-Z][^\n]*[^\s.]", step.title)
    assert len(step.title) < 60
    assert step.title not in {other.title for other in series.ORDER if other is not step}
    assert re.search(r"[Uu]pstream [^.]*8\.\d\.\d+", step.reason)
    assert "version" not in step.apply.__code__.co_names  # it is found in the code
    assert all(re.fullmatch(r"ultralytics/[\w/]+\.py", file) for file in step.files)
    assert 0 < step.places[0] <= step.places[1]


def test_the_pinned_release_needs_none_of_them(results):
    outcomes = {result.step.name: result for result in results}
    last_of_series = outcomes[SERIES[-1].name]
    for step in COMPAT:
        assert outcomes[step.name].outcome.applied == 0
        assert outcomes[step.name].outcome.reason
        assert outcomes[step.name].digest == last_of_series.digest
