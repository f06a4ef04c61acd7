"""Measures the project's backbones against timm's equivalents on the CPU: inference and a training step.

    python -m tools.bench                      all, to docs/backbones.json (twenty minutes; run nothing beside it)
    python -m tools.bench --only efficientvit  some
    python -m tools.bench --quick              three rounds, to see that it runs

Both are folded and in channels_last for inference, and as they are built for training. Ours and theirs take turns
within every round (the clock of ``lab.speed.latency``), so that a slower spell of the machine meets both alike.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

from fork.arguments import Parser
from lab.speed import latency

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "docs" / "backbones.json"


class Case(NamedTuple):
    """One of ours and its equal in timm.

    Attributes:
        name: Ours, in the registry.
        options: Its arguments.
        theirs: timm's name.
    """

    name: str
    options: Dict[str, Any]
    theirs: str


CASES = [
    Case("MobileNetV3Small", {"squeeze_divisor": 8}, "mobilenetv3_small_100"),
    Case("MobileNetV3Large", {"squeeze_divisor": 8}, "mobilenetv3_large_100"),
    *(
        Case(f"MobileNetV4{kind}", {}, f"mobilenetv4_{name}")
        for kind, name in (
            ("ConvSmall", "conv_small"),
            ("ConvMedium", "conv_medium"),
            ("ConvLarge", "conv_large"),
            ("HybridMedium", "hybrid_medium"),
            ("HybridLarge", "hybrid_large"),
        )
    ),
    Case("EfficientViT_M0", {"kernels": [5, 5, 5, 5]}, "efficientvit_m0"),
    *(Case(f"EfficientViT_M{n}", {}, f"efficientvit_m{n}") for n in range(1, 6)),
    *(Case(f"PResNet{depth}", {"projection": False}, f"resnet{depth}d") for depth in (18, 34)),
    *(Case(f"PResNet{depth}", {}, f"resnet{depth}d") for depth in (50, 101)),
]


def ours(case: Case) -> Any:
    """Return our backbone."""
    from ultralytics.nn.Addmodules import registry

    return registry.find(case.name)(**case.options)


def theirs(case: Case, side: int) -> Any:
    """Return timm's network with the same maps, as a module whose forward gives them.

    timm's EfficientViT has a fourth stem convolution of stride 2 and one image size; both are set to ours.
    """
    import timm
    from torch import nn

    class Theirs(nn.Module):
        """timm's network, called for its maps."""

        def __init__(self, body: Any) -> None:
            super().__init__()
            self.body = body
            self.addmodules_backbone = True  # as the fold sees a backbone

        def forward(self, x: Any) -> List[Any]:
            """Return the maps."""
            if hasattr(self.body, "patch_embed"):
                return list(self.body.forward_intermediates(x, intermediates_only=True))
            return list(self.body(x))

    if "efficientvit" in case.theirs:
        body = timm.create_model(case.theirs, num_classes=0, img_size=side)
        body.patch_embed.conv4.conv.stride = (1, 1)
    else:
        start = {"zero_init_last": False} if case.theirs.startswith("resnet") else {}
        body = timm.create_model(case.theirs, features_only=True, out_indices=(1, 2, 3, 4), **start)
    return Theirs(body)


def folded(backbone: Any) -> Any:
    """Return a backbone in its inference form, in channels_last: upstream's fuse, then the fork's fold."""
    import torch
    from torch import nn

    from ultralytics.nn.Addmodules._rows import fold
    from ultralytics.nn.tasks import BaseModel

    model = BaseModel()
    backbone.addmodules_backbone = True
    model.model = nn.Sequential(backbone)
    model.info = lambda *args, **kwargs: None
    model.eval().fuse(verbose=False)
    assert fold.is_folded(model)
    return model.model[0].requires_grad_(False).to(memory_format=torch.channels_last)


def measure(case: Case, rounds: int, side: int, train_side: int, train_batch: int) -> Dict[str, Any]:
    """Return the medians of one case, and the median over the rounds of ours divided by timm's."""
    import torch

    torch.manual_seed(0)
    x = torch.rand(1, 3, side, side).contiguous(memory_format=torch.channels_last)
    pair = [folded(ours(case)), folded(theirs(case, side))]
    with torch.inference_mode():
        infer = latency.take_turns([lambda model=model: model(x) for model in pair], rounds)
    batch = torch.rand(train_batch, 3, train_side, train_side)

    def step(model: Any) -> None:
        sum(m.mean() for m in model(batch)).backward()
        model.zero_grad()

    learners = [ours(case).train(), theirs(case, train_side).train()]
    train = latency.take_turns([lambda model=model: step(model) for model in learners], max(3, rounds // 2))
    result = {"theirs": case.theirs}
    for kind, (a, b) in (("inference", infer), ("training", train)):
        result[kind] = {
            "ours_ms": round(statistics.median(a), 2),
            "timm_ms": round(statistics.median(b), 2),
            "ratio": round(statistics.median(x / y for x, y in zip(a, b)), 3),
        }
    return result


def conditions(threads: int, rounds: int, side: int, train_side: int, train_batch: int) -> Dict[str, Any]:
    """Return what the figures depend on."""
    import timm
    import torch

    return {
        "cpu": latency.cpu_name(),
        "threads": threads,
        "torch": torch.__version__,
        "timm": timm.__version__,
        "inference": f"{side}x{side}, batch 1, float32, folded, channels_last",
        "training": f"{train_side}x{train_side}, batch {train_batch}, forward and backward, float32",
        "rounds": rounds,
    }


def main(argv: Optional[List[str]] = None) -> int:
    """Run the command line; return the exit code."""
    parser = Parser(prog="python -m tools.bench", description=__doc__)
    parser.add_argument(
        "--only", default="", help="measure the backbones whose names hold this text, whatever its case"
    )
    parser.add_argument("--rounds", type=int, default=21, help="rounds of inference (21); training takes half of them")
    parser.add_argument("--threads", type=int, default=2, help="threads (2)")
    parser.add_argument("--quick", action="store_true", help="three rounds at 128 pixels; writes nothing")
    parser.add_argument("--out", type=Path, default=RESULTS, help=f"file of results ({RESULTS.relative_to(ROOT)})")
    options = parser.parse_args(argv)
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    import torch

    import ultralytics  # noqa: F401  sets the number of threads, and so goes first

    torch.set_num_threads(options.threads)
    cases = [case for case in CASES if options.only.lower() in case.name.lower()]
    if not cases:
        print(f"error: --only {options.only}: there are {', '.join(c.name for c in CASES)}", file=sys.stderr)
        return 2
    setting = {"rounds": options.rounds, "side": 640, "train_side": 320, "train_batch": 4}
    if options.quick:
        setting.update(rounds=3, side=128, train_side=64, train_batch=2)
    known = json.loads(options.out.read_text(encoding="utf-8")) if options.out.is_file() and options.only else {}
    content = {"conditions": conditions(options.threads, **setting), "results": known.get("results", {})}
    print(f"{'':22}{'inference ms':>14}{'timm':>9}{'ratio':>8}{'training ms':>14}{'timm':>9}{'ratio':>8}")
    for case in cases:
        result = measure(case, **setting)
        content["results"][case.name] = result
        a, b = result["inference"], result["training"]
        print(
            f"{case.name:22}{a['ours_ms']:14.1f}{a['timm_ms']:9.1f}{a['ratio']:8.2f}"
            f"{b['ours_ms']:14.1f}{b['timm_ms']:9.1f}{b['ratio']:8.2f}",
            flush=True,
        )
        if not options.quick:
            options.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
