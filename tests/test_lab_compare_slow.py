"""``python -m lab compare`` as a user runs it: killed whole, estimated, on a Ray cluster losing a node, repeated."""

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT, make_squares, run_python
from test_lab_compare import STALLING, STAND_IN, YAML, alive, rows, wait_for

from lab.compare import schedule
from lab.compare.state import read_state
from lab.files import read_json

pytestmark = pytest.mark.slow

STAND_INS = (
    STAND_IN
    + """
module = types.ModuleType("lab.compare.results")
module.write = lambda out, plan, say: []
sys.modules[module.__name__] = module
"""
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare")
    make_squares(folder / "squares")
    for name, width in (("a", 16), ("b", 24)):
        text = "\n".join(f"  - [-1, 1, Conv, [{w}, 3, 2]]" for w in (8, 8, width, 16, 16))
        (folder / f"{name}.yaml").write_text(YAML.format(rows=text), encoding="utf-8")
    (folder / "stand-in").mkdir()
    (folder / "stand-in" / "sitecustomize.py").write_text(STAND_INS, encoding="utf-8")
    return folder


def words(place, out, *more, epochs=4, models=("a", "b")):
    files = [place / f"{name}.yaml" for name in models]
    first = ["-m", "lab", "compare", "--data", place / "squares" / "data.yaml", "--cfg", *files, "--out", out]
    return [str(w) for w in [*first, *f"--epochs {epochs} --imgsz 64 --batch 2 --device cpu".split(), *more]]


def environment(place, **more):
    return {**os.environ, "PYTHONPATH": str(place / "stand-in"), "PYTHONIOENCODING": "utf-8", **more}


def weights(run):
    import torch

    model = torch.load(run / "weights" / "last.pt", map_location="cpu", weights_only=False)["model"]
    return model.state_dict()


def equal(a, b):
    import torch

    return all(torch.equal(x, y) for x, y in zip(weights(a).values(), weights(b).values()))


def test_command_that_was_killed_goes_on(place):
    """``kill -9`` to the whole command with two runs at work; the same command then ends both, each epoch once."""
    out = place / "killed"
    command = words(place, out, "--seeds", "1", "--jobs", "2", "--no-latency", epochs=60)
    first = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment(place), stdout=subprocess.DEVNULL)
    folders = [out / "runs" / name for name in ("a-s0", "b-s0")]
    wait_for(lambda: all(read_state(folder)["epochs"] >= 2 for folder in folders), 200)
    first.kill()
    first.wait()
    before = [read_state(folder) for folder in folders]
    assert all(2 <= state["epochs"] < 60 and state["state"] == "running" for state in before)
    wait_for(lambda: not any(alive(state["pid"]) for state in before), 20)
    done = run_python(*command, cwd=ROOT, env=environment(place), timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    for folder, state in zip(folders, before):
        assert rows(folder / "results.csv") == list(range(1, 61))
        assert (read_state(folder)["attempts"], read_state(folder)["state"]) == (2, "done")
        log = (folder / "log.txt").read_text(encoding="utf-8")
        found = [int(line.split("resume, ")[1].split()[0]) for line in log.splitlines() if ": resume, " in line]
        assert len(found) == 1
        assert found[0] >= state["epochs"] - 1


def test_what_is_repeated_to_the_bit(place):
    """The record says that on a CPU an uninterrupted run is, and that one that was stopped and went on is not."""
    command = [*words(place, place / "once", models=["a"]), "--seeds", "1", "--no-latency"]
    assert run_python(*command, cwd=ROOT, env=environment(place)).returncode == 0
    again = ["-m", "lab", "compare", "--again", place / "once", "--no-latency"]
    done = run_python(*again, cwd=ROOT, env=environment(place))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "as in the record" in done.stdout
    once, twice = (place / name / "runs" / "a-s0" for name in ("once", "once-again"))
    assert equal(once, twice)
    third = schedule.prepare(place / "third", read_json(place / "once" / "plan.json"), *_run(place), "a-s0", 1)
    job = read_json(once / "job.json")
    (third / "job.json").write_text(json.dumps(job), encoding="utf-8")
    paths = os.pathsep.join([str(ROOT), str(place / "stand-in")])
    worker = subprocess.Popen([sys.executable, "-c", STALLING, str(third)], env=environment(place, PYTHONPATH=paths))
    wait_for(lambda: read_state(third)["epochs"] == 1)
    worker.kill()
    worker.wait()
    done = run_python("-m", "lab.compare.worker", third, cwd=ROOT, env=environment(place))
    assert done.returncode == 0, done.stdout + done.stderr
    assert rows(third / "results.csv") == [1, 2, 3, 4]
    assert not equal(once, third)


def _run(place):
    return read_json(place / "once" / "plan.json")["models"][0], 0


def test_dry_run_times_the_first_steps(place):
    done = run_python(*words(place, place / "dry", "--dry-run"), cwd=ROOT, env=environment(place))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "s per step, 2 steps" in done.stdout
    assert "6, of which 0 are done" in done.stdout
    assert not (place / "dry").exists()


CLUSTER = """
import json, pathlib, sys, threading, time
import psutil, ray
from ray.cluster_utils import Cluster
from lab.compare import command as compare

out, paths = pathlib.Path(sys.argv[1]), sys.argv[2]
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
ray.init(address=cluster.address, log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": paths}})

def kill():
    while True:
        time.sleep(0.1)
        for file in out.glob("runs/*/state.json"):
            state = json.loads(file.read_text(encoding="utf-8"))
            if state["state"] != "running" or not 2 <= state["epochs"] < 50:
                continue
            above = {process.pid for process in psutil.Process(state["pid"]).parents()}
            for node in nodes:
                if node.all_processes["raylet"][0].process.pid in above:
                    cluster.remove_node(node, allow_graceful=False)
                    print("KILLED", file.parent.name, flush=True)
                    return

threading.Thread(target=kill, daemon=True).start()
code = compare.main(sys.argv[3:])
ray.shutdown()
cluster.shutdown()
sys.exit(code)
"""


def test_ray_cluster_that_loses_a_node(place):
    """Two nodes of one processor, two runs; the node of one is killed. Its run goes on, on the other, where it was."""
    pytest.importorskip("ray")
    out, paths = place / "ray", os.pathsep.join([str(ROOT), str(place / "stand-in")])
    command = words(place, out, "--seeds", "1", "--no-latency", "--ray", epochs=60)[3:]
    done = run_python("-c", CLUSTER, out, paths, *command, cwd=ROOT, env=environment(place), timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    killed = next(line.split()[1] for line in done.stdout.splitlines() if line.startswith("KILLED"))
    states = {name: read_state(out / "runs" / name) for name in ("a-s0", "b-s0")}
    assert {state["state"] for state in states.values()} == {"done"}
    assert states[killed]["attempts"] == 2
    for name in states:
        assert rows(out / "runs" / name / "results.csv") == list(range(1, 61))
    assert "resume, " in (out / "runs" / killed / "log.txt").read_text(encoding="utf-8")
