"""Weights of somebody else's: nothing that they bring along is run, and ours still open."""

import io
import os
import pickle
import shutil
import tarfile
import types

import pytest
import torch
from conftest import make_squares
from hostile import PAYLOADS, tried

import train
import val
from lab.compare import state
from lab.heatmap import command as heatmap
from lab.speed import command as speed
from lab.speed import latency
from run import find
from run.arguments import UsageError
from ultralytics import YOLO
from ultralytics.nn import tasks
from ultralytics.nn.Addmodules import BackboneError
from ultralytics.nn.Addmodules._policy import command
from ultralytics.nn.Addmodules._policy import foreign as _foreign
from ultralytics.utils.patches import torch_load
from ultralytics.utils.torch_utils import strip_optimizer

PLACES = {
    "beside the model": lambda content, evil: {**content, "optimizer": evil},
    "in train_args": lambda content, evil: {**content, "train_args": {"data": evil}},
    "before the model": lambda content, evil: {"epoch": evil, **content},
    "alone": lambda content, evil: evil,
}

CONTAINERS = {
    "zip": lambda content, path: torch.save(content, path),
    "legacy": lambda content, path: torch.save(content, path, _use_new_zipfile_serialization=False),
    **{f"pickle {n}": lambda content, path, n=n: path.write_bytes(pickle.dumps(content, n)) for n in (0, 2, 4)},
}

WAYS = {
    "tasks": tasks.load_checkpoint,
    "torch_load": torch_load,
    "YOLO": lambda path: YOLO(str(path)),
    "load": lambda path: YOLO("yolo11n.yaml").load(str(path)),
    "lab": find.load_checkpoint,
    "heatmap": lambda path: heatmap.load(str(path)),
    "latency": latency.load,
    "strip_optimizer": strip_optimizer,
}


@pytest.fixture(scope="module")
def content():
    return {"model": YOLO("yolo11n.yaml").model, "epoch": 3}


@pytest.mark.parametrize("payload", list(PAYLOADS))
def test_no_container_of_weights_runs_anything(payload, canary, tmp_path, content):
    path = tmp_path / "evil.pt"
    for place in PLACES.values():
        for save in CONTAINERS.values():
            save(place({} if save is not CONTAINERS["zip"] else content, PAYLOADS[payload](canary)), path)
            tried(torch_load, path)
            tried(tasks.load_checkpoint, path)
            assert not canary.exists()


@pytest.mark.parametrize("inner", [b"x", b"\x80\x02."])
def test_torchs_oldest_format_is_not_opened(inner, canary, tmp_path):
    path = tmp_path / "old.pt"
    with tarfile.open(path, "w") as archive:
        for name, data in (
            ("pickle", pickle.dumps(PAYLOADS["open"](canary), 2)),
            ("storages", inner),
            ("tensors", inner),
        ):
            item = tarfile.TarInfo(name)
            item.size = len(data)
            archive.addfile(item, io.BytesIO(data))
    with pytest.raises(UsageError):
        find.load_checkpoint(path)
    assert not canary.exists()


@pytest.mark.parametrize("way", list(WAYS))
def test_no_way_of_opening_weights_runs_anything(way, canary, tmp_path, content, monkeypatch):
    path = tmp_path / "evil.pt"
    torch.save({**content, "optimizer": PAYLOADS["open"](canary)}, path)
    said = tried(WAYS[way], path)
    assert not canary.exists()
    assert "io.open" in said or way == "strip_optimizer"  # which warns
    monkeypatch.setenv(_foreign.TRUST, "0")
    tried(WAYS[way], path)
    assert canary.exists(), "it would have run, had it been let"


COMMANDS = {
    "train --weights": lambda path: train.main(["--weights", str(path), "--epochs", "1"]),
    "train pretrained=": lambda path: train.main([f"pretrained={path}", "epochs=1"]),
    "train --resume": lambda path: train.main(["--resume", str(path)]),
    "val": lambda path: val.main(["--weights", str(path)]),
    "speed": lambda path: speed.main([str(path), "--rounds", "8", "--formats", "torch"]),
    "heatmap": lambda path: heatmap.main([str(path), "--list-layers"]),
}


@pytest.mark.parametrize("name", list(COMMANDS))
def test_a_command_says_what_it_does_not_open(name, canary, tmp_path, content, capsys, monkeypatch):
    monkeypatch.delenv(_foreign.RESTRICT)  # the command sets it
    path = tmp_path / "evil.pt"
    torch.save({**content, "optimizer": PAYLOADS["open"](canary)}, path)
    with pytest.raises(SystemExit) as caught:
        COMMANDS[name](path)
    said = capsys.readouterr().err
    assert caught.value.code == 2
    assert f"{path} is not opened: it names io.open" in said
    assert "--trust" in said
    assert not canary.exists()


@pytest.mark.parametrize("words", [["val", "model=evil.pt"], ["predict", "model=evil.pt", "source=x.jpg"]])
def test_yolo_says_what_it_does_not_open(words, canary, tmp_path, content, capsys, monkeypatch):
    monkeypatch.delenv(_foreign.RESTRICT)
    monkeypatch.chdir(tmp_path)
    torch.save({**content, "optimizer": PAYLOADS["open"](canary)}, "evil.pt")
    monkeypatch.setattr("ultralytics.cfg.ARGV", ["yolo", *words])
    assert command.yolo() == 2
    assert "evil.pt is not opened: it names io.open" in capsys.readouterr().err
    assert not canary.exists()


def test_a_comparison_does_not_take_a_hostile_checkpoint_for_a_damaged_one(canary, tmp_path, content):
    (tmp_path / "weights").mkdir()
    for name in ("last.pt", "best.pt"):
        torch.save({**content, "optimizer": PAYLOADS["open"](canary)}, tmp_path / "weights" / name)
    with pytest.raises(BackboneError, match="is not opened"):
        state.find_point(tmp_path, 5)
    assert not canary.exists()


def test_options_trust(monkeypatch):
    for name in (_foreign.TRUST, _foreign.ALLOW):
        monkeypatch.setenv(name, "")
    options, given = train.parse(["--trust", "lr0=0.1", "--allow-download"])
    assert given == {"lr0": 0.1}
    assert not {"trust", "allow_download"} & set(vars(options))
    assert (os.environ[_foreign.TRUST], os.environ[_foreign.ALLOW]) == ("0", "1")


@pytest.mark.parametrize("text", [b"", b"<!DOCTYPE html>", b"PK", b"PK\x03\x04" + bytes(40), bytes(100)])
def test_a_damaged_file_is_called_damaged(text, canary, tmp_path):
    (tmp_path / "best.pt").write_bytes(text)
    with pytest.raises(UsageError, match=r"is damaged|is empty|is not a file of torch|can be used here"):
        find.load_checkpoint(tmp_path / "best.pt")


silu = torch.nn.functional.silu


def odd_model():
    model = YOLO("yolo11n.yaml").model
    model.model[0].chosen = silu  # as many a dropped-in file does
    return model


def written(path, epoch=0, **more):
    """Write a checkpoint as a training does, and return what stands for the trainer."""
    torch.save({"model": odd_model(), "epoch": epoch}, path)
    return types.SimpleNamespace(last=path, best=path.with_name("best.pt"), **more)


def test_what_a_training_wrote_here_opens_whatever_it_holds(canary, tmp_path):
    ours, copy, other = (tmp_path / name for name in ("last.pt", "copy.pt", "other.pt"))
    trainer = written(ours)
    _foreign.note_own(trainer)
    torch.save({"model": odd_model(), "by": "somebody"}, other)
    shutil.copyfile(ours, copy)
    for path in (ours, copy):
        assert tasks.load_checkpoint(path)[0].model[0].chosen is torch.nn.functional.silu
    with pytest.raises(BackboneError, match=r"torch\.nn\.functional\.silu"):
        tasks.load_checkpoint(other)
    written(ours, 1)  # as stripping it does
    assert _foreign.is_own(ours)
    _foreign.note_stripped(trainer)
    assert _foreign.is_own(ours)
    with open(ours, "ab") as f:
        f.write(b"more")
    assert not _foreign.is_own(ours)


def test_a_best_that_the_run_has_not_written_is_not_its_own(canary, tmp_path):
    """A run that somebody else began may be resumed, and its best.pt be hostile."""
    torch.save({"epoch": PAYLOADS["open"](canary)}, tmp_path / "best.pt")
    trainer = written(tmp_path / "last.pt")
    _foreign.note_own(trainer)
    assert (_foreign.is_own(trainer.last), _foreign.is_own(trainer.best)) == (True, False)
    shutil.copyfile(trainer.last, trainer.best)
    _foreign.note_own(trainer)
    assert _foreign.is_own(trainer.best)
    _foreign.note_stripped(trainer)


def test_few_checkpoints_are_remembered(canary, tmp_path, monkeypatch):
    monkeypatch.setattr(_foreign, "_notes", lambda: tmp_path / "notes.txt")
    monkeypatch.setattr(_foreign, "KEPT", 3)
    for n in range(6):
        (tmp_path / f"{n}").write_bytes(b"%d" % n)
        _foreign._note(tmp_path / f"{n}")
    assert [_foreign.is_own(tmp_path / name) for name in ("5", "0")] == [True, False]
    assert len((tmp_path / "notes.txt").read_text().split()) == 4
    monkeypatch.setattr(_foreign, "_notes", lambda: tmp_path / "no" / "folder")
    _foreign._note(tmp_path / "5")  # is no reason to stop


def test_a_training_of_a_layer_that_holds_a_function_comes_to_its_end(canary, tmp_path, monkeypatch):
    monkeypatch.setattr(_foreign, "_notes", lambda: tmp_path / "notes.txt")
    model = YOLO("yolo11n.yaml")
    model.add_callback("on_train_start", lambda trainer: setattr(trainer.model.model[0], "chosen", silu))
    model.add_callback("on_train_start", lambda trainer: setattr(trainer.ema.ema.model[0], "chosen", silu))
    model.add_callback("on_model_save", lambda trainer: shutil.copyfile(trainer.last, tmp_path / "copy.pt"))
    options = {"imgsz": 64, "batch": 2, "workers": 0, "plots": False, "device": "cpu", "project": str(tmp_path)}
    model.train(data=str(make_squares(tmp_path / "squares")), epochs=2, amp=False, **options)
    for path in (model.trainer.last, model.trainer.best):
        assert YOLO(str(path)).model.model[0].chosen is silu
    os.replace(tmp_path / "copy.pt", model.trainer.last)  # a run that was stopped before its end
    assert find.load_checkpoint(model.trainer.last)[1]["epoch"] == 1


def test_the_state_of_several_processes_opens(canary):
    from ultralytics.utils import USER_CONFIG_DIR

    (USER_CONFIG_DIR / "DDP").mkdir(exist_ok=True)
    path = USER_CONFIG_DIR / "DDP" / "_temp_state.pt"
    torch.save({"trainer": YOLO}, path)
    try:
        assert torch_load(str(path))["trainer"] is YOLO
    finally:
        path.unlink()


def test_python_opens_weights_as_upstream_does(tmp_path, monkeypatch, content):
    for name in (_foreign.RESTRICT, _foreign.TRUST):
        monkeypatch.delenv(name, raising=False)
    torch.save({**content, "extra": PAYLOADS["open"](tmp_path / "canary")}, tmp_path / "any.pt")
    YOLO(str(tmp_path / "any.pt"))
    assert (tmp_path / "canary").exists()


@pytest.mark.parametrize("data", ["https://example.invalid/data.yaml", "ul://somebody/datasets/x"])
def test_a_checkpoint_does_not_say_what_is_fetched(data, canary, tmp_path, content, capsys):
    torch.save({**content, "optimizer": {}, "train_args": {"data": data}}, tmp_path / "last.pt")
    for command_ in (COMMANDS["val"], COMMANDS["train --resume"]):
        with pytest.raises(SystemExit):
            command_(tmp_path / "last.pt")
        assert "is not fetched unasked" in capsys.readouterr().err
