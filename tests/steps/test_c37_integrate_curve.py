import numpy as np
import pytest

from fork.steps.compat import c37_integrate_curve

from .fakes import NEWLINES, edited, refuses, tree_of, unchanged
from .fakes_compat import METRICS, METRICS_CHANGE, METRICS_OLD

STEP = c37_integrate_curve.STEP
WHERE = f"{METRICS}: compute_ap"
AFTER = edited(METRICS_OLD, METRICS_CHANGE)
CALL = "the call of `np.trapz`, or of a choice between it and `np.trapezoid`"
DONE = "it takes numpy's new name"
OLD = "np.trapz( np.interp(x, recall), x )"
CHOICE = 'np.trapezoid if later("2.0") else np.trapz'


@NEWLINES
def test_takes_the_new_name_where_numpy_has_it(newline):
    tree = tree_of({METRICS: METRICS_OLD}, newline)
    outcome = STEP.apply(tree)
    assert tree == tree_of({METRICS: AFTER}, newline)
    assert outcome.where == (WHERE,)


@pytest.mark.parametrize("names", [{"trapezoid"}, {"trapz"}, {"trapezoid", "trapz"}])
def test_the_edited_function_runs_with_any_numpy(names):
    class Numpy:
        interp, sum = staticmethod(np.interp), staticmethod(np.sum)

    for name in names:
        setattr(Numpy, name, staticmethod(np.trapezoid if hasattr(np, "trapezoid") else np.trapz))
    scope = {"np": Numpy, "points": lambda recall: np.array([0.0, 1.0])}
    exec(AFTER.replace("np.interp(x, recall)", "recall"), scope)
    assert scope["compute_ap"](np.array([1.0, 0.0]), None) == 0.5


def test_a_second_run_changes_nothing():
    unchanged(STEP, tree_of({METRICS: AFTER}), DONE)


@pytest.mark.parametrize(
    "changes",
    [
        [(OLD, "func(np.interp(x, recall), x)"), ("    x = points", f"    func = {CHOICE}\n    x = points")],
        [(OLD, "_AREA(np.interp(x, recall), x)"), ("def compute_ap", f"_AREA = {CHOICE}\n\n\ndef compute_ap")],
        [(OLD, f"({CHOICE})(recall, x)")],
        [(OLD, "(np.trapz if early() else np.trapezoid)(recall, x)")],
    ],
    ids=["in the function", "before it", "in the call", "the other way round"],
)
def test_a_release_that_chooses_needs_nothing(changes):
    unchanged(STEP, tree_of({METRICS: edited(METRICS_OLD, *changes)}), DONE)


@pytest.mark.parametrize(
    ("change", "sought", "found"),
    [
        (("def compute_ap(", "def compute("), "one definition of that name", "0 of them"),
        ((OLD, "trapz(recall, x)"), CALL, "no such place"),
        ((OLD, "np.trapezoid(recall, x)"), CALL, "no such place"),
        ((OLD, "numpy.trapz(recall, x)"), CALL, "no such place"),
        ((OLD, f"{OLD} + {OLD}"), CALL, "2 such places"),
        ((OLD, "(np.trapezoid if later() else np.sum)(recall, x)"), CALL, "no such place"),
        ((OLD, f"func(recall, {CHOICE})"), CALL, "no such place"),
        (("np.sum(np.interp(x, recall))", "np.trapz"), CALL, "2 such places"),
        (("np.sum(np.interp", "np.trapz(np.interp"), CALL, "2 such places"),
    ],
)
def test_refuses_what_it_does_not_know(change, sought, found):
    refuses(STEP, tree_of({METRICS: edited(METRICS_OLD, change)}), WHERE, sought, found)


def test_refuses_the_name_elsewhere_in_the_file():
    text = edited(METRICS_OLD, (OLD, "func(recall, x)")) + "\n\ndef other():\n    return np.trapz(1, 2)\n"
    refuses(STEP, tree_of({METRICS: text}), WHERE, "the call of `np.trapz`", "`np.trapz` in another place of the file")


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{METRICS}: module", "the file", "no such file in this release")
