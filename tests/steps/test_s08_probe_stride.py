import pytest

from fork.steps.articles import s08_probe_stride

from .fakes import NEWLINES, TASKS, TASKS_TEXT, check, edited, refuses, tree_of, unchanged

STEP = s08_probe_stride.STEP
MUST = "DetectionModel.__init__"
LINE = "            s = 256  # a probe's side\n"
CHANGES = ((LINE, "            s = addmodules.probe_size(self.model, 256)  # a probe's side\n"),)
AFTER = edited(TASKS_TEXT, *CHANGES)
SEGMENT = """

class SegmentModel(DetectionModel):
    def __init__(self, cfg):
        note(cfg)
        s = 256
        measure(self, s)
"""


@NEWLINES
def test_probes_at_a_size_that_the_backbone_chooses(newline):
    outcome = check(STEP, tree_of({TASKS: TASKS_TEXT}, newline), tree_of({TASKS: AFTER}, newline))
    assert outcome.where == (f"{TASKS}: {MUST}",)


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of({TASKS: AFTER}, newline))


def test_edits_a_second_constructor_that_probes():
    after = SEGMENT.replace("256", "addmodules.probe_size(self.model, 256)")
    outcome = check(STEP, tree_of({TASKS: TASKS_TEXT + SEGMENT}), tree_of({TASKS: AFTER + after}))
    assert outcome.where == (f"{TASKS}: {MUST}", f"{TASKS}: SegmentModel.__init__")


def test_edits_only_the_constructor_that_is_not_edited_yet():
    after = SEGMENT.replace("256", "addmodules.probe_size(self.model, 256)")
    outcome = check(STEP, tree_of({TASKS: AFTER + SEGMENT}), tree_of({TASKS: AFTER + after}))
    assert outcome.where == (f"{TASKS}: SegmentModel.__init__",)


def test_leaves_a_function_that_is_no_constructor_alone():
    other = "\n\ndef draw(x):\n    s = 256\n    return x.resize(s)\n"
    check(STEP, tree_of({TASKS: TASKS_TEXT + other}), tree_of({TASKS: AFTER + other}))


@pytest.mark.parametrize(
    ("change", "sought", "found"),
    [
        ((LINE, ""), "the line `s = 256`", "super().__init__()"),
        ((LINE, LINE.replace("256", "255")), "the line `s = 256`", "super().__init__()"),
        ((LINE, LINE * 2), "one line `s = 256`", "2 such places"),
        (("class DetectionModel(", "class FoundModel("), "one definition of that name", "0 of them"),
        (("def __init__(self, cfg, ch=3)", "def build(self, cfg, ch=3)"), "one definition of that name", "0 of them"),
    ],
    ids=["no line", "other size", "two lines", "no class", "no constructor"],
)
def test_refuses_where_the_line_is_not_there_once(change, sought, found):
    refuses(STEP, tree_of({TASKS: edited(TASKS_TEXT, change)}), f"{TASKS}: {MUST}", sought, found)


def test_refuses_two_lines_in_another_constructor():
    text = TASKS_TEXT + SEGMENT + "        s = 256\n"
    refuses(STEP, tree_of({TASKS: text}), f"{TASKS}: SegmentModel.__init__", "one line `s = 256`", "2 such places")


def test_the_base_constructor_must_be_there_even_if_another_probes():
    text = edited(TASKS_TEXT, (LINE, "")) + SEGMENT
    refuses(STEP, tree_of({TASKS: text}), f"{TASKS}: {MUST}", "the line `s = 256`", "super().__init__()")


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{TASKS}: module", "the file", "no such file in this release")
