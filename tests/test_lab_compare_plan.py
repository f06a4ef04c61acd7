"""``python -m lab compare``: what is read from the command line, and what is refused before a start."""

import io
import json
import subprocess
import sys
import types

import pytest
from conftest import ROOT, make_squares

from fork.errors import ForkError
from lab.compare import cloud, plan, progress, record, schedule, timing, worker
from lab.compare import command as compare
from lab.compare.state import find_point, trim_results
from lab.data import digest
from lab.files import read_json
from lab.terminal import duration
from run.arguments import UsageError


@pytest.fixture(scope="module")
def squares(tmp_path_factory):
    return make_squares(tmp_path_factory.mktemp("squares") / "set")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "tiny.yaml"
    rows = "\n".join(f"  - [-1, 1, Conv, [{w}, 3, 2]]" for w in (8, 8, 8, 16, 16))
    path.write_text(f"nc: 1\nbackbone:\n{rows}\nhead:\n  - [[2, 3, 4], 1, Detect, [nc]]\n", encoding="utf-8")
    return path


def refused(capsys, *words):
    """Run a command that is refused; return its message."""
    with pytest.raises(SystemExit) as e:
        compare.main([str(word) for word in words])
    assert e.value.code == 2
    err = capsys.readouterr().err
    assert "Traceback" not in err
    return err


def test_words_behind_cfg_are_models_or_training_arguments():
    options, train = compare.parse(
        ["--cfg", "a.yaml", "small=b.yaml", "rtdetr-mobilenetv3", "lr0=1e-3", "--data", "d.yaml", "mosaic=1"]
    )
    assert options.cfg == ["a.yaml", "small=b.yaml", "rtdetr-mobilenetv3"]
    assert train == {"lr0": 1e-3, "mosaic": 1}
    options, train = compare.parse(["--cfg", "a.yaml", "data=d.yaml", "epochs=3", "seeds=0,2"])
    assert (options.data, train, options.seeds) == ("d.yaml", {"epochs": 3}, "0,2")
    with pytest.raises(UsageError, match="mean the same"):
        compare.parse(["--epochs", "3", "epochs=4"])


def test_seeds():
    assert plan.read_seeds("3") == plan.read_seeds(3) == [0, 1, 2]
    assert plan.read_seeds("0,5") == plan.read_seeds([0, 5]) == [0, 5]
    assert plan.read_seeds("5,") == [5]
    for wrong in ("0", "-1", "1,1", "a", "1.5", "0,-2", ",", True, [], [True], 1.0):
        with pytest.raises(UsageError, match="seed"):
            plan.read_seeds(wrong)


def test_everything_wrong_is_told_at_once(capsys, tmp_path, squares, model):
    broken = tmp_path / "broken.yaml"
    broken.write_text(model.read_text(encoding="utf-8").replace("Conv, [16", "Cnv, [16"), encoding="utf-8")
    out = tmp_path / "out"
    words = ["--data", squares, "--cfg", model, f"Tiny={model}", broken, "rtdetr-mobilnetv3.yaml", "--out", out]
    err = refused(capsys, *words, "--baseline", "tinny", "lr=1", "batch=-1", "seed=3", "epochs=0")
    for part in (
        "unknown argument lr=1: did you mean lr",
        "batch=-1: a comparison needs a whole number from 1",
        "seed=3: use --seeds",
        "epochs=0: the least is 1",
        "two models are called Tiny",
        "Cnv",
        "did you mean MobileNetV3",
        "--baseline tinny is none of the models: did you mean tiny",
    ):
        assert part in err
    assert not out.exists()


def test_what_is_missing_is_told(capsys, tmp_path, squares, model):
    assert "--data is missing" in refused(capsys, "--cfg", model)
    assert "--cfg is missing" in refused(capsys, "--data", squares, "--out", tmp_path / "new")
    assert "cannot be used" in refused(capsys, "--data", tmp_path / "none.yaml", "--cfg", model)
    assert "--jobs 0" in refused(capsys, "--data", squares, "--cfg", model, "--jobs", "0")
    (tmp_path / "file.txt").write_text("mine", encoding="utf-8")
    assert "holds something" in refused(capsys, "--data", squares, "--cfg", model, "--out", tmp_path)
    assert "does not exist" in refused(capsys, "--again", tmp_path / "none.json")
    (tmp_path / "record.json").write_text("[]", encoding="utf-8")
    assert "is not a record" in refused(capsys, "--again", tmp_path)
    assert "--again repeats" in refused(capsys, "--again", tmp_path, "--epochs", "3")


def test_schedule_is_one_for_all_heads(squares, model):
    given = plan.Given(str(squares), [(None, "rtdetr-mobilenetv3"), (None, str(model))], None, [0], {"imgsz": 70})
    said = []
    found = plan.resolve(given, None, said.append)
    assert [m["kind"] for m in found["models"]] == ["RTDETR", "YOLO"]
    assert found["train"]["imgsz"] == 96  # as upstream would round it
    assert {"optimizer": "AdamW", "lr0": 3e-4, "warmup_bias_lr": 0.0}.items() <= found["train"].items()
    assert found["train"]["nbs"] == found["train"]["batch"]
    assert any("one schedule serves both" in line for line in said)
    assert found["baseline"] == "rtdetr-mobilenetv3"
    same = plan.resolve(plan.Given(None, None, None, None, {"cache": True}), found, said.append)
    assert plan.differences(found, same) == []
    assert same["train"]["cache"] is True  # changes nothing that is compared


def test_overlap_of_train_and_val_is_told(tmp_path, model, capsys):
    file = make_squares(tmp_path / "set")
    for kind, end in (("images", "png"), ("labels", "txt")):
        (tmp_path / "set" / kind / "val" / f"copy.{end}").write_bytes(
            (tmp_path / "set" / kind / "train" / f"1.{end}").read_bytes()
        )
    found = plan.resolve(plan.Given(str(file), [(None, str(model))], None, [0], {}), None, lambda _: None)
    assert len(found["data_notes"]) == 1
    assert "1" in found["data_notes"][0]
    assert "train" in found["data_notes"][0]


def test_data_digest_is_of_the_content_and_not_of_the_place(tmp_path, squares, monkeypatch):
    twin = make_squares(tmp_path / "elsewhere")
    first = digest.data_digest(str(squares))
    assert first == digest.data_digest(str(twin))
    image = tmp_path / "elsewhere" / "images" / "val" / "0.png"
    content = bytearray(image.read_bytes())
    content[-1] ^= 1
    image.write_bytes(content)
    assert first != digest.data_digest(str(twin))
    monkeypatch.setattr(digest, "MOST_BYTES", 10)  # by size alone the two are the same again, and the digest says so
    assert digest.data_digest(str(squares)) == digest.data_digest(str(twin))
    assert digest.data_digest(str(twin)).startswith("sizes:")


def test_point_is_that_of_the_newest_whole_checkpoint(tmp_path):
    import torch

    weights = tmp_path / "weights"
    weights.mkdir()

    def save(name, epoch, optimizer=1):
        torch.save({"epoch": epoch, "optimizer": optimizer}, weights / name)

    assert find_point(tmp_path, 5) == ("new", 0, None)
    save("best.pt", 0)
    save("last.pt", 2)
    save("resume.pt", 1)
    assert find_point(tmp_path, 5) == ("resume", 3, weights / "last.pt")
    (weights / "last.pt").write_bytes((weights / "last.pt").read_bytes()[:100])
    assert find_point(tmp_path, 5) == ("resume", 2, weights / "resume.pt")
    save("last.pt", 4)  # killed behind the last epoch
    assert find_point(tmp_path, 5).kind == "trained"
    save("last.pt", -1, None)  # stripped by upstream: early stopping too
    assert find_point(tmp_path, 5) == ("trained", 5, weights / "last.pt")
    (weights / "best.pt").write_bytes(b"")
    assert find_point(tmp_path, 5).kind == "new"


def test_trimmed_results_have_each_epoch_once(tmp_path):
    path = tmp_path / "results.csv"
    assert trim_results(path, 3) == 0
    path.write_text("epoch,time,a\n1,1,0\n2,2,0\n2,1,1\n3,3,0\n4,4", encoding="utf-8")
    assert trim_results(path, 3) == 2
    assert path.read_text(encoding="utf-8") == "epoch,time,a\n1,1,0\n2,2,0\n3,3,0\n"
    assert trim_results(path, 1) == 2
    assert path.read_text(encoding="utf-8") == "epoch,time,a\n1,1,0\n"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_a_block_on_a_terminal_and_lines_elsewhere(monkeypatch):
    monkeypatch.setattr("lab.terminal.understands_escapes", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    states = {
        "a-s0": {"state": "done", "epochs": 10, "seconds": 100.0},
        "a-s1": {"state": "running", "epochs": 5, "seconds": 50.0},
        "b-s0": {"state": "waiting", "epochs": 0, "seconds": 0.0},
    }
    live, quiet = Terminal(), io.StringIO()
    for stream in (live, quiet):
        shown = progress.Progress(list(states), 10, 1, stream)
        shown.update(states)
        shown.line("done    a-s0")
        shown.close()
    assert quiet.getvalue() == "done    a-s0\n"
    text = live.getvalue()
    assert "1 of 3 runs done, 2 min left" in text  # 50 s of a-s1, and 100 s of b-s0 at the pace of the others
    assert "a-s1: epoch 6/10" in text
    assert text.endswith("\x1b[2F\x1b[Jdone    a-s0\n")
    assert [duration(s) for s in (None, 59, 90, 3600 * 3 + 300)] == ["?", "59 s", "2 min", "3 h 05 min"]


def test_models_are_timed_anew_only_where_the_set_or_the_conditions_changed(tmp_path, monkeypatch):
    calls = []

    def measure(models, **rest):
        calls.append(sorted(models))
        rest.pop("say")
        return {**{one: {"median_ms": 1.0} for one in models}, "conditions": {**rest, "torch": "x"}}

    monkeypatch.setattr("lab.speed.latency.measure", measure)
    monkeypatch.setattr("torch.__version__", "x")
    content = {"models": [{"label": "a"}, {"label": "b"}], "seeds": [0, 1], "train": {"imgsz": 64, "device": "cpu"}}
    content["baseline"] = "b"
    for done in (["a-s1"], ["a-s0", "a-s1"], ["a-s0", "b-s0"], ["a-s0", "b-s0"]):
        timing.measure(tmp_path, content, done, say=lambda _: None)
    assert calls == [["a"], ["a", "b"]]
    content["train"]["imgsz"] = 96
    timing.measure(tmp_path, content, ["a-s0", "b-s0"], say=lambda _: None)
    assert len(calls) == 3
    assert read_json(tmp_path / "latency.json")["a"] == {"median_ms": 1.0}
    for times, baseline in ((4, "a"), (4, "a"), (5, "b")):
        content["baseline"] = baseline  # the ratios are to another model
        timing.measure(tmp_path, content, ["a-s0", "b-s0"], say=lambda _: None)
        assert len(calls) == times
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    for given, device in (("1", "cuda:1"), ("2,3", "cuda:2"), (None, "cuda:0"), ("cpu", "cpu")):
        content["train"]["device"] = given
        timing.measure(tmp_path, content, ["a-s0", "b-s0"], say=lambda _: None)
        assert read_json(tmp_path / "latency.json")["conditions"]["device"] == device


def test_ray_that_is_missing_is_told(capsys, monkeypatch, squares, model):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert 'pip install -e ".[ray]"' in refused(capsys, "--data", squares, "--cfg", model, "--ray")
    monkeypatch.setitem(sys.modules, "ray", types.ModuleType("ray"))
    assert "--jobs and --ray" in refused(capsys, "--data", squares, "--cfg", model, "--ray", "--jobs", "2")
    assert "--device 0 and --ray" in refused(capsys, "--data", squares, "--cfg", model, "--ray", "--device", "0")


def test_task_works_in_the_folder_that_its_node_sees(tmp_path, monkeypatch):
    """The worker is stood in for; what is looked at is where it works."""
    script = "import sys, pathlib\n(pathlib.Path(sys.argv[1]) / 'here').touch()\nsys.exit(3)"
    start = lambda run, *_: subprocess.Popen([sys.executable, "-c", script, str(run)], stdin=subprocess.PIPE)  # noqa: E731
    monkeypatch.setattr(schedule, "start", start)
    run = tmp_path / "out" / "runs" / "a-s0"
    run.mkdir(parents=True)
    with pytest.raises(ForkError, match=r"does not see .*out: name a folder that all nodes share"):
        cloud.task(str(run), "token", 1, True)
    assert not (run / "here").exists()
    (tmp_path / "out" / cloud.TOKEN).write_text("token", encoding="utf-8")
    assert cloud.task(str(run), "token", 1, True) == 3
    assert (run / "here").exists()


def test_help_loads_nothing_heavy():
    script = "import sys\nfrom lab.compare.command import parser\nparser().format_help()\n"
    script += "print(*{'torch', 'numpy', 'ultralytics', 'yaml', 'ray', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_record_keeps_each_command_and_says_what_is_mixed(tmp_path):
    content = {"data": "d", "data_digest": "bytes:1", "train": {"lr0": 1.0}, "seeds": [0], "models": []}
    assert record.write(tmp_path, content, {"threads": 1, "packages": {"torch": "1"}}, ["--x", "a b"]) == []
    assert record.write(tmp_path, content, {"threads": 2, "packages": {"torch": "1"}}, []) == ["threads: 1 then, 2 now"]
    found = json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))
    assert found["commands"][0]["command"] == "python -m lab compare --x 'a b'"
    assert found["environment"]["threads"] == 1
    assert found["mixed"] == ["threads: 1 then, 2 now"]


def test_threads_are_shared_out(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")  # upstream's own, set when it is imported
    monkeypatch.setattr(schedule.os, "sched_getaffinity", lambda _: set(range(12)), raising=False)
    monkeypatch.setattr(schedule, "THREADS", "")
    assert [schedule.share(jobs) for jobs in (1, 2, 5, 100)] == [12, 6, 2, 1]
    assert schedule.share(1, ray=True) == 1
    monkeypatch.setattr(schedule, "THREADS", "3")
    assert schedule.share(4) == schedule.share(1, ray=True) == 3


def test_running_out_of_memory_is_told_with_what_to_do(tmp_path):
    """Upstream halves the batch where memory runs out in the first epoch: that would be another schedule."""
    trainer = types.SimpleNamespace(batch_size=4)
    keeper = worker.Keeper(tmp_path, {"train": {"batch": 4}}, 0.0)
    keeper.check_batch(trainer)
    trainer.batch_size = 2
    with pytest.raises(MemoryError) as e:
        keeper.check_batch(trainer)
    assert "batch=4; upstream went on with 2" in worker.reason(e.value)
    assert worker.reason(RuntimeError("CUDA out of memory. Tried")).endswith("try a smaller --batch or --imgsz")
    assert worker.reason(MemoryError()) == "out of memory: try a smaller --batch or --imgsz"
    assert worker.reason(ValueError("a\n b")) == "ValueError: a b"
