import pytest

from fork.steps.articles import s07_spread_maps

from .fakes import FLOPS, IMX, IMX_TEXT, NEWLINES, TASKS, TASKS_TEXT, check, edited, refuses, tree_of, unchanged
from .fakes_eras import LOOP_FLOPS

STEP = s07_spread_maps.STEP
HOOKS = "from ultralytics.nn.Addmodules import hooks as addmodules\n"
FIRST_IMPORT = "from   ultralytics.fakes.parts import Concat, Conv   # odd  spacing\n"
APPEND = "y.append(x if m.i in self.save else None)   # kept"
KEEP = "x = addmodules.keep(y, m, x, self.save)  # save output"
SECOND_APPEND = 'outs.append(z if layer.i in self.kept["all"] else None)'
SECOND_KEEP = 'z = addmodules.keep(outs, layer, z, self.kept["all"])  # save output'
CHANGES = ((APPEND, KEEP), (SECOND_APPEND, SECOND_KEEP))
IMX_IMPORT = "from ultralytics.fakes.parts import Pose\n"
IMX_CHANGES = ((IMX_IMPORT, HOOKS + IMX_IMPORT), ("y.append(x)", "x = addmodules.keep(y, m, x)"))

IMPORTED = edited(TASKS_TEXT, (FIRST_IMPORT, HOOKS + FIRST_IMPORT))  # as the third step leaves it
AFTER = edited(IMPORTED, *CHANGES)
IMX_AFTER = edited(IMX_TEXT, *IMX_CHANGES)
FIRST, SECOND, THIRD = f"{TASKS}: BaseModel._predict_once", f"{TASKS}: SecondModel.predict", f"{IMX}: Wrapper.forward"

NEXT = "\n            "
BARE = """\
from ultralytics.nn.Addmodules import hooks as addmodules


class BaseModel:
    def _predict_once(self, x, y):
        for m in self.model:
            x = m(y[m.f])
            {append}
"""


@NEWLINES
def test_routes_every_layer_loop_of_every_file_through_the_hook(newline):
    outcome = check(
        STEP,
        tree_of({TASKS: IMPORTED, IMX: IMX_TEXT, "ultralytics/notes.txt": IMX_TEXT}, newline),
        tree_of({TASKS: AFTER, IMX: IMX_AFTER, "ultralytics/notes.txt": IMX_TEXT}, newline),
    )
    assert outcome.where == (FIRST, SECOND, THIRD, f"{IMX}: module")


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of({TASKS: AFTER, IMX: IMX_AFTER}, newline))


def test_imports_the_hooks_where_a_file_with_a_loop_lacks_them():
    after = edited(TASKS_TEXT, (FIRST_IMPORT, HOOKS + FIRST_IMPORT), *CHANGES)
    outcome = check(STEP, tree_of({TASKS: TASKS_TEXT}), tree_of({TASKS: after}))
    assert outcome.where == (FIRST, SECOND, f"{TASKS}: module")


def test_edits_only_the_loop_that_is_not_edited_yet():
    half = edited(IMPORTED, CHANGES[0])
    outcome = check(STEP, tree_of({TASKS: half, IMX: IMX_AFTER}), tree_of({TASKS: AFTER, IMX: IMX_AFTER}))
    assert outcome.where == (SECOND,)


def test_knows_the_base_loop_under_its_older_name():
    before = edited(IMPORTED, ("def _predict_once", "def _forward_once"))
    after = edited(AFTER, ("def _predict_once", "def _forward_once"))
    outcome = check(STEP, tree_of({TASKS: before}), tree_of({TASKS: after}))
    assert outcome.where == (f"{TASKS}: BaseModel._forward_once", SECOND)


@pytest.mark.parametrize(
    ("append", "keep"),
    [
        ("y.append(x)", "x = addmodules.keep(y, m, x)"),
        ("y.append( x )", "x = addmodules.keep(y, m, x)"),
        (
            f"z = addmodules.keep(y, mm, x){NEXT}y.append(x)",
            f"z = addmodules.keep(y, mm, x){NEXT}x = addmodules.keep(y, m, x)",
        ),
        ("y.append(z if m.i in self.save else None)", "z = addmodules.keep(y, m, z, self.save)  # save output"),
        ("y.append(x if m.i in {1, 2} else None)", "x = addmodules.keep(y, m, x, {1, 2})  # save output"),
    ],
)
def test_puts_the_call_where_the_append_stood(append, keep):
    check(STEP, tree_of({TASKS: BARE.format(append=append)}), tree_of({TASKS: BARE.format(append=keep)}))


def test_leaves_a_loop_of_the_overlay_alone():
    mine = {"ultralytics/nn/Addmodules/mine.py": IMX_TEXT}
    check(STEP, tree_of({TASKS: IMPORTED, **mine}), tree_of({TASKS: AFTER, **mine}))


@pytest.mark.parametrize(
    "append",
    [
        "y.append(x if m.i in self.save else 0)",
        "y.append(x if m.j in self.save else None)",
        "y.append(x if m.i not in self.save else None)",
        "y.append(x[0] if m.i in self.save else None)",
        "y.append(m(x))",
    ],
)
def test_refuses_an_append_of_another_form(append):
    refuses(
        STEP,
        tree_of({TASKS: BARE.format(append=append)}),
        FIRST,
        "`y.append(x if m.i in self.save else None)` or `y.append(x)`",
        append,
    )


@pytest.mark.parametrize(
    ("append", "found"),
    [
        ("y += [x]", "no such place"),
        ("y.extend([x])", "no such place"),
        ("keep = y.append", "no such place"),
        ("y.append(x)\n            y.append(x)", "2 such places"),
    ],
)
def test_refuses_a_loop_without_one_append(append, found):
    text = BARE.format(append=append)
    refuses(STEP, tree_of({TASKS: text}), FIRST, "one `y.append(...)` in the loop over the layers", found)


@pytest.mark.parametrize(
    "more",
    [
        "        for m in self.model:\n            x = y[m.f]\n            y.append(x)\n",
        "            z = other[m.f]\n            other.append(z)\n",
    ],
    ids=["two loops", "two lists"],
)
def test_refuses_two_outputs_lists_in_one_definition(more):
    text = BARE.format(append="y.append(x)") + more
    refuses(STEP, tree_of({TASKS: text}), FIRST, "one loop over the layers in a definition", "2 such places")


@pytest.mark.parametrize(
    "change",
    [
        ("class BaseModel(", "class RootModel("),
        ("def _predict_once(", "def _predict_twice("),
        ("x = y[m.f] if", "x = y[m.g] if"),
        ("for m in self.model:\n            seen", "for n in self.model:\n            seen"),
    ],
    ids=["other class", "other name", "reads no output", "other variable"],
)
def test_refuses_a_release_whose_base_loop_it_does_not_find(change):
    text = edited(AFTER, change)
    refuses(STEP, tree_of({TASKS: text}), FIRST, "a loop over the layers that keeps their outputs", "none")


def test_refuses_a_release_without_the_file():
    refuses(STEP, {}, f"{TASKS}: module", "the file", "no such file in this release")


def test_refuses_a_file_with_a_loop_but_no_import_of_upstreams():
    text = IMX_TEXT.replace(IMX_IMPORT, "")
    refuses(
        STEP, tree_of({TASKS: AFTER, IMX: text}), f"{IMX}: module", "an import from ultralytics", "none at module level"
    )


def test_leaves_the_whole_tree_where_a_later_file_fails():
    text = IMX_TEXT.replace(IMX_IMPORT, "")
    tree = tree_of({TASKS: IMPORTED, IMX: text})
    refuses(STEP, tree, f"{IMX}: module", "an import from ultralytics", "none at module level")


def test_keeps_a_second_statement_on_the_line():
    append, keep = "y.append(x); note(x)", "x = addmodules.keep(y, m, x); note(x)"
    check(STEP, tree_of({TASKS: BARE.format(append=append)}), tree_of({TASKS: BARE.format(append=keep)}))


def test_refuses_a_starred_append():
    text = BARE.format(append="y.append(*x)")
    sought = "`y.append(x if m.i in self.save else None)` or `y.append(x)`"
    refuses(STEP, tree_of({TASKS: text}), FIRST, sought, "y.append(*x)")


def test_finds_a_loop_that_counts_its_layers():
    text = BARE.replace("for m in self.model", "for i, m in enumerate(self.model)")
    before, after = text.format(append="y.append(x)"), text.format(append="x = addmodules.keep(y, m, x)")
    check(
        STEP,
        tree_of({TASKS: AFTER, IMX: before}),
        tree_of({TASKS: AFTER, IMX: after}),
    )


LATE = "        from ultralytics.nn.Addmodules import hooks as addmodules  # here, since nn imports this module\n"
LATE_CHANGES = (
    ("        # from here on\n", LATE + "        # from here on\n"),
    ("y.append(x)  # kept", "x = addmodules.keep(y, m, x)"),
)
LATE_AFTER = edited(LOOP_FLOPS, *LATE_CHANGES)


class TestExportLoopInAnOlderRelease:
    """There it stands in a file that nn imports, which cannot import the hooks at its top."""

    @NEWLINES
    def test_imports_the_hooks_inside_the_function(self, newline):
        before, after = ({TASKS: IMPORTED, FLOPS: LOOP_FLOPS}, {TASKS: AFTER, FLOPS: LATE_AFTER})
        outcome = check(STEP, tree_of(before, newline), tree_of(after, newline))
        assert outcome.where == (FIRST, SECOND, *[f"{FLOPS}: Wrapper.forward"] * 2)

    @pytest.mark.parametrize("change", LATE_CHANGES, ids=["import only", "loop only"])
    def test_refuses_half_an_edit(self, change):
        tree = tree_of({TASKS: AFTER, FLOPS: edited(LOOP_FLOPS, change)})
        sought = "the whole of this step's edit, or nothing of it"
        refuses(STEP, tree, f"{FLOPS}: Wrapper.forward", sought, "1 of 2 places edited")

    def test_refuses_a_loop_without_an_append(self):
        tree = tree_of({TASKS: AFTER, FLOPS: edited(LOOP_FLOPS, ("y.append(x)  # kept", "y += [x]"))})
        sought = "one `y.append(...)` in the loop over the layers"
        refuses(STEP, tree, f"{FLOPS}: Wrapper.forward", sought, "no such place")
