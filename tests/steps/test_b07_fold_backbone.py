import pytest

from fork.steps.backbone import b07_fold_backbone

from .fakes import NEWLINES, TASKS, TASKS_TEXT, check, edited, refuses, tree_of, unchanged
from .fakes_eras import COUNTED, COUNTED_TASKS

STEP = b07_fold_backbone.STEP
FUSE, CHECK = f"{TASKS}: BaseModel.fuse", f"{TASKS}: BaseModel.is_fused"
REPORT = "\n            # say so\n            self.info( verbose=verbose )   # report\n"
FOLD = "            addmodules.fold(self)\n"
ANSWER = "        return  not any(bare(m) for m in self.modules())   # nothing left\n"
FOLDED = " and addmodules.is_folded(self)"
CHANGES = ((REPORT, FOLD + REPORT), (ANSWER, ANSWER.replace("   #", f"{FOLDED}   #")))
AFTER = edited(TASKS_TEXT, *CHANGES)
CALL, ONE = "the line `self.info(...)`", "one `return VALUE`"
FORM = "`return not any(...)` or `return sum(...) < thresh`"
BARE = "class BaseModel:\n\tdef fuse(self):\n{}\n\tdef is_fused(self):\n{}"


@NEWLINES
def test_folds_before_the_report_and_asks_for_it(newline):
    outcome = check(STEP, tree_of({TASKS: TASKS_TEXT}, newline), tree_of({TASKS: AFTER}, newline))
    assert outcome.where == (FUSE, CHECK)


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of({TASKS: AFTER}, newline))


@pytest.mark.parametrize(
    ("answer", "after"),
    [
        ("not any(m.bn for m in self)", "not any(m.bn for m in self){}"),
        ("all(self.plain)", "all(self.plain){}"),
        ("not (self.a or self.b)", "not (self.a or self.b){}"),
        ("(  not self.a )", "(  not self.a ){}"),
        ("not any(  # none\n\t\t\tm.bn\n\t\t)", "not any(  # none\n\t\t\tm.bn\n\t\t){}"),
        ("(\n\t\t\tnot any(self)  # none\n\t\t)", "(\n\t\t\tnot any(self)  # none\n\t\t){}"),
    ],
)
def test_keeps_the_answer_as_it_is_written(answer, after):
    before = BARE.format("\t\tself.info(); self.done = 1  # said\n", f"\t\treturn {answer}  # so\n")
    fold = "\t\taddmodules.fold(self)\n\t\tself.info(); self.done = 1  # said\n"
    after = BARE.format(fold, f"\t\treturn {after.format(FOLDED)}  # so\n")
    check(STEP, tree_of({TASKS: before}), tree_of({TASKS: after}))


@pytest.mark.parametrize(
    ("change", "where", "sought", "found"),
    [
        (("class BaseModel(", "class RootModel("), FUSE, "one definition of that name", "0 of them"),
        (("def _names(", "def fuse("), FUSE, "one definition of that name", "2 of them"),
        (("def is_fused(", "def fused("), CHECK, "one definition of that name", "0 of them"),
        (("def _names(", "def is_fused("), CHECK, "one definition of that name", "2 of them"),
        ((REPORT, ""), FUSE, CALL, "no such place"),
        (("self.info( verbose=verbose )", "self.model.info(verbose)"), FUSE, CALL, "no such place"),
        (("self.info( verbose=verbose )", "self.information()"), FUSE, CALL, "no such place"),
        ((REPORT, "            if verbose: self.info()\n"), FUSE, CALL, "no such place"),
        (("note(self); ", ""), FUSE, CALL, "2 such places"),
        ((ANSWER, "        return\n"), CHECK, ONE, "no such place"),
        ((ANSWER, "        return {}\n{}".format("not self.model", ANSWER)), CHECK, ONE, "2 such places"),
        ((ANSWER, "        return self.count() < 9  # so\n"), CHECK, FORM, "`return self.count() < 9`"),
        ((ANSWER, "        return not self.a or self.b\n"), CHECK, FORM, "`return not self.a or self.b`"),
        ((ANSWER, f"        return {'a' * 99} in (\n            1,\n        )\n"), CHECK, FORM, f"`return {'a' * 60}`"),
        ((ANSWER, "        return (self.a\n            or self.b)\n"), CHECK, FORM, "`return (self.a`"),
    ],
    ids=[
        *("no class", "two fuse", "no is_fused", "two is_fused", "no report", "another's report", "other name"),
        *("report in a branch", "two reports", "no answer", "two answers", "a comparison", "an or"),
        *("a long answer", "an answer over lines"),
    ],
)
def test_refuses_where_an_anchor_is_not_there_once(change, where, sought, found):
    refuses(STEP, tree_of({TASKS: edited(TASKS_TEXT, change)}), where, sought, found)


def test_takes_calls_of_another_class_for_none_of_its_own():
    other = (
        "        self.info(verbose=False)\n        return self\n",
        f"        return addmodules.fold(self){FOLDED}\n",
    )
    check(STEP, tree_of({TASKS: edited(TASKS_TEXT, other)}), tree_of({TASKS: edited(AFTER, other)}))


def test_leaves_a_report_of_a_nested_function_alone():
    head = "        if not self.is_fused():\n"
    inner = "            def late():\n                self.info()\n\n"
    before, after = (edited(text, (head, head + inner)) for text in (TASKS_TEXT, AFTER))
    check(STEP, tree_of({TASKS: before}), tree_of({TASKS: after}))


@pytest.mark.parametrize("change", CHANGES, ids=["fuse only", "is_fused only"])
def test_refuses_half_an_edit(change):
    sought = "the whole of this step's edit, or nothing of it"
    refuses(STEP, tree_of({TASKS: edited(TASKS_TEXT, change)}), FUSE, sought, "1 of 2 places edited")


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{TASKS}: module", "the file", "no such file in this release")


class TestOlderReleaseThatCountsNorms:
    @NEWLINES
    def test_asks_for_the_backbone_as_well(self, newline):
        after = edited(COUNTED_TASKS, CHANGES[0], (COUNTED, COUNTED.replace("   #", f"{FOLDED}   #")))
        outcome = check(STEP, tree_of({TASKS: COUNTED_TASKS}, newline), tree_of({TASKS: after}, newline))
        assert outcome.where == (FUSE, CHECK)

    @pytest.mark.parametrize(
        "answer",
        [
            "sum(self.norms) > thresh",
            "sum(self.norms) <= thresh",
            "sum(self.norms) < 10",
            "0 < sum(self.norms) < thresh",
            "len(self.norms) < thresh",
            "self.norms < thresh",
        ],
    )
    def test_refuses_another_count(self, answer):
        text = edited(COUNTED_TASKS, (COUNTED, f"        return {answer}\n"))
        refuses(STEP, tree_of({TASKS: text}), CHECK, FORM, f"`return {answer}`")
