"""Mutants: each kind is made and judged, and a step that misses one in silence is found out."""

import ast

import pytest
from conftest import ROOT
from releases import TASKS

from fork.edit import Outcome, Step
from fork.errors import StepError
from fork.tree import read_overlay
from tools import mutate

TEXT = b'''\
def measure(x, side=64, *, kind="plain"):
    """Say nothing."""
    total = 0
    for item in x:
        total = total + scale(item, side=side, kind="plain")
    return total


def scale(item, side, kind):
    return item * side


def twice(item):
    return item + item


class Last:
    def one(self):
        return measure([1])

    @property
    def two(self):
        return 2

    @two.setter
    def two(self, value):
        self.value = value
'''


def line_step(find, new, careful=True):
    """A step that replaces the line of ``measure`` which ``find`` picks; a careless one takes a miss for not needed."""

    def apply(tree):
        found = [node for node in ast.parse(tree[TASKS]).body if getattr(node, "name", "") == "measure"]
        if len(found) != 1:
            raise StepError("s01_scale", TASKS, "measure", "the function", f"{len(found)} of them")
        body = [s for node in ast.walk(found[0]) if isinstance(node, ast.For) for s in node.body]
        lines = [node for node in body if find(ast.get_source_segment(tree[TASKS].decode(), node))]
        if len(lines) != 1:
            if careful:
                raise StepError("s01_scale", TASKS, "measure", "the line", f"{len(lines)} of them")
            return Outcome(0, "this release scales nothing")
        text = tree[TASKS].decode().splitlines(keepends=True)
        at = lines[0].lineno - 1
        text[at : lines[0].end_lineno] = [" " * lines[0].col_offset + new + "\n"]
        tree[TASKS] = "".join(text).encode()
        return Outcome(1, where=(f"{TASKS}: measure",))

    return Step("s01_scale", "4.1", "Scale", "It does.", (TASKS,), (1, 1), apply)


CAREFUL = line_step(lambda text: text.startswith("total = total + scale(item, "), "total = total + twice(item)")
SLOPPY = line_step(lambda text: 'kind="plain"' in text, "total = total + twice(item)", careful=False)


def judged(step):
    pristine = {TASKS: TEXT}
    final = mutate.series.run(pristine, {}, [step])[-1].tree
    return [mutate.judge(mutant, final, {}, [step]) for mutant in mutate.sample(pristine, final, 0, 0)]


def test_a_careful_step_misses_nothing_in_silence():
    outcomes = {(v.mutant.kind, v.outcome) for v in judged(CAREFUL)}
    assert outcomes >= {
        ("restyle: quotes", mutate.RIGHT),
        ("restyle: parentheses", mutate.ERROR),
        ("wrap: if", mutate.RIGHT),
        ("wrap: try", mutate.RIGHT),
        ("duplicate: statement", mutate.ERROR),
        ("reorder: keywords", mutate.RIGHT),
        ("rename: variable", mutate.ERROR),
        ("rename: definition", mutate.ERROR),
        ("move: definition", mutate.RIGHT),
        ("duplicate: definition", mutate.ERROR),
    }
    assert mutate.MISS not in {outcome for _, outcome in outcomes}


def test_a_variable_that_an_edit_reads_under_its_old_name_is_an_error():
    """The sloppy step does not ask what the release calls ``item``; the check after every step does."""
    found = {v.detail for v in judged(SLOPPY) if v.mutant.place.endswith(": item")}
    assert found == {
        "s01_scale: ultralytics/nn/tasks.py: measure: sought a variable `item`, which the edit reads, "
        "found no such variable"
    }


def test_a_doubled_setter_is_taken_back():
    pristine = {TASKS: TEXT}
    final = mutate.series.run(pristine, {}, [CAREFUL])[-1].tree
    doubled = list(mutate.mutants.doubled_definition(pristine, TASKS, "Last.two"))
    assert len(doubled) == 1
    assert doubled[0].tree[TASKS].count(b"def two") == 3
    assert mutate.judge(doubled[0], final, {}, [CAREFUL]).outcome == mutate.RIGHT


def test_a_sloppy_step_is_found_out():
    """It takes other quotes for another release, and writes into ``total``, whatever the release calls that."""
    missed = [v for v in judged(SLOPPY) if v.outcome == mutate.MISS]
    assert {v.mutant.kind for v in missed} == {"restyle: quotes", "rename: variable", "duplicate: statement"}
    assert {v.detail for v in missed} == {TASKS}
    assert "SILENT MISS" in mutate.table(missed)


@pytest.mark.parametrize("count", [1, 5])
def test_a_sample_takes_the_kinds_in_turn(count):
    pristine = {TASKS: TEXT}
    final = mutate.series.run(pristine, {}, [CAREFUL])[-1].tree
    drawn = list(mutate.sample(pristine, final, count, 0))
    assert len(drawn) == count
    assert len({mutant.kind for mutant in drawn}) >= count - 1  # a place gives a mutant for each of its variables


def test_mutants_of_the_pinned_release_end_in_a_named_error_or_rightly(pristine, results):
    """A few of them; ``python -m tools.mutate`` makes them by the hundred."""
    final, overlay = results[-1].tree, read_overlay(ROOT)
    verdicts = [mutate.judge(mutant, final, overlay) for mutant in mutate.sample(pristine, final, 2, 7)]
    assert {v.outcome for v in verdicts} <= {mutate.RIGHT, mutate.ERROR}
