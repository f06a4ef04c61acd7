"""Files that users drop into Addmodules: what works, and what is said of what does not."""

import json

import pytest
from conftest import ROOT, run_python

from fork import build as builder
from fork.tree import OVERLAY
from ultralytics.nn.Addmodules import BackboneError, registry
from ultralytics.nn.Addmodules.registry import Registry

CLAIM = "from torch import nn\n\nclass {}(nn.Module):\n    def __init__(self):\n        self.width_list = [1]\n"
REGISTERED = "from ultralytics.nn.Addmodules import register_backbone\n" + CLAIM.replace(
    "\nclass", "\n@register_backbone\nclass"
)

FILES = {
    # after the articles: the class measures its own widths, factory functions beside it, four maps
    "pastednet.py": """
import torch
from torch import nn

class PastedNet(nn.Module):
    def __init__(self, width=8, extra=None):
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(3, width, 4, 4)])
        for k in range(3):
            self.layers.append(nn.Conv2d(width * 2**k, width * 2 ** (k + 1), 2, 2))
        self.width_list = [m.size(1) for m in self.forward(torch.randn(1, 3, 64, 64))]

    def forward(self, x):
        out = []
        for layer in self.layers:
            x = layer(x)
            out.append(x)
        return out

def pasted_small():
    return PastedNet(4)
""",
    "channelnet.py": """
from torch import nn
__all__ = ["three_maps"]

class _Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 8, 8, 8), nn.Conv2d(8, 16, 2, 2), nn.Conv2d(16, 32, 2, 2)
        self.channel = [8, 16, 32]

    def forward(self, x):
        a = self.a(x)
        b = self.b(a)
        return (a, b, self.c(b))

def three_maps():
    return _Net()
""",
    "registered.py": """
from torch import nn
from ultralytics.nn.Addmodules import register_backbone

@register_backbone
class OneMap(nn.Module):
    def __init__(self, in_chans=3):
        super().__init__()
        self.stem, self.width_list, self.strides = nn.Conv2d(in_chans, 32, 32, 32), [32], [32]

    def forward(self, x):
        return [self.stem(x)]

@register_backbone
class Liar(OneMap):
    def forward(self, x):
        return [self.stem(x), None]
""",
    "brokensyntax.py": "class Unfinished(nn.Module):\n    def __init__(self\n",
    "brokenimport.py": "import torchsummary_that_is_not_there\n\nclass NeedsMore:\n    pass\n",
    "brokenexit.py": "def late():\n    pass\n\nraise SystemExit('a script without its guard')\n",
    "atwin.py": CLAIM.format("MobileNetV3"),
    "shadow.py": REGISTERED.format("Detect"),
    "nowidths.py": "from torch import nn\nfrom ultralytics.nn.Addmodules import register_backbone\n\n"
    "@register_backbone\ndef bare():\n    return nn.Conv2d(3, 8, 32, 32)\n",
    "wrapper.py": """
from torch import nn

class Conv(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.channels = channels

class Bottleneck(nn.Module):
    def __init__(self):
        super().__init__()
        self.width_list = [1]

def Concat(x):
    return x

class Wrapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Conv2d(3, 8, 16, 16)
        self.deep = nn.Conv2d(8, 16, 2, 2)
        self.count, self.width_list = 2, [8, 16]

    def forward(self, x):
        x = self.backbone(x)
        return [x, self.deep(x)]
""",
    "second.py": """
from .pastednet import PastedNet

class Wider(PastedNet):
    pass

def Concat(x):
    return x
""",
    "helpers.py": "def useful(x):\n    return x\n",
}

SCRIPT = r"""
import json, torch
from ultralytics.nn.Addmodules import hooks
from ultralytics.nn.tasks import DetectionModel
from ultralytics.nn.Addmodules import registry
import ultralytics.nn.Addmodules as A

def row(name, *args, n=1, f=-1):
    return [f, n, name, list(args)]

def model(*backbone, p4=3, ch=3):
    head = [[-1, 1, "Conv", [16, 1]], [p4, 1, "Conv", [16, 1]], [[6, 5], 1, "Detect", ["nc"]]]
    if p4 is None:
        head = [[-1, 1, "Conv", [16, 1]], [[5], 1, "Detect", ["nc"]]]
    model = {"nc": 2, "backbone": list(backbone), "head": head}
    return hooks.make(DetectionModel, model, ch=ch, verbose=False)  # as YOLO does it

def attempt(function):
    try:
        return function()
    except Exception as e:
        return f"{type(e).__name__}: {e}"

def works(m, ch=3):
    m.train()
    out = m(torch.rand(2, ch, 64, 64))
    feats = out["feats"] if isinstance(out, dict) else out
    sum(f.square().mean() for f in feats).backward()
    grads = all(p.grad is not None for p in m.model[0].parameters())
    return {"stride": m.stride.tolist(), "save": m.save, "index": [l.i for l in m.model], "grads": grads}

print(json.dumps({
    "names": registry.names(),
    "broken": sorted(b.file for b in registry.broken),
    "attribute": attempt(lambda: A.PastedNet.__name__),
    "no attribute": attempt(lambda: A.Nothing),
    "class": attempt(lambda: works(model(row("PastedNet", 16)))),
    "factory": attempt(lambda: works(model(row("pasted_small")))),
    "three maps": attempt(lambda: works(model(row("three_maps")))),
    "one map": attempt(lambda: works(model(row("OneMap"), p4=None))),
    "ten channels": attempt(lambda: works(model(row("OneMap"), p4=None, ch=10), 10)),
    "keywords": attempt(lambda: works(model(row("PastedNet", {"width": 4})))),
    "wrapper with a backbone inside": attempt(lambda: works(model(row("Wrapped")))),
    "subclass of another file's": attempt(lambda: works(model(row("Wider", 4)))),
    "stock beside helpers of its names": attempt(lambda: DetectionModel("yolo11n.yaml", verbose=False).stride.tolist()),
    "empty slot": attempt(lambda: model(row("three_maps"), p4=1)),
    "arguments no list": attempt(lambda: model([-1, 1, "PastedNet", {"extra": 4}])),
    "from in a list": attempt(lambda: model([[-1], 1, "PastedNet", []])),
    "mobilenet small": attempt(lambda: works(model(row("MobileNetV3", "small")))),
    "pasted, ten channels": attempt(lambda: model(row("PastedNet"), ch=10)),
    "syntax": attempt(lambda: model(row("Unfinished"))),
    "import": attempt(lambda: model(row("NeedsMore"))),
    "exit": attempt(lambda: model(row("late"))),
    "twin": attempt(lambda: model(row("MobileNetV3"))),
    "shadow": attempt(lambda: model(row("OneMap"), p4=None)),
    "widths": attempt(lambda: model(row("bare"))),
    "liar": attempt(lambda: model(row("Liar"), p4=None)),
    "unknown": attempt(lambda: model(row("PastedNett"))),
    "helper": attempt(lambda: model(row("useful"))),
    "row 1": attempt(lambda: model(row("Conv", 8, 3, 2), row("PastedNet"))),
    "two": attempt(lambda: model(row("PastedNet"), row("PastedNet"))),
    "repeats": attempt(lambda: model(row("PastedNet", n=3))),
    "from": attempt(lambda: model(row("PastedNet", f=0))),
    "too many": attempt(lambda: model(row("pasted_small", 1))),
    "wrong keyword": attempt(lambda: model(row("PastedNet", {"widht": 4}))),
}, default=lambda o: f"built {type(o).__name__}"))
"""


def outcome(checkout, files, script=SCRIPT):
    for name, text in files.items():
        (checkout / OVERLAY / name).write_text(text, encoding="utf-8")
    run = run_python("-c", script, cwd=checkout, env={"PYTHONPATH": str(checkout)})
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def dropped(tmp_path_factory, wheel, results):
    """Everything above in one throw-away checkout, and what came of it."""
    from conftest import make_checkout

    checkout = make_checkout(tmp_path_factory.mktemp("dropped") / "checkout")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(builder, "run", lambda *_: results)
        builder.build(checkout, wheel)
    without = {name: text for name, text in FILES.items() if name not in {"atwin.py", "shadow.py"}}
    found = outcome(checkout, without)
    clashing = outcome(checkout, {name: FILES[name] for name in ("atwin.py", "shadow.py")})
    return found, clashing


def test_backbones_are_found_and_nothing_else(dropped):
    own = {c.stem for c in (ROOT / OVERLAY).glob("*.py")}
    assert {"mobilenetv3", "presnet"} <= own
    assert [name for name in dropped[0]["names"] if name not in registry.names()] == [
        *("Bottleneck", "Liar", "OneMap", "PastedNet", "Wider", "Wrapped", "bare", "pasted_small", "three_maps"),
    ]
    assert set(registry.names()) <= set(dropped[0]["names"])
    assert dropped[0]["attribute"] == "PastedNet"
    assert dropped[0]["no attribute"].startswith("AttributeError")


@pytest.mark.parametrize(
    ("case", "strides"),
    [
        ("class", [16.0, 32.0]),
        ("factory", [16.0, 32.0]),
        ("three maps", [16.0, 32.0]),
        ("one map", [32.0]),
        ("ten channels", [32.0]),
        ("keywords", [16.0, 32.0]),
        ("wrapper with a backbone inside", [16.0, 32.0]),
        ("subclass of another file's", [16.0, 32.0]),
        ("mobilenet small", [16.0, 32.0]),
    ],
)
def test_it_builds_and_trains_with_maps_filled_from_the_right(dropped, case, strides):
    found = dropped[0][case]
    assert isinstance(found, dict), found
    assert found["stride"] == strides
    assert found["index"] == list(range(4, 4 + len(found["index"])))
    assert found["grads"]
    assert set(found["save"]) <= {3, 5, 6}


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("pasted, ten channels", ("PastedNet takes images of 3 channels only", "in_chans")),
        ("syntax", ("brokensyntax.py could not be imported", "SyntaxError, line 2")),
        ("import", ("brokenimport.py could not be imported", "torchsummary_that_is_not_there", "line 1")),
        ("exit", ("brokenexit.py could not be imported", "SystemExit", "without its guard")),
        ("widths", ("bare states no channels", "width_list")),
        ("liar", ("Liar states maps of [32] channels and returns 32 channels, nothing",)),
        ("unknown", ("no module 'PastedNett'", "did you mean PastedNet")),
        ("helper", ("no module 'useful'",)),
        ("row 1", ("PastedNet is not in the first row",)),
        ("two", ("index 5: the backbone PastedNet is not in the first row",)),
        ("repeats", ("PastedNet has 3 repeats",)),
        ("empty slot", ("the row reads index 1 (P2), which _Net leaves empty", "2 (P3), 3 (P4), 4 (P5)")),
        ("arguments no list", ("the arguments are a mapping: {'extra': 4}", "expected a list")),
        ("from in a list", ("the first row reads from [-1]",)),
        ("from", ("the first row reads from 0",)),
        ("too many", ("pasted_small: too many positional arguments", "no arguments")),
        ("wrong keyword", ("unexpected keyword argument 'widht'", "width=8")),
    ],
)
def test_what_is_wrong_is_said(dropped, case, words):
    found = dropped[0][case]
    assert isinstance(found, str), found
    assert found.startswith(("BackboneError: ", "ModelError: one fault"))
    for word in words:
        assert word in found


def test_a_helper_with_a_name_of_upstreams_disturbs_no_stock_model(dropped):
    assert dropped[0]["stock beside helpers of its names"] == [8.0, 16.0, 32.0]


def test_broken_files_are_remembered_and_break_nothing_else(dropped):
    assert dropped[0]["broken"] == ["brokenexit.py", "brokenimport.py", "brokensyntax.py"]


def test_a_dropped_file_goes_before_the_projects_own(dropped):
    found = dropped[1]["twin"]
    assert "'MobileNetV3' object has no attribute" in found  # that of its class, which is no network
    assert dropped[1]["broken"] == dropped[0]["broken"]  # whichever is read first, both files stay importable
    assert isinstance(dropped[0]["mobilenet small"], dict)


@pytest.mark.parametrize("order", [0, 1])
def test_two_dropped_files_with_one_name_are_an_error_when_it_is_asked_for(order):
    twins = [type("Net", (), {"__module__": name}) for name in ("one", "two")]
    fresh = Registry()
    for twin in twins[:: -1 if order else 1]:
        fresh.add("Net", twin, registered=False)
    assert fresh.names() == []
    with pytest.raises(BackboneError, match=r"two files .* claim the name Net"):
        fresh.find("Net")


@pytest.mark.parametrize("order", [0, 1])
def test_which_of_two_kinds_of_claims_wins_and_that_it_is_said(order, caplog):
    own, dropped_in = type("Net", (), {"__module__": "own"}), type("Net", (), {"__module__": "mine"})
    fresh = Registry()
    for target, registered in [(own, True), (dropped_in, False)][:: -1 if order else 1]:
        fresh.add("Net", target, registered)
    with caplog.at_level("WARNING", "ultralytics"):
        assert fresh.find("Net") is fresh.find("Net") is dropped_in
    (record,) = caplog.records
    assert "Net is the one in ultralytics/nn/Addmodules/mine.py, not the project's own in own.py" in record.getMessage()
    assert fresh.names() == ["Net"]
    assert fresh.claims(own)
    assert fresh.claims(dropped_in)
    assert fresh.is_registered("Net")


def test_a_name_of_upstreams_stays_upstreams_and_the_clash_is_named(dropped):
    found = dropped[1]["shadow"]
    assert "Detect is the name of a module of upstream" in found
    assert isinstance(dropped[0]["one map"], dict)


def test_two_files_that_register_one_name_are_an_error_at_once():
    first, second = type("Net", (), {"__module__": "one"}), type("Net", (), {"__module__": "two"})
    fresh = Registry()
    fresh.add("Net", first)
    fresh.add("Net", first)  # the same class again, as when a module is imported anew
    assert fresh.find("Net") is first
    with pytest.raises(BackboneError, match=r"one\.py and two\.py"):
        fresh.add("Net", second)
    with pytest.raises(BackboneError, match="rename the class"):
        fresh.find("Net")


def test_activations_of_a_pasted_network_stay_as_they_were_built():
    """Upstream switches ReLU and its like to work in place; a network that reads the input once more then differs."""
    import torch
    from torch import nn

    from ultralytics.nn.Addmodules.hooks import build_backbone
    from ultralytics.utils.torch_utils import initialize_weights

    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.width_list, self.act, self.conv = [3], nn.ReLU(), nn.Conv2d(3, 3, 1)

        def forward(self, x):
            y = self.conv(x)
            return [y - self.act(y)]

    backbone, channels = build_backbone(Twice, [], [3], row=0, source=-1, repeats=1)
    x = torch.rand(1, 3, 4, 4)
    before = backbone(x)[0]
    initialize_weights(nn.Sequential(backbone))
    assert channels == [0, 0, 0, 0, 3]
    assert before.any()
    assert torch.equal(backbone(x)[0], before)
