"""Class-activation maps of a detector by the library ``grad-cam`` (Gildenblat and contributors, MIT)."""

from __future__ import annotations

from typing import Any, Dict, Optional

import numpy as np
import torch

from lab.heatmap.net import Layer, Net, Seen
from run.arguments import UsageError

EIGEN_CELLS = 10_000
"""Most cells of a map for EigenCAM, whose singular value decomposition is of cells x cells numbers."""

_made: Dict[type, type] = {}


class NoGradientError(UsageError):
    """No gradient of the explained number reaches a layer."""


def explain(net: Net, seen: Seen, layer: Layer, method: str) -> Optional[Any]:
    """Return the map of one layer over an image.

    Returns:
        float32 of the image's (H, W), in 0…1 with its maximum at 1, or all 0 where nothing speaks for the
        detections; None where there is no detection, and the method needs one.

    Raises:
        NoGradientError: Something behind the layer detaches.
        UsageError: The layer's map is too large for the method.
    """
    import pytorch_grad_cam

    base = getattr(pytorch_grad_cam, method)
    if method != "EigenCAM" and not len(seen.cells):
        return None
    cells = layer.shape[1] * layer.shape[2]
    if method == "EigenCAM" and cells > EIGEN_CELLS:
        raise UsageError(
            f"--layer {layer.name}: its map has {cells:,} cells, and eigencam takes a matrix of that side squared: "
            f"take a deeper layer, another method, or a smaller --imgsz"
        )

    def number(output: torch.Tensor) -> torch.Tensor:
        """Return what is explained; output: (cells, classes + 4)."""
        value = output[seen.cells, seen.classes].sum()
        if not value.requires_grad:
            raise _without_gradient(layer)
        return value

    # A layer at a time: the library pairs several layers' activations and gradients by the order in which they arise,
    # which is not that of the layers where one map is read by several rows.
    cam = _checked(base)(net, [net.rows[layer.index]])
    cam.layer = layer
    try:  # not as a context manager: the library's hides an IndexError
        with torch.enable_grad():
            heat = cam(seen.x.detach().clone().requires_grad_(True), targets=[number])[0]
    finally:
        cam.activations_and_grads.release()
    return seen.placed.map_back(heat)


def _checked(base: type) -> type:
    """Return a class of the library that says where no gradient arrives, and gives EigenCAM's map a sign."""
    if base in _made:
        return _made[base]

    class Checked(base):  # type: ignore[misc,valid-type]
        layer: Any = None

        def compute_cam_per_layer(self, *args: Any, **kwargs: Any) -> Any:
            if self.uses_gradients and not self.activations_and_grads.gradients:
                raise _without_gradient(self.layer)
            return super().compute_cam_per_layer(*args, **kwargs)

        def get_cam_image(
            self, x: Any, layer: Any, targets: Any, activations: Any, grads: Any, eigen_smooth: bool = False
        ) -> Any:
            heat = super().get_cam_image(x, layer, targets, activations, grads, eigen_smooth)
            if base.__name__ == "EigenCAM":  # a component's sign is arbitrary: bright shall be where activations are
                strength = np.abs(activations).sum(1)
                strength -= strength.mean((1, 2), keepdims=True)
                heat = heat * np.where((heat * strength).sum((1, 2), keepdims=True) < 0, -1, 1)
            return heat

    return _made.setdefault(base, Checked)


def _without_gradient(layer: Layer) -> NoGradientError:
    return NoGradientError(
        f"--layer {layer.name}: no gradient of the detections reaches row {layer.index} ({layer.module}): a row behind "
        f"it detaches, or no path leads from it to the head; take a layer nearer the head, or --method eigencam"
    )
