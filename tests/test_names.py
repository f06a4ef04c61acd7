"""A name that an edit reads and nothing binds is an error of the step, not one of a training an hour later."""

import pytest

from fork.errors import StepError
from fork.names import check_names, unbound

FILE = "ultralytics/nn/tasks.py"


@pytest.mark.parametrize(
    "source",
    [
        "import os\n\ndef f(a, *b, c=1, **d):\n    e = a\n    return a, b, c, d, e, os, len, __name__, __file__\n",
        "def f():\n    with open('x') as g, open(g) as h:\n        return [h for i in g if i]\n",
        "def f():\n    global late\n    late = 1\n\ndef g():\n    return late\n",
        "def f():\n    return late\n\ndef g():\n    global late\n    late = 1\n",
        "def f():\n    x = 1\n    def g():\n        nonlocal x\n        x += 1\n        return x\n    return g\n",
        "class A:\n    b = 1\n    c = b\n    def d(self):\n        return __class__, super().d()\n",
        "def f():\n    try:\n        import a.b as c\n    except ImportError as e:\n        return e\n    return c\n",
        "def f(x):\n    if (y := x):\n        return y\n    for z in x:\n        del z\n    return lambda w: w\n",
        "from somewhere import *\n\ndef f():\n    return anything\n",
    ],
)
def test_what_is_bound(source):
    assert unbound(source.encode(), FILE) == frozenset()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def f():\n    return x\n", {("f", "x")}),
        ("class A:\n    def f(self):\n        return [x for y in self]\n", {("A.f", "x")}),
        ("class A:\n    b = 1\n    def f(self):\n        return b\n", {("A.f", "b")}),
        ("def f():\n    return f'{x} {y.z}'\n", {("f", "x"), ("f", "y")}),
        ("print(x)\n", {("module", "x")}),
        ("from ultralytics.nn.Addmodules import *  # ours\n\ndef f():\n    return x\n", {("f", "x")}),
    ],
)
def test_what_is_not(source, found):
    result = {
        (".".join(n for n in name.split(".") if n != "listcomp"), read) for name, read in unbound(source.encode(), FILE)
    }
    assert result == found


def test_the_step_file_definition_and_name_are_said():
    before = {FILE: b"def f(weights):\n    source = weights\n    return source, old\n", "notes.md": b""}
    after = {**before, FILE: before[FILE].replace(b"return source", b"inherit(model)\n    return source")}
    with pytest.raises(StepError) as caught:
        check_names("x99_inherit", before, after)
    assert str(caught.value).startswith("x99_inherit: ") or "x99_inherit" in str(caught.value)
    assert "f" in str(caught.value)
    assert "`inherit`" in str(caught.value)
    bound = {**after, FILE: b"def inherit(x): pass\nmodel = 1\n" + after[FILE]}
    check_names("x99_inherit", before, bound)  # what upstream itself leaves unbound, `old`, is none of our business
    check_names("x99_inherit", after, after)


OLD = "import os\nfrom a import (\n    late,\n)\n\ndef f(x):\n    return x\n\n\n"
OLD += "class A:\n    def g(self):\n        return f(os)\n"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (("return x", "return x, late, A, f, os"), ""),
        (("return x", "return x, here"), "here"),
        (("import os\n", "import os, here\n"), ""),
        (("import os\n", ""), "os"),
        (("def f(x)", "def h(x)"), "f"),
        (("return x\n", "return x, here\n\n\nfrom a import here as there\n"), "here"),
        (("return x\n", "return x, here\n\n\nimport there  # as here\n"), "here"),
        (("return x\n", "return x, there\n\n\nfrom a import here as there  # so\n"), ""),
        (("return x\n", "return x, here\n\n\ndef h():\n    global here\n    here = 1\n"), ""),
        (("return x\n", "return x\n\n\nTEXT = '''\ndef f(x):\n    return here\n'''\n"), ""),
        (("return f(os)", "return f(os)\n\n    def h(self):\n        return g"), "g"),
        (("class A:", "@here\nclass A:"), "here"),
        (("    late,\n", "    here as late,\n    more,\n"), ""),
        (("    late,\n", "    more,\n"), ""),
    ],
)
def test_what_a_change_leaves_unbound(change, name):
    before, after = ({FILE: text.encode()} for text in (OLD, OLD.replace(*change)))
    assert {read for _, read in unbound(after[FILE], FILE)} == ({name} if name else set())
    if name:
        with pytest.raises(StepError, match=f"a variable `{name}`"):
            check_names("x99_inherit", before, after)
    else:
        check_names("x99_inherit", before, after)


@pytest.mark.parametrize(
    "text", ["def f(x:\n    return x\n", "def f(x):\n  return x\n return x\n", "x = 1\0\n", "x = '\udcff'\n"]
)
def test_an_edit_that_is_no_python_is_its_steps_error(text):
    after = {FILE: text.encode(errors="surrogateescape")}
    with pytest.raises(StepError, match="valid Python"):
        check_names("x99_inherit", {FILE: OLD.encode()}, after)
