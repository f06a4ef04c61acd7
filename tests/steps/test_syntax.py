"""How a step finds its places: definitions by name, nodes by patterns that are source themselves."""

import ast

import pytest

from fork import syntax

from .test_edit import SMALL, source_of


def test_definitions_come_in_order_with_qualified_names():
    assert [place.name for place in source_of(SMALL).places()] == ["maybe", "A", "A.run", "A.run.inner"]


def test_definitions_in_every_kind_of_block():
    text = "try:\n    def a(): ...\nexcept E:\n    def b(): ...\nelse:\n    def c(): ...\nfinally:\n    def d(): ...\n"
    text += "with x:\n    for y in z:\n        async def e(): ...\n    while x:\n        class f: ...\n"
    assert [place.name for place in source_of(text).places()] == list("abcdef")


def test_nodes_leave_nested_definitions_out_and_within_does_not():
    source = source_of(SMALL)
    a, run = source.find("A"), source.find("A.run")
    assert [syntax.code(node) for node in source.module.nodes(ast.Import)] == ["import os"]
    assert [a.code(node) for node in a.nodes(ast.stmt)] == ["x = 1"]
    assert [run.code(node) for node in run.nodes(ast.stmt)] == ["x = 1", "return [x for x in inner()]"]
    assert len(syntax.within(a.node, ast.Assign)) == 3


def test_lines_are_statements_that_begin_theirs():
    place = source_of("a = 1; b = 2\nif a: c = 3\nif b:\n    d = (\n        4\n    )\n").module
    assert [place.code(node).split()[0] for node in place.lines(ast.Assign)] == ["a", "d"]
    assert len(place.lines(ast.stmt)) == 4


@pytest.mark.parametrize(
    ("source", "pattern", "fits"),
    [
        ("s  =  256  # odd", "s = 256", True),
        ("s = 256", "s = ...", True),
        ("s = 256", "... = 256", True),
        ("s = 256", "t = ...", False),
        ("s = 256", "s = 2", False),
        ("s = 1.0", "s = 1", False),
        ("s = True", "s = 1", False),
        ("t = s = 256", "s = 256", False),
        ("s: int = 256", "s = 256", False),
        ("s += 256", "s = 256", False),
        ("self.s = 256", "s = 256", False),
        ("a.b, c.d = i, j", "a.b, ... = i, ...", True),
        ("a.b, c.d = j, i", "a.b, ... = i, ...", False),
        ("x['a']", 'x["a"]', True),
        ("(x) [ 1 ]", "x[1]", True),
        ("x[1, 2]", "x[...]", True),
        ("f(a)", "f()", False),
        ("f(a, *b, c=1)", "f(...)", True),
        ("f(a, b, c)", "f(a, ...)", True),
        ("f(b, a)", "f(a, ...)", False),
        ("f(b, a)", "f(..., a)", True),
        ("f(a, c=1, d=2)", "f(..., d=2)", True),
        ("f(a, c=1, d=2)", "f(a, d=2)", False),
        ("f(a, c=1)", "f(..., d=2)", False),
        ("x.y.f(a)", "(...).f(a)", True),
        ("f(a)", "(...).f(a)", False),
        ("a or b or c", "a or ...", True),
        ("a and b", "a or ...", False),
        ("return", "return ...", False),
        ("return x", "return ...", True),
        ("from a import b as c", "from a import b as c", True),
        ("from .a import b", "from a import b", False),
        ("for x in y:\n    a\n    b", "for x in y: ...", True),
        ("for x in y:\n    a\nelse:\n    b", "for x in y: ...", False),
        ("f'{x}'", 'f"{x}"', True),
        ("x", "...", True),
    ],
)
def test_matches(source, pattern, fits):
    assert syntax.matches(ast.parse(source).body[0], pattern) is fits
