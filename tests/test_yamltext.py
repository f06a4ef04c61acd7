"""The text of a model or data YAML: every mistake is named where it is, and a good file reads as upstream reads it."""

import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, run_python
from yamltext_cases import ENCODINGS, FILES, GOOD, MODEL, STRUCTURE, SYNTAX, upstreams
from yamltext_signs import SIGNS, TRAPS

from ultralytics.nn.Addmodules import _yamlnodes, _yamltext
from ultralytics.nn.Addmodules._yamlproblem import listed, shown
from ultralytics.nn.Addmodules._yamltext import Problem, read_document, read_text, render


def brief(document):
    return [(p.line, p.column, p.severe) for p in document.problems]


@pytest.fixture(params=["c", "python"])
def loader(request, monkeypatch):
    """Run a test with PyYAML's loader in C and with the one in Python, which words and places errors otherwise."""
    if request.param == "c" and not hasattr(yaml, "CSafeLoader"):
        pytest.skip("PyYAML without libyaml")
    monkeypatch.setattr(_yamlnodes, "LOADER", yaml.CSafeLoader if request.param == "c" else yaml.SafeLoader)
    return request.param


# Good files


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_file_of_the_package_reads_as_upstream_reads_it(path):
    from ultralytics.utils import YAML

    document = read_document(path)
    expected = YAML.load(path)
    assert document.problems == []
    assert document.data == expected
    assert repr(document.data) == repr(expected)  # types and order, too
    assert document.path == str(path)


def test_there_are_files_of_both_kinds():
    assert len(FILES) > 100
    assert {"models", "datasets"} <= {part for path in FILES for part in path.parts}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_marks_point_at_what_they_name(path):
    """Each mark of a scalar is where the text holds it; each of a key's block is where the key stands."""
    document = read_document(path)
    lines = path.read_text(encoding="utf-8").split("\n")

    def walk(value, where):
        assert where in document.marks, where
        line, column = document.marks[where]
        rest = lines[line - 1][column - 1 :]
        if isinstance(value, dict):
            assert rest[0] == "{" or not where or rest.startswith(str(where[-1]))
            for key in value:
                walk(value[key], (*where, key))
        elif isinstance(value, list):
            assert rest[0] in "[-" or rest.startswith(str(where[-1])), (where, rest)
            for index, item in enumerate(value):
                walk(item, (*where, index))
        elif isinstance(value, str):
            assert rest.startswith((value[:10], "'", '"', "|", ">")) or rest.startswith(str(where[-1])), (where, rest)
        elif type(value) is int:
            assert rest.startswith(str(value))

    walk({key: "None" if value is None else value for key, value in document.data.items()}, ())


def test_marks_of_a_model():
    document = read_text(MODEL.encode())
    assert document.marks[()] == (2, 1)
    assert document.marks[("nc",)] == (2, 5)
    assert document.marks[("scales",)] == (3, 1)
    assert document.marks[("scales", "n")] == (4, 6)
    assert document.marks[("scales", "n", 1)] == (4, 13)
    assert document.marks[("backbone",)] == (6, 1)
    assert document.marks[("backbone", 0)] == (8, 5)
    assert document.marks[("backbone", 0, 2)] == (8, 13)
    assert document.marks[("backbone", 1, 3, 0)] == (9, 20)
    assert document.marks[("head", 1, 0, 1)] == (13, 11)


def test_where_falls_back_to_the_nearest_parent():
    document = read_text(MODEL.encode())
    assert document.where("backbone", 0, 2) == (8, 13)
    assert document.where("backbone", 0, 9) == (8, 5)
    assert document.where("backbone", 7, 1, 1) == (6, 1)
    assert document.where("absent") == (2, 1)
    assert read_text(b"").where("absent") == (0, 0)


def test_marks_of_aliases_are_where_the_alias_stands():
    document = read_text(b"a: &x [1, 2]\nb: *x\nc: [3, *x, *x]\nd:\n  <<: &m {e: 1}\n  f: *x\n")
    assert document.problems == []
    assert document.data == {"a": [1, 2], "b": [1, 2], "c": [3, [1, 2], [1, 2]], "d": {"e": 1, "f": [1, 2]}}
    assert document.marks[("a",)] == (1, 4)
    assert document.marks[("b",)] == (2, 4)
    assert document.marks[("b", 1)] == (1, 11)
    assert document.marks[("c", 1)] == (3, 8)
    assert document.marks[("c", 2)] == (3, 12)
    assert document.where("d", "e") == (4, 1)
    assert not any(None in path for path in document.marks)
    assert document.marks[("d", "f")] == (6, 6)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_file_has_no_problem(name):
    data, expected = GOOD[name]
    document = read_text(data)
    assert document.problems == []
    assert document.data == upstreams(data)
    assert expected is None or document.data == expected


def check(data, expected):
    document = read_text(data)
    found = brief(document)
    text = "\n".join(render(p, "f") for p in document.problems)
    assert found == [e[:3] for e in expected], text
    for problem, (*_, message, advice) in zip(document.problems, expected):
        assert message in problem.message
        assert ("(such signs" in problem.message) == ("(such signs" in message)
        assert advice in problem.advice
        assert len(problem.message) < 240
        assert "\n" not in problem.message
    return document


@pytest.mark.parametrize("name", ENCODINGS)
def test_encodings(name, loader):
    data, expected = ENCODINGS[name]
    document = check(data, expected)
    if not any(p.severe for p in document.problems):
        assert document.data == upstreams(data)


@pytest.mark.parametrize("name", STRUCTURE)
def test_structure(name, loader, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(*STRUCTURE[name])
    assert list(tmp_path.iterdir()) == []  # no tag has run anything


@pytest.mark.parametrize("name", SYNTAX)
def test_syntax(name, loader):
    document = check(*SYNTAX[name])
    assert document.data is None
    assert document.where("nc") == (0, 0)


@pytest.mark.parametrize("name", SIGNS)
def test_full_width_signs(name, loader):
    text, expected = SIGNS[name]
    check(text.encode(), expected)


@pytest.mark.parametrize("name", TRAPS)
def test_values_that_are_read_otherwise(name, loader):
    data, expected = TRAPS[name]
    document = check(data, expected)
    if not any(p.severe for p in document.problems):
        assert document.data == upstreams(data)


@pytest.mark.parametrize("ends", [b"\r\n", b"\r"])
@pytest.mark.parametrize("name", ["key twice", "bracket", "tab", "second colon"])
def test_places_do_not_depend_on_line_ends(name, ends):
    data, expected = {**STRUCTURE, **SYNTAX}[name]
    check(b"\xef\xbb\xbf" + data.replace(b"\n", ends), expected)


def test_data_of_a_file_with_a_severe_problem():
    """What can be read is there for further checks; what must not be loaded is not."""
    assert read_text(b"nc: 80\nnc: 3\n").data == {"nc": 3}
    assert read_text("names: [cat, 狗]\n".encode("gbk")).data == {"names": ["cat", "狗"]}
    assert read_text("names: [né, b]\n".encode("latin-1")).data == {"names": ["né", "b"]}
    assert read_text(b"- 1\n").data == [1]
    assert read_text(b"").data == {}
    assert read_text("b: [64，3]\n".encode()).data == {"b": ["64，3"]}
    for data in (b"a: !x 1\n", b"a: [1\n", b"a: 1\n---\nb: 2\n", b"a: &a [*a]\n", b"a: =\n", b"PK\x03\x04"):
        assert read_text(data).data is None


def test_a_long_line_is_shown_in_part():
    problem = read_text(b"names: [" + b"cat, " * 5000 + b"*.x, " + b"dog, " * 5000 + b"]\n").problems[0]
    assert (problem.line, problem.column) == (1, 25009)
    assert "cat, *.x, dog" in problem.message
    assert problem.message.count("...") == 2


def test_many_problems_are_cut_short():
    data = b"".join(b"a%d: 0%d\n" % (n, n % 7 + 10) for n in range(99)) + b"a1: x\n"
    problems = read_text(data).problems
    assert len(problems) == _yamltext.MOST + 1
    assert problems[-1].message == "50 more problems are not listed"
    assert not problems[-1].severe
    assert [p.line for p in problems if p.severe] == [100]
    severe = read_text(b"a: 1\n" * 200).problems
    assert len(severe) == _yamltext.MOST + 1
    assert severe[-1].severe


# Files


def test_a_missing_file_is_a_problem_with_the_nearest_name(tmp_path):
    (tmp_path / "my_model.yaml").write_text("nc: 1\n", encoding="utf-8")
    document = read_document(tmp_path / "my_modle.yaml")
    assert brief(document) == [(0, 0, True)]
    assert document.problems[0].advice == "did you mean my_model.yaml?"
    assert document.data is None
    assert "does not exist" in read_document(tmp_path / "no" / "x.yaml").problems[0].advice
    assert read_document(tmp_path / "zzz").problems[0].advice == "check the path"


def test_what_is_no_file(tmp_path):
    assert "a folder" in read_document(tmp_path).problems[0].message
    assert read_document(str(tmp_path / "a\0b.yaml")).problems[0].message.endswith("embedded null byte")
    assert brief(read_document(str(tmp_path / ("x" * 5000)))) == [(0, 0, True)]


def test_a_missing_file_without_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_model.yaml").write_text("nc: 1\n", encoding="utf-8")
    assert read_document("my_modle.yaml").problems[0].advice == "did you mean my_model.yaml?"


def test_a_large_file_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "large.yaml"
    with open(path, "wb") as f:
        f.truncate(50_000_000)
    monkeypatch.setattr("builtins.open", None)
    document = read_document(path)
    assert brief(document) == [(0, 0, True)]
    assert "50000000 bytes" in document.problems[0].message


def test_the_size_limit_is_an_argument(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_bytes(b"nc: 80\n")
    assert read_document(path, max_bytes=7).data == {"nc": 80}
    assert read_document(path, 6).data is None


# Form


def test_render():
    assert render(Problem(12, 5, "what", "do"), "my.yaml") == "my.yaml:12:5: what\n    do"
    assert render(Problem(12, 0, "what"), "my.yaml") == "my.yaml:12: what"
    assert render(Problem(0, 0, "what", "a\nb"), Path("my.yaml")) == "my.yaml: what\n    a\n    b"
    assert render(Problem(1, 2, "what", row=7), "my.yaml") == "my.yaml:1:2: index 7: what"
    assert render(Problem(1, 2, "what", row=0, severe=False), "my.yaml") == "my.yaml:1:2: warning: index 0: what"


def test_words():
    assert shown("x" * 64) == "x" * 64
    assert shown("x" * 65) == "x" * 64 + "..."
    assert shown("a" * 100 + "b" * 100, 101) == "..." + "a" * 32 + "b" * 32 + "..."
    assert shown("a" * 100, 100) == "..." + "a" * 64
    assert shown("  a\tb\u200b ") == "a\\tb\\u200b"
    assert shown(" " * 100 + "a", 101) == "a"
    assert listed([3]) == "3"
    assert listed([3, 4, 9]) == "3, 4 and 9"
    assert listed(range(6)) == "0, 1, 2, 3, 4 and 5"
    assert listed(range(9)) == "0, 1, 2, 3, 4 and 4 more"
    assert render(Problem(0, 5, "what"), "x") == "x: what"


def test_it_needs_neither_the_package_nor_torch():
    code = (
        "import importlib, sys, types\n"
        "alone = types.ModuleType('alone')\n"
        f"alone.__path__ = [{str(ROOT / 'ultralytics' / 'nn' / 'Addmodules')!r}]\n"
        "sys.modules['alone'] = alone\n"
        "read = importlib.import_module('alone._yamltext').read_text\n"
        "assert read(b'nc: [1').problems and read(b'nc: 80').data == {'nc': 80}\n"
        "print([name for name in ('torch', 'ultralytics', 'numpy', 'fork') if name in sys.modules])\n"
    )
    done = run_python("-c", code)
    assert done.stdout.strip() == "[]", done.stderr


def test_python_version_of_the_files():
    """The module's files keep to the syntax of the oldest Python supported."""
    import ast

    for path in (ROOT / "ultralytics" / "nn" / "Addmodules").glob("_yaml*.py"):
        ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
    assert sys.version_info >= (3, 9)
