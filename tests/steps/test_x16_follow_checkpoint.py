import pytest

from fork.steps.backbone import x16_follow_checkpoint

from .fakes import ENGINE, ENGINE_TEXT, MODEL, MODEL_TEXT, NEWLINES, check, edited, refuses, tree_of, unchanged

STEP = x16_follow_checkpoint.STEP
TRAIN, TUNE, SETUP = f"{MODEL}: Model.train", f"{MODEL}: Model.tune", f"{ENGINE}: BaseTrainer.setup_model"
IMPORT = "from ultralytics.fakes.cfg import get\n"
HOOKS = "from ultralytics.nn.Addmodules import hooks as addmodules\n"
CHANGES = (
    (
        "self.trainer.get_model(weights=self if trainer else None,  cfg=self.cfg)   # build",
        "addmodules.get_model(self.trainer.get_model, weights=self if trainer else None,  cfg=self.cfg)   # build",
    ),
    ("[x.get_model(weights=self)", "[addmodules.get_model(x.get_model, weights=self)"),
    (IMPORT, HOOKS + IMPORT),
)
ENGINE_CHANGES = (
    (
        "self.get_model(weights=blob.student , cfg=1)",
        "addmodules.get_model(self.get_model, weights=blob.student , cfg=1)",
    ),
    (
        "self.get_model( cfg=self.cfg, weights=blob)",
        "addmodules.get_model( self.get_model, cfg=self.cfg, weights=blob)",
    ),
    (IMPORT, HOOKS + IMPORT),
)
AFTER, ENGINE_AFTER = edited(MODEL_TEXT, *CHANGES), edited(ENGINE_TEXT, *ENGINE_CHANGES)
BEFORE, BOTH = {MODEL: MODEL_TEXT, ENGINE: ENGINE_TEXT}, {MODEL: AFTER, ENGINE: ENGINE_AFTER}
SOUGHT = "X.get_model(..., weights=...)"
WHOLE = "the whole of this step's edit, or nothing of it"


@NEWLINES
def test_builds_through_the_hook_wherever_weights_follow(newline):
    outcome = check(STEP, tree_of(BEFORE, newline), tree_of(BOTH, newline))
    assert outcome.where == (TRAIN, TUNE, f"{MODEL}: module", SETUP, SETUP, f"{ENGINE}: module")
    assert outcome.applied == STEP.places[1], "the most that a release may have"


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of(BOTH, newline))


def test_does_not_import_the_hooks_twice():
    before = {file: edited(text, (IMPORT, HOOKS + IMPORT)) for file, text in BEFORE.items()}
    outcome = check(STEP, tree_of(before), tree_of(BOTH))
    assert outcome.where == (TRAIN, TUNE, SETUP, SETUP)


def test_needs_no_second_place_in_a_file():
    only = (
        ("[x.get_model(weights=self)", "[x"),
        ("            self.student = self.get_model(weights=blob.student , cfg=1)\n", "            pass\n"),
    )
    before = {MODEL: edited(MODEL_TEXT, only[0]), ENGINE: edited(ENGINE_TEXT, only[1])}
    after = {
        MODEL: edited(before[MODEL], CHANGES[0], CHANGES[2]),
        ENGINE: edited(before[ENGINE], *ENGINE_CHANGES[1:]),
    }
    outcome = check(STEP, tree_of(before), tree_of(after))
    assert outcome.where == (TRAIN, f"{MODEL}: module", SETUP, f"{ENGINE}: module")
    assert outcome.applied == STEP.places[0] + 2, "the fewest, and the two imports"


@pytest.mark.parametrize(
    ("call", "after"),
    [
        ("x.get_model(weights=1)", "addmodules.get_model(x.get_model, weights=1)"),
        ("x().get_model(*a, weights=1, **b)", "addmodules.get_model(x().get_model, *a, weights=1, **b)"),
        ("(x or y).get_model (weights=1)", "addmodules.get_model ((x or y).get_model, weights=1)"),
        (
            "x.get_model(  # here\n            cfg=2,  # there\n            weights=1)",
            "addmodules.get_model(  # here\n            x.get_model, cfg=2,  # there\n            weights=1)",
        ),
        (
            "x.get_model(weights=y.get_model(weights=1))",
            "addmodules.get_model(x.get_model, weights=addmodules.get_model(y.get_model, weights=1))",
        ),
    ],
    ids=["plain", "stars", "parentheses", "over lines", "one in the other"],
)
def test_keeps_the_arguments_as_they_are_written(call, after):
    text = f"{HOOKS}\n\nclass Model:\n    def train(self):\n        return {{}}  # so\n"
    before, after = text.format(call), text.format(after)
    check(STEP, tree_of({**BEFORE, MODEL: before}), tree_of({**BOTH, MODEL: after}))


@pytest.mark.parametrize(
    ("file", "change", "where", "sought", "found"),
    [
        (MODEL, ("class Model:", "class Net:"), TRAIN, "one definition of that name", "0 of them"),
        (MODEL, ("def tune(", "def train("), TRAIN, "one definition of that name", "2 of them"),
        (MODEL, (IMPORT, ""), f"{MODEL}: module", "an import from ultralytics", "none at module level"),
        (MODEL, ("weights=self if trainer else None, ", ""), TRAIN, SOUGHT, "no such place"),
        (MODEL, ("self.trainer.get_model(", "self.trainer.get_net("), TRAIN, SOUGHT, "no such place"),
        (ENGINE, ("def setup_model(", "def set_up("), SETUP, "one definition of that name", "0 of them"),
        (ENGINE, ("def get_model(", "def setup_model("), SETUP, "one definition of that name", "2 of them"),
        (ENGINE, (IMPORT, ""), f"{ENGINE}: module", "an import from ultralytics", "none at module level"),
    ],
    ids=[
        *("no class", "two train", "no import", "no weights", "other method"),
        *("no setup_model", "two setup_model", "no import in the trainer"),
    ],
)
def test_refuses_where_a_call_is_not_there(file, change, where, sought, found):
    refuses(STEP, tree_of({**BEFORE, file: edited(BEFORE[file], change)}), where, sought, found)


def test_refuses_a_trainer_that_builds_elsewhere_only():
    text = edited(ENGINE_TEXT, ("weights=blob.student ", "net=0"), ("weights=blob)", "net=blob)"))
    text += "\n    def set_up(self):\n        return self.get_model(weights=1)\n"
    refuses(STEP, tree_of({**BEFORE, ENGINE: text}), SETUP, SOUGHT, "no such place")


@pytest.mark.parametrize("file", [MODEL, ENGINE], ids=["first file", "second file"])
def test_refuses_one_file_without_the_other(file):
    refuses(STEP, tree_of({**BEFORE, file: BOTH[file]}), TRAIN, WHOLE, "1 of 2 places edited")


@pytest.mark.parametrize(
    ("file", "changes", "where"),
    [
        (MODEL, CHANGES[::2], TRAIN),
        (MODEL, CHANGES[:2], TRAIN),
        (ENGINE, ENGINE_CHANGES[::2], SETUP),
        (ENGINE, ENGINE_CHANGES[1:], SETUP),
        (ENGINE, ENGINE_CHANGES[:2], SETUP),
    ],
    ids=["not tune", "no import", "one of two calls", "the other of two", "no import in the trainer"],
)
def test_refuses_half_a_file(file, changes, where):
    text = edited(BEFORE[file], *changes)
    refuses(STEP, tree_of({**BOTH, file: text}), where, WHOLE, "1 of 2 places edited")


def test_completes_the_function_that_it_needs():
    half = edited(MODEL_TEXT, *CHANGES[1:])
    outcome = check(STEP, tree_of({**BEFORE, MODEL: half}), tree_of(BOTH))
    assert outcome.where == (TRAIN, SETUP, SETUP, f"{ENGINE}: module")


@pytest.mark.parametrize("file", [MODEL, ENGINE], ids=["first file", "second file"])
def test_refuses_a_release_without_one_of_the_files(file):
    tree = tree_of({path: text for path, text in BEFORE.items() if path != file})
    refuses(STEP, tree, f"{file}: module", "the file", "no such file in this release")
