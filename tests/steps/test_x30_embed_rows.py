import pytest

from fork.steps.backbone import x30_embed_rows

from .fakes import MODEL, MODEL_TEXT, NEWLINES, TASKS, TASKS_TEXT, check, edited, refuses, tree_of, unchanged

STEP = x30_embed_rows.STEP
EMBED, FORWARD = f"{MODEL}: Model.embed", f"{TASKS}: BaseModel.forward"
LAST = "len(model.model) - 2"
CALL = "self.predict( x, *trail, **kwargs )"
CHANGES = ((LAST, "model.model[-2].i"),)
TASKS_CHANGES = ((CALL, "self.predict( x, *trail, **addmodules.embed_rows(self, kwargs) )"),)
BEFORE = {MODEL: MODEL_TEXT, TASKS: TASKS_TEXT}
AFTER = {MODEL: edited(MODEL_TEXT, *CHANGES), TASKS: edited(TASKS_TEXT, *TASKS_CHANGES)}
LAST_SOUGHT, CALL_SOUGHT = f"the expression `{LAST}`", "the call `self.predict(..., **kwargs)`"


@NEWLINES
def test_takes_the_rows_own_index_and_checks_those_given(newline):
    outcome = check(STEP, tree_of(BEFORE, newline), tree_of(AFTER, newline))
    assert outcome.where == (EMBED, FORWARD)


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of(AFTER, newline))


@pytest.mark.parametrize("file", [MODEL, TASKS])
def test_refuses_half_of_it(file):
    tree = tree_of({**BEFORE, file: AFTER[file]})
    refuses(STEP, tree, EMBED, "the whole of this step's edit, or nothing of it", "1 of 2 places edited")


@pytest.mark.parametrize(
    ("file", "change", "where", "sought", "found"),
    [
        (MODEL, ("def embed(", "def hide("), EMBED, "one definition of that name", "0 of them"),
        (MODEL, (LAST, "2"), EMBED, LAST_SOUGHT, "no such place"),
        (MODEL, (LAST, f"{LAST}, {LAST}"), EMBED, LAST_SOUGHT, "2 such places"),
        (
            TASKS,
            ("def forward(self, x, *trail, ", "def run(self, x, *trail, "),
            FORWARD,
            "one definition of that name",
            "0 of them",
        ),
        (TASKS, (CALL, "self.predict(x, **trail)"), FORWARD, CALL_SOUGHT, "no such place"),
        (TASKS, (CALL, "self.predict(x, kwargs)"), FORWARD, CALL_SOUGHT, "no such place"),
        (TASKS, (CALL, f"{CALL} or {CALL}"), FORWARD, CALL_SOUGHT, "2 such places"),
    ],
    ids=["no embed", "no row", "two rows", "no forward", "other keywords", "no keywords", "two calls"],
)
def test_refuses_where_a_place_is_not_there_once(file, change, where, sought, found):
    refuses(STEP, tree_of({**BEFORE, file: edited(BEFORE[file], change)}), where, sought, found)


@pytest.mark.parametrize("file", [MODEL, TASKS])
def test_refuses_a_release_without_one_of_the_files(file):
    tree = tree_of({path: text for path, text in BEFORE.items() if path != file})
    refuses(STEP, tree, f"{file}: module", "the file", "no such file in this release")


def test_fits_the_pinned_release(pristine):
    tree = dict(pristine)
    assert STEP.apply(tree).applied == 2
    unchanged(STEP, tree)


def test_fits_a_release_that_embeds_without_a_name_for_the_model():
    before = edited(MODEL_TEXT, (LAST, "len(self.model.model) - 2"))
    after = edited(before, ("len(self.model.model) - 2", "self.model.model[-2].i"))
    check(STEP, tree_of({**BEFORE, MODEL: before}), tree_of({**AFTER, MODEL: after}))
