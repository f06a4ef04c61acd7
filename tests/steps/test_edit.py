"""What the engine promises a step: it finds what is there, edits that alone, and keeps every other byte."""

import ast

import pytest

from fork import syntax
from fork.edit import Outcome, Source, Sources
from fork.errors import StepError

from .fakes import tree_of
from .test_engine import fact

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


def source_of(text):
    """Open a module of one file."""
    return Source(tree_of({"a.py": text}), "a.py", "s00_test")


def edit(before, action, newline="\n", name="module"):
    """Return what an action makes of a file, and check that nothing is written before the file is saved."""
    tree = {"a.py": before.replace("\n", newline).encode() if isinstance(before, str) else before}
    old = dict(tree)
    source = Source(tree, "a.py", "s00_test")
    action(source.module if name == "module" else source.find(name))
    assert tree == old
    outcome = source.save()
    assert outcome.where == (f"a.py: {name}",) * outcome.applied
    return tree["a.py"]


def first(place, kind, *patterns):
    """Return the first node of a kind below a place, whoever owns it."""
    return syntax.within(place.node, kind, *patterns)[0]


class TestSource:
    def test_refuses_a_missing_file(self):
        with pytest.raises(StepError) as caught:
            Source({"b.py": b""}, "a.py", "s00_test")
        assert fact(caught.value) == ("a.py", "module", "the file", "no such file in this release")
        assert caught.value.step == "s00_test"

    def test_refuses_what_is_not_python(self):
        with pytest.raises(StepError) as caught:
            source_of("x = 1\ndef f(:\n")
        assert fact(caught.value)[:3] == ("a.py", "module", "valid Python")
        assert caught.value.found.endswith("(line 2)")

    @pytest.mark.parametrize("data", [b"x = '\xe9'\n", b"# coding: nothing-known\nx = 1\n", b"x = 1\0\n"])
    def test_refuses_an_encoding_it_cannot_read(self, data):
        with pytest.raises(StepError, match="valid Python"):
            Source({"a.py": data}, "a.py", "s00_test")

    @pytest.mark.parametrize(
        ("name", "start"), [("A", "x = 1"), ("A.run", "x = 1"), ("A.run.inner", "x = 1"), ("maybe", "pass")]
    )
    def test_finds_a_definition_by_its_qualified_name(self, name, start):
        found = source_of(SMALL).find(name)
        assert found.node.name == name.split(".")[-1]
        assert found.code(found.node.body[0]) == start

    @pytest.mark.parametrize(("name", "found"), [("run", "0 of them"), ("A.inner", "0 of them"), ("B", "0 of them")])
    def test_refuses_a_name_that_is_not_there(self, name, found):
        with pytest.raises(StepError) as caught:
            source_of(SMALL).find(name)
        assert fact(caught.value) == ("a.py", name, "one definition of that name", found)

    def test_refuses_a_name_that_is_there_twice(self):
        with pytest.raises(StepError) as caught:
            source_of("if x:\n    def f(): ...\nelse:\n    def f(): ...\n").find("f")
        assert fact(caught.value) == ("a.py", "f", "one definition of that name", "2 of them")

    def test_one_gives_the_only_thing_and_refuses_none_or_several(self):
        place = source_of(SMALL).find("A")
        assert place.one("a name", ["a"]) == "a"
        for names, found in (([], "no such place"), (["a", "b"], "2 such places")):
            with pytest.raises(StepError) as caught:
                place.one("a name", names)
            assert fact(caught.value) == ("a.py", "A", "a name", found)

    def test_a_step_that_edits_nothing_has_to_say_why(self):
        with pytest.raises(StepError) as caught:
            source_of(SMALL).save()
        assert fact(caught.value) == ("a.py", "whole file", "an edit, or a reason for none", "neither")


class TestSources:
    def test_writes_all_files_at_once_in_the_order_of_their_opening(self):
        tree = tree_of({"a.py": "x = 1\n", "b.py": "y = 1\n", "c.py": "z = 1\n"})
        sources = Sources(tree, "s00_test")
        for file in ("c.py", "a.py", "b.py"):
            assert sources[file] is sources[file]
        for file in ("a.py", "c.py", "a.py"):
            sources[file].module.insert_after(sources[file].module.node.body[0], "more")
        assert sources.edited == ["c.py: module", "a.py: module", "a.py: module"]
        assert tree["a.py"] == b"x = 1\n"
        assert sources.save() == Outcome(3, where=("c.py: module", "a.py: module", "a.py: module"))
        assert tree == tree_of({"a.py": "x = 1\nmore\nmore\n", "b.py": "y = 1\n", "c.py": "z = 1\nmore\n"})

    def test_writes_none_where_one_cannot_be_encoded(self):
        tree = {"a.py": b"x = 1\n", "b.py": b"# coding: latin-1\ny = 1\n"}
        sources = Sources(tree, "s00_test")
        sources["a.py"].module.replace(first(sources["a.py"].module, ast.Constant), "2")
        sources["b.py"].module.replace(first(sources["b.py"].module, ast.Constant), "'\u4e2d'")
        with pytest.raises(UnicodeEncodeError):
            sources.save()
        assert tree["a.py"] == b"x = 1\n"


class TestReplace:
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
            b"y = '\\d'  # no such escape\n",
            b"",
        ],
    )
    @pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b"#!/bin/sh\n\n", "é = 'ü中'; ".encode()])
    def test_keeps_every_byte_outside_the_edit(self, start, rest):
        before = start + b"x = 1\n" + rest
        after = edit(before, lambda place: place.replace(place.nodes(ast.Assign, "x = ...")[0].value, "[ 9 ]"))
        assert after == start + b"x = [ 9 ]\n" + rest

    def test_keeps_another_encoding(self):
        before = b"# -*- coding: latin-1 -*-\nq = '\xe9'; x = 1  # \xe9\n"
        after = edit(before, lambda place: place.replace(first(place, ast.Constant, "1"), "2"))
        assert after == before.replace(b"1  #", b"2  #")

    def test_edits_of_one_step_speak_of_the_file_as_it_was(self):
        def action(place):
            for number, node in enumerate(syntax.within(place.node, ast.Name, "x")):
                place.replace(node, f"longer{number}")

        assert edit("f(x, g(x), x)\n", action) == b"f(longer0, g(longer1), longer2)\n"

    def test_replaces_one_node_among_equal_ones(self):
        after = SMALL.replace("        x = 1  # one", "        x = 2  # one")
        assert edit(SMALL, lambda place: place.replace(place.node.body[0], "x = 2"), name="A.run") == after.encode()

    @pytest.mark.parametrize(
        ("outer", "inner"), [("f(a + b)", "a + b"), ("a + b", "a"), ("[a, b]", "[a, b]")], ids=["in", "part", "same"]
    )
    def test_refuses_two_edits_of_the_same_text(self, outer, inner):
        source = source_of(f"x = {outer}\n")
        place = source.module
        place.replace(first(place, ast.expr, outer), "new")
        with pytest.raises(StepError) as caught:
            place.replace(syntax.within(place.node, ast.expr, inner)[-1], "other")
        assert fact(caught.value)[1:] == ("module", "a place that no other edit of the step changes", f"`{inner}`")
        assert source.edited == ["module"]

    @pytest.mark.parametrize(
        ("old", "comment", "new"),
        [
            ("x = 1  # one\n", None, "y()  # one\n"),
            ("x = 1  # one\n", "", "y()\n"),
            ("x = 1  # one\n", "two", "y()  # two\n"),
            ("x = 1\t\n", "two", "y()  # two\n"),
            ("x = 1", "two", "y()  # two"),
            ("x = 1; z = 2  # one\n", "two", "y(); z = 2  # one\n"),
            ("x = 1; z = 2  # one\n", None, "y(); z = 2  # one\n"),
            ("if a: x = 1  # one\n", "", "if a: y()\n"),
            ("x = (  # one\n    1\n)  # end\n", None, "y()  # end\n"),
            ("x = '#'  # one\n", "", "y()\n"),
        ],
    )
    def test_a_statement_keeps_loses_or_changes_its_comment(self, old, comment, new):
        after = edit(old, lambda place: place.replace(first(place, ast.Assign, "x = ..."), "y()", comment))
        assert after.decode() == new

    @pytest.mark.parametrize("newline", ["\n", "\r\n"])
    def test_several_lines_get_the_indentation_and_line_ends_of_the_file(self, newline):
        new = "x = 2\nif y:\n    z()"
        after = edit(SMALL, lambda place: place.replace(place.node.body[0], new), newline, "A.run")
        lines = "        x = 2\n        if y:\n            z()  # one\n"
        assert after == SMALL.replace("        x = 1  # one\n", lines).replace("\n", newline).encode()

    def test_several_lines_need_a_line_of_their_own(self):
        place = source_of("a = 1; x = 2\n").module
        with pytest.raises(StepError, match="the first on its line"):
            place.replace(place.node.body[1], "y()\nz()")

    def test_a_generator_keeps_the_parentheses_of_its_call(self):
        after = edit("any(x for x in y)\n", lambda place: place.replace(first(place, ast.GeneratorExp), "[y]"))
        assert after == b"any([y])\n"

    def test_finds_nothing_inside_an_f_string(self):
        place = source_of('y = x\nz = f"""\na {x} {y!r:>{w}}"""\n').module
        assert [place.code(node) for node in syntax.within(place.node, ast.Name, "x", "w")] == ["x"]

    def test_refuses_a_node_that_is_not_what_stands_at_its_place(self):
        place = source_of("y = x\n").module
        node = ast.copy_location(ast.Name("z", ast.Load()), place.node.body[0].value)
        with pytest.raises(StepError) as caught:
            place.replace(node, "new")
        assert fact(caught.value)[2:] == ("`z` outside f-strings", "`x`")


class TestWrap:
    @pytest.mark.parametrize(
        ("value", "before", "after", "new"),
        [
            ("a", "f(", ")", "f(a)"),
            ("a, b", "f(", ", c)", "f((a, b), c)"),
            ("a if b else c", "", " or d", "(a if b else c) or d"),
            ("a or b", "", " or d", "(a or b) or d"),
            ("a == b", "", " and d", "a == b and d"),
            ("(a or b)", "", " and d", "((a or b) and d)"),
            ("lambda: a", "b if c else ", "", "b if c else lambda: a"),
            ("a, b", "b if c else ", "", "b if c else (a, b)"),
            ("(\n    a  # one\n    if b\n    else c\n)", "f(", ")", "(\n    f(a  # one\n    if b\n    else c)\n)"),
            ("any(x for x in y)", "not ", "", "not any(x for x in y)"),
        ],
    )
    def test_adds_parentheses_only_where_they_make_a_difference(self, value, before, after, new):
        done = edit(f"x = {value}  # end\n", lambda place: place.wrap(place.node.body[0].value, before, after))
        assert done.decode() == f"x = {new}  # end\n"

    def test_leaves_room_for_an_edit_inside(self):
        def action(place):
            place.wrap(place.node.body[0].value, "f(", ")")
            place.replace(first(place, ast.Name, "b"), "c")

        assert edit("x = a + b\n", action) == b"x = f(a + c)\n"


INSIDE = '''\
def f(x):
    """Text."""

    # above

    @wraps( x )  # odd
    def g():
        pass

    a = 1; b = 2  # two
    if x: y = 1
    c = (
        3  # three
    )  # end
        # deeper
    # over

    # the loop
    for i in x:  # loop
        pass
    return a
'''


class TestInsert:
    @pytest.mark.parametrize(
        ("how", "statement", "anchor", "before"),
        [
            ("insert_before", "g", "    @wraps( x )  # odd\n", True),
            ("insert_above", "g", "\n    # above\n", True),
            ("insert_before", "a = 1", "    a = 1; b = 2  # two\n", True),
            ("insert_after", "c = 3", "    )  # end\n", False),
            ("insert_before", "i", "    for i in x:  # loop\n", True),
            ("insert_above", "i", "    # over\n", True),
            ("insert_after", "i", "    for i in x:  # loop\n        pass\n", False),
            ("insert_after", "return a", "    return a\n", False),
            ("insert_above", "return a", "    return a\n", True),
        ],
    )
    @pytest.mark.parametrize("newline", ["\n", "\r\n"])
    def test_lines_go_where_they_are_sent(self, how, statement, anchor, before, newline):
        def action(place):
            known = {"g": place.node.body[1], "i": place.node.body[-2]}
            node = known[statement] if statement in known else first(place, ast.stmt, statement)
            getattr(place, how)(node, "if new:\n    new()", "", "# end")

        lines = "    if new:\n        new()\n\n    # end\n"
        assert INSIDE.count(anchor) == 1
        after = INSIDE.replace(anchor, lines + anchor if before else anchor + lines)
        assert edit(INSIDE, action, newline, "f") == after.replace("\n", newline).encode()

    @pytest.mark.parametrize("how", ["insert_before", "insert_above", "insert_after"])
    @pytest.mark.parametrize(
        "text", ["if a: x = 1\n", "a = 1; x = 1; b = 2\n", "a = 1; \\\nx = 1\n", "class A: x = 1\n", "a = 1; x = 1\n"]
    )
    def test_refuses_a_statement_without_a_line_of_its_own(self, how, text):
        place = source_of(text).module
        with pytest.raises(StepError, match=r"sought: a statement that is the (first|last) on its line"):
            getattr(place, how)(first(place, ast.Assign, "x = 1"), "new()")

    @pytest.mark.parametrize(
        ("text", "new"),
        [
            ("if a:\n\tif b:\n\t\tx = 1", "if a:\n\tif b:\n\t\tx = 1\n\t\tif y:\n\t\t\tz()"),
            ("x = 1", "x = 1\nif y:\n    z()"),
            ("x = 1;\n", "x = 1;\nif y:\n    z()\n"),
            ("if a:\n  x = 1\n", "if a:\n  x = 1\n  if y:\n      z()\n"),
            ("x = 1\n\x0cy = 1\n", "x = 1\nif y:\n    z()\n\x0cy = 1\n"),
            ("x = '''\n'''\n", "x = '''\n'''\nif y:\n    z()\n"),
            ("class A:\r\n    x = 1\r\n", "class A:\r\n    x = 1\r\n    if y:\r\n        z()\r\n"),
        ],
        ids=["tabs", "no line end", "semicolon", "two spaces", "form feed", "text", "crlf"],
    )
    def test_lines_behind_a_statement_suit_the_file(self, text, new):
        after = edit(text.encode(), lambda place: place.insert_after(first(place, ast.Assign), "if y:\n    z()"))
        assert after.decode() == new

    def test_a_branch_goes_on_the_level_of_the_first(self):
        def action(place):
            branch = first(place, ast.If)
            place.insert_after(branch.body[-1], "elif c:\n    d()", level=branch)

        after = b"if a: b()  # one\nelif c:\n    d()\nelse:\n    e()\n"
        assert edit("if a: b()  # one\nelse:\n    e()\n", action) == after

    def test_nothing_goes_above_the_first_line_of_a_file(self):
        after = edit("#!/bin/sh\n# -*- coding: utf-8 -*-\nx = 1\n", lambda p: p.insert_above(p.node.body[0], "y()"))
        assert after == b"#!/bin/sh\n# -*- coding: utf-8 -*-\ny()\nx = 1\n"

    @pytest.mark.parametrize(
        "above", ["y = (\n# in\n)", "y = '\\\n# in'", "y = '''\n# in'''", "y = 1 + \\\n  2", "if y:\n    z()\n    # in"]
    )
    def test_a_statement_above_is_not_split(self, above):
        after = edit(f"{above}\n\n# over\nx = 1\n", lambda place: place.insert_above(place.node.body[-1], "new()"))
        assert after.decode() == f"{above}\nnew()\n\n# over\nx = 1\n"

    def test_inserts_at_one_place_keep_their_order(self):
        def action(place):
            place.insert_before(place.node.body[0], "one()")
            place.replace(place.node.body[0], "x = 2")
            place.insert_before(place.node.body[0], "two()")

        assert edit("x = 1\n", action) == b"one()\ntwo()\nx = 2\n"
