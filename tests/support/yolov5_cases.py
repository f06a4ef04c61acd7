"""Prints, as JSON, what becomes of model YAMLs in the YOLOv5 that PYTHONPATH names, patched or not.

Small stand-ins take the place of packages that the release wants and today's Python does not have, or not by default.
Usage:
    python yolov5_cases.py FOLDER      for each FOLDER/*.yaml: [strides, parameters], or the error
    python yolov5_cases.py NAME ...    the package's folder, and the fingerprint of its YAMLs of these names
"""

import importlib.util
import json
import logging
import sys
import types
from pathlib import Path

import torch
import torchvision  # noqa: F401  (looks for pandas while it is imported, which a stand-in would not do for)
from packaging import version

CHILD = Path(__file__).parents[2] / "fork" / "releases" / "probed.py"


def stand_in():
    """Put stand-ins for pkg_resources, pandas and seaborn in their place."""
    sys.modules["pkg_resources"] = types.ModuleType("pkg_resources")
    sys.modules["pkg_resources"].parse_version = version.parse
    for name in ("pandas", "seaborn"):
        module = types.ModuleType(name)
        module.options = types.SimpleNamespace(display=types.SimpleNamespace())
        sys.modules[name] = module


def described(path, yolo):
    """Return what a YAML of the release builds to and computes, as ``fork.releases.probed`` says it."""
    spec = importlib.util.spec_from_file_location("probed", CHILD)
    spec.loader.exec_module(probed := importlib.util.module_from_spec(spec))
    torch.manual_seed(0)
    kind = yolo.SegmentationModel if path.stem.endswith("-seg") else yolo.DetectionModel
    return probed.fingerprint(torch, kind(str(path)), (64, 96), fuse=True)


def case(path, yolo):
    """Return strides and parameters of a detector, or the error."""
    try:
        model = yolo.DetectionModel(str(path))
    except Exception as e:
        return f"{type(e).__name__}: {e}"
    return [model.stride.tolist(), sum(p.numel() for p in model.parameters())]


def main():
    """Run the command line."""
    folder = Path(sys.argv[1])
    if not folder.is_dir():
        stand_in()
    import yolov5
    from yolov5.models import yolo

    logging.getLogger("yolov5").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    if folder.is_dir():
        found = {path.stem: case(path, yolo) for path in sorted(folder.glob("*.yaml"))}
    else:
        paths = {path.stem: path for path in (Path(yolov5.__file__).parent / "models").rglob("*.yaml")}
        found = {name: described(paths[name], yolo) for name in sys.argv[1:]}
        found["tree"] = str(Path(yolov5.__file__).parent)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
