import pytest

from fork.steps.policy import x26_ask_before_installing

from .fakes import CHECKS, NEWLINES, TASKS, UTILS, UTILS_TEXT, check, edited, refuses, tree_of, unchanged
from .fakes_network import LOAD_TEXT, REQUIREMENTS_TEXT
from .fakes_old import SILENT_TEXT

STEP = x26_ask_before_installing.STEP
IMPORT = "from ultralytics.nn.Addmodules import hooks as addmodules\n"
MODULE, LOAD = f"{UTILS}: module", f"{TASKS}: torch_safe_load"
REQUIREMENTS = f"{CHECKS}: check_requirements"
DEFAULT = 'env_flag( "YOLO_AUTOINSTALL",  True )'
CHANGES = ((DEFAULT, 'env_flag( "YOLO_AUTOINSTALL",  False )'),)
CALL = "                LOGGER.warning(\n"
TEXT = 'f"{prefix} {pkgs} are  missing, and YOLO_AUTOINSTALL=False"'
NOTE = "                # not today\n"
CHECKS_CHANGES = (
    (NOTE + CALL, f"{NOTE}                {IMPORT.strip()}  # here, since nn imports this module\n{CALL}"),
    (TEXT, 'f"{prefix} {addmodules.not_installed(packages, cmds)}"'),
)
WARNING = '        LOGGER.warning(\n            f"{weight}  needs {e.name}"\n'
TASKS_CHANGES = ((WARNING, "        addmodules.refuse_to_install(weight, e)\n" + WARNING),)
BEFORE = {UTILS: UTILS_TEXT, CHECKS: REQUIREMENTS_TEXT, TASKS: IMPORT + LOAD_TEXT}
AFTER = {
    UTILS: edited(BEFORE[UTILS], *CHANGES),
    CHECKS: edited(BEFORE[CHECKS], *CHECKS_CHANGES),
    TASKS: edited(BEFORE[TASKS], *TASKS_CHANGES),
}
DEFAULT_SOUGHT = 'the default of "YOLO_AUTOINSTALL", True'
WARNING_SOUGHT = "the warning that speaks of YOLO_AUTOINSTALL=False"
HANDLER_SOUGHT = "`except ModuleNotFoundError as e` with `check_requirements(e.name)`"
WHOLE = "the whole of this step's edit, or nothing of it"


@NEWLINES
def test_switches_off_the_default_and_says_what_to_install(newline):
    outcome = check(STEP, tree_of(BEFORE, newline), tree_of(AFTER, newline))
    assert outcome.where == (MODULE, REQUIREMENTS, REQUIREMENTS, LOAD)


@NEWLINES
def test_a_second_run_changes_nothing(newline):
    unchanged(STEP, tree_of(AFTER, newline))


@pytest.mark.parametrize(
    ("file", "change", "where", "sought", "found"),
    [
        (UTILS, (DEFAULT, 'env_flag("YOLO_AUTOINSTALL")'), MODULE, DEFAULT_SOUGHT, "no such place"),
        (UTILS, (DEFAULT, f"{DEFAULT} or {DEFAULT}"), MODULE, DEFAULT_SOUGHT, "2 such places"),
        (CHECKS, (TEXT, '"missing"'), REQUIREMENTS, WARNING_SOUGHT, "no such place"),
        (CHECKS, (CALL, f"{CALL.rstrip()}{TEXT})\n{CALL}"), REQUIREMENTS, WARNING_SOUGHT, "2 such places"),
        (CHECKS, ("packages = [", "wanted = ["), REQUIREMENTS, "the line `packages = ...`", "no such place"),
        (CHECKS, ("def check_requirements", "def other"), REQUIREMENTS, "one definition of that name", "0 of them"),
        (TASKS, ("# get it", "+ 1"), LOAD, HANDLER_SOUGHT, "no such place"),
        (TASKS, ('("other")', "(e.name)"), LOAD, HANDLER_SOUGHT, "2 such places"),
        (TASKS, (WARNING, WARNING.replace("warning", "info")), LOAD, "a warning before `check_req", "no such place"),
        (TASKS, (WARNING, f"        LOGGER.warning(1)\n{WARNING}"), LOAD, "a warning before `check_req", "2 such"),
        (TASKS, ("def torch_safe_load", "def other"), LOAD, "one definition of that name", "0 of them"),
        (TASKS, (IMPORT, ""), f"{TASKS}: module", "the import of the hooks (step s03)", "no such place"),
    ],
)
def test_refuses_where_a_place_is_not_there_once(file, change, where, sought, found):
    if sought.startswith("a warning"):
        sought, found = "a warning before `check_requirements(e.name)`", found.replace("2 such", "2 such places")
    refuses(STEP, tree_of({**BEFORE, file: edited(BEFORE[file], change)}), where, sought, found)


@pytest.mark.parametrize("file", [UTILS, CHECKS, TASKS])
def test_refuses_a_tree_that_is_edited_in_part(file):
    refuses(STEP, tree_of({**BEFORE, file: AFTER[file]}), MODULE, WHOLE, "1 of 3 places edited")
    refuses(STEP, tree_of({**AFTER, file: BEFORE[file]}), MODULE, WHOLE, "2 of 3 places edited")


def test_the_error_goes_by_the_name_of_its_handler():
    before = (
        BEFORE[TASKS].replace(" as e:  # gone", " as error:  # gone").replace("e.name)   # get", "error.name)  # get")
    )
    after = edited(before, (WARNING, "        addmodules.refuse_to_install(weight, error)\n" + WARNING))
    check(STEP, tree_of({**BEFORE, TASKS: before}), tree_of({**AFTER, TASKS: after}))


def test_refuses_a_release_without_a_file():
    for file in BEFORE:
        less = {name: text for name, text in BEFORE.items() if name != file}
        refuses(STEP, tree_of(less), f"{file}: module", "the file", "no such file in this release")


def test_the_pinned_release_is_edited_once_in_each_place(results):
    outcome = next(result.outcome for result in results if result.step is STEP)
    assert outcome.where == (MODULE, REQUIREMENTS, REQUIREMENTS, LOAD)


GIVES_UP = "            return False   # not today\n"
SILENT_AFTER = edited(
    SILENT_TEXT,
    (
        GIVES_UP,
        "            if install:\n"
        f"                {IMPORT.strip()}  # here, since nn imports this module\n"
        '                LOGGER.warning(f"{prefix} {addmodules.not_installed(pkgs, cmds)}")\n' + GIVES_UP,
    ),
)
SILENT_SOUGHT = "`else: return False` behind `if install and AUTOINSTALL`"


@NEWLINES
def test_a_release_that_is_silent_gets_a_warning(newline):
    before, after = {**BEFORE, CHECKS: SILENT_TEXT}, {**AFTER, CHECKS: SILENT_AFTER}
    outcome = check(STEP, tree_of(before, newline), tree_of(after, newline))
    assert outcome.where == (MODULE, REQUIREMENTS, LOAD)


@pytest.mark.parametrize(
    ("change", "sought", "found"),
    [
        ((GIVES_UP, "            return None\n"), SILENT_SOUGHT, "no such place"),
        (("install and AUTOINSTALL", "AUTOINSTALL"), SILENT_SOUGHT, "no such place"),
    ],
)
def test_refuses_other_shapes_of_a_silent_release(change, sought, found):
    tree = {**BEFORE, CHECKS: edited(SILENT_TEXT, change)}
    refuses(STEP, tree_of(tree), REQUIREMENTS, sought, found)


def test_a_warning_at_another_place_is_no_silence():
    tree = {**BEFORE, CHECKS: SILENT_TEXT, "ultralytics/other.py": '"YOLO_AUTOINSTALL=False"\n'}
    found = "none, but one in ultralytics/other.py"
    refuses(STEP, tree_of(tree), REQUIREMENTS, WARNING_SOUGHT, found)


def test_refuses_a_silent_release_that_is_edited_in_part():
    tree = {**BEFORE, CHECKS: SILENT_AFTER}
    refuses(STEP, tree_of(tree), MODULE, WHOLE, "1 of 3 places edited")


RUNS = '        subprocess.run("pip install ray[tune]<=2".split(), check=True)  # by itself\n'
RAY_TEXT = (
    f"def run_ray_tune(model):\n    try:\n        # get it\n{RUNS}        import ray\n    finally:\n        pass\n"
)
ASKS = '        from ultralytics.utils.checks import check_requirements\n        check_requirements("ray[tune]<=2")\n'


def test_a_release_that_runs_pip_for_ray_is_made_to_ask():
    ray = "ultralytics/utils/tuner.py"
    before, after = (
        {**BEFORE, CHECKS: SILENT_TEXT, ray: RAY_TEXT},
        {**AFTER, CHECKS: SILENT_AFTER, ray: edited(RAY_TEXT, (RUNS, ASKS))},
    )
    outcome = check(STEP, tree_of(before), tree_of(after))
    assert outcome.where[-1] == f"{ray}: run_ray_tune"
    refuses(STEP, tree_of({**AFTER, ray: RAY_TEXT}), MODULE, WHOLE, "3 of 4 places edited")
    line = RAY_TEXT.replace("subprocess.run", "note = subprocess.run")
    sought = 'subprocess.run("pip install ...".split(), ...) on a line of its own'
    refuses(STEP, tree_of({**BEFORE, ray: line}), f"{ray}: run_ray_tune", sought, "no such place")
