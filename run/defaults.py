"""The one schedule: what ``train.py`` and ``python -m lab compare`` train with unless told otherwise."""

from typing import Any, Dict

GPU: Dict[str, Any] = {"imgsz": 640, "epochs": 72, "batch": 4, "workers": 4}  # the articles'
CPU: Dict[str, Any] = {"imgsz": 320, "epochs": 20, "batch": 4, "workers": 0}

# RT-DETR that starts from nothing needs many updates, one per batch (nbs = batch, see settings): upstream gathers 64
# images for one. Upstream's warm-up starts the learning rate of biases at 0.1, which suits SGD and throws AdamW off.
RTDETR: Dict[str, Any] = {"optimizer": "AdamW", "lr0": 3e-4, "weight_decay": 1e-4, "mosaic": 0.0}
RTDETR.update(warmup_bias_lr=0.0, warmup_epochs=1)

# The same for a YOLO head on the tree crowns, which are too few for upstream's defaults to learn from.
YOLO_CROWNS: Dict[str, Any] = {
    "optimizer": "AdamW",
    "lr0": 1e-3,
    "mosaic": 0.0,
    "warmup_bias_lr": 0.0,
    "warmup_epochs": 1,
}

CROWNS: Dict[str, Any] = {"flipud": 0.5}  # seen from above, a tree has no upper side
CROWNS_CPU: Dict[str, Any] = {"imgsz": 256, "batch": 2, "epochs": 16}  # minutes, not hours, and so without
CROWNS_CPU.update(scale=0.0, translate=0.0, erasing=0.0)  # the augmentations that take longer to pay
