"""Random edits of valid YAMLs: what passes the check builds and runs, and what is refused would not have."""

import random

import pytest

from tools import fuzz_check


def outcomes(count, seed):
    draw = random.Random(seed)
    models = fuzz_check.seeds()
    return [fuzz_check.judge(fuzz_check.edited(draw.choice(models), draw)) for _ in range(count)]


def test_a_few_edits_end_as_the_check_says():
    verdicts = outcomes(24, seed=20)
    assert [v for v in verdicts if v.kind not in ("agree", "by rule")] == []
    assert {v.runs for v in verdicts} == {True, False}


@pytest.mark.slow
def test_many_edits_end_as_the_check_says():
    assert [v for v in outcomes(600, seed=21) if v.kind not in ("agree", "by rule")] == []


def test_a_wrong_verdict_is_called_one():
    verdict = fuzz_check.Verdict
    assert verdict(True, [], True, "").kind == verdict(False, ["x"], False, "e").kind == "agree"
    assert verdict(True, [], False, "e").kind == "miss"
    assert verdict(False, ["x"], True, "").kind == "false alarm"
    assert verdict(False, ["Detect reads its levels in the order 3"], True, "").kind == "by rule"
    assert verdict(False, ["Detect reads its levels in the order 3", "x"], True, "").kind == "false alarm"
