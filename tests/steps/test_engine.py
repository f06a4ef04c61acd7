import pytest

from fork import series
from fork.edit import Outcome, Step
from fork.errors import StepError
from fork.steps import SERIES
from fork.tree import OVERLAY, digest

from .fakes import OURS, UPSTREAM, tree_of


def step_of(apply, files=("a.py",), places=(1, 1)):
    """Return a step with this body."""
    return Step("s00_test", "-", "Test", "It is a test.", files, places, apply)


def fact(error):
    """Return an error's four facts after the step's name."""
    return error.file, error.definition, error.sought, error.found


def test_error_says_what_where_and_what_to_do():
    error = StepError("s04_name_row", "a/b.py", "f", "a loop", "2 such places")
    assert error.exit_code == 6
    assert str(error).splitlines() == [
        "step s04_name_row does not fit this release: nothing was written.",
        "  where:  a/b.py: f",
        "  sought: a loop",
        "  found:  2 such places",
        "  to do:  build the pinned release (python -m fork build), or adapt the step to this release",
    ]


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (Outcome(2), "applied 2"),
        (Outcome(1, "with a remark"), "applied 1: with a remark"),
        (Outcome(0, "already applied"), "not needed: already applied"),
        (Outcome(0), "not needed"),
    ],
)
def test_outcome_in_words(outcome, text):
    assert str(outcome) == text


class TestRun:
    def test_leaves_its_input_alone_and_keeps_the_tree_of_every_step(self):
        def grow(tree):
            tree["a.py"] += b"1\n"
            return Outcome(1)

        pristine, overlay = {"a.py": b"", "b.py": b""}, {f"{OVERLAY}hooks.py": b""}
        results = series.run(pristine, overlay, [step_of(grow), step_of(grow)])
        assert (pristine, overlay) == ({"a.py": b"", "b.py": b""}, {f"{OVERLAY}hooks.py": b""})
        assert [r.tree["a.py"] for r in results] == [b"1\n", b"1\n1\n"]
        assert [r.tree[f"{OVERLAY}hooks.py"] for r in results] == [b"", b""]
        assert [r.digest for r in results] == [
            digest({"a.py": b"1\n", "b.py": b""}),
            digest({"a.py": b"1\n1\n", "b.py": b""}),
        ]

    def test_leaves_its_input_alone_where_a_step_fails_half_way(self):
        def fail(tree):
            tree["a.py"] = b"half"
            raise StepError("s00_test", "a.py", "f", "all", "half")

        pristine = {"a.py": b""}
        with pytest.raises(StepError, match="found:  half"):
            series.run(pristine, {}, [step_of(fail)])
        assert pristine == {"a.py": b""}

    def test_overlay_wins_over_the_release(self):
        path = f"{OVERLAY}hooks.py"
        (result,) = series.run({path: b"theirs"}, {path: b"ours"}, [step_of(lambda tree: Outcome(0))])
        assert result.tree == {path: b"ours"}

    @pytest.mark.parametrize(
        ("places", "applied", "sought"),
        [((1, 1), 2, "1 places"), ((2, 2), 1, "2 places"), ((2, 4), 5, "2 to 4 places"), ((2, 4), 1, "2 to 4 places")],
    )
    def test_refuses_another_number_of_places_than_declared(self, places, applied, sought):
        def apply(tree):
            tree["a.py"] = b"new"
            return Outcome(applied)

        with pytest.raises(StepError) as caught:
            series.run({"a.py": b""}, {}, [step_of(apply, places=places)])
        assert fact(caught.value) == ("a.py", "whole file", sought, f"{applied} were edited")

    @pytest.mark.parametrize(
        ("new", "applied", "file", "found"),
        [
            ({"a.py": b"1", "b.py": b"1"}, 1, "b.py", "['a.py', 'b.py']"),
            ({"a.py": b"1", "c.py": b"1"}, 1, "c.py", "['a.py', 'c.py']"),
            ({"a.py": b"1", "b.py": None}, 1, "b.py", "['a.py', 'b.py']"),
            ({}, 1, "a.py", "[]"),
            ({"a.py": b"1"}, 0, "a.py", "['a.py']"),
        ],
        ids=["another file", "a new file", "a deleted file", "counts but edits nothing", "edits but counts nothing"],
    )
    def test_refuses_edits_that_the_step_does_not_declare(self, new, applied, file, found):
        def apply(tree):
            tree.update(new)
            for path in [path for path in tree if tree[path] is None]:
                del tree[path]
            return Outcome(applied)

        with pytest.raises(StepError) as caught:
            series.run({"a.py": b"", "b.py": b""}, {}, [step_of(apply)])
        assert fact(caught.value) == (file, "whole file", "edits as declared", found)

    def test_refuses_a_layer_loop_in_a_file_that_no_step_declares(self):
        more = {"ultralytics/more.py": UPSTREAM["ultralytics/utils/export/imx.py"]}
        with pytest.raises(StepError) as caught:
            series.run(tree_of({**UPSTREAM, **more}), tree_of(OURS))
        assert caught.value.step == "s07_spread_maps"
        assert fact(caught.value)[::2] == ("ultralytics/more.py", "edits as declared")
        assert "ultralytics/more.py" in caught.value.found

    def test_looks_again_for_layer_loops_after_the_whole_series(self, monkeypatch):
        monkeypatch.setattr(series, "ORDER", SERIES)  # the fakes are of no release that needs more
        odd = "def run(y):\n    for m in y.layers:\n        x = y[ m.f ]\n        y.append(x)\n"  # the step misses it
        tree = tree_of({**UPSTREAM, "ultralytics/more.py": odd})
        with pytest.raises(StepError) as caught:
            series.run(tree, tree_of(OURS))
        assert str(caught.value).startswith("step after the series does not fit this release")
        assert fact(caught.value) == (
            "ultralytics/more.py",
            "line 4",
            "addmodules.keep in the layer loop",
            "`y` is filled without it",
        )
        assert series.run(tree, tree_of(OURS), []) == [], "a part of the series is not held to it"
