"""The steps for YOLOv5 on small sources: edited, edited before, a place missing, a place twice, half edited."""

import importlib
from pathlib import Path

import pytest
from steps import test_s04_name_row as s04
from steps import test_s05_build_backbone_row as s05
from steps import test_s06_shift_indices as s06
from steps import test_s08_probe_stride as s08
from steps.fakes import NEWLINES, TASKS_TEXT, check, edited, tree_of, unchanged

import fork.targets.yolov5
from fork.errors import StepError
from fork.targets.yolov5 import SERIES, y01_share_backbones, y15_run_scripts
from fork.targets.yolov5._places import HOOKS_IMPORT, MODULE, TF, YOLO

from .fakes import is_value, sources

FILES = sorted(p.stem for p in Path(fork.targets.yolov5.__file__).parent.glob("[yz]*.py"))
MODULES = {step.name: importlib.import_module(f"fork.targets.yolov5.{step.name}") for step in SERIES}
SWAPPING = {step.name: (step, MODULES[step.name].SWAPS) for step in SERIES if hasattr(MODULES[step.name], "SWAPS")}
LISTS = pytest.mark.parametrize(("step", "swaps"), SWAPPING.values(), ids=SWAPPING)
EACH = [(step, swaps, at) for step, swaps in SWAPPING.values() for at in range(len(swaps))]
PLACES = pytest.mark.parametrize(("step", "swaps", "at"), EACH, ids=[f"{s.name}-{n}" for s, _, n in EACH])


def only(swaps, at, value, other):
    """Return a list with ``value`` for one edit, and for others that look for the same in the same place."""
    mine = swaps[at]
    return [value if (s.file, s.definition, s.old) == (mine.file, mine.definition, mine.old) else other for s in swaps]


def fails(step, files):
    tree = tree_of(files)
    before = dict(tree)
    with pytest.raises(StepError) as caught:
        step.apply(tree)
    assert tree == before  # a step that fails leaves the tree alone
    assert caught.value.step == step.name
    return caught.value


def test_every_step_file_is_in_the_series_once_and_in_order():
    assert [step.name for step in SERIES] == FILES


@pytest.mark.parametrize("step", SERIES, ids=[step.name for step in SERIES])
def test_a_step_says_what_it_does(step):
    assert step.section == "-" or step.section in {"2.1", "2.2", "2.3", "2.4", "2.5"}
    assert step.name[0] == "y" or step.section == "-"  # today's packages are nothing of the article's
    assert len(step.title) < 60
    assert len(step.reason) > 60
    assert step.places[0] == step.places[1] > 0


@LISTS
@NEWLINES
def test_edits_each_place_and_nothing_else(step, swaps, newline):
    after = sources(swaps, new=[True] * len(swaps))
    outcome = check(step, tree_of(sources(swaps), newline), tree_of(after, newline))
    assert sorted(outcome.where) == sorted(f"{swap.file}: {swap.definition}" for swap in swaps)


@LISTS
@NEWLINES
def test_a_second_run_changes_nothing(step, swaps, newline):
    unchanged(step, tree_of(sources(swaps, new=[True] * len(swaps)), newline))


@PLACES
def test_refuses_where_a_place_is_missing(step, swaps, at):
    error = fails(step, sources(swaps, times=only(swaps, at, 0, 1)))
    assert (error.file, error.definition, error.found) == (swaps[at].file, swaps[at].definition, "no such place")
    assert error.sought in (swaps[at].sought, f"`{swaps[at].old}`")


@PLACES
def test_refuses_where_a_place_is_there_twice(step, swaps, at):
    error = fails(step, sources(swaps, times=only(swaps, at, 2, 1)))
    assert (error.file, error.definition, error.found) == (swaps[at].file, swaps[at].definition, "2 such places")


@pytest.mark.parametrize(("step", "swaps", "at"), [e for e in EACH if len(e[1]) > 1])
def test_refuses_an_edit_that_is_half_there(step, swaps, at):
    error = fails(step, sources(swaps, new=only(swaps, at, True, False)))
    assert error.sought == "the whole of this step's edit, or nothing of it"


@LISTS
def test_refuses_a_release_without_the_file_or_the_definition(step, swaps):
    files = sources(swaps)
    assert fails(step, {f: t for f, t in files.items() if f != swaps[-1].file}).found == "no such file in this release"
    inside = [swap for swap in swaps if swap.definition != MODULE]
    for swap in inside[:1]:
        name = swap.definition.split(".")[-1]
        other = {**files, swap.file: files[swap.file].replace(f"def {name}(", f"def {name}_else(")}
        assert fails(step, other).found == "0 of them"


@LISTS
def test_refuses_a_file_that_does_not_import_the_hooks(step, swaps):
    calling = {swap.file for swap in swaps if "addmodules." in swap.new.replace("yolov5.addmodules", "")}
    for file in calling:
        files = sources(swaps)
        error = fails(step, {**files, file: files[file].replace(f"{HOOKS_IMPORT}\n", "")})
        assert (error.file, error.sought) == (file, f"`{HOOKS_IMPORT}` (step y01_share_backbones)")


def test_layout_and_quotes_of_a_place_do_not_matter():
    step, swaps = SWAPPING["z04_load_whole_checkpoints"]
    files = {file: text.replace("map_location='cpu'", 'map_location = "cpu"') for file, text in sources(swaps).items()}
    tree = tree_of(files)
    assert files != sources(swaps)
    assert step.apply(tree).applied == len(swaps)


@pytest.mark.parametrize(
    ("name", "after"),
    [
        ("y03_name_row", s04.AFTER),
        ("y06_build_backbone_row", edited(TASKS_TEXT, s05.CHANGES[-1])),
        ("y07_shift_indices", s06.AFTER),
        ("y09_probe_stride", s08.AFTER),
    ],
)
@NEWLINES
def test_the_edits_of_the_other_series_are_made_in_yolo_py(name, after, newline):
    """The same functions edit both packages; what they refuse is tested where they are from."""
    step = MODULES[name].STEP
    outcome = check(step, tree_of({YOLO: TASKS_TEXT}, newline), tree_of({YOLO: after}, newline))
    assert outcome.applied == step.places[0]
    unchanged(step, tree_of({YOLO: after}, newline))
    error = fails(step, {YOLO: "import os\n"})
    assert (error.file, error.found) == (YOLO, "0 of them")


def test_a_row_is_numbered_with_four_attributes_as_well():
    number = "m_.i, m_.f, m_.type = i, f, t  # number"
    four = (
        "m_.i, m_.f, m_.type, m_.np = i, f, t, np  # number",
        "m_.i, m_.f, m_.type, m_.np = i + 4 * backbone, f, t, np",
    )
    before, after = edited(TASKS_TEXT, (number, four[0])), s06.AFTER
    after = edited(after, (number.replace("= i,", "= i + 4 * backbone,"), f"{four[1]}  # number"))
    check(MODULES["y07_shift_indices"].STEP, tree_of({YOLO: before}), tree_of({YOLO: after}))


def test_a_loop_over_layers_in_another_file_is_an_error():
    step, swaps = SWAPPING["y08_spread_maps"]
    loop = "def run(y, model):\n    for m in model:\n        y.append(y[m.f])\n"
    check(
        step,
        tree_of({**sources(swaps), TF: loop}),
        tree_of({**sources(swaps, new=[True]), TF: loop}),
    )  # closed by another step
    error = fails(step, {**sources(swaps), "yolov5/models/other.py": loop})
    assert error.file == "yolov5/models/other.py"


IMPORTS = "import os\n\nimport numpy as np\n{hooks}import torch\n\nfrom yolov5.fakes import note\n"
PLAIN = "import os\n{hooks}\ntrail = []\n"


@NEWLINES
def test_the_hooks_are_imported_before_what_they_come_before(newline):
    files = y01_share_backbones.FILES
    texts = {file: PLAIN if number == 1 else IMPORTS for number, file in enumerate(files)}
    ours = {"yolov5/addmodules/__init__.py": ""}
    before = {**{file: text.format(hooks="") for file, text in texts.items()}, **ours}
    after = {**{file: text.format(hooks=f"{HOOKS_IMPORT}\n") for file, text in texts.items()}, **ours}
    check(y01_share_backbones.STEP, tree_of(before, newline), tree_of(after, newline))
    unchanged(y01_share_backbones.STEP, tree_of(after, newline))
    half = {**before, files[3]: after[files[3]]}
    assert fails(y01_share_backbones.STEP, half).found == f"1 of {len(files)} places edited"
    assert fails(y01_share_backbones.STEP, {**before, files[2]: "trail = []\n"}).sought == "an import at module level"
    error = fails(y01_share_backbones.STEP, {file: before[file] for file in files})
    assert error.sought == "the tracked files of the hooks"


SCRIPT = """\
import sys
from pathlib import Path

import numpy as np
{path}{hooks}from yolov5.fakes import note


def main(opt=None):
    note(main(opt))  # alike, but inside


if __name__ == "__main__":
    opt = note()
    {call}
"""
SCRIPT_PATH = "if not __package__:\n    sys.path.insert(0, str(Path(__file__).resolve().parents[{depth}]))\n"


def scripts(done, call="main(opt)", hooks=False):
    given = f"addmodules.run(main{', opt' if 'opt' in call else ''})"
    return {
        file: SCRIPT.format(
            path=SCRIPT_PATH.format(depth=depth) if done else "",
            hooks=f"{HOOKS_IMPORT}\n" if done or hooks else "",
            call=given if done else call,
        )
        for file, depth in y15_run_scripts.SCRIPTS.items()
    }


@pytest.mark.parametrize("hooks", [False, True], ids=["without the hooks", "with them"])
@pytest.mark.parametrize("call", ["main()", "main(opt)"])
@NEWLINES
def test_scripts_find_their_package_and_say_mistakes_in_a_line(call, hooks, newline):
    before, after = (tree_of(scripts(done, call, hooks), newline) for done in (False, True))
    check(y15_run_scripts.STEP, before, after)
    unchanged(y15_run_scripts.STEP, after)


def test_a_script_without_its_main_is_an_error():
    step, before = y15_run_scripts.STEP, scripts(False)
    file = "yolov5/segment/val.py"
    error = fails(step, {**before, file: before[file].replace("    main(opt)\n", "    note(opt)\n")})
    assert (error.file, error.found) == (file, "no such place")
    assert fails(step, {**before, file: scripts(True)[file]}).sought.startswith("the whole of this step's edit")


def test_the_fakes_hold_both_kinds_of_edits():
    kinds = {is_value(swap) for _, swaps in SWAPPING.values() for swap in swaps}
    assert kinds == {False, True}
