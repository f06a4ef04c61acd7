"""python -m fork as a user meets it: help, exit codes, messages without tracebacks."""

import os
import re
import sys

import pytest
from conftest import make_checkout, run_python
from releases import relabel

from fork import cli, state
from fork.series import ORDER
from fork.tree import scan

TASKS = "ultralytics/nn/tasks.py"
VERBS = ("build", "status", "verify", "diff", "export", "lock", "save", "bump", "sweep", "drop", "explain", "procedure")


@pytest.fixture
def fork(checkout, wheel, quick, capsys):
    """Run a command in the throw-away checkout: (exit code, stdout, stderr)."""

    def run(*arguments):
        offline = ["--upstream", str(wheel)] if arguments[0] != "status" else []
        code = cli.main([*map(str, arguments), *offline], root=checkout)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.mark.parametrize("verb", [None, *VERBS])
def test_every_command_has_help_with_the_exit_codes(verb, capsys):
    with pytest.raises(SystemExit) as e:
        cli.main([verb, "--help"] if verb else ["--help"])
    assert e.value.code == 0
    out = capsys.readouterr().out
    assert "exit codes:" in out
    assert verb is not None or all(name in out for name in VERBS)


@pytest.mark.parametrize("arguments", [[], ["bild"], ["export"], ["build", "--force"]])
def test_a_wrong_command_line_is_exit_code_2(arguments, capsys):
    with pytest.raises(SystemExit) as e:
        cli.main(arguments)
    assert e.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_build_prints_each_step_and_the_digest(fork):
    code, out, err = fork("build")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[:-1]] == [step.name for step in ORDER]
    assert re.search(r"8\.4\.190\+addmodules\.1, 363 files, digest [0-9a-f]{16}$", out.strip())
    assert "writing 363 of 363 files" in err


def test_status_before_and_after_a_build_and_an_edit(fork, checkout):
    code, out, _ = fork("status")
    assert code == 1
    assert "not built" in out
    fork("build")
    code, out, _ = fork("status")
    assert code == 0
    assert "edited    no file: clean" in out
    assert out.count("\nstep ") == len(ORDER)
    with open(checkout / TASKS, "a", encoding="utf-8") as f:
        f.write("# mine\n")
    code, out, _ = fork("status")
    assert code == 1
    assert f"edited    {TASKS}" in out


def test_status_of_an_interrupted_build_and_another_pin(fork, checkout):
    fork("build")
    state.write_journal(checkout, [{}])
    assert "did not finish" in fork("status")[1]
    fork("build")
    path = checkout / "pin.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("revision = 1", "revision = 2"), encoding="utf-8")
    assert "stale: built from 8.4.190+addmodules.1" in fork("status")[1]


def test_verify_and_its_exit_codes(fork, checkout):
    code, _, err = fork("verify")
    assert (code, "is not built" in err) == (1, True)
    fork("build")
    code, out, _ = fork("verify")
    assert code == 0
    assert out.startswith("verified 8.4.190+addmodules.1: 363 files")
    (checkout / TASKS).write_text("", encoding="utf-8")
    code, _, err = fork("verify")
    assert code == 1
    assert TASKS in err
    assert "Traceback" not in err


def test_hand_edits_are_exit_code_7_then_saved(fork, checkout):
    fork("build")
    with open(checkout / TASKS, "a", encoding="utf-8") as f:
        f.write("# mine\n")
    code, _, err = fork("build")
    assert code == 7
    assert TASKS in err
    code, out, _ = fork("save", "mine")
    assert code == 0
    assert "mine.patch" in out
    assert fork("verify")[0] == 0
    assert "local/mine.patch" in fork("build")[1]


def test_diff_whole_by_step_and_in_numbers(fork):
    code, whole, _ = fork("diff")
    assert code == 0
    assert whole.startswith("--- a/ultralytics/data/utils.py\n")
    changed = [line for line in whole.splitlines() if re.match(r"[+-][^+-]", line)]
    assert len(changed) <= 100
    assert max(len(line) for line in changed if line[0] == "+") <= 121  # upstream's own limit, and the sign
    by_step = [fork("diff", "--step", step.name)[1] for step in ORDER]
    assert by_step[:2] == ["", ""]
    assert sum(text.count("addmodules.keep(") for text in by_step) == whole.count("addmodules.keep(") == 5
    assert fork("diff", "--step", "7")[1] == fork("diff", "--step", "s07")[1] == by_step[6]
    _, out, _ = fork("diff", "--stat")
    assert re.search(r"^11 files, 57 lines added, 41 removed$", out, re.MULTILINE)


def test_diff_of_an_unknown_step_names_those_that_exist(fork):
    code, _, err = fork("diff", "--step", "s99")
    assert code == 1
    assert "s01_create_folder" in err


def test_lock_is_up_to_date_or_rewritten(fork, checkout):
    assert fork("lock")[1] == "tree.lock is up to date\n"
    before = (checkout / "tree.lock").read_bytes()
    (checkout / "tree.lock").write_text("nonsense\n", encoding="utf-8")
    code, _, err = fork("verify")
    assert (code, "line 1" in err) == (3, True)
    (checkout / "tree.lock").unlink()
    code, _, err = fork("verify")
    assert (code, "is missing" in err) == (3, True)
    assert fork("lock")[1] == "tree.lock rewritten\n"
    assert (checkout / "tree.lock").read_bytes() == before


@pytest.mark.parametrize(
    ("upstream", "code", "said"),
    [
        ("no/such/file.whl", 1, "neither the pinned version nor an existing file"),
    ],
)
def test_an_upstream_that_cannot_be_had_is_named(checkout, capsys, upstream, code, said):
    assert cli.main(["build", "--upstream", upstream], root=checkout) == code
    assert said in capsys.readouterr().err
    assert scan(checkout) == {}


def test_another_release_by_its_number_is_fetched_and_its_hash_shown(checkout, wheel, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ADDMODULES_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    relabel(wheel, tmp_path / "cache" / "ultralytics-8.4.180-py3-none-any.whl", "8.4.180", [])
    assert cli.main(["build", "--upstream", "8.4.180"], root=checkout) == 0
    out, err = capsys.readouterr()
    assert "ultralytics-8.4.180-py3-none-any.whl is not pinned: what was found has sha256 " in err
    assert ": 8.4.180+addmodules.1, " in out
    assert cli.main(["status"], root=checkout) == 1
    assert "built from 8.4.180+addmodules.1, not from the pin, as asked" in capsys.readouterr().out


def test_a_wrong_file_as_upstream_is_exit_code_5(checkout, wheel, tmp_path, capsys):
    bad = tmp_path / wheel.name
    bad.write_bytes(wheel.read_bytes()[:-1])
    assert cli.main(["build", "--upstream", str(bad)], root=checkout) == 5
    assert "expected 1433396 bytes, got 1433395" in capsys.readouterr().err
    assert bad.exists()
    assert scan(checkout) == {}


def test_a_release_that_a_step_does_not_fit_is_exit_code_6(checkout, wheel, tmp_path, capsys):
    import zipfile

    other = tmp_path / "ultralytics-9.0.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(other, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, data.replace(b"def parse_model(", b"def build_model(") if name == TASKS else data)
    assert cli.main(["build", "--upstream", str(other)], root=checkout) == 6
    err = capsys.readouterr().err
    for words in ("step s04_name_row", f"{TASKS}: parse_model", "sought:", "found:", "nothing was written"):
        assert words in err
    assert scan(checkout) == {}


def test_no_network_is_exit_code_4(checkout, tmp_path):
    """The real pip against an index that is not there."""
    nowhere = {
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_NO_INDEX": "",
        "PIP_FIND_LINKS": "",
        "PIP_RETRIES": "0",
    }
    nowhere.update(PIP_EXTRA_INDEX_URL="", PIP_CONFIG_FILE=os.devnull, ADDMODULES_CACHE=str(tmp_path / "empty"))
    fast = "import fork.fetch as f, sys; f.RETRIES = (0.0,); from fork.cli import main; sys.exit(main(['build']))"
    run = run_python("-c", fast, cwd=checkout, env=nowhere)
    assert run.returncode == 4, run.stderr
    assert "could not fetch ultralytics 8.4.190" in run.stderr
    assert "Traceback" not in run.stderr
    assert scan(checkout) == {}


def test_output_survives_a_console_in_another_code_page(wheel, tmp_path):
    """A path that the console cannot show must not stop anything."""
    checkout = make_checkout(tmp_path / "检出")
    run = run_python("-m", "fork", "build", "--upstream", wheel, cwd=checkout, env={"PYTHONIOENCODING": "ascii"})
    assert run.returncode == 0, run.stderr
    assert "built " in run.stdout


def test_a_file_in_the_way_is_a_message(fork, checkout):
    (checkout / ".fork").write_text("x", encoding="utf-8")
    code, _, err = fork("build")
    assert code == 1
    assert err.splitlines()[-1].startswith("error: ")


def test_a_build_needs_the_standard_library_alone_and_names_what_is_missing(wheel, checkout):
    """Python before 3.11 has no reader of TOML."""
    run = run_python("-S", "-m", "fork", "build", "--upstream", wheel, cwd=checkout)  # -S: no site-packages
    assert run.returncode == (0 if sys.version_info >= (3, 11) else 1), run.stderr
    assert ("pip install -e ." in run.stderr) == bool(run.returncode)
    assert "Traceback" not in run.stderr
