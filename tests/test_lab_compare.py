"""``python -m lab compare``: real runs that are killed, fail and go on; what is refused; what is recorded."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest
from conftest import ROOT, make_squares

from lab.compare import command as compare
from lab.compare import estimate, schedule
from lab.compare.state import change_state, read_state
from lab.files import read_json

YAML = """nc: 1
backbone:
{rows}
head:
  - [[2, 3, 4], 1, Detect, [nc]]
"""
EPOCHS = 3
TABLE = "# T\n\n| m |\n|---|\n| x |\n\n| no |\n"
ARGUMENTS = f"--epochs {EPOCHS} --imgsz 64 --batch 2 --device cpu --no-latency".split()

# Evaluation and results have tests of their own; these take their places here and in the workers. A run of a model
# whose label begins with "dying" is killed before it has done anything, as the system does when memory runs out.
STAND_IN = """
import os, signal, sys, types

def evaluate(run, data, imgsz, batch, device):
    (run / "eval.json").write_text("{}", encoding="utf-8")
    return {}

module = types.ModuleType("lab.compare.evaluate")
module.evaluate = evaluate
sys.modules[module.__name__] = module
if any("dying-" in word for word in sys.argv):
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
"""

# A worker that stalls in its second epoch, for as long as it takes to kill it there.
STALLING = """
import sys, time
from lab.compare import worker
def stall(self, trainer):
    if trainer.epoch == 1:
        time.sleep(300)
worker.Keeper.note_step = stall
sys.exit(worker.main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a data set and model YAMLs; what lab.compare calls of others is stood in for."""
    folder = tmp_path_factory.mktemp("compare")
    make_squares(folder / "squares")
    for name, width in (("good", 16), ("dying", 24), ("other", 8)):
        rows = "\n".join(f"  - [-1, 1, Conv, [{w}, 3, 2]]" for w in (8, 8, width, 16, 16))
        (folder / f"{name}.yaml").write_text(YAML.format(rows=rows), encoding="utf-8")
    (folder / "stand-in").mkdir()
    (folder / "stand-in" / "sitecustomize.py").write_text(STAND_IN, encoding="utf-8")
    results = types.ModuleType("lab.compare.results")
    results.write = lambda out, plan, say: (out / "table.md").write_text(TABLE, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder / "stand-in"))
        patch.setitem(sys.modules, "lab.compare.results", results)
        patch.chdir(folder)
        timed = lambda models, say, **rest: {**{one: {} for one in models}, "conditions": rest}  # noqa: E731
        patch.setattr("lab.speed.latency.measure", timed)
        yield folder


def run(capsys, *words):
    """Run the command; return exit code, output and errors."""
    try:
        code = compare.main([str(word) for word in words])
    except SystemExit as e:
        code = e.code
    out, err = capsys.readouterr()
    return code, out, err


def call(*words):
    """Run the command where there is no ``capsys``; return the exit code."""
    try:
        return compare.main([str(word) for word in words])
    except SystemExit as e:
        return e.code


@pytest.fixture(scope="module")
def compared(place):
    """A comparison of a model that trains and one whose workers are killed: (folder, exit code)."""
    out = place / "out"
    words = ["--data", "squares/data.yaml", "--cfg", "good.yaml", "dying.yaml", "--seeds", "1", *ARGUMENTS]
    return out, call(*words, "--out", out)


def rows(path):
    with path.open(encoding="utf-8", newline="") as f:
        return [int(row["epoch"]) for row in csv.DictReader(f)]


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def alive(pid):
    import psutil

    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_failing_run_is_reported_and_the_others_finish(compared):
    out, code = compared
    assert code == 1
    good, dying = read_state(out / "runs" / "good-s0"), read_state(out / "runs" / "dying-s0")
    assert (good["state"], good["epochs"], good["attempts"]) == ("done", EPOCHS, 1)
    assert good["seconds"] > 0
    assert dying["state"] == "failed"
    assert dying["reason"].startswith("killed by signal 9" if os.name == "posix" else "ended")
    folder = out / "runs" / "good-s0"
    assert rows(folder / "results.csv") == [1, 2, 3]
    assert (folder / "weights" / "best.pt").is_file()
    assert not (folder / "weights" / "resume.pt").exists()
    assert "Traceback" not in (folder / "log.txt").read_text(encoding="utf-8")
    plan = read_json(out / "plan.json")
    assert [model["label"] for model in plan["models"]] == ["good", "dying"]
    assert (plan["baseline"], plan["seeds"], plan["names"]) == ("good", [0], {"0": "square"})
    assert plan["train"]["nbs"] == plan["train"]["batch"] == 2


def test_record_tells_what_it_was_made_with(compared):
    record = read_json(compared[0] / "record.json")
    environment = record["environment"]
    assert environment["packages"]["torch"]
    assert environment["fork"]["tree"] == read_json(ROOT / "ultralytics" / "fork.json")["digest"]
    assert environment["threads"] >= 1
    assert record["data"]["digest"].startswith("bytes:")
    assert record["arguments"]["lr0"] == 3e-4
    assert record["arguments"]["hsv_h"] is not None  # every argument, not only the given ones
    assert "--seeds 1" in record["commands"][0]["command"]


def test_killed_run_goes_on_and_a_new_seed_runs_only_the_new(compared, capsys):
    out, _ = compared
    plan, before = read_json(out / "plan.json"), (out / "runs" / "good-s0" / "state.json").read_bytes()
    new = schedule.prepare(out, plan, plan["models"][0], 1, "good-s1", 1)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ["PYTHONPATH"]])}
    with open(new / "log.txt", "wb") as log:
        worker = subprocess.Popen([sys.executable, "-c", STALLING, str(new)], env=environment, stdout=log, stderr=log)
    try:
        wait_for(lambda: read_state(new)["epochs"] == 1)
    finally:
        worker.kill()
        worker.wait()
    assert read_state(new)["state"] == "running"  # nobody was left to say otherwise
    with (new / "results.csv").open("a", encoding="utf-8") as f:
        last = (new / "results.csv").read_text(encoding="utf-8").splitlines()[-1]
        f.write(f"2,{last.partition(',')[2]}\n3,0.5")  # a row whose checkpoint was not written, and a torn one
    (new / "weights" / "last.pt").write_bytes(b"")  # as a power cut may leave it
    code, text, err = run(capsys, "--cfg", "good.yaml", "--seeds", "2", "--out", out)
    assert code == 0, text + err
    assert "2, of which 1 are done" in text
    assert "left alone and out of the tables: dying" in text
    assert "| x |" in text
    assert "| no |" not in text  # the main table alone
    log = (new / "log.txt").read_text(encoding="utf-8")
    assert f"good-s1: resume, 1 of {EPOCHS} epochs" in log
    assert "dropped 2 row(s) of results.csv behind epoch 1" in log
    assert rows(new / "results.csv") == [1, 2, 3]
    state = read_state(new)
    assert (state["state"], state["epochs"], state["attempts"]) == ("done", EPOCHS, 2)
    assert (out / "runs" / "good-s0" / "state.json").read_bytes() == before


def test_trained_run_is_only_evaluated(compared, capsys):
    out, _ = compared
    folder = out / "runs" / "good-s0"
    (folder / "eval.json").unlink()
    trained = (folder / "results.csv").read_bytes()
    code, text, err = run(capsys, "--cfg", "good.yaml", "--seeds", "1", "--out", out)
    assert code == 0, text + err
    assert f"good-s0: trained, {EPOCHS} of {EPOCHS} epochs" in (folder / "log.txt").read_text(encoding="utf-8")
    assert (folder / "results.csv").read_bytes() == trained
    assert read_state(folder)["epochs"] == EPOCHS
    assert (folder / "eval.json").is_file()


def test_another_schedule_or_data_is_refused(compared, capsys):
    out, _ = compared
    before = (out / "plan.json").read_bytes()
    code, _, err = run(capsys, "--out", out, "--epochs", "4", "lr0=0.01")
    assert code == 2
    assert f"epochs: {EPOCHS} there, 4 now" in err
    assert "lr0: 0.0003 there, 0.01 now" in err
    assert "--fresh" in err
    (out.parent / "changed").mkdir()
    changed = out.parent / "changed" / "dying.yaml"  # the run of that name is of another content
    changed.write_bytes((out.parent / "other.yaml").read_bytes())
    code, _, err = run(capsys, "--cfg", "good.yaml", changed, "--out", out)
    assert code == 2
    assert f"model dying: {out / 'runs' / 'dying-s0'} is of" in err
    label = out.parent / "squares" / "labels" / "train" / "0.txt"
    text = label.read_text(encoding="utf-8")
    label.write_text(text.replace("0.", "0.0", 1), encoding="utf-8")
    try:
        code, _, err = run(capsys, "--out", out)
    finally:
        label.write_text(text, encoding="utf-8")
    assert code == 2
    assert "data: its content has changed since" in err
    assert (out / "plan.json").read_bytes() == before


def test_dry_run_writes_nothing(compared, capsys, monkeypatch):
    out, _ = compared
    monkeypatch.setattr(estimate, "time_model", lambda *_: estimate.Pace(2.0, 0.5, 2, 1.0))
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    code, text, _ = run(capsys, "--cfg", "good.yaml", "other.yaml", "--seeds", "2", "--out", out, "--dry-run")
    assert code == 0
    assert "other: 0.50 s per step, 2 steps, about 1 s per epoch; 2 run(s) left" in text
    assert "about 14 s with 1 run(s) at a time" in text  # two runs of 2 s, three epochs and an evaluation of 1.2 s
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    words = ["--data", "squares/data.yaml", "--cfg", "good.yaml", "--out", out.parent / "new", "--dry-run"]
    assert run(capsys, *words)[0] == 0
    assert not (out.parent / "new").exists()


def test_fresh_moves_the_old_aside(place, capsys, monkeypatch):
    out = place / "fresh"
    (out / "runs").mkdir(parents=True)
    (out / "plan.json").write_text("{}", encoding="utf-8")
    monkeypatch.setattr(schedule, "run_all", lambda runs, *_: [change_state(r, state="failed") for r in runs])
    words = ["--data", "squares/data.yaml", "--cfg", "good.yaml", "--seeds", "5,", *ARGUMENTS, "--out", out]
    code, text, err = run(capsys, *words, "--fresh")
    assert code == 1, text + err
    assert (place / "fresh.old-1" / "plan.json").read_text(encoding="utf-8") == "{}"
    assert [path.name for path in (out / "runs").iterdir()] == ["good-s5"]


def test_again_repeats_and_says_what_differs(compared, capsys, monkeypatch):
    out, _ = compared
    monkeypatch.setattr(schedule, "run_all", lambda runs, *_: [change_state(r, state="failed") for r in runs])
    record = read_json(out / "record.json")
    record["environment"]["packages"]["torch"] = "1.0"
    record["plan"]["data_digest"] = "bytes:0"
    old = out.parent / "old"
    old.mkdir()
    (old / "record.json").write_text(json.dumps(record), encoding="utf-8")
    run(capsys, "--again", old)
    plan, repeated = record["plan"], read_json(out.parent / "old-again" / "plan.json")
    assert {key: repeated[key] for key in ("train", "seeds", "baseline")} == {
        key: plan[key] for key in ("train", "seeds", "baseline")
    }
    assert [m["label"] for m in repeated["models"]] == [m["label"] for m in plan["models"]]
    code, text, _ = run(capsys, "--again", old / "record.json", "--out", out.parent / "twice")
    assert code == 1
    assert "packages torch: 1.0 then" in text
    assert "data: its content has changed since" in text
    assert "epochs" not in text.partition("differs from the record")[2].partition("data   ")[0]


def test_two_commands_in_one_folder_refuse_each_other(compared, capsys):
    out, _ = compared
    script = "import sys, pathlib\nfrom lab.lock import Lock\n"
    script += "with Lock(pathlib.Path(sys.argv[1]), 'a comparison'):\n    print('held', flush=True)\n    input()"
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(out)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline().strip() == "held"
    before = (out / "plan.json").read_bytes()
    code, _, err = run(capsys, "--cfg", "good.yaml", "--out", out)
    assert code == 8
    assert f"process {holder.pid} on" in err
    assert (out / "plan.json").read_bytes() == before
    holder.kill()  # the system lets go of the lock
    holder.communicate()
    assert run(capsys, "--cfg", "good.yaml", "--seeds", "1", "--out", out)[0] == 0


def test_worker_ends_with_its_parent(compared):
    out, _ = compared
    plan = read_json(out / "plan.json")
    folder = schedule.prepare(out, plan, plan["models"][0], 7, "good-s7", 1)
    script = "import sys, pathlib, time\nfrom lab.compare import schedule\n"
    script += "print(schedule.start(pathlib.Path(sys.argv[1]), 1).pid, flush=True)\ntime.sleep(300)"
    parent = subprocess.Popen([sys.executable, "-c", script, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    wait_for(lambda: read_state(folder)["state"] == "running")
    assert alive(pid)
    parent.kill()
    parent.communicate()
    wait_for(lambda: not alive(pid), 20)


def test_ctrl_c_stops_the_workers_and_keeps_the_states(compared, monkeypatch):
    out, _ = compared
    plan = read_json(out / "plan.json")
    folders = [schedule.prepare(out, plan, plan["models"][0], seed, f"good-s{seed}", 1) for seed in (8, 9)]

    class Interrupted:
        """Ctrl-C comes as soon as the first worker works."""

        def line(self, text):
            pass

        def close(self):
            pass

        def update(self, states):
            if states.get("good-s8", {}).get("state") == "running":
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        schedule.run_all(folders, 1, Interrupted(), {})
    assert not alive(read_state(folders[0])["pid"])
    assert [read_state(folder)["state"] for folder in folders] == ["waiting", "waiting"]


def test_main_says_how_to_go_on_after_ctrl_c(place, capsys, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(schedule, "run_all", interrupt)
    words = ["--data", "squares/data.yaml", "--cfg", "good.yaml", *ARGUMENTS, "--out", place / "interrupted"]
    code, text, _ = run(capsys, *words)
    assert code == 130
    assert f"python -m lab compare --out {place / 'interrupted'}" in text


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_sigkill_is_told_from_an_exit_code(tmp_path):
    from lab.compare.state import reason_from_log

    (tmp_path / "log.txt").write_text("--- attempt 1\nOldError: x\n--- attempt 2\nValueError: y\n", encoding="utf-8")
    assert reason_from_log(tmp_path / "log.txt", -signal.SIGKILL) == (
        "killed by signal 9: out of memory?; ValueError: y"
    )
    assert reason_from_log(tmp_path / "log.txt", 3) == "ended with exit code 3; ValueError: y"
    assert reason_from_log(Path("none"), 0xC0000005) == "ended with exit code 0xc0000005"
