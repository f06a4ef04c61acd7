"""docs/procedure.md and its Chinese version: generated, current, and true to the steps in both languages."""

import re

import pytest
from conftest import ROOT

from fork import build as builder
from fork import cli
from fork.edit import Outcome, Step
from fork.errors import ForkError
from fork.review import procedure
from fork.series import ORDER

BOTH = pytest.mark.parametrize("words", [procedure.ENGLISH_WORDS, procedure.CHINESE_WORDS], ids=["en", "zh"])
NEW = Step(
    "x99_new", "-", "Do a new thing", "It was missing.", ("ultralytics/nn/tasks.py",), (1, 1), lambda _: Outcome(0)
)


@pytest.fixture
def work(wheel, quick):
    return builder.plan(ROOT, wheel)


@BOTH
def test_the_page_is_current(work, words):
    page = (ROOT / "docs" / words.page).read_bytes()
    assert page == procedure.page(work, words).encode(), "run python -m fork procedure"


def test_every_translation_is_there_and_of_the_present_english():
    assert procedure.problems(list(ORDER)) == []


@BOTH
def test_each_step_has_a_row_a_section_and_its_places(work, words):
    text = procedure.page(work, words)
    for result in work.results:
        name, outcome = result.step.name, result.outcome
        assert text.count(f"\n### {name}\n") == 1
        assert re.search(rf"^\| [\d.–]+ \| \[`{name}`\]\(#{name}\) \| .+ \| {outcome.applied or '–'} \|$", text, re.M)
        section = text.split(f"\n### {name}\n")[1].split("\n##")[0]
        for place in outcome.where:
            file, _, definition = place.partition(": ")
            assert f"`{file}`" in section
            assert f"`{definition}`" in section
        assert section.count("\n- ") == (4 if result.step.section != "-" else 3)
    assert "{" not in re.sub(r"`[^`\n]*`", "", text), "a placeholder is left"


def test_the_chinese_page_is_chinese(work):
    text = procedure.page(work, procedure.CHINESE_WORDS)
    assert not re.search(r"[一-鿿][,;:!?]", re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.S)), (
        "half-width punctuation"
    )
    for line in text.split("## 逐步说明")[1].split("\n## ")[0].splitlines():
        assert not line or line.startswith("#") or re.search(r"[一-鿿]", line), line
    for step in ORDER:
        assert procedure.chinese(step).reason != procedure.english(step).reason


def test_a_changed_english_text_asks_for_its_translation():
    import dataclasses

    step = ORDER[4]
    changed = dataclasses.replace(step, reason=step.reason + " And more.")
    (problem,) = procedure.problems([*ORDER[:4], changed, *ORDER[5:]])
    assert f"[{step.name}] is of an older text" in problem
    assert procedure.stamp(procedure.english(changed)) in problem


def test_a_new_step_is_shown_in_english_until_it_is_translated(work, capsys, tmp_path):
    more = work._replace(results=[*work.results, work.results[-1]._replace(step=NEW, outcome=Outcome(0, "no need"))])
    text = procedure.page(more, procedure.CHINESE_WORDS)
    assert "### x99_new\n" in text
    assert "It was missing." in text
    assert procedure.write(tmp_path, more) == 1
    assert 'has no [x99_new]: translate it, with of = "' in capsys.readouterr().err


def test_a_step_that_is_gone_and_a_wrong_entry_are_told(tmp_path, monkeypatch):
    assert any(ORDER[-1].name in line for line in procedure.problems(list(ORDER[:-1])))
    path = tmp_path / "steps.toml"
    monkeypatch.setattr(procedure, "CHINESE", path)
    path.write_text('[s01_create_folder]\nof = "x"\ntitle = "x"\nreasn = "x"\n', encoding="utf-8")
    with pytest.raises(ForkError, match=r"\[s01_create_folder\] lacks.*reasn, reason"):
        procedure.translations()
    path.write_text("[", encoding="utf-8")
    with pytest.raises(ForkError, match="not valid TOML"):
        procedure.translations()


def test_check_writes_nothing_and_tells_what_is_not_current(work, wheel, checkout, capsys):
    def run(*arguments):
        code = cli.main(["procedure", *arguments, "--upstream", str(wheel)], root=checkout)
        return code, capsys.readouterr().out

    assert run("--check")[0] == 1
    assert not (checkout / "docs").exists()
    assert run()[0] == 0
    assert run("--check") == (0, "docs/procedure.md is current\ndocs/procedure.zh-CN.md is current\n")
    assert run()[1] == "unchanged docs/procedure.md\nunchanged docs/procedure.zh-CN.md\n"
    path = checkout / "docs" / "procedure.md"
    path.write_bytes(path.read_bytes() + b"by hand\n")
    code, out = run("--check")
    assert code == 1
    assert "docs/procedure.md is not current: run `python -m fork procedure`" in out
    assert path.read_bytes().endswith(b"by hand\n")


def test_what_markdown_would_take_for_its_own_is_escaped():
    assert procedure._prose("Here __init__.py reads a_b, *all* | `a__b|c`") == (
        r"Here \_\_init\_\_.py reads a_b, \*all\* \| `a__b|c`"
    )


def test_another_release_than_the_pinned_one_is_refused(work, tmp_path):
    with pytest.raises(ForkError, match="pinned release"):
        procedure.write(tmp_path, work._replace(other=True))
