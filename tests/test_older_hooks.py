"""Hooks that only releases before the pinned one call: their steps put other lines into upstream's files."""

import sys
import types

import pytest
import torch

from ultralytics import YOLO
from ultralytics.nn.Addmodules import hooks
from ultralytics.nn.Addmodules._policy import record as _record
from ultralytics.nn.Addmodules._rows import nonfinite
from ultralytics.nn.Addmodules.contract import BackboneError

SAFE = torch.serialization.get_unsafe_globals_in_checkpoint


def run(script, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    names = {"__name__": "a script"}
    exec(compile(script, "script", "exec"), names)
    return names


def test_a_script_finds_the_tree_that_wrote_it_where_that_one_did(monkeypatch):
    path = list(sys.path)
    script = hooks.open_this_tree()
    monkeypatch.setattr(sys, "path", ["elsewhere"])
    run(script, monkeypatch)
    assert sys.path == path


@pytest.mark.parametrize("change", ["path", "digest"])
def test_a_script_ends_in_a_process_that_runs_another_tree(change, monkeypatch):
    tree = _record.this_tree()
    wrong = hooks.open_this_tree().replace(repr(getattr(tree, change)), repr("another"))
    with pytest.raises(BackboneError, match=r"imports ultralytics from|was built anew"):
        run(wrong, monkeypatch)


def test_a_script_holds_its_lines_before_those_of_upstream():
    assert hooks.open_this_tree().splitlines()[0] == "import sys"
    assert not hooks.open_this_tree().endswith("\n")  # upstream's text begins with one


def test_a_restricted_load_with_one_list_for_all_files_knows_a_backbone_within_the_block_only(tmp_path):
    YOLO("yolo11-mobilenetv3small.yaml").save(tmp_path / "model.pt")
    ours = [name for name in SAFE(tmp_path / "model.pt") if ".Addmodules" in name]
    assert ours
    with hooks.allowing(tmp_path / "model.pt"):
        assert not set(ours) & set(SAFE(tmp_path / "model.pt"))
    assert set(ours) <= set(SAFE(tmp_path / "model.pt"))


def test_what_is_no_checkpoint_is_left_to_the_load(tmp_path):
    (tmp_path / "model.pt").write_text("no archive")
    with hooks.allowing(tmp_path / "model.pt"):
        pass


def test_a_torch_that_cannot_list_names_allows_none(tmp_path, monkeypatch):
    YOLO("yolo11-mobilenetv3small.yaml").save(tmp_path / "model.pt")
    monkeypatch.delattr(torch.serialization, "get_unsafe_globals_in_checkpoint")
    with hooks.allowing(tmp_path / "model.pt"):
        assert not [kind for kind in torch.serialization.get_safe_globals() if "Addmodules" in str(kind)]


NAN = torch.tensor(float("nan"))


@pytest.mark.parametrize(
    ("loss", "fitness", "told"),
    [
        (torch.tensor([1.0, 2.0]), 0.5, []),
        (None, None, []),
        (torch.tensor([1.0, float("inf")]), 0.5, ["Loss NaN/Inf"]),
        ({"box": torch.tensor(1.0), "cls": NAN}, float("nan"), ["Loss NaN/Inf"]),
        (torch.tensor(1.0), float("nan"), ["Fitness NaN/Inf"]),
    ],
)
def test_an_epoch_that_went_wrong_is_told_once(loss, fitness, told, monkeypatch):
    found = []
    monkeypatch.setattr(nonfinite, "name_nonfinite", lambda trainer, reason: found.append(reason))
    hooks.tell_nonfinite(types.SimpleNamespace(tloss=loss, fitness=fitness))
    assert found == told


@pytest.mark.parametrize(("loss", "told"), [(NAN, 1), (torch.tensor(1.0), 0), (None, 0)])
def test_a_batch_that_is_left_out_of_the_mean_is_looked_at_by_itself(loss, told, monkeypatch):
    found = []
    monkeypatch.setattr(nonfinite, "first_backbone", lambda layers: layers)
    monkeypatch.setattr(nonfinite, "layers_of", lambda model: model)
    monkeypatch.setattr(nonfinite, "diagnose", lambda trainer, batch: found.append(batch) or "there")
    trainer = types.SimpleNamespace(tloss=torch.tensor(1.0), epoch=3, model=object())
    for _ in range(2):  # once an epoch
        hooks.watch_loss(trainer, {"batch": 1}, loss)
    assert found == [{"batch": 1}] * told
