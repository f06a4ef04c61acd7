"""Makes the stand-ins for data and weights: ``python -m tools.upstream_tests.assets FOLDER [--quick]``.

The pristine tree has to be on the path. The folder is laid out as the tests find it: ``config/`` (upstream's settings
and fonts), ``datasets/``, ``weights/``, ``torch/`` (torchvision's cache).
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

YAMLS = ("cityscapes8", "depth8", "ImageNet")

QUICK = ("yolo26n.pt", "yolo26n-seg.pt", "yolo26n-cls.pt", "yolo11n.pt")
"""The checkpoints that the tests of the quick set load."""


def main(folder: Path, quick: bool = False) -> None:
    """Write every stand-in, or those of the quick set, into ``folder``."""
    import importlib

    from tools.upstream_tests import pictures, weights
    from ultralytics.utils import ROOT, YAML

    began = time.time()
    constants = importlib.import_module("tests")
    data, files = folder / "datasets", folder / "weights"
    pictures.fonts(folder / "config" / "Ultralytics")
    boxes = pictures.detection_sets(data)
    pictures.formats_set(data)
    city, depth, classes = (YAML.load(ROOT / "cfg" / "datasets" / f"{name}.yaml") for name in YAMLS)
    pictures.dense_sets(data, city, depth)
    pictures.classification_set(data, sorted(classes["map"])[::100])
    pictures.coco_annotations(data, boxes)
    pictures.solution_files(files / "solution_assets", constants.SOLUTION_ASSETS)
    print(f"data {time.time() - began:.1f} s", flush=True)

    weights.make(files, [kind for kind in weights.KINDS if not quick or kind.file in QUICK])
    if not quick:
        weights.make_sam(files / "mobile_sam.pt")
    weights.make_resnet(folder / "torch" / "hub" / "checkpoints")
    shutil.copyfile(files / "yolo11n.pt", files / "solution_assets" / constants.SOLUTION_ASSETS["parking_model"])
    spaced = files / constants.MODEL.parent.name
    spaced.mkdir()
    for path in sorted(files.glob("yolo26n*.pt")):
        shutil.copyfile(path, spaced / path.name)
    print(f"with weights {time.time() - began:.1f} s", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--quick" in sys.argv[2:])
