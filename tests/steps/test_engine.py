import libcst as cst
import pytest

from fork import edit, series
from fork.edit import Outcome, Source, Step
from fork.errors import StepError
from fork.steps import SERIES
from fork.tree import OVERLAY, digest

from .fakes import OURS, UPSTREAM, tree_of

SMALL = """\
import os

if os.name:
    def maybe():
        pass
class A( object ):   # odd
    x = 1

    def run(self):
        x = 1  # one
        def inner():
            x = 1
        return [x for x in inner()]
"""


def source_of(text, newline="\n"):
    """Open a module of one file."""
    return Source(tree_of({"a.py": text}, newline), "a.py", "s00_test")


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


class TestSource:
    def test_refuses_a_missing_file(self):
        with pytest.raises(StepError) as caught:
            Source({"b.py": b""}, "a.py", "s00_test")
        assert fact(caught.value) == ("a.py", "module", "the file", "no such file in this release")
        assert caught.value.step == "s00_test"

    def test_refuses_what_is_not_python(self):
        with pytest.raises(StepError) as caught:
            source_of("def f(:\n")
        assert fact(caught.value)[:3] == ("a.py", "module", "valid Python")
        assert "\n" not in caught.value.found

    @pytest.mark.parametrize("data", [b"x = '\xe9'\n", b"# coding: nothing-known\nx = 1\n"])
    def test_refuses_an_encoding_it_cannot_read(self, data):
        with pytest.raises(StepError, match="valid Python"):
            Source({"a.py": data}, "a.py", "s00_test")

    @pytest.mark.parametrize(
        ("name", "first"), [("A", "x = 1"), ("A.run", "x = 1"), ("A.run.inner", "x = 1"), ("maybe", "pass")]
    )
    def test_finds_a_definition_by_its_qualified_name(self, name, first):
        found = source_of(SMALL).find(name)
        assert found.name.value == name.split(".")[-1]
        assert edit.code(found.body.body[0]) == first

    @pytest.mark.parametrize(("name", "found"), [("run", "0 of them"), ("A.inner", "0 of them"), ("B", "0 of them")])
    def test_refuses_a_name_that_is_not_there(self, name, found):
        with pytest.raises(StepError) as caught:
            source_of(SMALL).find(name)
        assert fact(caught.value) == ("a.py", name, "one definition of that name", found)

    def test_refuses_a_name_that_is_there_twice(self):
        with pytest.raises(StepError) as caught:
            source_of("if x:\n    def f(): ...\nelse:\n    def f(): ...\n").find("f")
        assert fact(caught.value) == ("a.py", "f", "one definition of that name", "2 of them")

    def test_one_gives_the_only_node_and_refuses_none_or_several(self):
        source, (a, b) = source_of(SMALL), (cst.Name("a"), cst.Name("b"))
        assert source.one("A", "a name", [a]) is a
        for nodes, found in (([], "no such place"), ([a, b], "2 such places")):
            with pytest.raises(StepError) as caught:
                source.one("A", "a name", nodes)
            assert fact(caught.value) == ("a.py", "A", "a name", found)

    def test_replaces_one_node_among_equal_ones(self):
        tree = tree_of({"a.py": SMALL, "b.py": SMALL})
        source = Source(tree, "a.py", "s00_test")
        source.replace("A.run", source.find("A.run").body.body[0], edit.statement("x = 2"))
        assert tree == tree_of({"a.py": SMALL, "b.py": SMALL}), "nothing is written before save"
        assert source.save() == Outcome(1, where=("a.py: A.run",))
        assert tree == tree_of({"a.py": SMALL.replace("        x = 1  # one", "        x = 2"), "b.py": SMALL})

    @pytest.mark.parametrize("newline", ["\n", "\r\n"])
    def test_puts_several_lines_for_one_with_the_files_line_ends(self, newline):
        tree = tree_of({"a.py": SMALL}, newline)
        source = Source(tree, "a.py", "s00_test")
        block = cst.parse_statement("if y:\n    z()\n")
        source.replace(
            "A.run", source.find("A.run").body.body[0], cst.FlattenSentinel([edit.statement("x = 2", "two"), block])
        )
        source.save()
        new = "        x = 2  # two\n        if y:\n            z()\n"
        assert tree == tree_of({"a.py": SMALL.replace("        x = 1  # one\n", new)}, newline)

    def test_refuses_a_node_that_an_earlier_edit_made_stale(self):
        source = source_of(SMALL)
        stale = source.find("A.run")
        source.replace("A.run", stale.body.body[0], edit.statement("x = 2"))
        with pytest.raises(StepError) as caught:
            source.replace("A.run", stale, edit.statement("x = 3"))
        assert fact(caught.value) == ("a.py", "A.run", "the place to edit", "0 of them")
        assert source.edited == ["A.run"]

    @pytest.mark.parametrize(
        "rest",
        [
            b"y = 2",
            b"y  =  2 ;z=3   \n\n\n",
            b"y = 2\r\nz = 3\n",
            b"if y:\n\tz = 3\n\t# end\n  # other\n",
            b"\x0c\ny = 2  # form feed above\n",
            b"y = 1 + \\\n  2\n",
            b"y = '''a\r\n\tb'''\r\n",
            "y = 'é'  # ä\n".encode(),
            b"",
        ],
    )
    @pytest.mark.parametrize("first", [b"", b"\xef\xbb\xbf", b"#!/bin/sh\n\n"])
    def test_keeps_every_byte_outside_the_edit(self, first, rest):
        tree = {"a.py": first + b"x = 1\n" + rest}
        source = Source(tree, "a.py", "s00_test")
        source.replace("module", source.module.body[0].body[0].value, edit.expression("[ 9 ]"))
        source.save()
        assert tree == {"a.py": first + b"x = [ 9 ]\n" + rest}

    def test_keeps_another_encoding(self):
        tree = {"a.py": b"# -*- coding: latin-1 -*-\nx = 1  # \xe9\n"}
        source = Source(tree, "a.py", "s00_test")
        source.replace("module", source.module.body[0].body[0].value, edit.expression("2"))
        source.save()
        assert tree == {"a.py": b"# -*- coding: latin-1 -*-\nx = 2  # \xe9\n"}


class TestSearch:
    def test_definitions_come_in_order_with_qualified_names(self):
        names = [name for name, _ in edit.definitions(cst.parse_module(SMALL))]
        assert names == ["maybe", "A", "A.run", "A.run.inner"]

    def test_own_nodes_leave_nested_definitions_out_and_walk_does_not(self):
        a = source_of(SMALL).find("A")
        run = source_of(SMALL).find("A.run")
        assert [edit.code(n) for n in edit.own_nodes(a, cst.SimpleStatementLine)] == ["x = 1"]
        assert [edit.code(n) for n in edit.own_nodes(run, cst.SimpleStatementLine)] == [
            "x = 1",
            "return [x for x in inner()]",
        ]
        assert sum(isinstance(n, cst.Assign) for n in edit.walk(a)) == 3

    @pytest.mark.parametrize(
        ("line", "target", "value", "fits"),
        [
            ("s = 256", "s", "256", True),
            ("s  =  256  # odd", "s", "256", True),
            ("s = 256", None, "256", True),
            ("s = 256", "s", None, True),
            ("s = 256", "t", None, False),
            ("s = 256", None, "2", False),
            ("t = s = 256", "s", "256", False),
            ("s = t = 256", "s", "256", False),
            ("s: int = 256", "s", "256", False),
            ("s += 256", "s", "256", False),
            ("s = 256; t = 1", "s", "256", True),
            ("self.s = 256", "s", "256", False),
            ("f(s=256)", "s", "256", False),
        ],
    )
    def test_assigns(self, line, target, value, fits):
        assert edit.assigns(cst.parse_module(line).body[0], target, value) is fits

    def test_a_compound_statement_assigns_nothing(self):
        assert edit.assigns(cst.parse_statement("if a: s = 1")) is False

    def test_code_is_one_line_without_comments(self):
        line = cst.parse_module("# above\nx = 1 ;  y( 2 )  # behind\n").body[0]
        assert edit.code(line) == "x = 1; y( 2 )"

    def test_statement_and_new_value_keep_their_comments(self):
        line = edit.statement("\n    x = 1\n", "why")
        assert cst.Module([edit.with_value(line, edit.expression("a or b"))]).code == "x = a or b  # why\n"


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
