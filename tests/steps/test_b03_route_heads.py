import pytest

from fork.steps.backbone import b03_route_heads

from .fakes import MODEL, MODEL_TEXT, NEWLINES, check, edited, refuses, tree_of, unchanged
from .fakes_more import OLD_BUILD, OLD_TASK

STEP = b03_route_heads.STEP
NEW = f"{MODEL}: Model._new"
IMPORT = "from ultralytics.nn.Addmodules import hooks as addmodules\n"
FIRST = "from ultralytics.fakes.cfg import get\n"
CHANGES = (
    (OLD_TASK, "        self.task  =  addmodules.task_of(self, rows, given or guess_model_task( rows ))   # by name\n"),
    (
        OLD_BUILD,
        '        self.model = addmodules.make( given or self.pick("model"), rows,  verbose=given )   # build\n',
    ),
    (FIRST, IMPORT + FIRST),
)
AFTER = edited(MODEL_TEXT, *CHANGES)
TASK_LINE = "the line `self.task = task or guess_model_task(...)`"
BUILD_LINE = "the line `self.model = (...)(rows, ...)`"


@NEWLINES
def test_the_class_is_chosen_and_a_failed_build_explained(newline):
    outcome = check(STEP, tree_of({MODEL: MODEL_TEXT}, newline), tree_of({MODEL: AFTER}, newline))
    assert outcome.where == (NEW, NEW, f"{MODEL}: module")


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of({MODEL: AFTER}, newline))


def test_a_file_that_imports_the_hooks_gets_no_second_import():
    before = tree_of({MODEL: edited(MODEL_TEXT, CHANGES[2])})
    assert check(STEP, before, tree_of({MODEL: AFTER})).applied == 2


def test_the_build_is_known_by_what_the_task_is_guessed_from():
    change = (OLD_TASK, OLD_TASK.replace("guess_model_task( rows )", "guess_model_task(self.rows)"))
    refuses(
        STEP,
        tree_of({MODEL: edited(MODEL_TEXT, change)}),
        NEW,
        BUILD_LINE.replace("rows", "self.rows"),
        "no such place",
    )
    both = (change, (OLD_BUILD, OLD_BUILD.replace("( rows,", "( self.rows,")))
    after = edited(
        MODEL_TEXT,
        (OLD_TASK, CHANGES[0][1].replace("(self, rows,", "(self, self.rows,").replace("( rows )", "(self.rows)")),
        (OLD_BUILD, CHANGES[1][1].replace(", rows,", ", self.rows,")),
        CHANGES[2],
    )
    check(STEP, tree_of({MODEL: edited(MODEL_TEXT, *both)}), tree_of({MODEL: after}))


@pytest.mark.parametrize(
    ("build", "after"),
    [
        ("cls(rows)", "addmodules.make(cls, rows)"),
        ("(a or b)(rows, *c, **e)", "addmodules.make(a or b, rows, *c, **e)"),
        (
            "self.pick(\n            1  # one\n        )(rows, verbose=2)",
            "addmodules.make(self.pick(\n            1  # one\n        ), rows, verbose=2)",
        ),
        ("wrap(cls(rows), rows_of=1)", "wrap(addmodules.make(cls, rows), rows_of=1)"),
    ],
    ids=["a name", "a choice", "over lines", "inside another call"],
)
def test_keeps_the_arguments_as_they_are_written(build, after):
    old, new = (f"        self.model = {text}  # so\n" for text in (build, after))
    before = edited(MODEL_TEXT, (OLD_BUILD, old))
    check(STEP, tree_of({MODEL: before}), tree_of({MODEL: edited(AFTER, (CHANGES[1][1], new))}))


@pytest.mark.parametrize(
    ("change", "sought", "found"),
    [
        (("    def _new(self", "    def _make(self"), "one definition of that name", "0 of them"),
        (("    def _old(self", "    def _new(self"), "one definition of that name", "2 of them"),
        ((OLD_TASK, ""), TASK_LINE, "no such place"),
        ((OLD_TASK, OLD_TASK.replace("guess_model_task", "guess")), TASK_LINE, "no such place"),
        ((OLD_TASK, OLD_TASK * 2), TASK_LINE, "2 such places"),
        (
            (OLD_TASK, OLD_TASK.replace("given or", "guess_model_task(given) or")),
            "one call of guess_model_task in that line",
            "2 such places",
        ),
        ((OLD_BUILD, ""), BUILD_LINE, "no such place"),
        ((OLD_BUILD, OLD_BUILD.replace("self.model", "self.net")), BUILD_LINE, "no such place"),
        ((OLD_BUILD, OLD_BUILD.replace("( rows,", "( path,")), BUILD_LINE, "no such place"),
        ((OLD_BUILD, OLD_BUILD * 2), BUILD_LINE, "2 such places"),
    ],
    ids=[
        *("no _new", "two _new", "no task", "other guess", "two tasks", "two calls"),
        *("no build", "other name", "other content", "two builds"),
    ],
)
def test_refuses_another_shape(change, sought, found):
    refuses(STEP, tree_of({MODEL: edited(MODEL_TEXT, change)}), NEW, sought, found)


def test_refuses_a_file_that_imports_nothing_of_upstreams():
    text = edited(MODEL_TEXT, (FIRST, ""))
    refuses(STEP, tree_of({MODEL: text}), f"{MODEL}: module", "an import from ultralytics", "none at module level")


@pytest.mark.parametrize("change", CHANGES[:2], ids=["task", "build"])
def test_refuses_half_an_edit(change):
    sought = "the whole of this step's edit, or nothing of it"
    refuses(STEP, tree_of({MODEL: edited(MODEL_TEXT, change)}), NEW, sought, "1 of 2 places edited")


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{MODEL}: module", "the file", "no such file in this release")


def test_edits_the_pinned_release(results):
    outcome = next(result.outcome for result in results if result.step is STEP)
    assert outcome.where[:2] == (NEW, NEW)
