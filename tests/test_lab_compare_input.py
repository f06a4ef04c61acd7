"""``python -m lab compare``: mistakes that once ended in a traceback or a hang, and evaluations that were damaged."""

import subprocess
import sys
import threading

import pytest
from conftest import ROOT

from lab.compare import command as compare
from lab.compare.state import evaluated
from run import start
from run.arguments import UsageError


def test_what_a_worker_starts_does_not_wait_for_the_workers_input():
    child = "import subprocess, sys; print(subprocess.call([sys.executable, '-c', 'import sys; sys.stdin.read()']))"
    code = f"from lab.compare.worker import watch_parent; watch_parent(); {child}; import time; time.sleep(60)"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-u", "-c", code], cwd=ROOT, **pipes) as process:
        stuck = threading.Timer(20, lambda: (process.kill(), process.stdin.close()))
        stuck.start()
        assert process.stdout.readline() == "0\n"  # nothing, where the child waited until all was killed
        stuck.cancel()
        process.stdin.close()
        assert process.wait(timeout=30) == 75


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["jobs=two"], "jobs=two: give a whole number"),
        (["jobs=true"], "jobs=True: give a whole number"),
        (["--seed", "5"], "unknown option --seed"),  # not an abbreviation of --seeds, which are five
    ],
)
def test_wrong_words_are_told(capsys, words, message):
    with pytest.raises(SystemExit) as ended:
        compare.main(["--data", "d.yaml", "--cfg", "a.yaml", *words])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_names_that_look_like_numbers_stay_text():
    options, _ = compare.parse(["--data", "d.yaml", "--cfg", "18=a.yaml", "baseline=018", "out=1e3"])
    assert (options.baseline, options.out) == ("018", "1e3")


def test_fresh_moves_nothing_but_a_comparison(capsys, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "photo.jpg").write_bytes(b"x")
    (tmp_path / "file").write_bytes(b"")
    for name, message in (("mine", "something that is not a comparison"), ("file", "is a file")):
        with pytest.raises(SystemExit) as ended:
            compare.main(["--data", "d.yaml", "--cfg", "a.yaml", "--fresh", "--out", str(tmp_path / name)])
        assert ended.value.code == 2
        assert message in capsys.readouterr().err
    assert (tmp_path / "mine" / "photo.jpg").is_file()


def test_damaged_evaluation_is_none(tmp_path):
    assert not evaluated(tmp_path)
    (tmp_path / "eval.json").write_text("{}", encoding="utf-8")
    assert evaluated(tmp_path)
    (tmp_path / "eval.npz").write_bytes(b"PK")
    assert not evaluated(tmp_path)


def test_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError, match="cannot be made"):
        start.make_folder(tmp_path / "file" / "new")
