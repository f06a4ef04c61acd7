"""Files of weights that are damaged, or hold something else: refused with one message, or loaded to the bit."""

import io
import pickle
import random
import subprocess
import sys

import pytest
import torch
from conftest import ROOT

from lab.compare.state import find_point
from run import find
from run.arguments import UsageError
from ultralytics.nn.Addmodules import BackboneError, weights
from ultralytics.nn.Addmodules._policy import checkpoint as _checkpoint
from ultralytics.nn.Addmodules.contract import told
from ultralytics.nn.tasks import torch_safe_load

FLIPS = 60


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A checkpoint, as a run writes it; torch's part of it is what counts."""
    path = tmp_path_factory.mktemp("whole") / "whole.pt"
    layers = [torch.nn.Sequential(torch.nn.Conv2d(8, 8, 3), torch.nn.BatchNorm2d(8)) for _ in range(20)]
    torch.save({"model": torch.nn.Sequential(*layers), "epoch": 3, "train_args": {"imgsz": 64}}, path)
    return path.read_bytes()


def flipped(data, bit):
    return data[: bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1 :]


def tensors(content):
    return {name: tensor.clone() for name, tensor in content["model"].state_dict().items()}


def test_a_flipped_bit_is_refused_or_changes_nothing(whole, tmp_path):
    path, rng = tmp_path / "flipped.pt", random.Random(13)
    path.write_bytes(whole)
    wanted = tensors(torch_safe_load(path)[0])
    begin = whole.rindex(b"PK\x05\x06") - 8 * 1024  # the directory, which random places would hardly hit
    places = [rng.randrange(8 * len(whole)) for _ in range(FLIPS)]
    places += [rng.randrange(8 * begin, 8 * len(whole)) for _ in range(FLIPS)]
    places += [rng.randrange(8 * 64) for _ in range(FLIPS // 2)]  # the first record's header
    refused = []
    for bit in places:
        path.write_bytes(flipped(whole, bit))
        try:
            found = tensors(torch_safe_load(path)[0])
        except (BackboneError, TypeError) as e:
            refused.append(str(told(e)))
            continue
        assert found.keys() == wanted.keys(), bit
        assert all(torch.equal(found[name], wanted[name]) for name in wanted), bit
    assert len(refused) > FLIPS  # most bits are weights
    assert all(str(path) in message for message in refused)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.7, 0.99, 0.9999])
def test_a_file_that_is_cut_off_is_refused(share, whole, tmp_path):
    path = tmp_path / "cut.pt"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(UsageError, match=r"cut\.pt is (damaged|empty)[\s\S]*to do: copy or download it again"):
        find.load_checkpoint(path)


def legacy(content, path):
    torch.save(content, path, _use_new_zipfile_serialization=False)


def unsummed(content, path):
    if not hasattr(torch.serialization, "set_crc32_options"):
        pytest.skip("this torch always writes checksums")
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(content, path)
    finally:
        torch.serialization.set_crc32_options(True)


@pytest.mark.parametrize("write", [torch.save, legacy, unsummed], ids=["zip", "legacy", "no checksums"])
@pytest.mark.parametrize("name", ["plain.pt", "权重 ü.pt", "a.b.c.pt"])
def test_what_any_torch_writes_opens(write, name, tmp_path):
    model = torch.nn.Linear(3, 2)
    write({"model": model}, tmp_path / name)
    assert torch.equal(torch_safe_load(tmp_path / name)[0]["model"].weight, model.weight)
    write(model.state_dict(), tmp_path / name)
    assert torch.equal(weights.read(str(tmp_path / name), "Mine")["weight"], model.weight)


def test_a_legacy_file_that_is_cut_off_is_refused(tmp_path):
    legacy({"model": torch.nn.Linear(300, 200)}, tmp_path / "old.pt")
    data = (tmp_path / "old.pt").read_bytes()
    for share in (0.001, 0.5, 0.999):
        (tmp_path / "old.pt").write_bytes(data[: int(share * len(data))])
        with pytest.raises(UsageError, match=r"old\.pt is damaged"):
            find.load_checkpoint(tmp_path / "old.pt")


def test_the_weights_of_a_backbone_are_checked(tmp_path):
    torch.save({"a": torch.zeros(1000)}, tmp_path / "a.pth")
    data = (tmp_path / "a.pth").read_bytes()
    (tmp_path / "a.pth").write_bytes(flipped(data, 8 * (data.index(bytes(1000)) + 500)))
    with pytest.raises(BackboneError, match=r"a\.pth is damaged"):
        weights.read(str(tmp_path / "a.pth"), "Mine")


def test_a_comparison_goes_on_from_the_file_that_is_whole(tmp_path):
    folder = tmp_path / "weights"
    folder.mkdir()
    content = {"epoch": 1, "optimizer": {}, "model": torch.zeros(1000)}
    for name in ("last.pt", "best.pt", "resume.pt"):
        torch.save({**content, "epoch": 0 if name == "resume.pt" else 1}, folder / name)
    assert find_point(tmp_path, 9)[:2] == ("resume", 2)
    data = (folder / "last.pt").read_bytes()
    (folder / "last.pt").write_bytes(flipped(data, 8 * (data.index(bytes(1000)) + 500)))
    assert find_point(tmp_path, 9) == ("resume", 1, folder / "resume.pt")


class Own:
    """Neither a tensor nor a module."""


CONTENTS = {
    "tensor": (torch.zeros(3), "a Tensor"),
    "list": ([1, 2], "a list"),
    "none": (None, r"nothing \(None\)"),
    "number": (3, "a int"),
    "empty dict": ({}, "an empty dict"),
    "state dict": ({"a.weight": torch.zeros(3)}, "a state dict of 1 tensors"),
    "state dict inside": ({"model": {"a.weight": torch.zeros(3)}}, "a state dict of 1 tensors"),
    "empty inside": ({"model": {}, "epoch": 3}, "a dict with model, epoch"),
    "tensors as model": ({"model": torch.zeros(3), "ema": None}, "a dict with model, ema"),
    "text as model": ({"model": "yolo11n"}, "a dict with model"),
    "other object": ({"model": Own()}, "a dict with model"),
}


@pytest.mark.parametrize("content", list(CONTENTS))
@pytest.mark.parametrize("write", [torch.save, legacy], ids=["zip", "legacy"])
def test_a_file_without_a_model_says_what_it_holds(content, write, tmp_path):
    given, said = CONTENTS[content]
    write(given, tmp_path / "other.pt")
    with pytest.raises(UsageError, match=rf"other\.pt holds {said}, not a model\n  to do: give best\.pt"):
        find.load_checkpoint(tmp_path / "other.pt")


@pytest.mark.parametrize(
    "data", [b"nc: 80\nbackbone:\n", b"<!DOCTYPE html>", bytes(100), b"\x89PNG\r\n", pickle.dumps("x", 0)]
)
def test_another_kind_of_file_says_how_it_begins(data, tmp_path):
    (tmp_path / "other.pt").write_bytes(data)
    with pytest.raises(UsageError, match=r"other\.pt is damaged \(not a file of torch: it begins with "):
        find.load_checkpoint(tmp_path / "other.pt")


@pytest.mark.parametrize("command", ["train.py --resume", "yolo"])
def test_commands_end_with_a_message(command, whole, tmp_path):
    (tmp_path / "bad.pt").write_bytes(flipped(whole, 4 * len(whole)))
    script, *option = command.split()
    words = [str(ROOT / script), *option, "bad.pt"]
    if script == "yolo":
        words = ["-c", "import sys; from ultralytics.nn.Addmodules._policy.command import yolo; sys.exit(yolo())"]
        words += ["val", "model=bad.pt", "data=coco8.yaml"]
    done = subprocess.run([sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.count("bad.pt is damaged (") == 1
    assert "copy or download it again" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_checks_nothing_that_is_not_there(tmp_path):
    _checkpoint.check_whole(tmp_path / "missing.pt")
    _checkpoint.check_whole(io.BytesIO(b"x"))
