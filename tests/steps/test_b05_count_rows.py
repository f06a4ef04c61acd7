import pytest

from fork.steps.backbone import b05_count_rows

from .fakes import (
    DISTILL,
    ENGINE,
    ENGINE_TEXT,
    MODEL,
    MODEL_TEXT,
    NEWLINES,
    TASKS,
    TASKS_TEXT,
    check,
    edited,
    refuses,
    tree_of,
    unchanged,
)
from .fakes_more import DISTILL_TEXT
from .fakes_old import TRAINER_TEXT

STEP = b05_count_rows.STEP
SETUP, EMBED = f"{ENGINE}: BaseTrainer._setup_train", f"{MODEL}: Model.embed"
FORWARD, INPUTS = f"{TASKS}: BaseModel.forward", f"{DISTILL}: DistillationModel.get_distill_layers"
HOOKS = "from ultralytics.nn.Addmodules import hooks as addmodules\n"
FIRST, PARTS = "from ultralytics.fakes.cfg import get\n", "from ultralytics.fakes.parts import Detect\n"
NAMES = '[f"row.{x}." for x in freeze_list]'
LAST = "len(model.model) - 2"
CALL = "self.predict( x, *trail, **kwargs )"
ROWS = "return  [ *list(m.f), m.i ]"
ENGINE_CHANGES = (
    (NAMES, "addmodules.frozen_layers(self.model, self.args.freeze, freeze_list)"),
    (FIRST, HOOKS + FIRST),
)
MODEL_CHANGES = ((LAST, "model.model[-2].i"),)
TASKS_CHANGES = ((CALL, "self.predict( x, *trail, **addmodules.embed_rows(self, kwargs) )"),)
DISTILL_CHANGES = ((ROWS, "return  addmodules.positions(model, [ *list(m.f), m.i ])"), (PARTS, HOOKS + PARTS))
BEFORE = {ENGINE: ENGINE_TEXT, MODEL: MODEL_TEXT, TASKS: TASKS_TEXT, DISTILL: DISTILL_TEXT}
AFTER = {
    ENGINE: edited(ENGINE_TEXT, *ENGINE_CHANGES),
    MODEL: edited(MODEL_TEXT, *MODEL_CHANGES),
    TASKS: edited(TASKS_TEXT, *TASKS_CHANGES),
    DISTILL: edited(DISTILL_TEXT, *DISTILL_CHANGES),
}
WHOLE = "the whole of this step's edit, or nothing of it"
LIST, EMBEDDED = "the list of names made of `freeze_list`", f"the expression `{LAST}`"
PREDICT, RETURN = "the call `self.predict(..., **kwargs)`", "`return [..., m.i]`"


@NEWLINES
def test_asks_the_hooks_what_is_frozen_embedded_and_distilled(newline):
    outcome = check(STEP, tree_of(BEFORE, newline), tree_of(AFTER, newline))
    assert outcome.where == (SETUP, f"{ENGINE}: module", EMBED, FORWARD, INPUTS, f"{DISTILL}: module")


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of(AFTER, newline))


def test_imports_that_are_there_are_not_added():
    before = {
        **BEFORE,
        ENGINE: edited(ENGINE_TEXT, ENGINE_CHANGES[1]),
        DISTILL: edited(DISTILL_TEXT, DISTILL_CHANGES[1]),
    }
    assert check(STEP, tree_of(before), tree_of(AFTER)).where == (SETUP, EMBED, FORWARD, INPUTS)


def test_leaves_the_places_alone_where_frozen_names_are_compared():
    assert all(text in AFTER[ENGINE] for text in ("any( x in k for x in", "any(filter(lambda f: f in n, self.freeze"))


@pytest.mark.parametrize("file", BEFORE)
def test_refuses_half_of_it(file):
    refuses(STEP, tree_of({**BEFORE, file: AFTER[file]}), SETUP, WHOLE, "1 of 4 places edited")
    refuses(STEP, tree_of({**AFTER, file: BEFORE[file]}), SETUP, WHOLE, "3 of 4 places edited")


@pytest.mark.parametrize(
    ("file", "change", "where", "sought", "found"),
    [
        (ENGINE, ("def _setup_train(", "def _setup("), SETUP, "one definition of that name", "0 of them"),
        (ENGINE, ("def _model_train(", "def _setup_train("), SETUP, "one definition of that name", "2 of them"),
        (ENGINE, (NAMES, "[]"), SETUP, LIST, "no such place"),
        (ENGINE, (NAMES, '[f"row.{x}." for x in note.freeze_list]'), SETUP, LIST, "no such place"),
        (ENGINE, (NAMES, f"{NAMES} + {NAMES}"), SETUP, LIST, "2 such places"),
        (ENGINE, (FIRST, ""), f"{ENGINE}: module", "an import from ultralytics", "none at module level"),
        (MODEL, ("def embed(", "def hide("), EMBED, "one definition of that name", "0 of them"),
        (MODEL, (LAST, "2"), EMBED, EMBEDDED, "no such place"),
        (MODEL, (LAST, f"{LAST}, {LAST}"), EMBED, EMBEDDED, "2 such places"),
        (
            TASKS,
            ("def forward(self, x, *trail, ", "def run(self, x, *trail, "),
            FORWARD,
            "one definition of that name",
            "0 of them",
        ),
        (TASKS, (CALL, "self.predict(x, **trail)"), FORWARD, PREDICT, "no such place"),
        (TASKS, (CALL, "self.predict(x, kwargs)"), FORWARD, PREDICT, "no such place"),
        (TASKS, (CALL, f"{CALL} or {CALL}"), FORWARD, PREDICT, "2 such places"),
        (DISTILL, ("def get_distill_layers(", "def rows("), INPUTS, "one definition of that name", "0 of them"),
        (DISTILL, (ROWS, "return m.f"), INPUTS, RETURN, "no such place"),
        (DISTILL, (ROWS, "return [*m.f]"), INPUTS, RETURN, "no such place"),
        (DISTILL, (ROWS, f"{ROWS}\n            {ROWS}"), INPUTS, RETURN, "2 such places"),
        (DISTILL, (PARTS, ""), f"{DISTILL}: module", "an import from ultralytics", "none at module level"),
    ],
    ids=[
        *("no setup", "two setups", "no list", "another list", "two lists", "no import in the trainer"),
        *("no embed", "no row", "two rows", "no forward", "other keywords", "no keywords", "two calls"),
        *("no function", "no rows", "no own index", "two returns", "no import"),
    ],
)
def test_refuses_where_a_place_is_not_there_once(file, change, where, sought, found):
    refuses(STEP, tree_of({**BEFORE, file: edited(BEFORE[file], change)}), where, sought, found)


@pytest.mark.parametrize("file", [ENGINE, MODEL, TASKS])
def test_refuses_a_release_without_one_of_the_files(file):
    tree = tree_of({path: text for path, text in BEFORE.items() if path != file})
    refuses(STEP, tree, f"{file}: module", "the file", "no such file in this release")


def test_fits_the_pinned_release(pristine):
    tree = dict(pristine)
    assert STEP.apply(tree).applied == 6
    unchanged(STEP, tree)


BARE = {path: text for path, text in BEFORE.items() if path != DISTILL}


class TestOlderReleases:
    def test_nothing_is_distilled(self):
        after = {path: text for path, text in AFTER.items() if path != DISTILL}
        outcome = check(STEP, tree_of(BARE), tree_of(after))
        assert outcome.where == (SETUP, f"{ENGINE}: module", EMBED, FORWARD)

    @pytest.mark.parametrize("word", ["distill_model", "DistillationModel", "get_distill_layers"])
    def test_refuses_one_that_distils_in_another_file(self, word):
        tree = tree_of({**BARE, "ultralytics/cfg/default.yaml": f"{word}: 1\n"})
        refuses(STEP, tree, f"{DISTILL}: module", "the file", "no such file in this release")

    def test_frozen_names_are_compared_in_one_place(self):
        after = edited(TRAINER_TEXT, *ENGINE_CHANGES)
        check(STEP, tree_of({**BEFORE, ENGINE: TRAINER_TEXT}), tree_of({**AFTER, ENGINE: after}))

    def test_embeds_without_a_name_for_the_model(self):
        before = edited(MODEL_TEXT, (LAST, "len(self.model.model) - 2"))
        after = edited(before, ("len(self.model.model) - 2", "self.model.model[-2].i"))
        check(STEP, tree_of({**BEFORE, MODEL: before}), tree_of({**AFTER, MODEL: after}))
