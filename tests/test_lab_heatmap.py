"""``lab heatmap``: that a map is where the score comes from, whose gradient it is, indices, heads, and wrong input."""

import importlib.util
import logging

import cv2
import numpy as np
import pytest
import torch
from conftest import run_python
from support.small_models import build, ours_yaml, rows

from lab.heatmap import command as heatmap
from run.arguments import UsageError

pytest.importorskip("pytorch_grad_cam")

from lab.heatmap.cam import NoGradientError, explain
from lab.heatmap.draw import share_inside
from lab.heatmap.net import Net
from ultralytics.nn import tasks

CPU = torch.device("cpu")
COLOURED = """
nc: 2
names: [red, 蓝]
backbone:
  - [-1, 1, Conv, [8, 3, 2]]
  - [-1, 1, Conv, [8, 3, 2]]
  - [-1, 1, Conv, [8, 3, 2]]
head:
  - [[2], 1, Detect, [nc]]
"""


def colour(model):
    """Set a model's weights so that class 0 is how red a cell's surroundings are, and class 1 how blue, exactly."""
    with torch.no_grad():
        for tensor in model.parameters():
            tensor.zero_()
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.fill_(1.0)
        for n, row in enumerate(model.model[:3]):
            for channel in range(2):
                row.conv.weight[channel, channel * 2 if n == 0 else channel] = 4 / 9
        *before, last = model.model[-1].cv3[0]
        for conv in before:
            for channel in range(2):
                conv.conv.weight[channel, channel, 1, 1] = 1.0
        last.weight[0, 0] = last.weight[1, 1] = 1.0
        last.bias.fill_(-45.0)  # grey padding is not enough
    return model


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A checkpoint of the detector of ``colour``."""
    from ultralytics import YOLO

    folder = tmp_path_factory.mktemp("model")
    (folder / "toy.yaml").write_text(COLOURED, encoding="utf-8")
    model = YOLO(str(folder / "toy.yaml"), task="detect")
    model.model.names = {0: "red", 1: "蓝"}
    colour(model.model)
    model.save(folder / "toy.pt")
    return folder / "toy.pt"


@pytest.fixture(scope="module")
def toy(checkpoint):
    return Net(heatmap.load(str(checkpoint))[0], CPU)


def two_squares():
    """Return a BGR image of 80 x 120, red on the left and blue on the right; at 96 it becomes 64 x 96."""
    photo = np.zeros((80, 120, 3), np.uint8)
    photo[24:56, 8:40, 2] = 255
    photo[24:56, 80:112, 0] = 255
    return photo


RED, BLUE = [(0, 12, 52, 68)], [(68, 12, 120, 68)]  # the squares and what a cell of stride 8 sees around them


@pytest.mark.parametrize("method", heatmap.METHODS)
def test_heat_is_where_the_class_is(toy, method):
    layer = toy.find(["P3"], 96)[0]
    for wanted, here, there in ((0, RED, BLUE), (1, BLUE, RED)):
        seen = toy.look(two_squares(), 96, 0.25, wanted)
        assert set(seen.classes.tolist()) == {wanted}
        heat = explain(toy, seen, layer, heatmap.METHODS[method])
        assert heat.shape == (80, 120)
        assert heat.max() == pytest.approx(1)
        if not method.startswith("eigen"):  # of no class, or of no sign
            assert share_inside(heat, here)[0] > 0.85
            assert share_inside(heat, there)[0] < 0.05
        else:
            assert share_inside(heat, [*RED, *BLUE])[0] > 0.5


def test_boxes_and_padding_go_back(toy):
    seen = toy.look(two_squares(), 96, 0.25, None)
    assert seen.x.shape == (1, 3, 64, 96)
    assert seen.x[0, 0, 32, 19] > 0.9 > 0.1 > seen.x[0, 2, 32, 19]  # RGB
    assert set(seen.labels.tolist()) == {0, 1}
    assert (seen.boxes >= 0).all()
    assert (seen.boxes <= [120, 80, 120, 80]).all()
    tall = toy.look(np.ascontiguousarray(two_squares().transpose(1, 0, 2)), 96, 0.25, 0)
    heat = explain(toy, tall, toy.find(["2"], 96)[0], "HiResCAM")
    assert heat.shape == (120, 80)
    assert share_inside(heat, [(y0, x0, y1, x1) for x0, y0, x1, y1 in RED])[0] > 0.85


def test_nothing_found_has_no_map_but_eigencam(toy):
    seen = toy.look(np.zeros((64, 64, 3), np.uint8), 64, 0.25, None)
    layer = toy.find(["P3"], 64)[0]
    assert not len(seen.scores)
    assert seen.highest < 0.01
    assert explain(toy, seen, layer, "HiResCAM") is None
    assert explain(toy, seen, layer, "EigenCAM").shape == (64, 64)


def rtdetr_yaml():
    """Return the YAML of a small RT-DETR on the backbone ``Nested``."""
    yaml = rows([[-1, 1, "Nested", []]], 5, 2, 3)
    yaml["head"][-1][2:] = ["RTDETRDecoder", ["nc", 32, 12, 2, 2, 2]]
    return {**yaml, "nc": 2}


def headed(head, arguments):
    """Return the YAML of ``ours`` with another head."""
    yaml = ours_yaml()
    yaml["head"][-1][2:] = [head, arguments]
    return yaml


@pytest.fixture(scope="module")
def rtdetr(small_backbone):
    torch.manual_seed(0)
    model = tasks.RTDETRDetectionModel(rtdetr_yaml(), verbose=False).eval()
    for module in model.modules():  # or all queries are alike
        if isinstance(module, torch.nn.Linear):
            torch.nn.init.normal_(module.weight, std=0.1)
    return model


def noise(side=64):
    return np.random.default_rng(0).integers(0, 255, (side, side, 3), dtype=np.uint8)


def by_hand(model, module, score, x):
    """Return Grad-CAM of a module's output without the library or ``Net``."""
    kept = []
    handle = module.register_forward_hook(lambda _, __, out: (out.retain_grad(), kept.append(out))[0])
    model.zero_grad()
    score(model(x.clone().requires_grad_(True))[1]).backward()
    handle.remove()
    (out,) = kept
    heat = (out.grad.mean((2, 3), keepdim=True) * out).sum(1)[0].clamp(min=0).detach().numpy()
    heat = cv2.resize((heat - heat.min()) / (heat.max() - heat.min() + 1e-7), (64, 64))
    return heat / heat.max()


@pytest.mark.parametrize("name", ["P4", "9", "N5"])
def test_the_gradient_of_rtdetr(rtdetr, name):
    net = Net(rtdetr, CPU)
    layer = net.find([name], 64)[0]
    seen = net.look(noise(), 64, 0.01, 1)
    assert set(seen.classes.tolist()) == {1}
    assert len(seen.cells) == 12
    module = rtdetr.model[0].model[3] if name == "P4" else rtdetr.model[layer.index - 4]
    expected = by_hand(rtdetr, module, lambda raw: raw[1][-1, 0, :, 1].sum(), seen.x)
    assert expected.std() > 0.02
    assert np.allclose(explain(net, seen, layer, "GradCAM"), expected, atol=1e-4)


def test_rtdetr_is_fed_as_upstream_does(rtdetr):
    net = Net(rtdetr, CPU)
    seen = net.look(two_squares(), 64, 0.01, None)
    assert seen.x.shape == (1, 3, 64, 64)
    assert (seen.placed.height, seen.placed.width) == (64, 64)  # stretched, not padded
    assert explain(net, seen, net.find(["P5"], 64)[0], "HiResCAM").shape == (80, 120)


@pytest.mark.parametrize("name", ["P4", "8"])
def test_the_gradient_of_yolo(small_backbone, name):
    torch.manual_seed(0)
    model = tasks.DetectionModel(ours_yaml(), verbose=False).eval()
    net = Net(model, CPU)
    layer = net.find([name], 64)[0]
    seen = net.look(noise(), 64, 1e-9, None)
    assert len(seen.cells) == 84  # 8 x 8, 4 x 4 and 2 x 2
    module = model.model[0].model[3] if name == "P4" else model.model[4]
    expected = by_hand(model, module, lambda raw: raw["scores"].sum(), seen.x)
    assert expected.std() > 0.02
    assert np.allclose(explain(net, seen, layer, "GradCAM"), expected, atol=1e-4)


def test_layers_by_index(ours, stock):
    net = Net(ours, CPU)
    found = net.find(["P3", "p4", "3", "P5", "N3", "N4", "N5", "5"], 64)
    assert [(layer.name, layer.index, layer.shape) for layer in found] == [
        ("P3", 2, (16, 8, 8)),
        ("P4", 3, (24, 4, 4)),
        ("P5", 4, (32, 2, 2)),
        ("N3", 12, (24, 8, 8)),
        ("N4", 8, (24, 4, 4)),
        ("N5", 11, (32, 2, 2)),
        ("5", 5, (32, 2, 2)),
    ]
    with pytest.raises(UsageError) as e:
        net.find(["P2", "0", "13", "99", "neck"], 64)
    for text in (
        "--layer P2: there are N3",
        "leaves 0 to 1 empty",
        "whose output is not a map",
        "rows 2-13",
        "--layer neck",
    ):
        assert text in str(e.value)
    table = "\n".join(net.table(64))
    assert "    3  P4     Nested                         24       4x4" in table
    assert "   13         Detect                     no map" in table
    assert {n: i for n, i in Net(stock, CPU).aliases(64).items() if n[0] == "P"} == {
        "P1": 0,
        "P2": 1,
        "P3": 3,
        "P4": 5,
        "P5": 6,
    }


@pytest.mark.parametrize(("head", "arguments"), [("Detect", ["nc"]), ("v10Detect", ["nc"])])
def test_end_to_end_heads_before_and_after_fusing(small_backbone, head, arguments):
    yaml = headed(head, arguments)
    if head == "Detect":
        yaml.update(end2end=True, reg_max=1)  # as YOLO26 has it
    model = build(yaml).eval()
    with torch.no_grad():  # the two branches must be told apart
        for conv in model.model[-1].one2one_cv3:
            conv[-1].weight[:, ::2] *= -1
            conv[-1].bias[:] = 9.0
    net = Net(model, CPU)
    x = torch.rand(1, 3, 64, 64)
    many, one = (model(x)[1][branch]["scores"][0, 0] for branch in ("one2many", "one2one"))
    assert torch.equal(net(x)[0, :, 0], many)
    net.head.end2end = True
    assert torch.equal(net(x)[0, :, 0], one)
    assert not torch.equal(many, one)
    seen = net.look(noise(), 64, 1e-9, None)
    layer = net.find(["P4"], 64)[0]
    plain = explain(net, seen, layer, "HiResCAM")
    model.fuse(verbose=False)
    fused = Net(model, CPU)
    fused.head.end2end = True  # all that is left
    again = explain(fused, fused.look(noise(), 64, 1e-9, None), layer, "HiResCAM")
    assert np.allclose(plain, again, atol=2e-2)


def test_a_model_made_and_run_in_inference_mode(small_backbone):
    with torch.inference_mode():
        model = build(ours_yaml()).eval()
        model(torch.zeros(1, 3, 64, 64))  # caches its anchors
    net = Net(model, CPU)
    heat = explain(net, net.look(noise(), 64, 1e-9, None), net.find(["P4"], 64)[0], "HiResCAM")
    assert np.isfinite(heat).all()


def test_no_gradient_is_said(small_backbone):
    model = build(ours_yaml()).eval()
    row = model.model[8]  # index 12, the P3 that the head reads
    handle = row.register_forward_hook(lambda _, __, out: out.detach())
    net = Net(model, CPU)
    seen = net.look(noise(), 64, 1e-9, None)
    on, off = net.find(["N4", "N3"], 64)
    assert explain(net, seen, on, "GradCAM") is not None
    with pytest.raises(NoGradientError, match=r"--layer N3: no gradient .* row 12 \(Conv\)"):
        explain(net, seen, off, "GradCAM")
    handle.remove()
    model.model[-1].register_forward_pre_hook(lambda _, maps: ([m.detach() for m in maps[0]],))
    with pytest.raises(NoGradientError, match="row 3"):
        explain(net, net.look(noise(), 64, 1e-9, None), net.find(["P4"], 64)[0], "GradCAM")
    assert not any(m._forward_hooks for m in net.taps)  # nothing is left behind


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the command in this process, from an empty folder; return (exit code, output, errors)."""
    monkeypatch.chdir(tmp_path)
    level = logging.getLogger("ultralytics").level

    def command(*arguments):
        capsys.readouterr()
        try:
            code = heatmap.main([str(word) for word in arguments])
        except SystemExit as e:
            code = e.code
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    yield command
    logging.getLogger("ultralytics").setLevel(level)


def test_the_command(run, checkpoint, tmp_path):
    folder = tmp_path / "照片 [1]"
    folder.mkdir()
    cv2.imencode(".png", two_squares())[1].tofile(str(folder / "红.png"))
    cv2.imencode(".jpg", two_squares()[:, :60])[1].tofile(str(folder / "b.JPG"))
    (folder / "broken.png").write_bytes(b"no image")
    (folder / "empty.png").write_bytes(b"")
    words = [checkpoint, "--source", folder, "--imgsz", 90, "--layer", "P3", "--device", "cpu"]
    code, out, err = run(*words)
    assert code == 1  # what can be drawn is drawn
    assert "--imgsz becomes 96" in out
    assert "broken.png cannot be read" in err
    assert "empty.png cannot be read" in err
    assert "P3 " in out
    made = sorted(path.name for path in (tmp_path / "runs" / "heatmap" / "exp").iterdir())
    assert made == ["b.png", "红.png"]
    code, out, _ = run(*words[:2], f"{folder.parent}/*/b.JPG", *words[3:7], "--class", "蓝", "--device", "cpu")
    assert code == 0
    assert "b.JPG: no detection; the highest confidence is 0.000" in out  # its blue half is cut away
    assert (tmp_path / "runs" / "heatmap" / "exp-2" / "b.png").is_file()


def test_random_weights_are_said(run, checkpoint):
    cv2.imencode(".png", noise())[1].tofile("a.png")
    words = [checkpoint.with_suffix(".yaml"), "--imgsz", 64, "--device", "cpu"]
    code, out, _ = run(*words, "--source", "a.png", "--conf", 1e-9)
    assert code == 0
    assert "class 1" in out
    code, out, _ = run(*words, "--list-layers")
    assert code == 0
    assert "its weights are random, and its pictures mean nothing" in out
    assert "    2  N3 P3  Conv" in out


WRONG = [
    (["no.pt", "--source", "a.png"], "no.pt does not exist"),
    (["rubbish.pt", "--source", "a.png"], "rubbish.pt is damaged (not a file of torch"),
    (["a.onnx", "--source", "a.png"], "an exported model has no gradients"),
    (["yolo11n-cls.yaml", "--source", "a.png"], "ends in Classify"),
    (["{toy}", "--source", "a.png", "--layer", "P9", "P4"], "--layer P9: there are N3, P1, P2, P3"),
    (["{toy}", "--source", "a.png", "--class", "rod"], "there are 0 red, 1 蓝"),
    (["{toy}", "--source", "a.png", "--class", "2"], "there are 0 red, 1 蓝"),
    (["{toy}", "--source", "a.png", "--device", "7"], "--device 7"),
    (["{toy}", "--source", "nothing", "b/*.png"], "--source b/*.png matches no image"),
    (["{toy}", "--source", "folder"], "no image in the folder folder"),
    (["{toy}", "--source", "broken.png"], "none of the 1 images can be read"),
    (["{toy}", "--source", "a.png", "--method", "grad-cam"], "'gradcam'"),
    (
        ["{toy}", "--source", "a.png", "--method", "gradcam", "--conf", "25", "--imgsz", "8"],
        "--imgsz 8: the least is 32",
    ),
    (["{toy}", "--source", "a.png", "--out", "a.png"], "is a file"),
    (["{toy}"], "give --source IMAGES"),
]


@pytest.mark.parametrize(("words", "message"), WRONG, ids=[w[1] for w in WRONG])
def test_wrong_input(run, checkpoint, tmp_path, words, message):
    (tmp_path / "folder").mkdir()
    cv2.imencode(".png", two_squares())[1].tofile("a.png")
    (tmp_path / "broken.png").write_bytes(b"no image")
    (tmp_path / "rubbish.pt").write_bytes(b"no checkpoint")
    code, _, err = run(*(word.format(toy=checkpoint) for word in words))
    assert code == 2
    assert message in err
    assert "Traceback" not in err
    assert not (tmp_path / "runs").exists()


def test_a_missing_library_is_said(run, checkpoint, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if "grad_cam" in name else find(name, *a))
    code, _, err = run(checkpoint, "--source", "a.png")
    assert code == 2
    assert "the package grad-cam is missing" in err


def test_help_imports_nothing_heavy():
    heavy = "{'torch', 'numpy', 'matplotlib', 'yaml', 'cv2', 'ultralytics', 'pytorch_grad_cam'}"
    code = "import sys; from lab.curves import command as curves; from lab.heatmap import command as heatmap;"
    code += f"heatmap.parse(['m', '--source', 'a']); curves.parse(['a']); print({heavy} & set(sys.modules))"
    assert run_python("-c", code).stdout.strip() == "set()"
