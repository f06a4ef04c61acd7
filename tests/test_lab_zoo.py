"""``python -m lab zoo``: every YAML has its row, the figures are right, what cannot be built is a reason."""

import csv
import re
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from support.small_models import stock_yaml

from lab.speed import latency
from lab.zoo import command as zoo
from lab.zoo import names, report
from run.arguments import UsageError
from ultralytics.nn.Addmodules import registry
from ultralytics.nn.Addmodules._rows.derive import HEADS
from ultralytics.nn.tasks import yaml_model_load
from ultralytics.utils.checks import check_yaml

FAST = ["--imgsz", "64", "--threads", "1", "--rounds", "8"]


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


def test_every_file_of_upstream_is_listed_by_names_that_lead_to_it():
    entries = names.upstream()
    listed = [entry.name for entry in entries]
    assert len(listed) == len(set(listed))
    assert {
        "yolo11n.yaml",
        "yolo11x-seg.yaml",
        "yolov10b.yaml",
        "yolov10n.yaml",
        "rtdetr-l.yaml",
        "yolov9c.yaml",
    } <= set(listed)
    assert not {"yolo11.yaml", "yolov10nn.yaml", "yolov10bb.yaml", "rtdetr-resnet50l.yaml"} & set(listed)
    files = {path.name for path in (ROOT / "ultralytics" / "cfg" / "models").rglob("*.yaml")}
    found = set()
    for name in listed:
        unified = re.sub(r"(\d+)([nslmx])(.+)?$", r"\1\3", name)
        found.add(Path(check_yaml(name, hard=False) or check_yaml(unified)).name)
    assert found == files


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
    assert row["ratio"] == row["verdict"] == ""
    said = capsys.readouterr().out
    assert "yolo11-mobilenetv4convsmall.yaml 3,681,555 7.4 4/8/16/32: 32/64/96/960" in " ".join(said.split())
    assert "latency ratio:" not in said


def test_each_is_measured_beside_the_stock_model_and_a_broken_one_is_a_row(yamls, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(names, "ours", lambda: yamls)
    factors, turns = iter([2.0, 1.0]), []

    def fake(runs, rounds, timed, **_):
        assert len({id(run.func) for run in runs}) == 3  # the model and two copies of the stock one
        turns.append([run().__class__ for run in runs])
        factor = next(factors)
        return [[factor] * rounds, [1.0] * rounds, [1.001] * rounds]

    monkeypatch.setattr(latency, "take_turns", fake)
    assert zoo.main(["--stock", yamls[0].name, *FAST, "--out", str(tmp_path)]) == 1
    tiny, broken, small = read(tmp_path)
    assert (tiny["ratio"], tiny["verdict"], tiny["median_ms"], tiny["stock_ms"]) == ("2.0", "slower", "2.0", "1.0")
    assert (small["ratio"], small["verdict"], small["noise"]) == ("1.0", latency.ALIKE, "1.001")
    assert "broken.yaml" in broken["reason"]
    assert "reads from 40" in broken["reason"]
    assert broken["ratio"] == broken["gflops"] == ""
    assert tiny["backbone_strides"] == ""  # upstream's rows
    assert len(turns) == 2
    said = capsys.readouterr()
    assert "1 of 3 models could not be built or run" in said.err
    assert "\r" not in said.err
    text = (tmp_path / "zoo.md").read_text(encoding="utf-8")
    assert text.count(".yaml` |") == 3
    assert "2.00 (2.00 to 2.00) slower" in text
    assert "up to 0.1 % off" in text
    assert (tmp_path / "zoo.png").stat().st_size > 5000
    assert (tmp_path / "zoo.pdf").read_bytes()[:4] == b"%PDF"


def test_a_real_measurement_has_its_interval(yamls, tmp_path, monkeypatch):
    monkeypatch.setattr(names, "ours", lambda: yamls[:1])
    assert zoo.main(["--stock", yamls[2].name, *FAST, "--out", str(tmp_path)]) == 0
    (row,) = read(tmp_path)
    assert float(row["low"]) <= float(row["ratio"]) <= float(row["high"])
    assert float(row["median_ms"]) > 0
    assert float(row["noise"]) >= 1


def test_stopped_it_writes_what_it_has_and_says_so(yamls, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(names, "ours", lambda: yamls)
    own = zoo.examine

    def stop(entry, *rest):
        if entry is yamls[1]:
            raise KeyboardInterrupt
        return own(entry, *rest)

    monkeypatch.setattr(zoo, "examine", stop)
    assert zoo.main(["--no-latency", *FAST, "--out", str(tmp_path)]) == 130
    assert len(read(tmp_path)) == 1
    assert "stopped after 1 of 3 models" in capsys.readouterr().out
    assert "stopped after 1 of 3 models" in (tmp_path / "zoo.md").read_text(encoding="utf-8")


def test_another_task_is_listed_with_its_parameters():
    row = zoo.examine(names.Entry("yolo11n-cls.yaml", "upstream", "yolo11n-cls"), None, zoo.parse([]))
    assert row["task"] == "classify"
    assert row["parameters"] > 1_000_000
    assert "gflops" not in row
    assert report.cells(row)[-1] == "task classify"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--only", "efficientvitt"], "names matches: did you mean"),
        (["--stock", "yolo11n-cls.yaml"], "is not a detector, but of the task classify"),
        (["--stock", "rtdetr-presnet19.yaml"], "did you mean PResNet, PResNet18?"),
        (["--nc", "0"], "--nc 0: the least is 1"),
        (["--rounds", "0"], "rounds 0: the least is 1"),
        (["--batch", "0"], "batch 0"),
        (["--imgsz", "100"], "imgsz 100: give a multiple of 32"),
        (["--device", "9x"], "device 9x"),
        (["--out", __file__], "is a file: give a folder"),
    ],
)
def test_what_is_wrong_with_a_command_is_said_before_anything_runs(words, message, capsys, monkeypatch):
    monkeypatch.setattr(zoo, "examine", lambda *_: pytest.fail("a model was built"))
    assert message in wrong(capsys, *words)
