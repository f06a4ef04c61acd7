"""The child process of ``probe.py``: imports the tree it is given and writes what it found to a file.

It is started as ``python probed.py ROOT REPORT [--ours]`` and is no part of the package ``fork``, which never imports
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
from typing import Any, Callable, Dict, Iterator, List, Tuple

STOCK = (
    ("rtdetr-l", "l"),
    ("yolo26", "n"),
    ("yolo11", "n"),
    ("yolov8", "n"),
    ("yolov5", "n"),
    ("yolov8-seg", "n"),
)
"""Stems of upstream's own YAMLs, and the scale to build; the first four that the release ships are."""

COUNT = 4
SIDE = 160
"""Of the image for upstream's models: the smallest round size at which RT-DETR finds its 300 queries."""

RTDETR = """\
nc: 3
backbone:
  - [-1, 1, MobileNetV4ConvSmall, []] # 4
head:
  - [-1, 1, Conv, [256, 1, 1, None, 1, 1, False]] # 5
  - [-1, 1, AIFI, [1024, 8]]
  - [-1, 1, Conv, [256, 1, 1]] # 7
  - [-1, 1, nn.Upsample, [None, 2, 'nearest']]
  - [3, 1, Conv, [256, 1, 1, None, 1, 1, False]] # 9
  - [[-2, -1], 1, Concat, [1]]
  - [-1, 3, RepC3, [256, 0.5]] # 11
  - [-1, 1, Conv, [256, 1, 1]] # 12
  - [-1, 1, nn.Upsample, [None, 2, 'nearest']]
  - [2, 1, Conv, [256, 1, 1, None, 1, 1, False]] # 14
  - [[-2, -1], 1, Concat, [1]]
  - [-1, 3, RepC3, [256, 0.5]] # 16
  - [-1, 1, Conv, [256, 3, 2]]
  - [[-1, 12], 1, Concat, [1]]
  - [-1, 3, RepC3, [256, 0.5]] # 19
  - [-1, 1, Conv, [256, 3, 2]]
  - [[-1, 7], 1, Concat, [1]]
  - [-1, 3, RepC3, [256, 0.5]] # 22
  - [[16, 19, 22], 1, RTDETRDecoder, [nc, 256, 300, 4, 8, 3]]
"""

YOLO = """\
nc: 3
backbone:
  - [-1, 1, MobileNetV4ConvSmall, []] # 4
  - [-1, 1, SPPF, [256, 5]] # 5
head:
  - [-1, 1, nn.Upsample, [None, 2, 'nearest']]
  - [[-1, 3], 1, Concat, [1]]
  - [-1, 1, C2f, [128]] # 8
  - [-1, 1, nn.Upsample, [None, 2, 'nearest']]
  - [[-1, 2], 1, Concat, [1]]
  - [-1, 1, C2f, [64]] # 11
  - [-1, 1, Conv, [64, 3, 2]]
  - [[-1, 8], 1, Concat, [1]]
  - [-1, 1, C2f, [128]] # 14
  - [-1, 1, Conv, [128, 3, 2]]
  - [[-1, 5], 1, Concat, [1]]
  - [-1, 1, C2f, [256]] # 17
  - [[11, 14, 17], 1, Detect, [nc]]
"""

Found = Dict[str, Any]


def main(root: Path, report: Path, ours: bool) -> Found:
    """Import the tree in ``root`` and look at it."""
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
        "models": stock(torch, tasks, tree / "cfg" / "models"),
        "checks": checks(torch, tasks, report.parent),
    }
    if ours and patched:
        found["ours"] = {
            name: own(torch, package, report.parent, name, text) for name, text in (("rtdetr", RTDETR), ("yolo", YOLO))
        }
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


def stock(torch: Any, tasks: Any, folder: Path) -> Found:
    """Build upstream's own models and return parameters and hashes of each."""
    found: Found = {}
    for stem, scale in STOCK:
        paths = sorted(folder.rglob(f"{stem}.yaml"))
        if paths and len(found) < COUNT:
            name = stem if stem.endswith(f"-{scale}") else scale.join(part(stem))
            try:
                found[name] = fingerprint(torch, tasks, paths[0], scale)
            except (Exception, SystemExit) as e:
                found[name] = {"error": said(e)}
    return found


def part(stem: str) -> Tuple[str, str]:
    """Return what stands before and behind the scale in a name: yolov8-seg is yolov8 and -seg."""
    head, dash, tail = stem.partition("-")
    return head, dash + tail


def fingerprint(torch: Any, tasks: Any, path: Path, scale: str) -> Found:
    """Return parameters, hash of the state dict's names and shapes, and hash of the outputs for seeded numbers."""
    start = time.perf_counter()
    config = load("yaml").safe_load(path.read_text(encoding="utf-8"))
    config.update(scale=scale, yaml_file=str(path))
    kind = "RTDETRDetectionModel" if "rtdetr" in path.stem else "DetectionModel"
    cls = getattr(tasks, "SegmentationModel" if path.stem.endswith("-seg") else kind)
    torch.manual_seed(0)
    model = cls(config, ch=3, verbose=False).eval()
    for module in model.modules():  # random statistics, so that BatchNorm is not the identity
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    shapes = [(key, list(value.shape)) for key, value in model.state_dict().items()]
    digest = hashlib.sha256()
    torch.manual_seed(1)
    with torch.no_grad():
        for tensor in tensors(torch, model(torch.rand(1, 3, SIDE, SIDE))):
            if not tensor.isfinite().all():
                raise ValueError("an output is not finite, so outputs cannot be compared")
            digest.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode())
            digest.update(tensor.contiguous().numpy().tobytes())
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "keys": hashlib.sha256(json.dumps(shapes).encode()).hexdigest(),
        "outputs": digest.hexdigest(),
        "seconds": round(time.perf_counter() - start, 2),
    }


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


def own(torch: Any, package: Any, folder: Path, name: str, text: str) -> Found:
    """Build a model with a backbone of ours as a user does, run it, train a step, and fuse it."""
    path = folder / f"{name}-probe.yaml"
    path.write_text(text, encoding="utf-8")
    found: Found = {}
    seconds: Dict[str, float] = {}
    made: List[Any] = []

    def build() -> None:
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
        result = main(Path(sys.argv[1]), target, "--ours" in sys.argv[3:])
    target.write_text(json.dumps(result), encoding="utf-8")
