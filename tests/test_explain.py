"""What is said about a place of the release: the steps that edit it, why, and their edit."""

import re

import pytest
from fake_releases import LINES, PLAIN, checkout, line
from fork.notes import NOTES
from fork.printer import Printer, printer

from fork import build as builder
from fork import cli
from fork.releases import local
from fork.review import explain
from fork.steps import SERIES
from fork.tree import OVERLAY

TASKS = "ultralytics/nn/tasks.py"
PARSE = ["s04", "s05", "s06", "x11", "x17", "x18", "x34"]


@pytest.fixture
def root(tmp_path, monkeypatch):
    return checkout(tmp_path, monkeypatch)


@pytest.fixture
def said(root, capsys, monkeypatch):
    """Run ``explain`` in a terminal 80 wide: (exit code, stdout, stderr)."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*place):
        code = cli.main(["explain", *place], root=root)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def heads(text):
    """Return the steps that have a section in the output."""
    return [step.name.split("_")[0] for step in SERIES if f"\n{step.name[:3]}  {step.title}\n" in f"\n{text}"]


def flat(text):
    """Return a text without its line breaks."""
    return " ".join(text.split())


@pytest.mark.parametrize(
    "place", [f"{TASKS}:parse_model", "tasks.py:parse_model", "parse_model", "nn\\tasks.py:parse_model"]
)
def test_a_definition_has_its_steps_in_order_and_their_edits(said, place):
    code, out, _ = said(place)
    assert code == 0
    assert out.startswith(f"{TASKS}: parse_model\n")
    assert f"7 of the {len(SERIES)} steps edit it in ultralytics 8.4.1:\n{', '.join(PARSE)}." in out
    assert heads(out) == PARSE
    s06 = next(step for step in SERIES if step.name.startswith("s06"))
    assert flat(s06.reason) in flat(out)
    assert f"Not needed when {NOTES[s06.name].unless}" in flat(out)
    assert "section 4.6 of the articles | 6 places here | fork/steps/articles/s06_shift_indices.py" in flat(out)
    assert re.search(r"^ +\+ .*elif addmodules\.is_backbone\(m\):$", out, re.MULTILINE)


def test_the_edit_is_limited_to_the_definition(said):
    _, out, _ = said("BaseModel._predict_once")
    assert heads(out) == ["s07"]
    assert len(re.findall(r"^ +\+ ", out, re.MULTILINE)) == 1
    assert "addmodules.keep(y, m, x, self.save)" in out
    _, whole, _ = said("s07")
    assert whole.count("addmodules.keep(") == 3


def test_a_class_stands_for_all_that_is_in_it(said):
    _, out, _ = said("tasks.py:BaseModel")
    assert heads(out) == ["s07", "x15", "x20", "x28", "x30"]
    _, out, _ = said("BaseModel.fuse")
    assert heads(out) == ["x15"]


def test_what_is_outside_definitions_is_the_module(said):
    _, out, _ = said("tasks.py:module")
    assert heads(out) == ["s03"]
    assert "+ from ultralytics.nn.Addmodules import *" in out
    assert "elif" not in out


def test_a_file_and_a_line_of_it(said, root):
    _, out, _ = said(TASKS)
    touching = [c.label for c in explain.changes(builder.plan(root), root) if c.file == TASKS]
    assert heads(out) == touching
    text = builder.plan(root).final[TASKS].decode()
    number = text[: text.index("addmodules.is_backbone(m)")].count("\n") + 1
    assert said(f"{TASKS}:{number}")[1] == said("parse_model")[1]
    assert said(str(root / TASKS) + ":parse_model")[1] == said("parse_model")[1]


@pytest.mark.parametrize("place", ["s06", "S6", "s06_shift_indices", "4.6", "§4.6"])
def test_a_step_by_any_of_its_names(said, place):
    code, out, _ = said(place)
    assert code == 0
    assert heads(out) == ["s06"]
    assert f"{TASKS}: parse_model (6 places)" in out
    assert len(re.findall(r"^ +\+ ", out, re.MULTILINE)) == 6


def test_a_step_without_an_edit_says_so(said):
    _, out, _ = said("4.1")
    assert "section 4.1 of the articles | not needed: git brings the folder" in flat(out)
    assert "@@" not in out


def test_without_a_place_every_edited_one_is_listed(said, root):
    code, out, _ = said()
    assert code == 0
    assert re.search(r"^  parse_model +" + " ".join(PARSE) + "$", out, re.MULTILINE)
    for result in builder.plan(root).results:
        short = result.step.name.split("_")[0]
        for place in result.outcome.where:
            file, name = place.split(": ")
            block = out[out.index(f"\n{file}\n") :].split("\n\n")[0]
            assert re.search(rf"^  {re.escape(name)} +.*\b{short}\b", block, re.MULTILINE), place
        if not result.outcome.applied:
            assert f"{result.step.name}: {result.outcome.reason}" in flat(out)


def test_an_untouched_place_is_upstreams(said):
    code, out, _ = said(PLAIN)
    assert code == 0
    assert "No step edits it: it is as in ultralytics 8.4.1." in out
    code, out, _ = said("tasks.py:BaseModel._names")
    assert code == 0
    assert "No step edits it" in flat(out)
    assert "parse_model" in out


def test_our_own_folder_is_no_edit(said):
    code, out, _ = said(f"{OVERLAY}hooks.py")
    assert code == 0
    assert "Ours, tracked by git" in out


def test_a_hook_has_the_steps_that_call_it(said, root):
    hooks = root / OVERLAY / "hooks.py"
    hooks.write_bytes(hooks.read_bytes() + b"\n\ndef keep(outputs, layer, x, save=None):\n    return x\n")
    imx = "ultralytics/utils/export/imx.py"
    for place in ("hooks.py:keep", "addmodules.keep"):
        _, out, _ = said(place)
        assert out.startswith(f"{OVERLAY}hooks.py: keep\n")
        assert f"s07 in {TASKS}, s07 in {imx}." in flat(out)


@pytest.mark.parametrize(
    ("place", "near"),
    [
        ("tasks.py:parse_modle", "parse_model"),
        ("task.py:parse_model", "parse_model"),
        ("BaseModel.fuze", "BaseModel.fuse"),
        ("s99", None),
        ("4.11", None),
        ("nothing like it", None),
        ("-", None),
        ("", None),
    ],
)
def test_an_unknown_place_is_an_error_with_what_comes_near(said, place, near):
    code, out, err = said(place)
    assert (code, out) == (1, "")
    assert "error: " in err
    assert "`python -m fork explain` lists every edited place" in err
    assert near is None or near in err.split("near it:")[1]
    assert "Traceback" not in err


def test_a_saved_edit_is_among_the_edits(said, root):
    assert cli.main(["build"], root=root) == 0
    (root / PLAIN).write_bytes(line(30, "mine = 30\n").encode())
    text = (root / TASKS).read_bytes().decode()
    (root / TASKS).write_bytes(text.replace("    def fuse(", "    mine = 1\n\n    def fuse(").encode())
    local.save(root, "head")
    _, out, _ = said(PLAIN)
    assert "No step, and 1 of your saved edits, edits it" in flat(out)
    assert f"- {LINES[29]}" in out
    assert "+ mine = 30\n" in out
    _, out, _ = said("tasks.py:BaseModel")
    assert "local/head.patch  a saved edit of yours" in out
    assert "+     mine = 1" in out


def test_prose_is_wrapped_to_the_width_and_plain_where_it_is_no_terminal(said):
    _, out, _ = said(TASKS)
    prose = [x for x in out.splitlines() if not re.match(r" {5}[-+@ ] ", x) and "fork/steps/" not in x]
    assert max(map(len, prose)) <= 80
    assert "\033" not in out


def test_a_terminal_gets_colours_unless_it_wants_none(root):
    work = builder.plan(root)
    plain = explain.explain(work, "s06", root, Printer(80, False))
    coloured = explain.explain(work, "s06", root, Printer(80, True))
    assert "\033[32m+ " in coloured
    assert re.sub(r"\033\[\d*m", "", coloured) == plain


def test_colours_are_for_terminals(monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert printer().colour
    monkeypatch.setenv("NO_COLOR", "1")
    assert not printer().colour


def test_an_edit_of_a_last_line_without_a_newline_is_whole():
    change = explain.Change(None, "x", "a.py", "a\nb", "a\nc", {"module": 1})
    assert explain.edit(change) == "@@ line 1 @@\n  a\n- b\n+ c\n"
    change = explain.Change(None, "x", "a.py", "a\nb\n", "a\nb\nc\n", {"module": 1})
    assert explain.edit(change) == "@@ line 1 @@\n  a\n  b\n+ c\n"


def test_the_pieces_of_an_edit_are_those_of_the_files():
    """Each added and removed line once, in order, whatever is near one another."""
    import random

    rng = random.Random(0)
    for _ in range(300):
        old = [f"line {n}" for n in range(rng.randrange(1, 30))]
        new = [x for x in old if rng.random() > 0.1]
        for at in sorted((rng.randrange(len(new) + 1) for _ in range(rng.randrange(4))), reverse=True):
            new[at:at] = ["new"]
        text = explain.edit(explain.Change(None, "x", "a", "\n".join(old) + "\n", "\n".join(new) + "\n", {}))
        marks = [x for x in text.splitlines() if not x.startswith("@@")]
        gone = [x[2:] for x in marks if x.startswith("- ")]
        kept = [x[2:] for x in marks if not x.startswith("+ ")]
        assert gone == [x for x in old if x not in new]
        assert sum(x == "+ new" for x in marks) == new.count("new")
        assert kept == [x for x in old if x in kept], "context is shown once, and in order"
