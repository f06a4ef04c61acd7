"""``python -m lab zoo``: every YAML has its row, the figures are right, what cannot be built is a reason."""

import csv
import re
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from support.small_models import stock_yaml

from lab.zoo import command as zoo
from lab.zoo import names
from run.arguments import UsageError
from ultralytics.nn.Addmodules import registry
from ultralytics.nn.Addmodules._rows.derive import HEADS
from ultralytics.nn.tasks import yaml_model_load

FAST = ["--imgsz", "64"]


@pytest.fixture(scope="module")
def yamls(tmp_path_factory):
    """Two small detectors and a YAML that cannot be built, as entries of the list."""
    folder, found = tmp_path_factory.mktemp("yamls"), []
    broken = stock_yaml()
    broken["head"][2][0] = [-1, 40]
    for name, content in (("tiny", stock_yaml()), ("broken", broken), ("small", stock_yaml())):
        path = folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        found.append(names.Entry(str(path), "mine", name))
    return found


def wrong(capsys, *words):
    with pytest.raises(SystemExit) as stopped:
        zoo.main(list(words))
    assert stopped.value.code == 2
    return capsys.readouterr().err


def read(folder):
    with (folder / "zoo.csv").open(encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


def test_every_backbone_is_listed_under_every_head_once():
    entries = names.ours()
    listed = [entry.name for entry in entries]
    assert len(listed) == len(set(listed))
    assert {path.name for path in (ROOT / "cfg" / "models").glob("*.yaml")} <= set(listed)
    rows = {head: [] for head in HEADS}
    for name in listed:
        rows[name.partition("-")[0]].append(yaml_model_load(name)["backbone"][0][2])
    aliases = {"MobileNetV3Large", "PResNet"}  # they stand there as MobileNetV3 and PResNet50
    expected = set(registry.names()) - {"Timm", "TorchVisionFeatures"} - aliases
    for head, found in rows.items():
        assert set(found) == expected, head
    shown = [Path(name).stem.partition("-")[2] for name in listed if name.startswith("rtdetr-presnet")]
    assert shown == ["presnet18", "presnet34", "presnet50", "presnet101"]


def test_names_are_chosen_by_pattern_and_a_wrong_one_has_its_neighbours():
    entries = [names.Entry(f"{name}.yaml", "", name) for name in ("yolo11-a_m0", "yolo11-b", "rtdetr-b")]
    assert zoo.select(entries, None) == entries
    assert [e.backbone for e in zoo.select(entries, "YOLO11-*")] == ["yolo11-a_m0", "yolo11-b"]
    assert [e.backbone for e in zoo.select(entries, "*-b")] == ["yolo11-b", "rtdetr-b"]
    assert [e.backbone for e in zoo.select(entries, "A_M")] == ["yolo11-a_m0"]
    assert [e.backbone for e in zoo.select(entries, "*-b.yaml")] == ["yolo11-b", "rtdetr-b"]
    with pytest.raises(UsageError, match="--only yolo11-c: none of 3 names matches: did you mean yolo11-b"):
        zoo.select(entries, "yolo11-c")


def test_the_figures_are_the_pages(tmp_path, capsys):
    words = [
        "--only",
        "yolo11-mobilenetv4convsmall",
        "--no-latency",
        "--nc",
        "1",
        "--out",
        str(tmp_path / "new" / "zoo"),
    ]
    assert zoo.main(words) == 0
    (row,) = read(tmp_path / "new" / "zoo")
    models = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    parameters, gflops = re.search(
        r"\| `MobileNetV4ConvSmall` \|(?: [^|]+\|){2} ([\d,]+) / ([\d.]+) \|", models
    ).groups()
    assert (f"{int(row['parameters']):,}", f"{float(row['gflops']):.1f}") == (parameters, gflops)
    page = (ROOT / "docs" / "backbones.md").read_text(encoding="utf-8")
    assert f"{row['backbone_strides']} | {row['backbone_channels']}" in page
    assert (row["head_strides"], row["head_channels"]) == ("8/16/32", "64/128/256")
    said = capsys.readouterr().out
    assert "yolo11-mobilenetv4convsmall.yaml 3,681,555 7.4 4/8/16/32: 32/64/96/960" in " ".join(said.split())


def test_a_broken_model_is_a_row(yamls, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(names, "ours", lambda: yamls)
    assert zoo.main([*FAST, "--out", str(tmp_path)]) == 1
    tiny, broken, small = read(tmp_path)
    assert tiny["parameters"] == small["parameters"] != ""
    assert "broken.yaml" in broken["reason"]
    assert "reads from 40" in broken["reason"]
    assert broken["gflops"] == tiny["backbone_strides"] == ""  # upstream's rows
    said = capsys.readouterr()
    assert "1 of 3 models could not be built or run" in said.err
    assert "\r" not in said.err
    assert (tmp_path / "zoo.md").read_text(encoding="utf-8").count(".yaml` |") == 3


def test_stopped_it_writes_what_it_has_and_says_so(yamls, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(names, "ours", lambda: yamls)
    own = zoo.examine

    def stop(entry, *rest):
        if entry is yamls[1]:
            raise KeyboardInterrupt
        return own(entry, *rest)

    monkeypatch.setattr(zoo, "examine", stop)
    assert zoo.main([*FAST, "--out", str(tmp_path)]) == 130
    assert len(read(tmp_path)) == 1
    assert "stopped after 1 of 3 models" in capsys.readouterr().out
    assert "stopped after 1 of 3 models" in (tmp_path / "zoo.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--only", "efficientvitt"], "names matches: did you mean"),
        (["--nc", "0"], "--nc 0: the least is 1"),
        (["--imgsz", "100"], "--imgsz 100: give a multiple of 32"),
        (["--out", __file__], "is a file: give a folder"),
    ],
)
def test_what_is_wrong_with_a_command_is_said_before_anything_runs(words, message, capsys, monkeypatch):
    monkeypatch.setattr(zoo, "examine", lambda *_: pytest.fail("a model was built"))
    assert message in wrong(capsys, *words)
