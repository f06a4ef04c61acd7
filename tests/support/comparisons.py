"""Made-up comparisons: folders as ``lab compare`` leaves them, without a training."""

import json

import numpy as np

from lab.compare import stats

MODELS = {
    "rtdetr-r18vd": (0.60, 20.1e6, 58.3, 91.2),
    "rtdetr-mobilenetv3": (0.45, 11.2e6, 29.8, 60.2),
    "rtdetr-efficientvit_m0": (0.605, 9.8e6, 26.0, 57.1),
    "rtdetr-mobilenetv4convsmall": (0.72, 10.2e6, 27.1, 55.0),
}
NASTY = r"50%_$x$&#{y}~^\rock<b>|`*[a]"
COLUMNS = [
    "epoch",
    "time",
    "train/box_loss",
    "train/cls_loss",
    "metrics/precision(B)",
    "metrics/recall(B)",
    "metrics/mAP50(B)",
    "metrics/mAP50-95(B)",
    "val/box_loss",
    "val/cls_loss",
    "lr/pg0",
]


def detections(quality, images=40, classes=3, seed=0, objects=6, truth=0, ties=False, each=12):
    """Make an evaluation: ``quality`` from 0 to 1; objects depend on ``truth`` only."""
    fixed = np.random.default_rng(1000 + truth)
    target_image = np.sort(fixed.integers(0, images, objects * images)).astype(np.int32)
    target_class = fixed.integers(0, classes, len(target_image)).astype(np.int16)
    hard = fixed.random(len(target_image))
    rng = np.random.default_rng(seed)
    found = hard < quality + rng.normal(0, 0.05, len(hard))
    reached = np.clip(10 * (quality + rng.normal(0, 0.25, len(hard))), 1, 10).astype(int)
    wrong = each * images
    image = np.concatenate([target_image[found], rng.integers(0, images, wrong)]).astype(np.int32)
    kind = np.concatenate([target_class[found], rng.integers(0, classes, wrong)]).astype(np.int16)
    conf = np.concatenate([rng.beta(4, 2, found.sum()), rng.beta(1, 5, wrong)]).astype(np.float32)
    tp = np.zeros((len(image), 10), bool)
    tp[: found.sum()] = np.arange(10) < reached[found, None]
    if ties:
        conf = np.round(conf, 1).astype(np.float32)
    order = np.lexsort((-conf, image))
    names = np.array([f"images/val/{n:05}.jpg" for n in range(images)])
    return stats.Evaluation(image[order], kind[order], conf[order], tp[order], target_image, target_class, names)


def figures(found, names, **facts):
    """Return what ``eval.json`` holds for an evaluation."""
    classes, values = stats.ap(found)
    place = {int(c): n for n, c in enumerate(classes)}
    per_class = {}
    for number, name in names.items():
        one = values[place[number]] if number in place else None
        per_class[name] = {
            "ap50": None if one is None else float(one[0]),
            "ap50_95": None if one is None else float(one.mean()),
            "precision": None if one is None else 0.7,
            "recall": None if one is None else 0.6,
            "number": number,
            "targets": int((found.target_class == number).sum()),
        }
    some = len(classes) > 0
    return {
        "parameters": 10_000_000,
        "gflops": 27.1,
        "size_mb": 20.8,
        "map50": float(values[:, 0].mean()) if some else None,
        "map50_95": float(values.mean()) if some else None,
        "precision": 0.7 if some else None,
        "recall": 0.6 if some else None,
        "per_class": per_class,
        "names": names,
        "images": len(found.images),
        "targets": len(found.target_class),
        "imgsz": 640,
        "why": None if some else "the validation set has no objects, so there is nothing to average",
        **facts,
    }


def curve(quality, epochs, seed):
    """Return upstream's ``results.csv`` as text."""
    rng = np.random.default_rng(seed)
    lines = [",".join(COLUMNS)]
    for n in range(1, epochs + 1):
        part = 1 - np.exp(-5 * n / epochs)
        m = quality * part + rng.normal(0, 0.01)
        values = [n, n * 9.5, 2 - part, 3 - 2 * part, m, m, m, 0.6 * m, 2.2 - part, 3.1 - 2 * part, 0.001]
        lines.append(",".join(f"{v:.5g}" for v in values))
    return "\n".join(lines) + "\n"


def make(out, models, seeds=(0, 1, 2), names=("tree", "rock", "树冠"), images=40, epochs=60, latency=True, objects=6):
    """Write a finished comparison.

    Args:
        out: Its folder.
        models: label -> (quality, parameters, GFLOPs, milliseconds); the first is the baseline.

    Returns:
        The plan.
    """
    names = dict(enumerate(names))
    for at, (label, (quality, parameters, gflops, _)) in enumerate(models.items()):
        for seed in seeds:
            folder = out / "runs" / f"{label}-s{seed}"
            (folder / "weights").mkdir(parents=True)
            found = detections(quality, images, len(names), seed=100 * at + seed, objects=objects)
            with (folder / "eval.npz").open("wb") as f:
                np.savez_compressed(f, **found._asdict())
            facts = {"parameters": parameters, "gflops": gflops, "size_mb": 2.1e-6 * parameters}
            write(folder / "eval.json", figures(found, names, **facts))
            state = {"state": "done", "reason": None, "epochs": epochs, "seconds": 9.5 * epochs, "attempts": 1}
            write(folder / "state.json", state)
            (folder / "results.csv").write_text(curve(quality, epochs, seed), encoding="utf-8")
    if latency:
        times = {label: {"median_ms": m[3], "p95_ms": 1.1 * m[3], "rounds": 30} for label, m in models.items()}
        conditions = {"device": "cpu", "threads": 2, "precision": "float32", "batch": 1, "imgsz": 640, "torch": "2.4"}
        write(out / "latency.json", {**times, "conditions": conditions})
    entries = [{"label": label, "cfg": f"{label}.yaml"} for label in models]
    return {
        "version": 1,
        "data": "trees.yaml",
        "models": entries,
        "baseline": next(iter(models)),
        "seeds": list(seeds),
        "train": {"epochs": epochs, "imgsz": 640, "batch": 8},
        "names": names,
    }


def write(path, content):
    """Write JSON."""
    path.write_text(json.dumps(content), encoding="utf-8")
