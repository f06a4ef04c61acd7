"""The forms in which ``python -m lab speed`` runs a model: PyTorch's modes, and what upstream's exporter writes."""

from __future__ import annotations

import contextlib
import copy
import importlib.metadata
import importlib.util
import logging
import os
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Sequence

import numpy as np
import torch

from lab.speed import latency

MODES = ("eager", "fused", "channels_last")
"""PyTorch's: as it was trained; BatchNorm folded; folded, and in memory with the channels innermost."""

EXPORTS = ("torchscript", "onnx", "openvino")
NEEDS = {"torchscript": (), "onnx": ("onnx", "onnxruntime", "onnxslim"), "openvino": ("openvino",)}
"""Packages that a format is exported and run with."""

TOLERANCE = {"float32": 5e-3, "float16": 5e-2}
"""How far an output may be from that of the eager model, see ``difference``."""


class Setting(NamedTuple):
    """How all candidates of one run are measured.

    Attributes:
        imgsz: Side of the image in pixels.
        batch: Images in a pass.
        threads: Threads of the CPU.
        device: In torch's words.
        half: float16.
        channels: Channels of the image.
    """

    imgsz: int
    batch: int
    threads: int
    device: str
    half: bool
    channels: int = 3


class Runner(NamedTuple):
    """A candidate that is ready.

    Attributes:
        run: One pass; returns what the runtime returns.
        output: One pass; returns the predictions as a float64 array.
    """

    run: Callable[[], Any]
    output: Callable[[], np.ndarray]


def missing(form: str) -> List[str]:
    """Return the packages that a format needs and that are not installed."""
    return [name for name in NEEDS.get(form, ()) if importlib.util.find_spec(name) is None]


def versions(forms: Sequence[str]) -> Dict[str, str]:
    """Return the versions of torch and of the packages that run the forms."""
    wanted = ["torch", *(name for form in forms for name in NEEDS.get(form, ()) if name in ("onnxruntime", "openvino"))]
    return {name: importlib.metadata.version(name) for name in wanted}


def make(form: str, module: Any, folder: Path, setting: Setting) -> Runner:
    """Make a candidate of a model ready, and leave the model as it is.

    Raises:
        Exception: Whatever upstream's exporter or a runtime raises.
    """
    from ultralytics.engine.exporter import Exporter

    copied = copy.deepcopy(module)
    if form in MODES:
        return run_torch(copied if form == "eager" else latency.fused(copied), setting, form == "channels_last")
    copied.pt_path = str(folder / "model.pt")  # the exporter writes beside it
    options: Dict[str, Any] = {"format": form, "imgsz": setting.imgsz, "batch": setting.batch, "verbose": False}
    options["device"] = setting.device.partition(":")[2] or ("0" if setting.device.startswith("cuda") else "cpu")
    options["half"] = setting.half
    if getattr(copied, "end2end", False):
        options["nms"] = False  # else upstream exports its other branch, which needs suppression: another network
    with quiet():
        path = Path(str(Exporter(overrides=options)(model=copied)))
        if form == "torchscript":  # it is deprecated, and still what upstream exports
            return run_torch(torch.jit.load(str(path), map_location=setting.device).eval(), setting)
    return {"onnx": _onnx, "openvino": _openvino}[form](path, setting)


def run_torch(module: Any, setting: Setting, channels_last: bool = False) -> Runner:
    """Return a module, which is moved to the device as it is, as a candidate."""
    kind = torch.float16 if setting.half else torch.float32
    order = torch.channels_last if channels_last else torch.contiguous_format
    if not isinstance(module, torch.jit.ScriptModule):
        module = module.to(device=setting.device, dtype=kind, memory_format=order)
    x = example(setting).to(device=setting.device, dtype=kind, memory_format=order)

    def output() -> np.ndarray:
        found = module(x)
        while isinstance(found, (list, tuple)):
            found = found[0]
        return found.detach().double().cpu().numpy()

    return Runner(lambda: module(x), output)


def _onnx(path: Path, setting: Setting) -> Runner:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = setting.threads, 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    inputs = {session.get_inputs()[0].name: example(setting).numpy()}
    return Runner(lambda: session.run(None, inputs), lambda: session.run(None, inputs)[0].astype(np.float64))


def _openvino(path: Path, setting: Setting) -> Runner:
    import openvino

    # left alone it computes in bfloat16 where the CPU has it, which would be another precision than the others'
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": setting.threads, "NUM_STREAMS": 1}
    file = next(path.glob("*.xml")) if path.is_dir() else path
    compiled = openvino.Core().compile_model(str(file), "CPU", {**options, "PERFORMANCE_HINT": "LATENCY"})
    request, x = compiled.create_infer_request(), example(setting).numpy()

    def output() -> np.ndarray:
        request.infer([x])
        return np.array(request.get_output_tensor(0).data, dtype=np.float64)

    return Runner(lambda: request.infer([x]), output)


def example(setting: Setting) -> torch.Tensor:
    """Return the input of all candidates: random, (batch, channels, imgsz, imgsz), float32 in 0…1."""
    shape = (setting.batch, setting.channels, setting.imgsz, setting.imgsz)
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def by_rank(module: Any) -> bool:
    """Return whether a model predicts its best ones in order of their score, so that equals may change places."""
    head = module.model[-1]
    return type(head).__name__ == "RTDETRDecoder" or bool(getattr(head, "end2end", False))


def difference(found: np.ndarray, expected: np.ndarray, ranked: bool) -> float:
    """Return how far predictions are from those of the eager model: 0.001 is a thousandth of each channel's range.

    Args:
        found: (batch, channels, places), or (batch, predictions, channels) where ``ranked``.
        expected: The eager model's.
        ranked: Predictions may change places: each looks for its nearest, and the worst 3 % are left out, since a
            score that is nearly another one's may put another prediction in or out.

    Returns:
        The largest difference; infinite where shapes differ or a number is not finite.
    """
    if found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    if not ranked:
        axes = tuple(n for n in range(found.ndim) if n != 1)
        scale = np.maximum(np.abs(expected).max(axis=axes, keepdims=True), 1e-6)
        return float((np.abs(found - expected) / scale).max())
    scale = np.maximum(np.abs(expected).max(axis=(0, 1)), 1e-6)
    nearest = [
        np.abs(mine[:, None] - theirs[None]).max(2).min(1) for mine, theirs in zip(found / scale, expected / scale)
    ]
    return float(np.quantile(np.concatenate(nearest), 0.97))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Within this block neither the exporter's log nor what its libraries print is seen."""
    import warnings

    logger = logging.getLogger("ultralytics")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with contextlib.ExitStack() as stack:
        nothing = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
        stack.enter_context(contextlib.redirect_stdout(nothing))
        stack.enter_context(warnings.catch_warnings())
        stack.callback(logger.setLevel, level)
        warnings.simplefilter("ignore")
        yield
