"""The text of a model or data YAML: a mistake is named where it is, and a good file reads as upstream reads it."""

import ast
import random
import time

import pytest
import yaml
from conftest import ROOT, run_python
from yamltext_cases import ENCODINGS, FILES, GOOD, MODEL, SIGNS, STRUCTURE, SYNTAX, TRAPS, upstreams

from ultralytics.nn.Addmodules._check import yamltext as _yamltext
from ultralytics.nn.Addmodules._check.yamlhints import shown
from ultralytics.nn.Addmodules._check.yamltext import Problem, read_document, read_text, render


@pytest.fixture(params=["CSafeLoader", "SafeLoader"])
def loader(request, monkeypatch):
    """Run a test with PyYAML's loader in C and with the one in Python, which words and places errors differently."""
    if not hasattr(yaml, request.param):
        pytest.skip("PyYAML without libyaml")
    monkeypatch.setattr(_yamltext, "LOADER", getattr(yaml, request.param))


assert {"models", "datasets"} <= {part for path in FILES for part in path.parts}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_file_of_the_package_reads_as_upstream_reads_it(path):
    """The data are upstream's, types and order too; a mark is where the text holds the value, or its key."""
    from ultralytics.utils import YAML

    document = read_document(path)
    assert document.problems == []
    assert repr(document.data) == repr(YAML.load(path))
    assert document.path == str(path)
    lines = path.read_text(encoding="utf-8").split("\n")

    def walk(value, where, key=""):
        line, column = document.marks[where]
        rest = lines[line - 1][column - 1 :]
        if isinstance(value, dict):
            for name in value:
                walk(value[name], (*where, name), str(name))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                walk(item, (*where, index))
        if key and rest.startswith((f"{key}:", f"'{key}'", f'"{key}"')):
            return  # the value is below its key, or left out
        starts = "{[-" if isinstance(value, (dict, list)) else [str(value)[:10], "'", '"', "|", ">", "."]
        assert not where or value is None or type(value) in (bool, float) or rest.startswith(tuple(starts))

    walk(document.data, ())


def test_where_a_value_stands_or_its_nearest_parent():
    document = read_text(MODEL.encode())
    assert document.where() == document.where("absent") == (2, 1)
    assert document.where("nc") == (2, 5)
    assert document.where("scales", "n", 1) == (4, 13)
    assert document.where("backbone") == document.where("backbone", 7, 1, 1) == (6, 1)
    assert document.where("backbone", 0) == document.where("backbone", 0, 9) == (8, 5)
    assert document.where("backbone", 1, 3, 0) == (9, 20)
    assert read_text(b"").where("absent") == (0, 0)


def test_where_aliases_stand():
    document = read_text(b"a: &x [1, 2]\nb: *x\nc: [3, *x, *x]\nd:\n  <<: &m {e: 1}\n  f: *x\n")
    assert document.problems == []
    assert document.data == {"a": [1, 2], "b": [1, 2], "c": [3, [1, 2], [1, 2]], "d": {"e": 1, "f": [1, 2]}}
    places = [document.where(*path) for path in [("a", 0), ("b", 1), ("c", 1, 0), ("d", "e"), ("d", "f")]]
    assert places == [(1, 8), (2, 1), (3, 4), (4, 1), (6, 3)]


@pytest.mark.parametrize("name", GOOD)
def test_a_good_file_has_no_problem(name):
    data, expected = GOOD[name]
    document = read_text(data)
    assert document.problems == []
    assert repr(document.data) == repr(upstreams(data))
    assert expected is None or document.data == expected


def check(data, *expected):
    """Compare what is found with "line:column message" (a w for a warning), and the data with upstream's."""
    data = data.encode() if isinstance(data, str) else data
    document = read_text(data)
    found = [f"{p.line}:{p.column}{'w' * (not p.severe)} {p.message}" for p in document.problems]
    assert [f.split(" ")[0] for f in found] == [e.split(" ")[0] for e in expected], found
    for problem, text, part in zip(document.problems, found, expected):
        assert part.split(" ", 1)[1] in text
        assert len(problem.message) < 240
        assert "\n" not in problem.message
        assert problem.advice or "levels" in problem.message or "no value can be made" in problem.message
    if not any(problem.severe for problem in document.problems):
        assert repr(document.data) == repr(upstreams(data))
    return document


ALL = {**ENCODINGS, **STRUCTURE, **SYNTAX, **SIGNS, **TRAPS}


@pytest.mark.parametrize("name", ALL)
def test_what_is_wrong_or_doubtful(name, loader, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    document = check(*ALL[name])
    assert list(tmp_path.iterdir()) == []  # no tag has run anything
    if name in SYNTAX:
        assert document.data is None
        assert document.where("nc") == (0, 0)


assert len(ALL) == sum(map(len, (ENCODINGS, STRUCTURE, SYNTAX, SIGNS, TRAPS)))  # no name twice


@pytest.mark.parametrize("depth", [101, 1000, 20_000])
@pytest.mark.parametrize("sign", ["[", "{a: ", "- ", "? "])
def test_what_is_nested_too_deep_is_refused_where_it_is(sign, depth, loader):
    """libyaml 0.2.6 gives up on 1000 brackets by itself, later in the line."""
    problems = read_text(f"a:\n {sign * depth}".encode()).problems
    assert [(p.line, p.message) for p in problems] == [(2, _yamltext._DEEP)]


@pytest.mark.parametrize("ends", [b"\r\n", b"\r"])
@pytest.mark.parametrize("name", ["key twice", "bracket", "tab", "second colon"])
def test_places_do_not_depend_on_line_ends(name, ends):
    data, *expected = ALL[name]
    check(b"\xef\xbb\xbf" + data.encode().replace(b"\n", ends), *expected)


def test_data_of_a_file_with_a_severe_problem():
    """What can be read is there for further checks; what must not be loaded is not."""
    assert read_text(b"nc: 80\nnc: 3\n").data == {"nc": 3}
    assert read_text("names: [cat, 狗]\n".encode("gbk")).data == {"names": ["cat", "狗"]}
    assert read_text(b"- 1\n").data == [1]
    assert read_text(b"").data == {}
    assert read_text("b: [64，3]\n".encode()).data == {"b": ["64，3"]}
    for data in (b"a: !x 1\n", b"a: [1\n", b"a: 1\n---\nb: 2\n", b"a: &a [*a]\n", b"a: =\n", b"PK\x03\x04"):
        assert read_text(data).data is None


ADVICE = {
    "no space after the colon": "write nc: 80",
    "star": "put it into quotes: '*.jpg'",
    "commas": "write ,; switch the keyboard to English",
    "list and key": "the parser says: ",
}


@pytest.mark.parametrize("name", ADVICE)
def test_advice(name):
    data = ALL[name][0]
    assert ADVICE[name] in read_text(data.encode() if isinstance(data, str) else data).problems[-1].advice


def test_a_long_line_is_shown_in_part():
    problem = read_text(b"names: [" + b"cat, " * 5000 + b"@x, " + b"dog, " * 5000 + b"]\n").problems[0]
    assert (problem.line, problem.column) == (1, 25009)
    assert "cat, @x, dog" in problem.message
    assert problem.message.count("...") == 2


def test_of_many_problems_the_faults_are_listed():
    data = b"".join(b"a%d: 0%d\n" % (n, n % 7 + 10) for n in range(99)) + b"a1: x\n"
    problems = read_text(data).problems
    assert len(problems) == _yamltext.MOST
    assert [p.line for p in problems if p.severe] == [100]


def test_what_is_no_file(tmp_path):
    (tmp_path / "my_model.yaml").write_text("nc: 1\n", encoding="utf-8")
    document = read_document(tmp_path / "my_modle.yaml")
    assert document.problems == [Problem(0, 0, "the file does not exist", "did you mean my_model.yaml?")]
    assert document.data is None
    assert read_document(tmp_path / "no" / "x.yaml").problems[0].advice == "check the path"
    assert "a folder" in read_document(tmp_path).problems[0].message
    assert read_document(str(tmp_path / "a\0b.yaml")).problems[0].message.endswith("embedded null byte")
    assert read_document(str(tmp_path / ("x" * 5000))).problems[0].severe


def test_a_large_file_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "large.yaml"
    with open(path, "wb") as f:
        f.truncate(50_000_000)
    monkeypatch.setattr("builtins.open", None)
    assert "50000000 bytes" in read_document(path).problems[0].message


def test_render_and_shown():
    assert render(Problem(12, 5, "what", "do"), "my.yaml") == "my.yaml:12:5: what\n    do"
    assert render(Problem(12, 0, "what"), "my.yaml") == "my.yaml:12: what"
    assert render(Problem(0, 5, "what", "a\nb"), ROOT) == f"{ROOT}: what\n    a\n    b"
    assert render(Problem(1, 2, "what", row=0, severe=False), "my.yaml") == "my.yaml:1:2: warning: index 0: what"
    assert shown("x" * 65) == "x" * 64 + "..."
    assert shown("a" * 100 + "b" * 100, 101) == "..." + "a" * 32 + "b" * 32 + "..."
    assert shown("  a\tb\u200b ") == "a\\tb\\u200b"
    assert shown(" " * 100 + "a", 101) == "a"


def test_it_needs_neither_the_package_nor_torch():
    folder = ROOT / "ultralytics" / "nn" / "Addmodules" / "_check"
    code = (
        "import importlib, sys, types\n"
        "alone = types.ModuleType('alone')\n"
        f"alone.__path__ = [{str(folder)!r}]\n"
        "sys.modules['alone'] = alone\n"
        "read = importlib.import_module('alone.yamltext').read_text\n"
        "assert read(b'nc: [1').problems and read(b'nc: 80').data == {'nc': 80}\n"
        "print([name for name in ('torch', 'ultralytics', 'numpy', 'fork') if name in sys.modules])\n"
    )
    done = run_python("-c", code)
    assert done.stdout.strip() == "[]", done.stderr
    for path in folder.glob("yaml*.py"):
        ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))


# Any bytes at all: nothing is raised, and nothing wrong passes

PIECES = (
    "\t~\n~\r~\0~\x0c~'~\"~[~]~{~}~,~:~: ~- ~#~&a ~*a~!!python/name:os.system ~!x~|\n~>~%~@~\\~---\n~...\n~<<: ~? "
    "~\ufeff~，~：~（~\u00a0~\u0085~0~010~1e-3~1:30~no~=~\n    ~\n\t~  ~2024-13-01~None~.inf~.nan~!!map "
)
PIECES = [*(piece.encode() for piece in PIECES.split("~")), b"~", b"\xff", b"\xe9", b"\xc4\xa3"]


def damaged(data, rng):
    """Return bytes with one to six random changes."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(data) + 1)
        piece, kind = rng.choice(PIECES), rng.randrange(5)
        if kind == 0:
            data[at:at] = piece
        elif kind == 1:
            del data[at : at + rng.choice([1, 1, 2, 5, 40])]
        elif kind == 2 and at < len(data):
            data[at] = rng.randrange(256)
        elif kind == 3:
            other = rng.randrange(len(data) + 1)
            data[at:at] = data[other : other + rng.randint(1, 60)]
        else:
            data[at : at + 1] = piece
    return bytes(data)


def passes(data):
    """Check what must be true of any bytes; return whether they passed."""
    document = read_text(data)
    lines = len(data.splitlines()) + len(data.decode("utf-8", "ignore").splitlines()) + 1
    for problem in document.problems:
        assert problem.message
        assert 0 <= problem.line <= lines
        assert (problem.column == 0) == (problem.line == 0)
        assert render(problem, "x").replace("\n", "").isprintable()
    if any(problem.severe for problem in document.problems):
        return False
    assert repr(document.data) == repr(upstreams(data)), data  # raises what upstream raises
    return True


@pytest.mark.parametrize(("seed", "number"), [(20, 1000), pytest.param(21, 12_000, marks=pytest.mark.slow)])
def test_any_change_of_a_file_is_either_named_or_read_as_upstream_reads_it(seed, number):
    rng = random.Random(seed)
    found = [path.read_bytes() for path in FILES if path.stat().st_size < 6000]
    found += [MODEL.encode(), "names: [人, 车] # 类别\n".encode("gbk"), "nc: 2\nnames: [é]\n".encode("utf-16")]
    passed = sum(passes(damaged(rng.choice(found), rng)) for _ in range(number))
    assert 0.15 < passed / number < 0.85  # both kinds occur


def test_no_value_loses_a_character_unsaid():
    """Upstream drops what is not UTF-8; whatever the encoding, Shift-JIS say, a value that loses by it is a fault."""
    rng = random.Random(5)
    for _ in range(2000):
        name = bytes(rng.choice([*range(0x80, 0x100), *b"abLR"]) for _ in range(rng.randint(1, 8)))
        data = rng.choice(["", "# 类别数类别数\n"]).encode(rng.choice(["gbk", "utf-8"])) + b"names: [x%s]\n" % name
        if name.decode("utf-8", "ignore").encode() != name:
            assert any(problem.severe for problem in read_text(data).problems), data


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        *("".join(f"k{n}: [{n}, [a, b]]\n" for n in range(30_000)), "a: " + "9" * 900_000, "a: " + "9" * 900_000 + "x"),
        *("a: 1" + ":1" * 450_000, '"' + "a\n" * 300_000, "x\n" * 400_000, "'\n" * 400_000, "a: 1\n" * 180_000),
        *(
            "&a " * 300_000,
            "a: &a 1\n" + "b: *a\n" * 60_000,
            "a:\n" + "  - [a，b]\n" * 70_000,
            "a: [" + "'b, " * 200_000,
        ),
        *("a: b" + "\n" * 900_000 + " - c\n", "nc 80" + " " * 900_000 + "=\nb: 2\n", "a: *" + " " * 900_000 + "x\nb"),
    ],
    ids=lambda text: text[:8].encode("unicode_escape").decode(),
)
def test_the_worst_file_of_a_megabyte_takes_seconds(text):
    start = time.process_time()
    read_text(text.encode())
    assert time.process_time() - start < 30
