"""The same validation images side by side: the ground truth, and what each model finds."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any, Dict, List, Tuple

from lab import files, plotting
from lab.compare.rows import Results
from lab.compare.sheet import name, shown

IMAGES = 4
"""Images shown: those with the most objects."""

MODELS = 5
"""Most models beside the ground truth."""

CONF = 0.25
"""Least score of a box that is shown, which is what upstream's ``predict`` shows."""

MATCH = 0.5
"""IoU from which on a box of the right class is right."""

SIDE = 420
"""Longer side of an image in the picture, in pixels."""


def keep(model: Any, dataset: Any, imgsz: int, device: str) -> Dict[str, Any]:
    """Return what a model finds on the images with the most objects, for ``predictions.json``.

    Args:
        model: Upstream's YOLO or RTDETR.
        dataset: Upstream's validation set.
        imgsz: Side of the images in pixels.
        device: As upstream names it.

    Returns:
        ``images``: of each its ``path``, ``truth`` and ``found``. Boxes are left, top, right and bottom as fractions of
        the image, then the score (those found), then the class.
    """
    import numpy as np

    ranked = sorted(dataset.labels, key=lambda label: (-len(label["cls"]), str(label["im_file"])))
    images = []
    for label in ranked[:IMAGES]:
        boxes = np.asarray(label["bboxes"], float).reshape(-1, 4)
        corners = np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], 1)
        truth = np.concatenate([corners, np.asarray(label["cls"], float).reshape(-1, 1)], 1)
        result = model.predict(label["im_file"], imgsz=imgsz, device=device, conf=CONF, verbose=False, save=False)[0]
        boxes = result.boxes
        found = np.concatenate(
            [boxes.xyxyn.cpu().numpy(), boxes.conf.cpu().numpy()[:, None], boxes.cls.cpu().numpy()[:, None]], 1
        )
        images.append({"path": str(label["im_file"]), "truth": truth.tolist(), "found": found.tolist()})
    return {"conf": CONF, "names": {int(k): str(v) for k, v in model.names.items()}, "images": images}


def judge(truth: Any, found: Any) -> Tuple[List[bool], List[bool]]:
    """Tell which boxes are right and which objects are found; the surest box chooses first.

    Args:
        truth: Objects, (T, 5), the class last.
        found: Boxes, (D, 6), score and class last.

    Returns:
        For each box whether it is right, and for each object whether it is found.
    """
    import numpy as np

    truth, found = np.asarray(truth, float).reshape(-1, 5), np.asarray(found, float).reshape(-1, 6)
    right, met = [False] * len(found), [False] * len(truth)
    low = np.maximum(found[:, None, :2], truth[None, :, :2])
    high = np.minimum(found[:, None, 2:4], truth[None, :, 2:4])
    both = np.clip(high - low, 0, None).prod(2)
    areas = [(boxes[:, 2:4] - boxes[:, :2]).prod(1) for boxes in (found, truth)]
    iou = both / np.maximum(areas[0][:, None] + areas[1][None] - both, 1e-12)
    iou[found[:, 5][:, None] != truth[:, 4][None]] = 0
    for n in np.argsort(-found[:, 4], kind="stable"):
        free = [0.0 if taken else value for taken, value in zip(met, iou[n])]
        if free and max(free) >= MATCH:
            met[free.index(max(free))] = right[n] = True
    return right, met


def predictions(results: Results, folder: Path) -> List[Path]:
    """Draw the images in rows: the ground truth, then the boxes of each model's first seed.

    Right boxes are solid and blue, wrong ones dashed and orange, missed objects dotted and white.
    """
    kept = []
    for model in shown(results, MODELS):
        content = files.read_json(model.done[0].folder / "predictions.json")
        if content and content.get("images"):
            kept.append((model, content))
    if not kept:
        return []
    first = kept[0][1]["images"]
    kept = [pair for pair in kept if [i["path"] for i in pair[1]["images"]] == [i["path"] for i in first]]
    photos = [_photo(Path(image["path"])) for image in first]
    rows = [n for n, photo in enumerate(photos) if photo is not None]
    if not rows:
        return []
    columns, gap = 1 + len(kept), 0.03
    width = (plotting.PAGE - gap * columns) / columns
    heights = [width * photos[n].shape[0] / photos[n].shape[1] for n in rows]
    with plotting.style() as plt:
        figure, grid = plt.subplots(
            len(rows),
            columns,
            figsize=(plotting.PAGE, sum(heights) + gap * len(rows) + 0.55),
            squeeze=False,
            gridspec_kw={"height_ratios": heights},
        )
        figure.get_layout_engine().set(w_pad=gap / 2, h_pad=gap / 2, wspace=0, hspace=0)
        for line, n in enumerate(rows):
            for column in range(columns):
                axes = grid[line][column]
                axes.imshow(photos[n], interpolation="none")
                axes.set_axis_off()
                if line == 0:
                    head = name(kept[column - 1][0], results) if column else "Ground truth"
                    axes.set_title("\n".join(textwrap.wrap(head, max(8, int(15 * width)))), fontsize=6.5, pad=2)
                found = kept[column - 1][1]["images"][n]["found"] if column else None
                _boxes(axes, photos[n].shape, first[n]["truth"], found)
        for word, key in (("Ground truth", "truth"), ("right", "right"), ("wrong", "wrong"), ("missed", "missed")):
            grid[0][0].plot([], [], label=word, **_line(key, legend=True))
        handles, labels = grid[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncol=4)
        return list(plotting.save(figure, folder / "predictions", dpi=250))


def _line(kind: str, legend: bool = False) -> Dict[str, Any]:
    colour, line = {
        "truth": ("#00E5A0", "-"),
        "right": ("#2AA7FF", "-"),
        "wrong": ("#FF8C1A", (0, (2.5, 1.2))),
        "missed": ("#FFFFFF", (0, (1, 1))),
    }[kind]
    if legend and kind == "missed":
        colour = "#888888"  # white on white would not be seen
    return {"color": colour, "linestyle": line, "linewidth": 0.9}


def _photo(path: Path) -> Any:
    """Return an image as RGB, made smaller; None where it is gone or unreadable."""
    import cv2
    import numpy as np

    try:
        image = cv2.imdecode(np.fromfile(str(path), np.uint8), cv2.IMREAD_COLOR)  # imread fails on non-ASCII, Windows
    except (OSError, cv2.error):
        return None
    if image is None:
        return None
    scale = SIDE / max(image.shape[:2])
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    size = tuple(max(1, round(side * scale)) for side in image.shape[1::-1])
    return cv2.cvtColor(cv2.resize(image, size, interpolation=kind), cv2.COLOR_BGR2RGB)


def _boxes(axes: Any, shape: Any, truth: Any, found: Any) -> None:
    """Draw what was found against the truth; the truth alone for None."""
    drawn = [(box, "truth") for box in truth]
    if found is not None:
        right, met = judge(truth, found)
        drawn = [(box, "missed") for box, hit in zip(truth, met) if not hit]
        drawn += [(box, "right" if hit else "wrong") for box, hit in zip(found, right)]
    height, width = shape[:2]
    for (left, top, end, bottom, *_), kind in drawn:
        xs = [width * x - 0.5 for x in (left, end, end, left, left)]
        ys = [height * y - 0.5 for y in (top, top, bottom, bottom, top)]
        axes.plot(xs, ys, color="black", linewidth=1.5, alpha=0.45, solid_joinstyle="miter")  # seen on any ground
        axes.plot(xs, ys, solid_joinstyle="miter", **_line(kind))
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
