"""What a training run leaves for a person: a table of its epochs and a picture of its predictions."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, Dict, List, Optional

ROWS = 12
"""Most epochs that the table shows; the first, the last and evenly spaced ones between."""


def report(model: Any) -> None:
    """Print the table, draw the picture, and name the files of the run that ``model`` has just finished."""
    trainer = model.trainer
    folder = Path(trainer.save_dir)
    print()
    print("\n".join(table(folder / "results.csv")))
    picture = draw(
        trainer.best if trainer.best.exists() else trainer.last, trainer.data, folder / "predictions.jpg", trainer.args
    )
    if (folder / "results.png").is_file():
        print(f"\nplots        {folder / 'results.png'}")
    if picture:
        print(f"predictions  {picture}  (left: annotation, right: the model's boxes, as many as annotated)")
    print(f"best.pt      {trainer.best}")


def table(results: Path) -> List[str]:
    """Return the lines of a table of upstream's ``results.csv``: losses of training, precision, recall and mAP."""
    with results.open(encoding="utf-8", newline="") as f:
        rows: List[Dict[str, str]] = [{k.strip(): v.strip() for k, v in row.items()} for row in csv.DictReader(f)]
    if not rows:
        return ["no epoch was finished"]
    losses = [name for name in rows[0] if name.startswith("train/")]
    metrics = [name for name in rows[0] if name.startswith("metrics/")]
    heads = [
        "epoch",
        *(name.split("/")[1] for name in losses),
        *(name.split("/")[1].replace("(B)", "") for name in metrics),
    ]
    picked = sorted(
        {round(i * (len(rows) - 1) / max(min(ROWS, len(rows)) - 1, 1)) for i in range(min(ROWS, len(rows)))}
    )
    lines = ["  ".join(f"{head:>12}" for head in heads)]
    for at in picked:
        values = [f"{float(rows[at][name]):.4f}" for name in [*losses, *metrics]]
        lines.append("  ".join(f"{value:>12}" for value in [rows[at]["epoch"], *values]))
    return lines


def draw(weights: Path, data: Dict[str, Any], target: Path, args: Any, most: int = 6) -> Optional[Path]:
    """Draw validation images beside each other: their annotation, and as many of the model's best boxes.

    Args:
        weights: Checkpoint.
        data: Upstream's parsed data YAML.
        target: The JPEG to write.
        args: The run's training arguments (imgsz, device).
        most: Number of images.

    Returns:
        ``target``, or None where no validation image has an annotation.
    """
    import cv2
    import numpy as np

    from run.find import load_checkpoint
    from ultralytics.data.utils import IMG_FORMATS, img2label_paths

    folders = data["val"] if isinstance(data["val"], list) else [data["val"]]
    images = sorted(str(p) for f in folders for p in Path(f).rglob("*.*") if p.suffix[1:].lower() in IMG_FORMATS)
    chosen = []
    for image, label in zip(images, img2label_paths(images)):
        lines = Path(label).read_text(encoding="utf-8").split("\n") if Path(label).is_file() else []
        boxes = [[float(v) for v in line.split()[1:5]] for line in lines if len(line.split()) == 5]
        if boxes:
            chosen.append((image, np.array(boxes)))
    if not chosen:
        return None
    chosen = sorted(sorted(chosen, key=lambda item: -len(item[1]))[:most])
    (model, _), panels, side = load_checkpoint(weights), [], 320
    for image, boxes in chosen:
        photo = cv2.imdecode(np.fromfile(image, np.uint8), cv2.IMREAD_COLOR)
        height, width = photo.shape[:2]
        found = model.predict(
            photo, imgsz=args.imgsz, device=args.device, conf=0.001, max_det=len(boxes), verbose=False
        )[0]
        truth = np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], 1)
        truth *= np.array([width, height, width, height])
        pair = []
        for corners, colour in ((truth, (0, 200, 0)), (found.boxes.xyxy.cpu().numpy(), (0, 140, 255))):
            panel = photo.copy()
            for left, top, right, bottom in corners.round().astype(int).tolist():
                cv2.rectangle(panel, (left, top), (right, bottom), colour, 2)
            pair.append(cv2.resize(panel, (side, round(side * height / width))))
        panels.append(cv2.copyMakeBorder(np.hstack(pair), 4, 4, 4, 4, cv2.BORDER_CONSTANT, value=(255, 255, 255)))
    tallest = max(panel.shape[0] for panel in panels)
    blank = (255, 255, 255)
    panels = [cv2.copyMakeBorder(p, 0, tallest - p.shape[0], 0, 0, cv2.BORDER_CONSTANT, value=blank) for p in panels]
    panels += [np.full_like(panels[0], 255)] * (len(panels) % 2)
    sheet = np.vstack([np.hstack(panels[i : i + 2]) for i in range(0, len(panels), 2)])
    cv2.imencode(".jpg", sheet)[1].tofile(str(target))  # imwrite fails on non-ASCII paths on Windows
    return target
