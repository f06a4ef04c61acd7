"""What is said about a place of the release: the steps that edit it, why, and their edit."""

import pytest
from fake_releases import LINES, PLAIN, checkout

from fork import build as builder
from fork import cli
from fork.releases import local
from fork.review.explain import WIDTH
from fork.steps import SERIES

TASKS = "ultralytics/nn/tasks.py"
PARSE = ["s04_name_row", "s05_build_backbone_row", "s06_shift_indices", "b01_prepare_model"]


@pytest.fixture
def root(tmp_path, monkeypatch):
    return checkout(tmp_path, monkeypatch)


@pytest.fixture
def said(root, capsys):
    """Run ``explain``: (exit code, stdout, stderr)."""

    def run(*place):
        code = cli.main(["explain", *place], root=root)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def heads(text):
    """Return the steps that have a section in the output."""
    return [step.name for step in SERIES if f"\n{step.name}  (" in f"\n{text}"]


def flat(text):
    """Return a text without its line breaks."""
    return " ".join(text.split())


@pytest.mark.parametrize("place", ["parse_model", "BaseModel.fuse", "fuse"])
def test_a_definition_has_its_steps_in_order_with_their_reasons_and_edits(said, place):
    code, out, _ = said(place)
    assert code == 0
    assert heads(out) == (PARSE if place == "parse_model" else ["b07_fold_backbone"])
    for step in SERIES:
        assert (flat(step.reason) in flat(out)) == (step.name in heads(out))
    assert ("+            addmodules.fold(self)" in out) == (place != "parse_model")
    assert max(map(len, out.splitlines())) < WIDTH + 60  # texts are wrapped, code is not


@pytest.mark.parametrize("place", [TASKS, "nn/tasks.py", "nn\\tasks.py", "./ultralytics/nn/tasks.py"])
def test_a_file_has_all_of_its_steps(said, place):
    _, out, _ = said(place)
    assert set(PARSE) < set(heads(out))
    assert "s03_import_backbones" in heads(out)


@pytest.mark.parametrize("place", ["s06", "S6", "s06_shift_indices", "4.6", "§4.6"])
def test_a_step_by_any_of_its_names(said, place):
    code, out, _ = said(place)
    assert code == 0
    assert heads(out) == ["s06_shift_indices"]
    assert "section 4.6 of the articles" in out
    assert "(applied 6)" in out
    s06 = next(step for step in SERIES if step.name == "s06_shift_indices")
    assert f"Differs from the articles: {s06.differs}" in flat(out)
    assert f"Not needed when {s06.not_needed_when}" in flat(out)


def test_a_step_without_an_edit_says_so(said):
    _, out, _ = said("4.1")
    assert "not needed: git brings the folder" in out
    assert "@@" not in out


def test_without_a_place_every_edited_one_is_listed(said):
    code, out, _ = said()
    assert code == 0
    for step in SERIES:
        assert f"\n{step.name}: {step.title}\n" in out
    assert f"  {TASKS}: parse_model\n" in out


@pytest.mark.parametrize(
    ("place", "near"), [("parse_modle", "parse_model"), ("s99", ""), ("-", ""), ("no/such.py", "")]
)
def test_a_place_that_there_is_not(said, place, near):
    code, out, err = said(place)
    assert (code, out) == (1, "")
    assert "no step edits it" in err
    assert near in err
    assert "`python -m fork explain` lists every edited place" in err


def test_a_saved_edit_is_shown_too(said, root):
    builder.build(root)
    path = root / PLAIN
    path.write_text("".join(["other\n", *LINES[1:]]), encoding="utf-8")
    local.save(root, "mine")
    code, out, _ = said(PLAIN)
    assert code == 0
    assert "local/mine.patch  (a saved edit of yours)" in out or "mine.patch  (a saved edit of yours)" in out
    assert "+other" in out
