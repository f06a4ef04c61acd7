import pytest

from fork.steps.articles import s06_shift_indices

from .fakes import NEWLINES, TASKS, TASKS_TEXT, check, edited, refuses, tree_of, unchanged

STEP = s06_shift_indices.STEP
BUILT = "not isinstance(m, type)"
BUILD = "m_ = torch.nn.Sequential(*(m(*args) for _ in range(n))) if n > 1 else m(*args)   # build"
NAME = 't = str(m)[8:-2].replace("__main__.", "")  # name'
NUMBER = "m_.i, m_.f, m_.type = i, f, t  # number"
PRINT = 'LOGGER.info(f"{i:>3}{f!s:>20}{t:<45}")  # print'
SAVE = "save.extend(x % i for x in ([f] if isinstance(f, int) else f) if x != -1)  # save"
MEASURE = "        ch.append(c2)\n"
CHANGES = (
    (
        BUILD,
        f"m_ = m if {BUILT} else torch.nn.Sequential(*(m(*args) for _ in range(n))) if n > 1 else m(*args)",
    ),
    (NAME, f't = t if {BUILT} else str(m)[8:-2].replace("__main__.", "")  # name'),
    (NUMBER, "m_.i, m_.f, m_.type = i + 4 * backbone, f, t  # number"),
    (PRINT, 'LOGGER.info(f"{i + 4 * backbone:>3}{f!s:>20}{t:<45}")  # print'),
    (SAVE, "save.extend(x % (i + 4 * backbone) for x in ([f] if isinstance(f, int) else f) if x != -1)  # save"),
    (MEASURE, f"        ch += c2 if {BUILT} else [c2]\n"),
)
AFTER = edited(TASKS_TEXT, *CHANGES)
ANCHORS = {
    "build": (BUILD, "the line `m_ = ...` that calls m(*args)"),
    "name": (NAME, "the line `t = str(m)...`"),
    "number": (NUMBER, "the line `m_.i, ... = i, ...`"),
    "print": (PRINT, "`{i:>3}` in the printed row"),
    "save": (SAVE, "`x % i` in save.extend(...)"),
    "measure": (MEASURE.strip(), "the line `ch.append(c2)`"),
}


@NEWLINES
def test_edits_the_six_statements_and_none_that_looks_alike(newline):
    outcome = check(STEP, tree_of({TASKS: TASKS_TEXT}, newline), tree_of({TASKS: AFTER}, newline))
    assert outcome.where == (f"{TASKS}: parse_model",) * 6


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of({TASKS: AFTER}, newline))


@pytest.mark.parametrize(("line", "sought"), ANCHORS.values(), ids=ANCHORS)
def test_refuses_where_one_of_the_six_is_missing(line, sought):
    text = edited(TASKS_TEXT, (f"        {line}\n", "        pass  # gone\n"))
    refuses(STEP, tree_of({TASKS: text}), f"{TASKS}: parse_model", sought, "no such place")


@pytest.mark.parametrize(("line", "sought"), ANCHORS.values(), ids=ANCHORS)
def test_refuses_where_one_of_the_six_is_there_twice(line, sought):
    text = edited(TASKS_TEXT, ("        trail.append(layers)\n", f"        trail.append(layers)\n        {line}\n"))
    refuses(STEP, tree_of({TASKS: text}), f"{TASKS}: parse_model", sought, "2 such places")


@pytest.mark.parametrize(
    ("line", "other", "sought"),
    [
        (BUILD, "m_ = m(args)", ANCHORS["build"][1]),
        (NAME, "t = str(m_)", ANCHORS["name"][1]),
        (NUMBER, "m_.i, m_.f, m_.type = j, i, t", ANCHORS["number"][1]),
        (PRINT, 'LOGGER.info(f"{row:>3}{t:<45}")', ANCHORS["print"][1]),
        (SAVE, "save.extend(x % n for x in f)", ANCHORS["save"][1]),
        (MEASURE.strip(), "ch.append(c1)", ANCHORS["measure"][1]),
    ],
    ids=ANCHORS,
)
def test_refuses_where_one_of_the_six_has_another_form(line, other, sought):
    text = edited(TASKS_TEXT, (f"        {line}\n", f"        {other}\n"))
    refuses(STEP, tree_of({TASKS: text}), f"{TASKS}: parse_model", sought, "no such place")


@pytest.mark.parametrize(
    ("change", "found"),
    [(("def parse_model(", "def parse_rows("), "0 of them"), (("def count_rows(", "def parse_model("), "2 of them")],
    ids=["none", "two"],
)
def test_refuses_where_the_function_is_not_there_once(change, found):
    text = edited(TASKS_TEXT, change)
    refuses(STEP, tree_of({TASKS: text}), f"{TASKS}: parse_model", "one definition of that name", found)


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{TASKS}: module", "the file", "no such file in this release")
