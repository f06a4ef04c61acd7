"""Prints, as JSON, what upstream's own model YAMLs build to in the tree that PYTHONPATH names.

Run once on the pristine tree and once on the fork's; the test compares the two. Usage:
    python fingerprint.py structure            every YAML: parameters, state-dict keys, saved indices, strides
    python fingerprint.py outputs NAME ...     these YAMLs: hash of the outputs for seeded weights and input
"""

import contextlib
import hashlib
import json
import sys
from pathlib import Path

import torch
import torchvision

import ultralytics
from ultralytics.nn import tasks
from ultralytics.utils import LOGGER

LOGGER.setLevel("ERROR")
MODELS = Path(ultralytics.__file__).parent / "cfg" / "models"
SIZES = ("n", "s", "t", "")


def find(stem):
    """Return the YAML of upstream with this stem."""
    return next(MODELS.rglob(f"{stem}.yaml"))


def build(path):
    """Build the model class that a YAML's head and name belong to, at its smallest scale."""
    config = tasks.yaml_model_load(path)
    config["scale"] = next(iter(config.get("scales", {"": 0})))
    head = config["head"][-1][2]
    if head == "RTDETRDecoder":
        return tasks.RTDETRDetectionModel(config, verbose=False)
    kinds = {
        "classify": tasks.ClassificationModel,
        "semantic": tasks.SemanticSegmentationModel,
        "segment": tasks.SegmentationModel,
        "pose": tasks.PoseModel,
        "obb": tasks.OBBModel,
        "depth": tasks.DepthModel,
        "detect": tasks.DetectionModel,
    }
    special = {
        "WorldDetect": tasks.WorldModel,
        "YOLOEDetect": tasks.YOLOEModel,
        "YOLOESegment": tasks.YOLOESegModel,
        "YOLOESegment26": tasks.YOLOESegModel,
    }
    cls = special.get(head) or kinds[tasks.guess_model_task(config)]
    return cls(config, verbose=False)


def flatten(value):
    """Yield the tensors of a nested output, in order."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for key in sorted(value):
            yield from flatten(value[key])
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from flatten(item)


def structure(path):
    """Return [number of parameters, hash of the state dict's keys and shapes, saved indices]."""
    model = build(path)
    shapes = [(key, list(value.shape)) for key, value in model.state_dict().items()]
    digest = hashlib.sha256(json.dumps(shapes).encode()).hexdigest()
    return [sum(p.numel() for p in model.parameters()), digest, model.save, model.stride.tolist()]


def outputs(path):
    """Return the hash of the bytes of every output tensor, and their number."""
    torch.manual_seed(0)
    model = build(path).eval()
    for module in model.modules():  # random statistics, so that BatchNorm is not the identity
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    digest, count = hashlib.sha256(), 0
    with torch.no_grad():
        for tensor in flatten(model(torch.rand(1, 3, 64, 64))):
            assert tensor.isfinite().all(), path
            digest.update(tensor.contiguous().numpy().tobytes())
            count += 1
    return [digest.hexdigest(), count]


def skip_initialisation():
    """Leave weights as allocated: only names and shapes count, and filling them would take most of the time."""
    for name in ("kaiming_uniform_", "kaiming_normal_", "xavier_uniform_", "uniform_", "normal_", "trunc_normal_"):
        setattr(torch.nn.init, name, lambda tensor, *args, **kwargs: tensor)


def main():
    """Run the command line."""
    torch.set_num_threads(1)
    # yolo11-cls-resnet18 fetches weights while it is built: random ones of the same shapes stand in for them
    torchvision.models.WeightsEnum.get_state_dict = lambda *a, **k: torchvision.models.resnet18(
        weights=None
    ).state_dict()
    with contextlib.suppress(ImportError):  # the fork would see first whether they can be fetched
        from ultralytics.nn.Addmodules import hooks

        hooks.reach_torchvision = lambda model, weights: None
    if sys.argv[1] == "structure":
        skip_initialisation()
        result = {path.stem: attempt(structure, path) for path in sorted(MODELS.rglob("*.yaml"))}
    else:
        result = {stem: attempt(outputs, find(stem)) for stem in sys.argv[2:]}
    print(json.dumps({"tree": str(Path(ultralytics.__file__).parent), "models": result}))


def attempt(function, path):
    """Return the function's result, or the error as text: both trees must then fail alike."""
    try:
        return function(path)
    except Exception as e:
        return f"{type(e).__name__}: {e}"


if __name__ == "__main__":
    main()
