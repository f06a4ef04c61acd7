"""Has the models of a comparison timed against each other, once for the same set under the same conditions."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List

from lab.compare.schedule import share
from lab.files import read_json, write_json
from run import start

LATENCY = "latency.json"


def measure(out: Path, plan: Dict[str, Any], done: List[str], say: Callable[[str], None] = start.say) -> None:
    """Write ``latency.json``, unless it holds the very models, measured as they would be now.

    They take turns within each round, so one that was measured before says nothing of one that comes later: a new model
    has all measured again.
    """
    import torch

    from lab.compare.plan import runs

    models: Dict[str, Path] = {}
    for model, _, name in runs(plan):
        if name in done:
            models.setdefault(model["label"], out / "runs" / name / "weights" / "best.pt")
    wanted = str(plan["train"].get("device") or "0").split(",")[0]  # of several GPUs the first
    device = f"cuda:{wanted}" if torch.cuda.is_available() and wanted.isdigit() else "cpu"
    reference = plan["baseline"] if plan.get("baseline") in models else None
    conditions = {"imgsz": plan["train"]["imgsz"], "batch": 1, "threads": share(1), "torch": torch.__version__}
    found = read_json(out / LATENCY)
    if isinstance(found, dict) and set(found) - {"conditions"} == set(models):
        before = found.get("conditions", {})
        same = before.get("asked") == device and (reference is None or before.get("reference") == reference)
        if same and all(before.get(key) == value for key, value in conditions.items()):
            return
    from lab.speed.latency import measure as take_turns

    say(f"latency    measuring {len(models)} model(s) on {device} ...")
    asked: Dict[str, Any] = {key: conditions[key] for key in ("imgsz", "batch", "threads")}
    if reference is not None:
        asked["reference"] = reference
    result = take_turns(models, device=device, say=say, **asked)
    result.setdefault("conditions", {})["asked"] = device
    write_json(out / LATENCY, result)
