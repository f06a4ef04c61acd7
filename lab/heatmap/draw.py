"""The picture of ``lab heatmap``: an image with its detections, and the heat of each layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Tuple

from lab import plotting

COLOURS = "inferno"
"""Colour map of heat: its lightness rises all the way, so that it can be read in grey and by the colour-blind."""
DRAWN = 60
"""Most boxes of an image that are drawn, the strongest."""
LABELLED = 12
"""Most boxes whose class and confidence are written beside them."""


class Panels(NamedTuple):
    """What there is to draw of an image.

    Attributes:
        photo: uint8, (H, W, C), BGR or grey.
        seen: A ``lab.heatmap.net.Seen``.
        layers: Their names.
        maps: The map of each, (H, W) in 0…1; None where there is no detection.
        names: Class number -> name.
    """

    photo: Any
    seen: Any
    layers: List[str]
    maps: List[Any]
    names: Dict[int, str]


def rgb(photo: Any) -> Any:
    """Return an image as RGB, (H, W, 3)."""
    import cv2

    return cv2.cvtColor(photo, cv2.COLOR_GRAY2RGB if photo.shape[2] == 1 else cv2.COLOR_BGR2RGB)


def overlay(photo: Any, heat: Any) -> Any:
    """Return uint8 RGB: heat in colour over the darkened grey photograph; the grey photograph alone for None."""
    import cv2
    import matplotlib
    import numpy as np

    grey = cv2.cvtColor(cv2.cvtColor(rgb(photo), cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB) / 255.0
    if heat is None:
        return np.uint8(grey * 255)
    share = 0.85 * heat[..., None] ** 0.6  # by a power under 1, so that weak heat can be seen at all
    colour = matplotlib.colormaps[COLOURS](0.3 + 0.7 * heat)[..., :3]  # its beginning is all but black
    return np.uint8((grey * 0.7 * (1 - share) + colour * share) * 255)


def share_inside(heat: Any, boxes: Any) -> Tuple[float, float]:
    """Return the share of the heat that lies in any of the boxes, and the share of the image that they cover.

    The first alone says little: of a map without any structure it equals the second. (The energy-based pointing game
    of Wang et al., "Score-CAM", 2020, with the predicted boxes instead of the annotated ones.)
    """
    import numpy as np

    inside = np.zeros(heat.shape, bool)
    for left, top, right, bottom in np.round(boxes).astype(int).tolist():
        inside[top:bottom, left:right] = True
    total = float(heat.sum())
    return (float(heat[inside].sum()) / total if total else 0.0), float(inside.mean())


def summary(panels: Panels) -> str:
    """Return a line about an image: its detections, and for each layer how much of the heat is in their boxes."""
    seen = panels.seen
    if not len(seen.scores):
        return f"no detection; the highest confidence is {max(seen.highest, 0):.3f}"
    counts: Dict[int, int] = {}
    for label in seen.labels.tolist():
        counts[label] = counts.get(label, 0) + 1
    words = ", ".join(f"{count} {panels.names[label]}" for label, count in sorted(counts.items(), key=lambda c: -c[1]))
    parts, cover = [], 0.0
    for layer, heat in zip(panels.layers, panels.maps):
        share, cover = share_inside(heat, seen.boxes)
        parts.append(f"{layer} {share:.0%}" if heat.any() else f"{layer} empty")
    return f"{words}; heat in their boxes: {', '.join(parts)} (they cover {cover:.0%})"


def _name(name: str, number: int) -> str:
    return plotting.text(name, f"class {number}")


def _boxes(axes: Any, panels: Panels, labels: bool) -> None:
    """Draw the detections: coloured by class, or thin and white over heat."""
    from matplotlib.patches import Rectangle

    seen = panels.seen
    for n, (left, top, right, bottom) in enumerate(seen.boxes[:DRAWN].tolist()):
        label = int(seen.labels[n])
        colour = plotting.COLOURS[(label + 1) % len(plotting.COLOURS)] if labels else "white"
        size = (right - left, bottom - top)
        axes.add_patch(Rectangle((left, top), *size, fill=False, edgecolor="black", linewidth=1.8 if labels else 1.0))
        axes.add_patch(Rectangle((left, top), *size, fill=False, edgecolor=colour, linewidth=1.0 if labels else 0.5))
        if labels and n < LABELLED and len(seen.boxes) <= LABELLED:
            box = {"facecolor": colour, "edgecolor": "none", "pad": 0.8}
            words = f"{_name(panels.names[label], label)} {seen.scores[n]:.2f}"
            axes.text(left, top, words, fontsize=6, color="white", va="bottom", bbox=box, clip_on=True)


def picture(panels: Panels, name: str, title: str, target: Path) -> None:
    """Draw an image: its detections on the left, then the heat of each layer."""
    height, width = panels.photo.shape[:2]
    columns = 1 + len(panels.layers)
    panel = 2.9
    tall = min(max(panel * height / width, 0.8), 2.5 * panel)
    with plotting.style() as plt:
        figure, axes = plt.subplots(1, columns, figsize=(panel * columns + 0.6, tall + 0.75), squeeze=False)
        axes[0, 0].imshow(rgb(panels.photo))
        _boxes(axes[0, 0], panels, labels=True)
        count = len(panels.seen.scores)
        found = (
            f"{count} detection{'s' * (count != 1)}" if count else f"none (highest {max(panels.seen.highest, 0):.3f})"
        )
        axes[0, 0].set_title(found if count <= DRAWN else f"{found}, {DRAWN} drawn")
        for axis, layer, heat in zip(axes[0, 1:], panels.layers, panels.maps):
            axis.imshow(overlay(panels.photo, heat))
            note = "nothing to explain" if heat is None else "" if heat.any() else "empty"
            if heat is not None and heat.any() and count:
                share, cover = share_inside(heat, panels.seen.boxes)
                note = f"{share:.0%} in boxes (area {cover:.0%})"
            _boxes(axis, panels, labels=False)
            axis.set_title(f"{layer}: {note}" if note else layer)
        for axis in axes[0]:
            axis.set(xlim=(0, width), ylim=(height, 0), aspect="equal")
            axis.axis("off")
        figure.suptitle(f"{plotting.text(name, 'image')}: {plotting.text(title, 'one class')}", fontsize=8)
        plotting.save(figure, target.with_suffix(""), 170, ("png",))
