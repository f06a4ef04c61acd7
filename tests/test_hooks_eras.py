"""What the hooks do for lines that only older releases of upstream have."""

import errno
import os

import pytest
import torch

from run import start
from ultralytics.nn.Addmodules import hooks
from ultralytics.nn.Addmodules._policy import command
from ultralytics.nn.Addmodules._rows.derive import Derived
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils import checks


class TestFindModel:
    """Releases up to 8.4.143 drop a scale from a YAML's name before they look for the name itself."""

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        return tmp_path

    def test_the_file_of_exactly_this_name_goes_first(self, folder):
        for name in ("rtdetr-presnet18.yaml", "rtdetr-mine4s.yaml", "rtdetr-mine4.yaml"):
            (folder / name).write_text("nc: 1\n", encoding="utf-8")
            assert hooks.find_model(name) == name

    def test_a_name_without_a_file_is_derived(self):
        found = hooks.find_model("rtdetr-presnet18.yaml")
        assert isinstance(found, Derived)
        assert found.row == [-1, 1, "PResNet18", []]

    def test_any_other_name_is_left_to_upstream(self):
        assert hooks.find_model("yolov8n.yaml") is None

    def test_a_release_that_gives_back_the_name_of_a_missing_file_derives_too(self, monkeypatch):
        found = checks.check_yaml
        monkeypatch.setattr(checks, "check_yaml", lambda file, hard=True: found(file, hard=hard) or str(file))
        assert isinstance(hooks.find_model("rtdetr-presnet18.yaml"), Derived)
        assert hooks.find_model("yolov8n.yaml") is None


def test_a_checkpoint_is_saved_with_the_arguments_of_that_release(tmp_path, monkeypatch):
    given, save = [], torch.save

    def patched(content, buffer, use_dill=True):
        given.append(use_dill)
        save(content, buffer)

    monkeypatch.setattr(torch, "save", patched)
    hooks.save_whole({"epoch": 3}, tmp_path / "last.pt", use_dill=False)
    hooks.save_whole({"epoch": 4}, tmp_path / "best.pt")
    assert given == [False, True]
    assert [torch.load(tmp_path / name)["epoch"] for name in ("last.pt", "best.pt")] == [3, 4]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.pt", "last.pt"]


@pytest.mark.parametrize("operation", ["fsync", "replace"])
def test_a_checkpoint_that_finds_no_room_leaves_the_earlier_one_and_no_part(operation, tmp_path, monkeypatch, capsys):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "best.pt.partial").write_bytes(b"of a run that was killed")
    hooks.write_whole(tmp_path / "last.pt", b"first")
    monkeypatch.setattr(os, operation, full)
    with pytest.raises(SystemExit) as ended, start.messages():
        hooks.save_whole({"epoch": 4}, tmp_path / "last.pt")
    said = capsys.readouterr().err
    assert ended.value.code == 1
    assert "No space left on device: last.pt was not written, the earlier one is as it was; make room" in said
    monkeypatch.setattr("ultralytics.cfg.entrypoint", lambda: hooks.write_whole(tmp_path / "best.pt", b"x"))
    assert command.yolo() == 2
    assert "best.pt was not written, there was none before" in capsys.readouterr().err
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("last.pt", b"first")]


def test_flops_are_counted_on_a_whole_image_behind_a_backbone_only():
    model = DetectionModel("yolo11-presnet18.yaml", nc=1, verbose=False)
    stock = DetectionModel("yolo11n.yaml", nc=1, verbose=False)
    assert [hooks.flops_side(m, 32, 640) for m in (model, stock, torch.nn.Linear(1, 1))] == [640, 32, 32]
    assert [hooks.flops_side(m, 32, None) for m in (model, stock)] == [None, 32]
