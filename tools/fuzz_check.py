"""Holds the check of model YAMLs against what really builds and runs, on random edits of valid YAMLs.

    python -m tools.fuzz_check --count 3000 --seed 0

Two outcomes are wrong: a YAML passes and then fails in torch (a miss), or it is refused and would have run (a false
alarm). Rules that refuse what torch would run, on purpose, are counted apart: a head whose levels are not in order, or
two of one level.
"""

from __future__ import annotations

import copy
import json
import logging
import random
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

import yaml

from fork.arguments import Parser

ROOT = Path(__file__).resolve().parent.parent
SEEDS = (
    "cfg/models/rtdetr-mobilenetv3.yaml",
    "cfg/models/yolo11-mobilenetv3.yaml",
    "cfg/models/yolov5-mobilenetv3.yaml",
)
STOCK = ("11/yolo11.yaml", "v8/yolov8.yaml", "v10/yolov10n.yaml", "v3/yolov3-tiny.yaml", "v9/yolov9t.yaml")
NAMES = ["Conv", "C2f", "C3k2", "RepC3", "AIFI", "Concat", "SPPF", "nn.Upsample", "nn.Identity", "DWConv", "GhostConv"]
NAMES += [
    "Detect",
    "RTDETRDecoder",
    "MobileNetV3Small",
    "nn.MaxPool2d",
    "nn.Conv2d",
    "Bottleneck",
    "Konv",
    "nn.Upsampel",
]
BY_RULE = ("in the order", "two maps of one level")


class Verdict(NamedTuple):
    """What the check said of a YAML, and what torch did with it.

    Attributes:
        passed: Whether the check passed it.
        said: Its faults.
        runs: Whether it builds and runs.
        error: What torch said instead.
    """

    passed: bool
    said: List[str]
    runs: bool
    error: str

    @property
    def kind(self) -> str:
        """``agree``, ``miss``, ``false alarm``, or ``by rule``."""
        if self.passed == self.runs:
            return "agree"
        if self.passed:
            return "miss"
        return "by rule" if all(any(rule in text for rule in BY_RULE) for text in self.said) else "false alarm"


def seeds() -> List[Dict[str, Any]]:
    """Return the contents of the YAMLs that are edited, the stock ones at their smallest scale."""
    folder = ROOT / "ultralytics" / "cfg" / "models"
    paths = [*(ROOT / name for name in SEEDS), *(folder / name for name in STOCK)]
    result = []
    for path in paths:
        model = yaml.safe_load(path.read_text(encoding="utf-8"))
        model["nc"] = 3
        if "mobilenetv3" in path.name:
            model["backbone"][0][2] = "MobileNetV3Small"
        result.append(model)
    return result


def edited(model: Dict[str, Any], draw: random.Random) -> Dict[str, Any]:
    """Return a copy with one to three random edits."""
    model = copy.deepcopy(model)
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        section = draw.choice(["backbone", "head", "head", "head"])
        rows = model.get(section)
        if not isinstance(rows, list) or not rows:
            continue
        at = draw.randrange(len(rows))
        _edit(model, rows, at, draw)
    return model


def _edit(model: Dict[str, Any], rows: List[Any], at: int, draw: random.Random) -> None:
    row = rows[at]
    kind = draw.randrange(12)
    if kind == 0:
        rows.insert(at, copy.deepcopy(row))
    elif kind == 1:
        del rows[at]
    elif kind == 2:
        other = draw.randrange(len(rows))
        rows[at], rows[other] = rows[other], rows[at]
    elif kind == 3:
        model[draw.choice(["nc", "width_multiple", "depth_multiple"])] = draw.choice([1, 0, 2, 0.5, "x", None])
    elif not isinstance(row, list) or len(row) != 4:
        return
    elif kind in (4, 5):
        source = row[0]
        if isinstance(source, list) and source:
            source[draw.randrange(len(source))] = draw.randint(-6, 26)
        else:
            row[0] = draw.randint(-6, 26)
    elif kind == 6:
        row[0] = draw.choice([[-1, draw.randint(0, 12)], -1, [-1], [], "x", None, 1.5, [[1]]])
    elif kind == 7:
        row[1] = draw.choice([0, 1, 2, 3, -1, 1.5, "2", None])
    elif kind in (8, 9):
        row[2] = draw.choice(NAMES)
    elif isinstance(row[3], list):
        _edit_arguments(row[3], draw)


def _edit_arguments(arguments: List[Any], draw: random.Random) -> None:
    kind = draw.randrange(4)
    value = draw.choice([0, 1, 2, 3, 7, 8, 64, 100, 256, -1, 0.5, None, True, "x", "nc", [1, 2], {}])
    if kind == 0 and arguments:
        del arguments[draw.randrange(len(arguments))]
    elif kind == 1:
        arguments.insert(draw.randint(0, len(arguments)), value)
    elif arguments:
        arguments[draw.randrange(len(arguments))] = value


def judge(model: Dict[str, Any], size: int = 160) -> Verdict:
    """Check a YAML, then build it and run it on an image of ``size`` pixels."""
    from ultralytics.nn.Addmodules._check import report as preflight

    report = preflight.check(copy.deepcopy(model), size=size)
    error = _really(model, size)
    return Verdict(report.ok, report.faults(), error is None, error or "")


def _really(model: Dict[str, Any], size: int) -> Optional[str]:
    import torch

    from ultralytics.nn import tasks
    from ultralytics.nn.Addmodules._check import report as preflight

    token = preflight._checking.set(True)  # upstream alone
    activation = tasks.Conv.default_act
    try:
        head = model["head"][-1][2]
        cls = tasks.RTDETRDetectionModel if head == "RTDETRDecoder" else tasks.DetectionModel
        built = cls(copy.deepcopy(model), verbose=False).eval()
        with torch.no_grad():
            built(torch.zeros(1, 3, size, size))
    except ConnectionError:
        return None  # weights out of reach are not the YAML's fault
    except Exception as e:
        if "could not be fetched" in str(e):
            return None
        return f"{type(e).__name__}: {' '.join(str(e).split())[:200]}"
    finally:
        preflight._checking.reset(token)
        tasks.Conv.default_act = activation
    return None


def main(argv: Optional[List[str]] = None) -> int:
    """Run the command line; return 1 where the check was wrong."""
    parser = Parser(description=__doc__)
    parser.add_argument("--count", type=int, default=300, help="YAMLs to try (300)")
    parser.add_argument("--seed", type=int, default=0, help="start of the random numbers (0)")
    options = parser.parse_args(argv)
    import ultralytics.nn.tasks  # noqa: F401  (sets the level of its log)

    logging.getLogger("ultralytics").setLevel(logging.CRITICAL)
    draw = random.Random(options.seed)
    models = seeds()
    counts: Dict[str, int] = {}
    start = time.monotonic()
    for n in range(options.count):
        model = edited(draw.choice(models), draw)
        verdict = judge(model)
        kind = verdict.kind if verdict.kind != "agree" else ("runs" if verdict.runs else "refused")
        counts[kind] = counts.get(kind, 0) + 1
        if kind in ("miss", "false alarm"):
            print(f"{kind} at {n}: {verdict.error or verdict.said}\n  {json.dumps(model)}", flush=True)
    print(f"{options.count} YAMLs in {time.monotonic() - start:.0f} s: {counts}")
    return 1 if counts.get("miss") or counts.get("false alarm") else 0


if __name__ == "__main__":
    sys.exit(main())
