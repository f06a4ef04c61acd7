import pytest

from fork.steps import x17_read_text

from .fakes import DATA, DATA_TEXT, NEWLINES, TASKS, TASKS_TEXT, check, edited, refuses, unchanged
from .fakes import tree_of as tree_of_files
from .fakes_eras import TRY_TASKS

STEP = x17_read_text.STEP
LINE = "            with contextlib.suppress(ValueError):   # text stays text\n"
CHANGES = ((LINE, LINE.replace("Error)", "Error, SyntaxError)")),)
AFTER = edited(TASKS_TEXT, *CHANGES)
READ = "    # what it says\n    data  =  YAML.load(file, append_filename=True)   # read\n"
DATA_CHANGES = (
    (
        READ,
        "    # what it says\n"
        "    from ultralytics.nn.Addmodules import hooks as addmodules  # here, since nn imports this module\n"
        "    addmodules.check_legible(file)\n" + READ.partition("\n")[2],
    ),
)
DATA_AFTER = edited(DATA_TEXT, *DATA_CHANGES)
SOUGHT = "the call `contextlib.suppress(ValueError)`, or `except ValueError` around `args[j] = ...`"


def tree_of(files, newline="\n"):
    """Return a tree with the file of data sets as it is before the step, or after it where the other file is."""
    done = next(iter(files.values()), "") in (AFTER, OLD_AFTER)
    return tree_of_files({DATA: DATA_AFTER if done else DATA_TEXT, **files}, newline)


@NEWLINES
def test_suppresses_both_errors_in_the_row_loop_only(newline):
    outcome = check(STEP, tree_of({TASKS: TASKS_TEXT}, newline), tree_of({TASKS: AFTER}, newline))
    assert outcome.where == (f"{TASKS}: parse_model", f"{DATA}: check_det_dataset")


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of({TASKS: AFTER}, newline))


def test_keeps_what_else_the_line_suppresses():
    wide = "            with ( contextlib.suppress(KeyError) , contextlib.suppress({})  ):  # odd\n"
    before = edited(TASKS_TEXT, (LINE, wide.format("ValueError")))
    after = edited(TASKS_TEXT, (LINE, wide.format("ValueError, SyntaxError")))
    check(STEP, tree_of({TASKS: before}), tree_of({TASKS: after, DATA: DATA_AFTER}))


@pytest.mark.parametrize(
    ("change", "sought", "found"),
    [
        (("def parse_model(", "def parse_rows("), "one definition of that name", "0 of them"),
        (("def count_rows(", "def parse_model("), "one definition of that name", "2 of them"),
        (
            ('(d["backbone"] + d["head"]):  # from', "(d):  # from"),
            "the loop over the rows of d['backbone'] + d['head']",
            "no such place",
        ),
        ((LINE, LINE.replace("ValueError", "TypeError")), SOUGHT, "no such place"),
        ((LINE, LINE.replace("ValueError", "ValueError, KeyError")), SOUGHT, "no such place"),
        ((LINE, LINE.replace("contextlib.", "")), SOUGHT, "no such place"),
        ((LINE, LINE.replace("contextlib.suppress(ValueError)", "nothing(ValueError)")), SOUGHT, "no such place"),
        (("suppress( KeyError )", "suppress(ValueError)"), SOUGHT, "2 such places"),
    ],
    ids=["no function", "two functions", "no loop", "other error", "more errors", "other name", "no call", "two calls"],
)
def test_refuses_where_the_call_is_not_there_once(change, sought, found):
    refuses(STEP, tree_of({TASKS: edited(TASKS_TEXT, change)}), f"{TASKS}: parse_model", sought, found)


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{TASKS}: module", "the file", "no such file in this release")


OLD = "            except ValueError:   # text stays text\n"
OLD_AFTER = edited(TRY_TASKS, (OLD, OLD.replace("ValueError", "(ValueError, SyntaxError)")))


class TestOlderReleaseThatTries:
    @NEWLINES
    def test_catches_both_errors_of_the_argument_only(self, newline):
        outcome = check(STEP, tree_of({TASKS: TRY_TASKS}, newline), tree_of({TASKS: OLD_AFTER}, newline))
        assert outcome.where == (f"{TASKS}: parse_model", f"{DATA}: check_det_dataset")

    @pytest.mark.parametrize(
        ("change", "found"),
        [
            ((OLD, OLD.replace("ValueError", "TypeError")), "no such place"),
            ((OLD, OLD.replace("ValueError", "(ValueError, TypeError)")), "no such place"),
            ((OLD, "            except:\n"), "no such place"),
            ((OLD + "                pass\n", OLD + "                note(j)\n"), "no such place"),
            (("                args[j] = read( a )\n", "                note[j] = read( a )\n"), "no such place"),
            ((OLD, f"{OLD}                pass\n{OLD}"), "2 such places"),
        ],
        ids=["other error", "more errors", "any error", "not passed over", "other target", "two handlers"],
    )
    def test_refuses_where_the_handler_is_not_there_once(self, change, found):
        refuses(STEP, tree_of({TASKS: edited(TRY_TASKS, change)}), f"{TASKS}: parse_model", SOUGHT, found)


class TestDataYaml:
    def test_reads_with_the_older_function_alike(self):
        old = [text.replace("YAML.load(", "yaml_load(") for text in (DATA_TEXT, DATA_AFTER)]
        check(STEP, tree_of({TASKS: TASKS_TEXT, DATA: old[0]}), tree_of({TASKS: AFTER, DATA: old[1]}))

    @pytest.mark.parametrize("files", [{TASKS: AFTER, DATA: DATA_TEXT}, {TASKS: TASKS_TEXT, DATA: DATA_AFTER}])
    def test_refuses_half_of_it(self, files):
        whole = "the whole of this step's edit, or nothing of it"
        refuses(STEP, tree_of(files), f"{TASKS}: parse_model", whole, "1 of 2 places edited")

    @pytest.mark.parametrize(
        ("change", "sought", "found"),
        [
            (("def check_det_dataset(", "def check("), "one definition of that name", "0 of them"),
            ((READ, ""), "the line `data = YAML.load(file, append_filename=True)`", "no such place"),
            ((READ, READ.replace("file,", "name,")), "the line `data = YAML.load(file, append_filename=True)`", None),
            ((READ, READ * 2), "the line `data = YAML.load(file, append_filename=True)`", "2 such places"),
        ],
    )
    def test_refuses_where_the_line_is_not_there_once(self, change, sought, found):
        tree = tree_of({TASKS: TASKS_TEXT, DATA: edited(DATA_TEXT, change)})
        refuses(STEP, tree, f"{DATA}: check_det_dataset", sought, found or "no such place")

    def test_refuses_a_release_without_the_file(self):
        tree = tree_of_files({TASKS: TASKS_TEXT})
        refuses(STEP, tree, f"{DATA}: module", "the file", "no such file in this release")
