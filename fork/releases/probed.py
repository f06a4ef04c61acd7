"""The child process of ``probe.py``: imports the tree it is given and writes what it found to a file.

It is started as ``python probed.py ROOT REPORT PLAN`` and is no part of the package ``fork``, which never imports
Ultralytics. Releases differ in where names are; what stands here is the same in all of them.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import socket
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

STOCK = ("rtdetr-l", "yolo26", "yolo11", "yolov8", "yolov5", "yolov8-seg")
"""Stems of upstream's own YAMLs; unless others are asked for, the first ``COUNT`` that the release ships are built."""

COUNT = 4

OURS = {"rtdetr": "rtdetr-mobilenetv3.yaml", "yolo": "yolov5-mobilenetv3.yaml"}
"""Of the checkout's YAMLs, as they lie beside the tree in ``cfg/models``: rows that every release has."""

KINDS = {
    "Classify": "ClassificationModel",
    "Depth": "DepthModel",
    "OBB": "OBBModel",
    "Pose": "PoseModel",
    "RTDETRDecoder": "RTDETRDetectionModel",
    "Segment": "SegmentationModel",
    "SemanticSegment": "SemanticSegmentationModel",
    "WorldDetect": "WorldModel",
    "YOLOEDetect": "YOLOEModel",
    "YOLOESegment": "YOLOESegModel",
}
"""Head, without the number of a generation -> model; others detect."""

Found = Dict[str, Any]


def main(root: Path, report: Path, plan: Found) -> Found:
    """Import the tree in ``root`` and look at what the plan names (see ``probe.probe``)."""
    start = time.perf_counter()
    sys.path[0] = str(root)  # instead of this file's own folder, whose names are nobody else's business
    close_network()
    try:
        package, tasks = load("ultralytics"), load("ultralytics.nn.tasks")
    except (Exception, SystemExit) as e:
        return {"import_error": said(e)}
    tree = Path(package.__file__).parent
    if tree != root / "ultralytics":
        return {"import_error": f"ImportError: {tree} was imported, not {root / 'ultralytics'}"}
    torch, numpy = load("torch"), load("numpy")
    torch.set_num_threads(1)
    font(report.parent)
    load("ultralytics.utils").LOGGER.setLevel("ERROR")
    patched = (tree / "nn" / "Addmodules").is_dir()
    found: Found = {
        "version": package.__version__,
        "tree": str(tree),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "patched": patched,
        "models": stock(torch, tasks, tree, report.parent, plan),
    }
    if plan["models"] is None:
        found["checks"] = checks(torch, tasks, report.parent)
    if plan["ours"] and patched:
        found["ours"] = {name: own(torch, package, root, report.parent, name) for name in OURS}
    return {**found, "seconds": round(time.perf_counter() - start, 2)}


def load(name: str) -> Any:
    """Import a module of the tree or of a library."""
    return importlib.import_module(name)


def said(error: BaseException) -> str:
    """Return an exception as one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:400]


def close_network() -> None:
    """Refuse every connection at once: old releases know no YOLO_OFFLINE and would wait for each of theirs."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError("a probe has no network")

    for owner, name in ((socket, "create_connection"), (socket, "getaddrinfo"), (socket, "gethostbyname")):
        setattr(owner, name, refuse)
    setattr(socket.socket, "connect", refuse)  # noqa: B010 - assigning it is an error of types


def font(folder: Path) -> None:
    """Put a font where upstream looks for Arial.ttf, which it would otherwise fetch."""
    matplotlib = load("matplotlib")
    data = (Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf").read_bytes()
    for place in (folder / "config", folder / "config" / "Ultralytics"):
        place.mkdir(parents=True, exist_ok=True)
        (place / "Arial.ttf").write_bytes(data)


def stock(torch: Any, tasks: Any, tree: Path, folder: Path, plan: Found) -> Found:
    """Build upstream's own models and return the fingerprint of each."""
    paths = {path.stem: path for path in sorted((tree / "cfg" / "models").rglob("*.yaml"), reverse=True)}
    named = [stem for stem in STOCK if stem in paths][:COUNT] if plan["models"] is None else plan["models"] or paths
    if plan["models"] is not None:  # one of upstream's YAMLs asks for weights while it is built
        resnet = load("torchvision.models")
        torch.manual_seed(0)
        torch.hub.set_dir(str(folder / "hub"))
        home = folder / "hub" / "checkpoints"
        home.mkdir(parents=True)
        torch.save(resnet.resnet18().state_dict(), home / resnet.ResNet18_Weights.DEFAULT.url.rsplit("/", 1)[-1])
    if not plan["outputs"]:  # filling weights would take most of the time
        for name in ("kaiming_uniform_", "kaiming_normal_", "xavier_uniform_", "uniform_", "normal_", "trunc_normal_"):
            setattr(torch.nn.init, name, lambda tensor, *_, **__: tensor)
    return {stem: described(torch, tasks, paths[stem], plan) for stem in named}


def described(torch: Any, tasks: Any, path: Path, plan: Found) -> Found:
    """Return the fingerprint of a model at its smallest scale, or the error."""
    start = time.perf_counter()
    try:
        config = load("yaml").safe_load(path.read_text(encoding="utf-8"))
        config.update(scale=next(iter(config.get("scales", [""]))), yaml_file=str(path))
        cls = getattr(tasks, KINDS.get(config["head"][-1][2].rstrip("0123456789"), "DetectionModel"))
        torch.manual_seed(0)
        size = (plan["side"], plan["side"]) if plan["outputs"] else None
        found = fingerprint(torch, cls(config, ch=3, verbose=False), size)
    except (Exception, SystemExit) as e:
        found = {"error": said(e)}
    return {**found, "seconds": round(time.perf_counter() - start, 2)}


def fingerprint(torch: Any, model: Any, size: Any = None, fuse: bool = False) -> Found:
    """Return what a model is, and what it computes on an image of this height and width, before and after ``fuse``."""
    shapes = [(key, list(value.shape)) for key, value in model.eval().state_dict().items()]
    rows = [[layer.i, str(layer.f), layer.type, layer.np] for layer in model.model]
    found = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "keys": hashlib.sha256(json.dumps([shapes, rows]).encode()).hexdigest(),
        "saved": model.save,
        "strides": [float(stride) for stride in model.stride],
    }
    if size is None:
        return found
    for module in model.modules():  # random statistics, so that BatchNorm is not the identity
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    digest, image = hashlib.sha256(), torch.rand(1, 3, *size)
    with torch.no_grad():
        for tensor in tensors(torch, [model(image), *([model.fuse()(image)] if fuse else ())]):
            if not tensor.isfinite().all():
                raise ValueError("an output is not finite, so outputs cannot be compared")
            digest.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode())
            digest.update(tensor.contiguous().numpy().tobytes())
    return {**found, "outputs": digest.hexdigest()}


def tensors(torch: Any, value: Any) -> Iterator[Any]:
    """Yield the tensors of a nested output, in order."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for key in sorted(value):
            yield from tensors(torch, value[key])
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors(torch, item)


def checks(torch: Any, tasks: Any, folder: Path) -> Dict[str, str]:
    """Try what today's libraries break in old releases."""

    def average_precision() -> None:
        numpy = load("numpy")
        area = load("ultralytics.utils.metrics").compute_ap(numpy.array([0.5, 1.0]), numpy.array([1.0, 0.5]))[0]
        if not 0.5 < float(area) < 1:
            raise ValueError(f"average precision is {area}")

    def reload() -> None:
        path = folder / "checkpoint.pt"
        model = tasks.ClassificationModel("yolov8n-cls.yaml", nc=2, verbose=False)
        torch.save({"model": model, "ema": None, "train_args": {}}, path)
        loaded = tasks.torch_safe_load(str(path))
        loaded = loaded[0] if isinstance(loaded, tuple) else loaded
        if type(loaded["model"]).__name__ != "ClassificationModel":
            raise ValueError(f"a {type(loaded['model']).__name__} came back")

    return {check.__name__: attempt(check) for check in (average_precision, reload)}


def attempt(check: Callable[[], None]) -> str:
    """Return ``ok``, or the error that the check raised."""
    try:
        check()
    except (Exception, SystemExit) as e:
        return said(e)
    return "ok"


def own(torch: Any, package: Any, root: Path, folder: Path, name: str) -> Found:
    """Build a model with a backbone of ours as a user does, run it, train a step, and fuse it."""
    path = folder / f"{name}-probe.yaml"
    found: Found = {}
    seconds: Dict[str, float] = {}
    made: List[Any] = []

    def build() -> None:
        text = (root / "cfg" / "models" / OURS[name]).read_text(encoding="utf-8")
        path.write_text(text.replace("nc: 80", "nc: 3"), encoding="utf-8")
        torch.manual_seed(0)
        made.append((package.RTDETR if name == "rtdetr" else package.YOLO)(str(path)).model)
        found["parameters"] = sum(p.numel() for p in made[0].parameters())

    def forward() -> None:
        with torch.no_grad():
            outputs = list(tensors(torch, made[0].eval()(torch.rand(1, 3, 640, 640))))
        if not all(tensor.isfinite().all() for tensor in outputs):
            raise ValueError("an output is not finite")
        found["shape"] = list(outputs[0].shape)

    def loss() -> None:
        model = made[0].train()
        model.args, model.nc = load("ultralytics.cfg").get_cfg(), 3
        batch = {
            "img": torch.rand(2, 3, 320, 320),
            "cls": torch.tensor([[0.0], [1.0], [2.0]]),
            "bboxes": torch.tensor([[0.5, 0.5, 0.4, 0.4], [0.3, 0.3, 0.2, 0.3], [0.6, 0.4, 0.5, 0.5]]),
            "batch_idx": torch.tensor([0.0, 0.0, 1.0]),
        }
        value = model.loss(batch)[0].sum()
        value.backward()
        found["loss"] = round(float(value), 3)
        wanted = [p for p in model.model[0].parameters() if p.requires_grad]
        found["reached"] = [sum(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in wanted), len(wanted)]
        if found["loss"] != found["loss"] or found["reached"][0] == 0:
            raise ValueError(f"loss {found['loss']}, {found['reached'][0]} parameters of the backbone got a gradient")

    def fuse() -> None:
        model = made[0].eval()
        before = norms()
        model.fuse(verbose=False)
        found["norms"] = [before, norms()]
        with torch.no_grad():
            model(torch.rand(1, 3, 320, 320))

    def norms() -> int:
        return sum(isinstance(module, torch.nn.BatchNorm2d) for module in made[0].modules())

    for stage in (build, forward, loss, fuse):
        start = time.perf_counter()
        problem = attempt(stage)
        seconds[stage.__name__] = round(time.perf_counter() - start, 2)
        if problem != "ok":
            found.setdefault("error", f"{stage.__name__}: {problem}")
            if stage is build:
                break
    return {**found, "seconds": seconds}


if __name__ == "__main__":
    target = Path(sys.argv[2])
    with contextlib.redirect_stdout(sys.stderr):
        result = main(Path(sys.argv[1]), target, json.loads(sys.argv[3]))
    target.write_text(json.dumps(result), encoding="utf-8")
