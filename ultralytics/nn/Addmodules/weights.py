"""Pretrained weights of a backbone: where they come from, how they fit, and a report of what was loaded."""

from __future__ import annotations

import contextlib
import contextvars
import logging
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional

import torch
from torch import nn

from ._policy.checkpoint import check_whole
from ._policy.network import Unreachable, published
from .contract import BackboneError

LOGGER = logging.getLogger("ultralytics")

WRAPPERS = ("ema", "model_ema", "state_dict_ema", "state_dict", "model", "module")
"""Keys under which training programs put a state dict, in the order in which they are preferred."""

PREFIXES = ("", "backbone.", "module.", "module.backbone.", "model.", "model.0.", "model.backbone.", "features.")
"""What may stand before a backbone's own names in a checkpoint of a whole model."""

ENOUGH = 0.75
"""Share of a backbone's tensors that a file must hold; with fewer it is taken for another network's."""

SHOWN = 12
"""Names printed of each kind; the report itself has all of them."""

_unloaded: contextvars.ContextVar = contextvars.ContextVar("no weights are loaded", default=False)
_following: contextvars.ContextVar = contextvars.ContextVar("weights come next", default=False)

FOLLOW = "weights_follow"
"""Key in the YAML of a model that a checkpoint has brought: what is built from it gets the checkpoint's weights."""


class Report(NamedTuple):
    """What became of each tensor of a backbone; kept as its attribute ``pretrained_report``.

    Attributes:
        origin: File or name of the weights.
        loaded: Names of tensors that fitted as they were.
        adapted: Names of tensors that were changed to fit (first convolution, interpolated tables).
        missed: Names of tensors that got nothing.
        unused: Names in the file, after renaming, that the backbone does not have, or not in that shape.
    """

    origin: str
    loaded: List[str]
    adapted: List[str]
    missed: List[str]
    unused: List[str]

    def __str__(self) -> str:
        counts = f"{len(self.loaded)} tensors loaded, {len(self.adapted)} adapted, {len(self.missed)} missed"
        lines = [f"{counts} ({self.origin})"]
        for kind in ("adapted", "missed", "unused"):
            names = getattr(self, kind)
            if names:
                more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
                lines.append(f"  {kind}: {', '.join(names[:SHOWN])}{more}")
        return "\n".join(lines)


def read(path: str, owner: str) -> Dict[str, torch.Tensor]:
    """Read a file of weights without running anything that it holds.

    Args:
        path: ``.safetensors``, or anything that ``torch.load(weights_only=True)`` reads.
        owner: Name of the backbone, for messages.

    Returns:
        Its tensors by name, on the CPU.

    Raises:
        BackboneError: It does not exist, cannot be read, or holds no state dict.
    """
    file = existing(path, owner)
    with file.open("rb") as f:
        start = f.read(60)
    if file.suffix.lower() != ".safetensors" and not start.startswith((b"PK", b"\x80")):
        raise BackboneError(
            f"{owner}: the pretrained weights {path} cannot be read: it is not a file of torch, it begins with "
            f"{start[:40].decode('ascii', 'replace')!r}; was a web page or a pointer fetched instead of the file?"
        )
    try:
        if file.suffix.lower() == ".safetensors":
            from safetensors.torch import load_file

            content = load_file(file)
        else:
            check_whole(file)
            content = torch.load(file, map_location="cpu", weights_only=True)
    except BackboneError:
        raise
    except ModuleNotFoundError:
        raise BackboneError(
            f"{owner}: reading {path} needs a package: run `python -m pip install safetensors`"
        ) from None
    except Exception as e:
        pickled = "weights_only" in str(e) or "Unsupported" in str(e)
        hint = (
            "it holds more than tensors, such as a whole pickled model, and is not opened: save its state_dict(). A "
            "detector's checkpoint is given to training itself (train.py --weights, yolo pretrained=)"
            if pickled
            else f"{type(e).__name__}: {' '.join(str(e).split())[:200]}"
        )
        raise BackboneError(f"{owner}: the pretrained weights {path} cannot be read: {hint}") from None
    tensors = _unwrap(content)
    if not tensors:
        raise BackboneError(f"{owner}: {path} holds no tensors by name: expected a state dict")
    return tensors


def existing(path: str, owner: str) -> Path:
    """Return the path of a file of weights.

    Raises:
        BackboneError: It does not exist.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise BackboneError(
            f"{owner}: pretrained weights {path!r} do not exist (looked for {file.absolute()})\n"
            f"  to do: give the path of a .pth, .pt or .safetensors file, or true to fetch the reference's own"
        )
    return file


def _unwrap(content: Any) -> Dict[str, torch.Tensor]:
    while isinstance(content, dict):
        inner = next((content[key] for key in WRAPPERS if isinstance(content.get(key), dict)), None)
        if inner is None:
            break
        content = inner
    if not isinstance(content, dict):
        return {}
    return {str(key): value for key, value in content.items() if isinstance(value, torch.Tensor)}


def fetch(hub: str, owner: str) -> Dict[str, torch.Tensor]:
    """Return the weights that timm or torchvision publishes, from their cache or by their own download.

    timm honours ``HF_ENDPOINT`` (a mirror), ``HF_HOME`` (its cache) and ``HF_HUB_OFFLINE``; torchvision ``TORCH_HOME``.
    Where their server is out of reach, what is in the cache is used, and an error is raised at once where it is not.

    Args:
        hub: ``timm:NAME.TAG`` or ``torchvision:NAME``.
        owner: Name of the backbone, for messages.

    Raises:
        BackboneError: The package is missing, or the weights cannot be had.
    """
    library, _, name = hub.partition(":")
    with explained(owner, library, name), published(library, name):
        if library == "timm":
            import timm

            return timm.create_model(name, pretrained=True).state_dict()
        import torchvision

        return torchvision.models.get_model(name, weights="DEFAULT").state_dict()


@contextlib.contextmanager
def explained(owner: str, library: str, name: str) -> Iterator[None]:
    """Turn what goes wrong while a library is imported, or fetches weights, into a message that says what to do.

    Raises:
        BackboneError: Anything went wrong.
    """
    try:
        yield
    except BackboneError:
        raise
    except ModuleNotFoundError as e:
        if e.name != library:
            raise
        raise BackboneError(f"{owner}: {library} is not installed: run `python -m pip install {library}`") from None
    except Exception as e:
        mirror = "HF_ENDPOINT=https://… names a mirror of the hub, or " if library == "timm" else ""
        said = " ".join(str(e).split())
        said = said if isinstance(e, Unreachable) else f"{type(e).__name__}: {said[:240]}"
        raise BackboneError(
            f"{owner}: the weights {name} of {library} could not be fetched: {said}\n"
            f"  to do: {mirror}fetch the file elsewhere and write its path in place of true"
        ) from None


def load(
    backbone: nn.Module,
    tensors: Dict[str, torch.Tensor],
    rename: Callable[[Dict[str, torch.Tensor]], Dict[str, torch.Tensor]],
    adapt: Callable[[str, torch.Tensor, torch.Tensor], Optional[torch.Tensor]],
    origin: str,
) -> Report:
    """Copy tensors into a backbone, say what fitted, and keep the report as ``backbone.pretrained_report``.

    Args:
        backbone: What to fill. ``normalize.*`` is its own and needs nothing.
        tensors: By their names in the checkpoint; whichever of ``PREFIXES`` fits best is taken off.
        rename: Gives the backbone's names; names that are the backbone's own already are left as they are.
        adapt: Gives a tensor of another shape in the shape that is wanted, or None.
        origin: File or name, for the report.

    Raises:
        BackboneError: Nothing fits, or less than ``ENOUGH``.
    """
    own = {name: tensor for name, tensor in backbone.state_dict().items() if not name.startswith("normalize.")}
    best: Dict[str, torch.Tensor] = {}
    for prefix in PREFIXES:
        inside = {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}
        for candidate in (inside, rename(inside) if inside else {}):
            if len(own.keys() & candidate.keys()) > len(own.keys() & best.keys()):
                best = candidate
    loaded, adapted, fitted = [], [], {}
    for name, wanted in own.items():
        given = best.get(name)
        if given is None:
            continue
        if given.shape == wanted.shape:
            loaded.append(name)
            fitted[name] = given
            continue
        changed = adapt(name, given, wanted)
        if changed is not None and changed.shape == wanted.shape:
            adapted.append(name)
            fitted[name] = changed
    counters = {name for name in own if name.endswith("num_batches_tracked")}  # of no account, and not in old files
    report = Report(
        origin=origin,
        loaded=loaded,
        adapted=adapted,
        missed=[name for name in own if name not in fitted and name not in counters],
        unused=sorted(best.keys() - fitted.keys()),
    )
    owner = type(backbone).__name__
    if len(set(fitted) - counters) < ENOUGH * len(own.keys() - counters):
        few = f"only {len(set(fitted) - counters)}" if set(fitted) - counters else "none"
        raise BackboneError(
            f"{owner}: {few} of its {len(own.keys() - counters)} tensors fits {origin}, whose first are "
            f"{', '.join(list(tensors)[:3])}; is it the file of another network?"
        )
    backbone.load_state_dict(fitted, strict=False)
    backbone.pretrained_report = report
    (LOGGER.warning if report.missed else LOGGER.info)(f"{owner}: {report}")
    return report


def adapt_input(weight: torch.Tensor, channels: int) -> torch.Tensor:
    """Return the weight of a first convolution, made for RGB, for images of ``channels`` channels (timm's rule).

    One channel takes the sum over RGB; more than three repeat RGB, times 3 / channels.

    Args:
        weight: (out, 3, k, k).
        channels: Number of input channels, from 1.
    """
    if channels == 1:
        return weight.sum(dim=1, keepdim=True)
    repeated = weight.repeat(1, -(-channels // 3), 1, 1)[:, :channels]
    return repeated * (3.0 / channels)


@contextlib.contextmanager
def following(flag: object) -> Iterator[None]:
    """Within this block, where ``flag`` is true, a backbone is built whose weights come next, from a checkpoint."""
    token = _following.set(bool(flag))
    try:
        yield
    finally:
        _following.reset(token)


@contextlib.contextmanager
def unloaded() -> Iterator[None]:
    """Within this block backbones are built without content, to look at their shapes: no weights are read."""
    token = _unloaded.set(True)
    try:
        yield
    finally:
        _unloaded.reset(token)


def shapes_only() -> bool:
    """Return whether backbones are being built to look at their shapes alone: nothing is fetched then."""
    return bool(_unloaded.get())


def follow(backbone: nn.Module, pretrained: object = None) -> bool:
    """Return whether a backbone's own weights are not needed.

    Either they come with those of a checkpoint, or the backbone is built for its shapes only.

    Args:
        backbone: The backbone.
        pretrained: What it was asked to load.

    Raises:
        BackboneError: It is built for its shapes only, and the file does not exist.
    """
    if _following.get():
        LOGGER.info(f"{type(backbone).__name__}: pretrained weights come with the checkpoint")
        return True
    if shapes_only() and isinstance(pretrained, str):
        existing(pretrained, type(backbone).__name__)
    return shapes_only()
