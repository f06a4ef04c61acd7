"""What is wrong in a model YAML is said before anything is built: all of it, with row, place and cure."""

import copy
import glob
import logging
import os
import random

import pytest
import torch
import yaml
from conftest import ROOT, run_python

from ultralytics import RTDETR, YOLO
from ultralytics.nn import tasks
from ultralytics.nn.Addmodules import BackboneError
from ultralytics.nn.Addmodules._check import report as preflight
from ultralytics.nn.Addmodules._check.report import ModelError

OURS = sorted((ROOT / "cfg" / "models").glob("*.yaml"))
STOCK = sorted(glob.glob(str(ROOT / "ultralytics" / "cfg" / "models" / "**" / "*.yaml"), recursive=True))
TEXT = (ROOT / "cfg" / "models" / "rtdetr-mobilenetv3.yaml").read_text(encoding="utf-8").replace("nc: 80", "nc: 3")
TEXT = TEXT.replace("MobileNetV3,", "MobileNetV3Small,")
YOLO_TEXT_SMALL = (ROOT / "cfg" / "models" / "yolo11-mobilenetv3.yaml").read_text(encoding="utf-8")
YOLO_TEXT_SMALL = YOLO_TEXT_SMALL.replace("MobileNetV3,", "MobileNetV3Small,")
YOLO_TEXT = (ROOT / "cfg" / "models" / "yolo11-mobilenetv3.yaml").read_text(encoding="utf-8")


def faults(tmp_path, text, size=None, name="model.yaml"):
    """Check a text as a file; return its faults as (line, index, message, advice)."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    document = preflight.read(path)
    report = preflight.check(document.data, size=size, document=document, path="model.yaml")
    return [(p.line, p.row, p.message, p.advice) for p in report.problems if p.severe]


def swap(old, new, text=TEXT):
    assert text.count(old) == 1, (text.count(old), old)
    return text.replace(old, new)


def line_of(part, text=TEXT):
    return next(n for n, line in enumerate(text.splitlines(), 1) if part in line)


CONV = ("[256, 1, 1]] # 7", "Conv(c1, c2, k=1")
SINGLE = {
    "unknown module": ("[-1, 1, AIFI, [1024, 8]]", "[-1, 1, AIFY, [1024, 8]]", 6, "no module 'AIFY'", "AIFI"),
    "unknown torch module": ("nearest]] # 8", "nearest]]", 8, "torch.nn has no 'Upsampel'", "nn.Upsample"),
    "misspelt backbone": (
        "MobileNetV3Small,",
        "MobileNetV3Smal,",
        4,
        "no module 'MobileNetV3Smal'",
        "MobileNetV3Small",
    ),
    "too many arguments": (
        "[256, 1, 1]] # 7",
        "[256, 1, 1, 1, 1, 1, 1, 1, 1]] #",
        7,
        "too many positional",
        "Conv(c1, c2, k=1",
    ),
    "too few arguments": ("Conv, [256, 1, 1]] # 7", "Conv, []] #", 7, "needs more arguments", "Conv(c1, c2, k=1"),
    "argument of another type": ("[256, 1, 1]] # 7", "[wide, 1, 1]] #", 7, "cannot take the arguments", "Conv("),
    "backbone's argument": ("MobileNetV3Small, []", "MobileNetV3Small, [{widht: 3}]", 4, "widht", ""),
    "index too large": ("[[-1, 12], 1, Concat", "[[-1, 40], 1, Concat", 18, "reads from 40", "0 to 17"),
    "index of itself": ("[[-1, 12], 1, Concat", "[[-1, 18], 1, Concat", 18, "reads from 18, itself", "0 to 17"),
    "too far back": ("[[-1, 12], 1, Concat", "[[-1, -30], 1, Concat", 18, "30 rows back", "counts as five"),
    "empty slot": (
        "  - [3, 1, Conv",
        "  - [0, 1, Conv",
        9,
        "index 0 (P1), which MobileNetV3Small leaves empty",
        "1 (P2)",
    ),
    "from is a text": (
        "[[-1, 12], 1, Concat",
        "[[-1, a], 1, Concat",
        18,
        "reads from [-1, 'a']",
        "-1 is the row before",
    ),
    "join of unequal maps": ("[[-1, 12], 1, Concat", "[[-1, 14], 1, Concat", 18, "maps of different size", "[3, 8, 9"),
    "join reads one row": ("[[-1, 12], 1, Concat", "[-1, 1, Concat", 18, "reads a list of rows", "write [-1"),
    "a list for one": ("[-1, 1, AIFI, [1024, 8]]", "[[-1, 4], 1, AIFI, [1024, 8]]", 6, "reads one row", "Concat"),
    "attention heads": ("AIFI, [1024, 8]", "AIFI, [1024, 7]", 6, "256 channels among 7 heads", "multiple of 7"),
    "levels in another order": ("[[16, 19, 22], 1, RT", "[[22, 19, 16], 1, RT", 23, "in the order 22", "[16, 19, 22]"),
    "one level twice": ("[[16, 19, 22], 1, RT", "[[16, 19, 19], 1, RT", 23, "two maps of one level", ""),
    "repeats of a backbone": ("[-1, 1, MobileNetV3Small", "[-1, 2, MobileNetV3Small", 4, "has 2 repeats", "write 1"),
    "a backbone reads a row": ("[-1, 1, MobileNetV3Small", "[0, 1, MobileNetV3Small", 4, "reads from 0", "write -1"),
    "a backbone further down": ("[-1, 1, AIFI, [1024, 8]]", "[-1, 1, PResNet18, []]", 6, "not in the first row", ""),
    "repeats are no number": ("[-1, 1, AIFI", "[-1, one, AIFI", 6, "repeats is 'one'", ""),
    "arguments are no list": ("AIFI, [1024, 8]", "AIFI, 1024", 6, "arguments are 1024", "empty list"),
    "no channels": (CONV[0], "[0, 1, 1]] #", 7, "would have a weight of 0x256x1x1", "channels is 0"),
    "a short row": ("[-1, 1, AIFI, [1024, 8]]", "[-1, 1, AIFI]", 6, "a row is [from, repeats, module, arguments]", ""),
}


@pytest.mark.parametrize("case", SINGLE, ids=list(SINGLE))
def test_one_fault_is_named_with_its_row_line_and_cure(case, tmp_path):
    old, new, index, message, advice = SINGLE[case]
    if case == "unknown torch module":
        old, new = "- [-1, 1, nn.Upsample, [None, 2, nearest]] # 8", "- [-1, 1, nn.Upsampel, [None, 2, nearest]]"
    text = swap(old, new)
    found = faults(tmp_path, text)
    assert len(found) == 1, found
    line, row, said, cure = found[0]
    assert (line, row) == (line_of(new, text), index)
    assert message in said
    assert advice in cure


KEYS = {
    "no nc": ("nc: 3\n", "", "`nc` is missing", "number of classes"),
    "nc misspelt": ("nc: 3\n", "num_classes: 3\n", "`nc` is missing", ""),
    "nc is zero": ("nc: 3\n", "nc: 0\n", "`nc` is 0", "nc: 80"),
    "no head": ("head:\n", "haed:\n", "`head` is missing", "'haed' meant"),
    "unsafe activation": ("nc: 3\n", "nc: 3\nactivation: __import__('os').getcwd()\n", "`activation` is", "not run"),
    "a scale that is not there": ("nc: 3\n", "nc: 3\nscale: q\nscales: {n: [1, 1, 512]}\n", "scale 'q'", "there are n"),
}


@pytest.mark.parametrize("case", KEYS, ids=list(KEYS))
def test_a_wrong_key_is_named(case, tmp_path):
    old, new, message, advice = KEYS[case]
    found = faults(tmp_path, swap(old, new))
    assert [(message in said, advice in cure) for _, _, said, cure in found] == [(True, True)], found


@pytest.mark.parametrize(
    ("given", "message", "advice"),
    [
        ("weights/best.pt", "a text", "{pretrained: weights/best.pt}"),
        ("{depth: 18}", "a mapping", "`- [-1, 1, MobileNetV3, []]`"),
        ("[]", "a list", "`backbone:` with a row"),
        ("7", "7", ""),
    ],
)
def test_a_backbone_that_is_no_list_of_rows(given, message, advice, tmp_path):
    text = swap("\n  # [from, repeats, module, args]\n", f" {given}\n")
    text = "\n".join(line for line in text.splitlines() if "MobileNetV3Small" not in line)
    found = faults(tmp_path, text)
    assert len(found) == 1
    assert "`backbone` is" in found[0][2]
    assert message in found[0][2]
    assert advice in found[0][3]


@pytest.mark.parametrize("given", ["MobileNetV3Small", "{name: MobileNetV3Small}", "{name: Timm, model: resnet18}"])
def test_a_backbone_by_its_name_alone_is_a_row(given, tmp_path):
    text = swap("\n  # [from, repeats, module, args]\n", f" {given}\n")
    path = tmp_path / "rtdetr-x.yaml"
    path.write_text("\n".join(line for line in text.splitlines() if "4: maps" not in line), encoding="utf-8")
    assert type(RTDETR(path).model.model[0]).__name__ in ("MobileNetV3Small", "Timm")


def test_all_faults_of_a_file_are_said_together_in_its_order(tmp_path):
    text = swap("AIFI, [1024, 8]", "AIFI, [1024, 7]")
    text = swap("[256, 1, 1]] # 7", "[]] #", text)
    text = swap("[[-1, 12], 1, Concat", "[[-1, 40], 1, Concat", text)
    text = swap("nc: 3", "nc: none", text)
    found = faults(tmp_path, text)
    assert [row for _, row, _, _ in found] == [None, 6, 7, 18]
    assert [line for line, *_ in found] == sorted(line for line, *_ in found)


def test_what_follows_from_a_fault_is_not_a_fault(tmp_path):
    found = faults(tmp_path, swap("  - [-1, 1, Conv, [256, 1, 1]] # 7", "  - [-1, 1, Foobarbaz, [256, 1, 1]] # 7"))
    assert [row for _, row, _, _ in found] == [7]


def test_a_misspelt_backbone_does_not_shift_the_rows_behind_it(tmp_path):
    text = swap("MobileNetV3Small,", "MobileNetV3Smoll,", swap("[[-1, 12], 1, Concat", "[[-1, 40], 1, Concat"))
    assert [row for _, row, _, _ in faults(tmp_path, text)] == [4, 18]


def test_a_size_that_does_not_fit_is_named(tmp_path):
    found = faults(tmp_path, TEXT, size=100)
    assert found
    assert any("different size" in said for _, _, said, _ in found)
    assert not faults(tmp_path, TEXT, size=96)


def a_fifth(paths):
    """Mark four of five for ``make slow``; the names are sorted, so that each generation keeps some."""
    return [path if n % 5 == 0 else pytest.param(path, marks=pytest.mark.slow) for n, path in enumerate(paths)]


@pytest.mark.parametrize("path", [*map(str, OURS), *a_fifth(STOCK)], ids=os.path.basename)
def test_every_yaml_of_the_project_and_of_upstream_passes(path):
    model = tasks.yaml_model_load(path)
    before = copy.deepcopy(model)
    report = preflight.check(model)
    assert [problem for problem in report.problems if problem.severe] == []
    assert model == before
    assert report.rows


@pytest.mark.parametrize(
    "name",
    [
        *("yolo11n.yaml", "rtdetr-mobilenetv3small.yaml"),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("yolov6.yaml", "yolo11-timm-resnet18.yaml")),
    ],
)
def test_the_table_is_that_of_the_built_model(name):
    model = tasks.yaml_model_load(name)
    report = preflight.check(copy.deepcopy(model))
    cls = tasks.RTDETRDetectionModel if name.startswith("rtdetr") else tasks.DetectionModel
    built = cls(model, verbose=False)
    assert report.parameters == sum(p.numel() for p in built.parameters())
    seen = {}
    for layer in built.model:
        layer.register_forward_hook(lambda m, _, out: seen.__setitem__(m.i, out))
    with torch.no_grad():
        built.eval()(torch.zeros(1, 3, 640, 640))
    for row in report.rows[:-1]:
        out = seen.get(row.index)
        maps = seen[4] if row.slot else None
        if maps is not None:
            filled = 5 - len(maps)
            out = maps[row.index - filled] if row.index >= filled else None
        if out is None:
            assert row.channels == 0
        else:
            assert (row.channels, row.size) == (out.shape[1], tuple(out.shape[2:]))


def test_an_unknown_backbone_like_no_other_does_not_shift_the_rows(tmp_path):
    assert [row for _, row, _, _ in faults(tmp_path, swap("MobileNetV3Small,", "QQ,"))] == [4]
    assert [row for _, row, _, _ in faults(tmp_path, swap("MobileNetV3Small,", "QQ,", YOLO_TEXT_SMALL))] == [4]


def test_a_backbone_below_another_row_is_the_only_fault(tmp_path):
    row = "  - [-1, 1, MobileNetV3Small, []]"
    found = faults(tmp_path, swap(row, "  - [-1, 1, Conv, [16, 3, 1]]\n" + row))
    assert [(index, said) for _, index, said, _ in found] == [
        (1, "the backbone MobileNetV3Small is not in the first row")
    ]


def test_a_file_called_as_its_class_is_no_module_of_upstream(monkeypatch):
    monkeypatch.setattr(tasks, "MobileNetV3Small", os, raising=False)
    assert preflight.check(yaml.safe_load(TEXT)).ok


def test_a_data_yaml_is_called_one(tmp_path):
    (fault,) = faults(tmp_path, "train: images\nval: images\nnames: [a]\n")
    assert "this is a data YAML" in fault[2]


def test_other_threads_log_meanwhile(caplog, monkeypatch):
    import threading

    from ultralytics.nn.Addmodules._check import shapes as _shapes

    with caplog.at_level(logging.INFO, logger="ultralytics"), _shapes.without_traces(tasks):
        logging.getLogger("ultralytics").info("mine")
        other = threading.Thread(target=lambda: logging.getLogger("ultralytics").info("theirs"))
        other.start()
        other.join()
    assert caplog.messages == ["theirs"]


def test_what_is_wrong_in_the_rows_goes_before_the_wrong_class(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(swap("RTDETRDecoder", "RTDETRDecodr", swap("AIFI, [1024, 8]", "AIFI, [1024, 7]")), encoding="utf-8")
    for cls in (YOLO, RTDETR):
        with pytest.raises(ModelError, match="2 faults"):
            cls(path)


def test_a_head_is_checked_at_the_size_at_which_upstream_measures_it():
    """Behind a stock backbone that is 256 pixels: this row fits at 640 and at 160, and not there."""
    model = tasks.yaml_model_load("yolo11n.yaml")
    model["head"][9][3] = [512, 1, 3, 2]
    for size in (None, 160):
        assert "different size" in " ".join(preflight.check(model, size=size).faults())


def test_who_reads_a_row(tmp_path):
    rows = {row.index: row.readers for row in preflight.check(yaml.safe_load(TEXT)).rows}
    assert rows[2] == [14]
    assert rows[7] == [8, 21]
    assert rows[16] == [17, 23]
    assert rows[0] == rows[1] == rows[23] == []


def test_the_model_is_the_same_as_without_the_check(monkeypatch):
    def build():
        torch.manual_seed(3)
        random.seed(3)
        return tasks.RTDETRDetectionModel("rtdetr-mobilenetv3small.yaml", verbose=False).state_dict()

    checked, drawn = build(), random.random()
    monkeypatch.setattr(preflight, "check", lambda *_, **__: pytest.fail("must not be called"))
    token = preflight._checking.set(True)
    try:
        plain = build()
    finally:
        preflight._checking.reset(token)
    assert drawn == random.random()
    assert list(checked) == list(plain)
    assert all(torch.equal(checked[key], plain[key]) for key in checked)


def test_the_check_leaves_upstreams_default_activation_and_log_alone(caplog):
    default = tasks.Conv.default_act
    model = {**yaml.safe_load(TEXT), "activation": "nn.ReLU()"}
    model["head"][3][2] = "Foobarbaz"
    with caplog.at_level(logging.DEBUG, logger="ultralytics"):
        assert not preflight.check(model).ok
    assert tasks.Conv.default_act is default
    assert caplog.records == []


def test_code_in_an_activation_is_not_run(tmp_path):
    mark = tmp_path / "ran"
    model = {**yaml.safe_load(TEXT), "activation": f"open({str(mark)!r}, 'w')"}
    with pytest.raises(ModelError, match="activation"):
        tasks.RTDETRDetectionModel(model, verbose=False)
    assert not mark.exists()


def test_building_says_file_line_and_row(tmp_path):
    path = tmp_path / "rtdetr-mine.yaml"
    path.write_text(swap("AIFI, [1024, 8]", "AIFI, [1024, 7]"), encoding="utf-8")
    with pytest.raises(BackboneError) as caught:
        RTDETR(path)
    first, second, third = str(caught.value).splitlines()
    assert first == f"one fault in {path}"
    assert second.startswith(f"{path}:{line_of('AIFI')}:")
    assert "index 6" in second
    assert "256 channels among 7 heads" in second
    assert "multiple of 7" in third


@pytest.mark.slow
def test_on_the_articles_tree_a_wrong_yaml_ends_deep_inside_torch(articles_root, tmp_path):
    code = """
import logging
from ultralytics import RTDETR, YOLO
for cls, name in ((RTDETR, "index.yaml"), (RTDETR, "name.yaml"), (YOLO, "mine.yaml"), (RTDETR, "other.yaml")):
    try:
        cls(name)
        print(name, "passes")
    except Exception as e:
        print(name, type(e).__name__, "fault" in str(e))
"""
    (tmp_path / "index.yaml").write_text(swap("[[-1, 12], 1, Concat", "[[-1, 14], 1, Concat"), encoding="utf-8")
    (tmp_path / "name.yaml").write_text(swap("AIFI, ", "AIFY, "), encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(TEXT, encoding="utf-8")
    (tmp_path / "other.yaml").write_text(YOLO_TEXT, encoding="utf-8")
    result = run_python("-c", code, cwd=tmp_path, env={"PYTHONPATH": str(articles_root)})
    said = [line for line in result.stdout.splitlines() if line.split()[0].endswith(".yaml")]
    assert said == [
        "index.yaml passes",
        "name.yaml KeyError False",
        "mine.yaml NotImplementedError False",
        "other.yaml TypeError False",
    ]
    result = run_python("-c", code, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)})
    said = [line for line in result.stdout.splitlines() if line.split()[0].endswith(".yaml")]
    assert said[:2] == ["index.yaml ModelError True", "name.yaml ModelError True"]
    assert said[2:] == ["mine.yaml passes", "other.yaml passes"]  # by their heads
