"""Prints, as JSON, what YOLOv5's own model YAMLs build to in the tree that PYTHONPATH names.

Run once on the release as it is and once on the patched one; the test compares the two. Small stand-ins take the place
of packages that the release wants and today's Python does not have, or not by default. Usage:
    python yolov5_fingerprint.py NAME ...     parameters, state-dict keys, saved indices, strides, hash of the outputs
"""

import hashlib
import json
import logging
import sys
import types
from pathlib import Path

import torch
import torchvision  # noqa: F401  (looks for pandas while it is imported, which a stand-in would not do for)
from packaging import version


def stand_in():
    """Put stand-ins for pkg_resources, pandas and seaborn in their place."""
    sys.modules["pkg_resources"] = types.ModuleType("pkg_resources")
    sys.modules["pkg_resources"].parse_version = version.parse
    for name in ("pandas", "seaborn"):
        module = types.ModuleType(name)
        module.options = types.SimpleNamespace(display=types.SimpleNamespace())
        sys.modules[name] = module


def flatten(value):
    """Yield the tensors of a nested output, in order."""
    if isinstance(value, torch.Tensor):
        yield value
    else:
        for item in value:
            yield from flatten(item)


def describe(path, models):
    """Return what a YAML builds to."""
    torch.manual_seed(0)
    kind = models.SegmentationModel if path.stem.endswith("-seg") else models.DetectionModel
    model = kind(str(path)).eval()
    count = sum(parameter.numel() for parameter in model.parameters())
    shapes = [(key, list(value.shape)) for key, value in model.state_dict().items()]
    for module in model.modules():  # random statistics, so that BatchNorm is not the identity
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    digest, image = hashlib.sha256(), torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        for tensor in [*flatten(model(image)), *flatten(model.fuse()(image))]:
            assert tensor.isfinite().all(), path
            digest.update(tensor.contiguous().numpy().tobytes())
    return {
        "parameters": count,
        "keys": hashlib.sha256(json.dumps(shapes).encode()).hexdigest(),
        "rows": [[layer.i, str(layer.f), layer.type, layer.np] for layer in model.model],
        "saved": model.save,
        "strides": model.stride.tolist(),
        "outputs": digest.hexdigest(),
    }


def main():
    """Run the command line."""
    stand_in()
    import yolov5
    from yolov5.models import yolo

    logging.getLogger("yolov5").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    folder = Path(yolov5.__file__).parent
    paths = {path.stem: path for path in (folder / "models").rglob("*.yaml")}
    print(json.dumps({"tree": str(folder), "models": {name: describe(paths[name], yolo) for name in sys.argv[1:]}}))


if __name__ == "__main__":
    main()
