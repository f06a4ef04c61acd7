import pytest

from fork.errors import StepError
from fork.steps.policy import x13_save_whole

from .fakes import ENGINE, ENGINE_TEXT, FLOPS, FLOPS_TEXT, NEWLINES, check, edited, refuses, tree_of, unchanged
from .fakes_eras import AGAIN_ENGINE, DILL_FLOPS, PICKLED_ENGINE

STEP = x13_save_whole.STEP
DEFINITION = "BaseTrainer.save_model"
IMPORT = "from ultralytics.fakes.cfg import get\n"
CHANGES = (
    ("self.last.write_bytes(blob)   # keep", "addmodules.write_whole(self.last, blob)   # keep"),
    ("self.best.write_bytes( blob )", "addmodules.write_whole(self.best, blob )"),
    ('(self.folder / "extra.pt").write_bytes(blob)', 'addmodules.write_whole(self.folder / "extra.pt", blob)'),
    (IMPORT, "from ultralytics.nn.Addmodules import hooks as addmodules\n" + IMPORT),
)
AFTER = edited(ENGINE_TEXT, *CHANGES)
STRIP = "    torch.save( blob, path or file )   # write\n"
HOOKS = "    from ultralytics.nn.Addmodules import hooks as addmodules  # here, since nn imports this module\n"
STRIP_CHANGES = ((STRIP, HOOKS + STRIP.replace("torch.save(", "addmodules.save_whole(")),)
STRIP_AFTER = edited(FLOPS_TEXT, *STRIP_CHANGES)
BEFORE = {ENGINE: ENGINE_TEXT, FLOPS: FLOPS_TEXT}
BOTH = {ENGINE: AFTER, FLOPS: STRIP_AFTER}


@NEWLINES
def test_saves_through_the_hook_in_save_model_only(newline):
    outcome = check(STEP, tree_of(BEFORE, newline), tree_of(BOTH, newline))
    assert outcome.where == (f"{ENGINE}: {DEFINITION}",) * 3 + (f"{ENGINE}: module", f"{FLOPS}: strip_optimizer")
    assert "self.other.write_bytes(blob)" in AFTER


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of(BOTH, newline))


@pytest.mark.parametrize(
    ("change", "sought", "found"),
    [
        (("class BaseTrainer:", "class Trainer:"), "one definition of that name", "0 of them"),
        (("def save_other(self, blob)", "def save_model(self)"), "one definition of that name", "2 of them"),
        (("def save_model(self)", "def save(self)"), "one definition of that name", "0 of them"),
    ],
    ids=["no class", "two methods", "no method"],
)
def test_refuses_where_the_method_is_not_there_once(change, sought, found):
    refuses(STEP, tree_of({**BEFORE, ENGINE: edited(ENGINE_TEXT, change)}), f"{ENGINE}: {DEFINITION}", sought, found)


def test_refuses_a_release_that_saves_in_another_way():
    text = ENGINE_TEXT.replace("write_bytes", "write_text")
    sought = "PATH.write_bytes(DATA) or torch.save(CONTENT, PATH)"
    refuses(STEP, tree_of({**BEFORE, ENGINE: text}), f"{ENGINE}: {DEFINITION}", sought, "no such place")


def test_refuses_half_an_edit():
    text = edited(ENGINE_TEXT, CHANGES[1], CHANGES[3])
    sought = "the whole of this step's edit, or nothing of it"
    refuses(STEP, tree_of({**BEFORE, ENGINE: text}), f"{ENGINE}: {DEFINITION}", sought, "1 of 2 places edited")


@pytest.mark.parametrize(
    ("change", "found"),
    [((STRIP, ""), "no such place"), ((STRIP, STRIP + STRIP), "2 such places")],
    ids=["none", "two"],
)
def test_refuses_a_release_that_strips_in_another_way(change, found):
    tree = tree_of({**BEFORE, FLOPS: edited(FLOPS_TEXT, change)})
    refuses(STEP, tree, f"{FLOPS}: strip_optimizer", "torch.save(CONTENT, PATH)", found)


@pytest.mark.parametrize("half", [{ENGINE: AFTER}, {FLOPS: STRIP_AFTER}], ids=["first file", "second file"])
def test_refuses_one_file_without_the_other(half):
    tree = tree_of({**BEFORE, **half})
    with pytest.raises(StepError, match="1 of 2 places edited"):
        STEP.apply(tree)
    assert tree == tree_of({**BEFORE, **half})


PICKLED_CHANGES = (
    ("torch.save(blob,  self.last)", "addmodules.save_whole(blob,  self.last)"),
    ("torch.save( blob, self.best )", "addmodules.save_whole( blob, self.best )"),
    ('torch.save(blob, self.folder / "extra.pt")', 'addmodules.save_whole(blob, self.folder / "extra.pt")'),
    CHANGES[3],
)
AGAIN_CHANGE = ("torch.save({**torch.load(self.best), ", "addmodules.save_whole({**torch.load(self.best), ")


@NEWLINES
def test_saves_through_the_hook_where_an_older_release_pickles_each_file(newline):
    before = {ENGINE: PICKLED_ENGINE, FLOPS: FLOPS_TEXT}
    after = {ENGINE: edited(PICKLED_ENGINE, *PICKLED_CHANGES), FLOPS: STRIP_AFTER}
    outcome = check(STEP, tree_of(before, newline), tree_of(after, newline))
    assert outcome.where == (f"{ENGINE}: {DEFINITION}",) * 3 + (f"{ENGINE}: module", f"{FLOPS}: strip_optimizer")


@pytest.mark.parametrize("change", [PICKLED_CHANGES[0], PICKLED_CHANGES[2]], ids=["first only", "last only"])
def test_refuses_half_an_edit_in_an_older_release(change):
    text = edited(PICKLED_ENGINE, change, CHANGES[3])
    sought = "the whole of this step's edit, or nothing of it"
    refuses(STEP, tree_of({**BEFORE, ENGINE: text}), f"{ENGINE}: {DEFINITION}", sought, "1 of 2 places edited")


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ("torch.save(blob, f=self.last)", "`torch.save(blob, f=self.last)`"),
        ("torch.save(*blob)", "`torch.save(*blob)`"),
        ("torch.save(blob)", "`torch.save(blob)`"),
    ],
)
def test_refuses_a_call_of_another_form(call, found):
    text = edited(PICKLED_ENGINE, ("torch.save(blob,  self.last)", call))
    tree = tree_of({**BEFORE, ENGINE: text})
    refuses(STEP, tree, f"{ENGINE}: {DEFINITION}", "torch.save(CONTENT, PATH)", found)


def test_takes_a_path_under_another_name_for_a_path():
    before = edited(PICKLED_ENGINE, ("torch.save(blob,  self.last)", "torch.save(blob, path)"))
    after = edited(before, *PICKLED_CHANGES[1:], ("torch.save(blob, path)", "addmodules.save_whole(blob, path)"))
    check(STEP, tree_of({**BEFORE, ENGINE: before}), tree_of({**BOTH, ENGINE: after}))


def test_saves_the_second_writing_of_the_best_through_the_hook():
    before = tree_of({ENGINE: AGAIN_ENGINE, FLOPS: FLOPS_TEXT})
    after = tree_of({ENGINE: edited(AGAIN_ENGINE, *CHANGES, AGAIN_CHANGE), FLOPS: STRIP_AFTER})
    outcome = check(STEP, before, after)
    assert outcome.where[3] == f"{ENGINE}: BaseTrainer.final_eval"
    assert outcome.applied == 6


def test_refuses_a_release_with_only_the_second_writing_left_over():
    tree = tree_of({ENGINE: edited(AGAIN_ENGINE, *CHANGES), FLOPS: FLOPS_TEXT})
    sought = "the whole of this step's edit, or nothing of it"
    refuses(STEP, tree, f"{ENGINE}: {DEFINITION}", sought, "1 of 2 places edited")


def test_keeps_an_argument_of_an_older_release():
    after = edited(DILL_FLOPS, ("    torch.save(", HOOKS + "    addmodules.save_whole("))
    check(STEP, tree_of({ENGINE: ENGINE_TEXT, FLOPS: DILL_FLOPS}), tree_of({ENGINE: AFTER, FLOPS: after}))
