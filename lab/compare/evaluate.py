"""Validates a finished run by upstream's own validator, and keeps every detection, so that intervals can be had later.

``eval.npz`` has the arrays of ``stats.Evaluation``; ``eval.json`` has upstream's figures for them, parameters and
GFLOPs of the model as it was trained (not fused), and the size of its checkpoint.
"""

from __future__ import annotations

import collections
import tempfile
from pathlib import Path
from typing import Any, ClassVar, Dict, List, Optional

from lab import files
from run import find, start

KEPT = ("conf", "iou", "max_det", "single_cls", "classes", "agnostic_nms", "split", "workers", "rect")
"""Arguments of the training that its own validations obeyed, too."""


def evaluate(run: Path, data: str, imgsz: int, batch: int, device: str) -> Dict[str, Any]:
    """Validate ``weights/best.pt`` of a run; write ``eval.npz`` and ``eval.json`` beside it.

    Args:
        run: Folder of the run.
        data: Data YAML.
        imgsz: Side of the images in pixels.
        batch: Images at a time; 16 where it is not a number of them (-1 lets a training choose).
        device: As upstream names it: ``cpu``, ``0``.

    Returns:
        What ``eval.json`` holds. Where the validation set has no objects, the figures that need them are None and
        ``why`` says so.

    Raises:
        UsageError: There is no such checkpoint, or a file cannot be written.
    """
    start.load_ultralytics()
    import torch

    run, batch = Path(run), batch if isinstance(batch, int) and batch > 0 else 16
    weights = run / "weights" / "best.pt"
    model, _ = find.load_checkpoint(weights)
    facts = _facts(model.model, weights, imgsz)
    threads = torch.get_num_threads()  # upstream sets its own number as it picks the device
    model.add_callback("on_val_start", lambda _: torch.set_num_threads(threads))
    given = {key: value for key, value in _trained_with(run).items() if key in KEPT and value is not None}
    with tempfile.TemporaryDirectory() as scratch:  # upstream makes a folder for each validation
        where = {"project": scratch, "name": "val", "exist_ok": True, "plots": False, "save_json": False}
        validator = _recorder(model)
        arguments = {**given, **where, "data": data, "imgsz": imgsz, "batch": batch, "device": device}
        metrics = model.val(validator=validator, verbose=False, **arguments)
    kept = validator.made[-1].kept
    arrays = _arrays(kept, Path(validator.made[-1].data.get("path") or "."))
    result = {**facts, **_figures(metrics, arrays), "imgsz": imgsz, "batch": batch, "device": str(device)}
    files.write(run / "eval.npz", lambda f: _save(f, arrays))
    files.write_json(run / "eval.json", result, finite=True)
    return result


def _save(file: Any, arrays: Dict[str, Any]) -> None:
    import numpy as np

    np.savez_compressed(file, **arrays)


def _trained_with(run: Path) -> Dict[str, Any]:
    """Return the arguments of the training, as upstream wrote them; none where it did not."""
    import yaml

    path = run / "args.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None
    return content if isinstance(content, dict) else {}


def _facts(model: Any, weights: Path, imgsz: int) -> Dict[str, Any]:
    """Return parameters, GFLOPs for one image, and megabytes (10^6 bytes) of the checkpoint."""
    from ultralytics.utils.torch_utils import get_flops

    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "gflops": float(get_flops(model, imgsz)) or None,  # upstream gives 0 where it cannot tell
        "size_mb": weights.stat().st_size / 1e6,
    }


def _recorder(model: Any) -> Any:
    """Return the validator's class of a model, taught to keep what it counts before upstream throws it away."""

    class Recorder(model._smart_load("validator")):
        """Upstream's validator; ``kept`` has one entry an image."""

        made: ClassVar[List[Any]] = []

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.kept: List[Dict[str, Any]] = []
            self.made.append(self)

        def update_metrics(self, preds: Any, batch: Dict[str, Any]) -> None:
            """Count a batch, and keep what was counted, with the names of its images."""
            before = len(self.metrics.stats["tp"])
            super().update_metrics(preds, batch)
            stats = self.metrics.stats
            for at, name in enumerate(batch["im_file"], before):
                entry = {key: stats[key][at] for key in ("tp", "conf", "pred_cls", "target_cls")}
                self.kept.append({"name": name, **entry})

    return Recorder


def _arrays(kept: List[Dict[str, Any]], root: Path) -> Dict[str, Any]:
    """Return the arrays of ``stats.Evaluation``, images by name: upstream's order depends on rect."""
    import numpy as np

    def name(entry: Dict[str, Any]) -> str:
        path = Path(entry["name"])
        try:
            return path.resolve().relative_to(root.resolve()).as_posix()
        except ValueError:
            return path.as_posix()

    entries = sorted(((name(entry), entry) for entry in kept), key=lambda pair: pair[0])
    found = [len(entry["conf"]) for _, entry in entries]
    wanted = [len(entry["target_cls"]) for _, entry in entries]

    def joined(key: str, dtype: Any, shape: Any = (0,)) -> Any:
        parts = [np.asarray(entry[key]).reshape(-1, *shape[1:]) for _, entry in entries]
        return np.concatenate(parts).astype(dtype) if parts else np.zeros(shape, dtype)

    numbers = np.arange(len(entries), dtype=np.int32)
    return {
        "pred_image": np.repeat(numbers, found),
        "pred_class": joined("pred_cls", np.int16),
        "conf": joined("conf", np.float32),
        "tp": joined("tp", bool, (0, 10)),
        "target_image": np.repeat(numbers, wanted),
        "target_class": joined("target_cls", np.int16),
        "images": np.array([each for each, _ in entries], dtype=np.str_),
    }


def _figures(metrics: Any, arrays: Dict[str, Any]) -> Dict[str, Any]:
    """Return upstream's figures, overall and for each class; None for what needs objects where there are none."""
    names = {int(number): str(name) for number, name in metrics.names.items()}
    box, objects = metrics.box, collections.Counter(arrays["target_class"].tolist())
    place = {int(c): n for n, c in enumerate(box.ap_class_index)} if objects else {}
    shown = collections.Counter(names.values())
    per_class = {}
    for number, name in names.items():
        values: List[Optional[float]] = [None] * 4
        if number in place:
            precision, recall, ap50, ap = (float(value) for value in box.class_result(place[number]))
            values = [ap50, ap, precision, recall]
        key = name if shown[name] == 1 else f"{name} #{number}"
        per_class[key] = dict(zip(("ap50", "ap50_95", "precision", "recall"), values))
        per_class[key].update(number=number, targets=objects[number])
    overall: Dict[str, Any] = dict.fromkeys(("map50", "map50_95", "precision", "recall"))
    if objects:
        overall = {"map50": box.map50, "map50_95": box.map, "precision": box.mp, "recall": box.mr}
        overall = {key: float(value) for key, value in overall.items()}
    return {
        **overall,
        "per_class": per_class,
        "names": names,
        "images": len(arrays["images"]),
        "targets": len(arrays["target_class"]),
        "why": None if objects else "the validation set has no objects, so there is nothing to average",
    }
