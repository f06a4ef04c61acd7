"""Edits of calls, dict displays and strings, whatever their layout."""

import ast

import pytest

from fork.errors import StepError

from .test_edit import edit, first, source_of
from .test_engine import fact


@pytest.mark.parametrize(
    ("call", "at", "new"),
    [
        ("f()", -1, "f(new=1)"),
        ("f( )", -1, "f( new=1)"),
        ("f(a)", -1, "f(a, new=1)"),
        ("f(a,)", -1, "f(a, new=1,)"),
        ("f((a) )", -1, "f((a), new=1 )"),
        ("f(a, *b, c=(1))", -1, "f(a, *b, c=(1), new=1)"),
        ("f(*a, **b)", 0, "f(*a, new=1, **b)"),
        ("f(c=1, *a)", -1, "f(c=1, *a, new=1)"),
        ("f((a), b)", 0, "f((a), new=1, b)"),
        ("f(a, (b))", 0, "f(a, new=1, (b))"),
        ("f(\n    a,  # one\n    b,\n)", 0, "f(\n    a,  # one\n    new=1,\n    b,\n)"),
        ("f(\n    a,\n    # two\n    (b),\n)", 0, "f(\n    a,\n    new=1,\n    # two\n    (b),\n)"),
        ("f(\n    a,  # ) one\n)", -1, "f(\n    a, new=1,  # ) one\n)"),
        ("f(a  # (one)\n)", -1, "f(a, new=1  # (one)\n)"),
        ("f((  # (\n    a  # )\n), b)", 0, "f((  # (\n    a  # )\n), new=1, b)"),
    ],
)
def test_insert_argument(call, at, new):
    after = edit(f"é; {call}  # é\n", lambda place: place.insert_argument(first(place, ast.Call), "new=1", at))
    assert after.decode() == f"é; {new}  # é\n"


def test_refuses_an_argument_beside_a_bare_generator():
    place = source_of("f(x for x in y)\n").module
    with pytest.raises(StepError, match="parentheses of their own"):
        place.insert_argument(first(place, ast.Call), "new=1")


@pytest.mark.parametrize(
    ("value", "new"),
    [
        ("a or b", "a or b + 1"),
        ("( a )", "( a ) + 1"),
        ("((\n    a  # )\n))", "((\n    a  # )\n)) + 1"),
        ("f(x for x in a)", "f(x for x in a) + 1"),
    ],
)
def test_append_goes_behind_closing_parentheses(value, new):
    after = edit(f"é = {value}  # (a)\nb\n", lambda place: place.append(place.node.body[0].value, " + 1"))
    assert after.decode() == f"é = {new}  # (a)\nb\n"


@pytest.mark.parametrize(
    ("call", "given", "new"),
    [
        ("a.b.f()", ["a"], "new(a)"),
        ("a.f( x, y=1 )  # end", ["a"], "new( a, x, y=1 )  # end"),
        ("(a /\n b).f(x)", ["a / b"], "new(a / b, x)"),
        ("(f)  ( x)", [], "new  ( x)"),
        ("a.f(  # one\n    x)", ["a"], "new(  # one\n    a, x)"),
        ("f(g(x))", ["f"], "new(f, g(x))"),
    ],
)
def test_redirect(call, given, new):
    after = edit(f"{call}\n", lambda place: place.redirect(first(place, ast.Call), "new", *given))
    assert after.decode() == f"{new}\n"


@pytest.mark.parametrize(
    ("display", "new"),
    [
        ('{"a": 1}', '{"k": v, "a": 1}'),
        ("{ **a }", '{ "k": v, **a }'),
        ('{("a"): 1}', '{"k": v, ("a"): 1}'),
        ('{\n        "a": 1,\n    }', '{\n        "k": v,\n        "a": 1,\n    }'),
        ('{  # one\n\n    "a": 1}', '{  # one\n\n    "k": v,\n    "a": 1}'),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_insert_entry(display, new, newline):
    after = edit(f"x = {display}\n", lambda place: place.insert_entry(first(place, ast.Dict), "k", "v"), newline)
    assert after.decode() == f"x = {new}\n".replace("\n", newline)


@pytest.mark.parametrize("prefix", ["", "f", "rb", "F"])
@pytest.mark.parametrize("quotes", ["'", '"', "'''", '"""'])
def test_text_in_a_literal_whatever_its_form(prefix, quotes):
    before = f"é = 1; x = {prefix}{quotes}a b c{quotes}  # b\n"

    def action(place):
        (line,) = place.nodes(ast.Assign, "x = ...")
        place.replace_in(line.value, " b ", " other ")
        place.prepend(line.value, "start ")

    assert edit(before, action).decode() == before.replace("a b c", "start a other c")


def test_refuses_text_that_is_not_there_once():
    place = source_of('x = f"{i} {i}"\n').module
    for text, found in (("{i}", "2 of them"), ("{j}", "0 of them")):
        with pytest.raises(StepError) as caught:
            place.replace_in(first(place, ast.JoinedStr), text, "new")
        assert fact(caught.value)[2:] == (f"`{text}` once in the text", found)
