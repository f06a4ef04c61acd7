"""Folds every BatchNorm that can be folded, by watching which convolution each one reads from.

Upstream's ``fuse()`` knows its own layers only: a pasted backbone, a timm or torchvision network and the projections
in front of RT-DETR's decoder keep theirs, though the model calls itself fused. Here the model runs once on a small
image. A BatchNorm whose input is what one convolution has just put out, which nothing else reads, is folded into that
convolution; so is one whose output goes into one unpadded 1x1 convolution only. All this happens to a copy first, in
double precision; where its maps differ from those before, the backbone stays as it was.
"""

from __future__ import annotations

import contextlib
import copy
import logging
from typing import Any, Dict, Iterator, List, NamedTuple, Tuple

import torch
from torch import nn

try:
    from torch.overrides import TorchFunctionMode
except ImportError:  # an old torch: a backbone stays unfolded there, and is said to be
    TorchFunctionMode = object
from torch.utils._pytree import tree_leaves

from ..contract import first_backbone

LOGGER = logging.getLogger("ultralytics")

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
LEFT = "addmodules_unfoldable"
"""Attribute of a fused model: names of the BatchNorms that have no convolution to be folded into."""

PLAIN = {"Conv2d", "Conv2dSame"}
"""Class names of convolutions that use their weight as it stands; others (weight standardisation) are left alone."""

SIDES = (64, 224, 256)
"""Sides in pixels tried for the image that is watched; some networks take one size only."""

TOLERANCE = 1e-6
"""Largest difference allowed in double precision, relative to the largest value of a map."""


class Pair(NamedTuple):
    """A BatchNorm and the convolution that it is folded into, by name; ``before``: the BatchNorm comes first."""

    norm: str
    conv: str
    before: bool


class _Uses(TorchFunctionMode):
    """Counts how often torch functions read each tensor; keeps the tensors, so that ids stay unique.

    Attributes:
        count: Number of uses, by the tensor's id. Functions that give no tensor (``x.dim()``) are ignored.
    """

    def __init__(self) -> None:
        super().__init__()
        self.count: Dict[int, int] = {}
        self.kept: List[Any] = []

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = [leaf for leaf in tree_leaves((args, kwargs or {})) if isinstance(leaf, torch.Tensor)]
        result = function(*args, **(kwargs or {}))
        if any(isinstance(leaf, torch.Tensor) for leaf in tree_leaves(result)):
            for leaf in given:
                self.count[id(leaf)] = self.count.get(id(leaf), 0) + 1
            self.kept += [*given, result]
        return result


def fold(model: nn.Module) -> None:
    """Bring a model behind a backbone of this folder into its inference form; do nothing for any other (step b07).

    Called by ``fuse()`` after upstream has folded its own layers. A backbone's method ``deploy()``, where it has one,
    is called first.

    Args:
        model: A detector in which every upstream ``Conv`` is folded.
    """
    backbone = first_backbone(getattr(model, "model", None))
    if backbone is None or TorchFunctionMode is object:
        return
    modes = {module: module.training for module in model.modules()}
    model.eval()
    with torch.no_grad():
        if callable(getattr(backbone, "deploy", None)):
            backbone.deploy()
        _fold_watched(backbone)
        for layer in list(model.model)[1:]:
            _fold_neighbours(layer)
    for module in model.modules():
        module.training = modes.get(module, modes[model])  # new ones have the model's
    setattr(model, LEFT, _norms(model))


def is_folded(model: nn.Module) -> bool:
    """Return whether no BatchNorm is left that ``fold`` has not found to be unfoldable (step b07)."""
    if first_backbone(getattr(model, "model", None)) is None:
        return True
    known = getattr(model, LEFT, None)
    return set(_norms(model)) <= set(known or ())


def _norms(model: nn.Module) -> List[str]:
    return [name for name, module in model.named_modules() if isinstance(module, NORMS)]


def _fold_neighbours(layer: nn.Module) -> None:
    """Fold each BatchNorm that stands right behind a convolution in a Sequential, as in the decoder's projections."""
    for parent in layer.modules():
        if type(parent) is not nn.Sequential:
            continue
        children = list(parent.named_children())
        for (_, conv), (name, norm) in zip(children, children[1:]):
            if _is_plain(conv) and isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None:
                _into(conv, norm, before=False)
                setattr(parent, name, _rest_of(norm))


def _fold_watched(backbone: nn.Module) -> None:
    """Fold what one run of a copy shows to be foldable, unless the copy's maps come out differently."""
    if not any(isinstance(module, NORMS) for module in backbone.modules()):
        return
    trial = copy.deepcopy(backbone).cpu().double()  # some devices have no double precision
    trial.train()  # some networks drop what they have cached, in single precision, when the mode changes
    trial.eval()
    x, reason = _image(trial)
    if x is None:
        LOGGER.warning(
            f"{type(backbone).__name__}: fuse() could not run it, its BatchNorms stay as they are ({reason})"
        )
        return
    pairs, maps = _watch(trial, x)
    _fold_pairs(trial, pairs)
    for before, after in zip(maps, _maps(trial, x)):
        if not (before - after).abs().max() <= TOLERANCE * before.abs().max().clamp(min=1e-30):
            LOGGER.warning(f"{type(backbone).__name__}: folding its BatchNorms changed its maps; they stay as they are")
            return
    _fold_pairs(backbone, pairs)


def _fold_pairs(backbone: nn.Module, pairs: List[Pair]) -> None:
    for pair in pairs:
        norm = backbone.get_submodule(pair.norm)
        _into(backbone.get_submodule(pair.conv), norm, pair.before)
        _replace(backbone, norm, _rest_of(norm))


def _image(backbone: nn.Module) -> Tuple[Any, str]:
    """Return noise of a size that the backbone takes, in its type; None and the reason if it takes none of SIDES."""
    like = next(backbone.parameters())
    channels = getattr(backbone, "in_chans", 3)
    reason, own = "", getattr(backbone, "image_size", None)
    for height, width in [own] if own else [(side, side) for side in SIDES]:
        generator = torch.Generator().manual_seed(0)
        x = torch.rand(1, channels, height, width, generator=generator).to(like)
        try:
            _maps(backbone, x)
            return x, ""
        except Exception as e:  # whatever a pasted file raises
            reason = f"{type(e).__name__}: {' '.join(str(e).split())[:120]}"
    return None, reason


def _maps(backbone: nn.Module, x: torch.Tensor) -> List[torch.Tensor]:
    return [y.double() for y in backbone(x) if isinstance(y, torch.Tensor)]


def _watch(backbone: nn.Module, x: torch.Tensor) -> Tuple[List[Pair], List[torch.Tensor]]:
    """Run the backbone and return what can be folded, and its maps."""
    uses = _Uses()
    names = {module: name for name, module in backbone.named_modules()}
    calls: Dict[nn.Module, List[Tuple[int, int]]] = {}

    def note(module: nn.Module, args: Any, output: Any) -> None:
        if args and isinstance(args[0], torch.Tensor) and isinstance(output, torch.Tensor):
            uses.kept += [args[0], output]
            calls.setdefault(module, []).append((id(args[0]), id(output)))

    with _hooked([m for m in names if _is_plain(m) or isinstance(m, NORMS)], note), uses:
        maps = _maps(backbone, x)
    once = {module: seen[0] for module, seen in calls.items() if len(seen) == 1}
    makes = {output: module for module, (_, output) in once.items() if _is_plain(module)}
    reads = {source: module for module, (source, _) in once.items() if _is_plain(module)}
    pairs, taken = [], set()
    for norm, (source, output) in once.items():
        if not isinstance(norm, nn.BatchNorm2d) or norm.running_mean is None:
            continue
        conv, behind = makes.get(source), reads.get(output)
        if conv is not None and uses.count.get(source) == 1 and conv not in taken:
            pairs.append(Pair(names[norm], names[conv], before=False))
            taken.add(conv)
        elif _takes_shift(behind, norm) and uses.count.get(output) == 1 and behind not in taken:
            pairs.append(Pair(names[norm], names[behind], before=True))
            taken.add(behind)
    return pairs, maps


@contextlib.contextmanager
def _hooked(modules: List[nn.Module], note: Any) -> Iterator[None]:
    handles = [module.register_forward_hook(note) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _is_plain(module: Any) -> bool:
    return isinstance(module, nn.Conv2d) and type(module).__name__ in PLAIN and not hasattr(module, "weight_quantizer")


def _takes_shift(conv: Any, norm: nn.Module) -> bool:
    """Return whether a BatchNorm in front of a convolution can go into it: 1x1, unpadded, and nothing in between."""
    if not _is_plain(conv):
        return False
    unpadded = conv.groups == 1 and conv.kernel_size == (1, 1) and conv.padding in ((0, 0), "valid")
    return unpadded and isinstance(_rest_of(norm), nn.Identity)


def _into(conv: nn.Conv2d, norm: nn.Module, before: bool) -> None:
    """Multiply a BatchNorm in evaluation mode into a convolution's weight and bias, in double precision."""
    mean, variance = _double(norm.running_mean), _double(norm.running_var)
    gain = torch.ones_like(mean) if norm.weight is None else _double(norm.weight)
    offset = torch.zeros_like(mean) if norm.bias is None else _double(norm.bias)
    scale = gain / (variance + norm.eps).sqrt()
    shift = offset - mean * scale
    weight = _double(conv.weight)
    bias = weight.new_zeros(weight.shape[0]) if conv.bias is None else _double(conv.bias)
    if before:
        bias = bias + weight.flatten(1) @ shift
        weight = weight * scale.view(1, -1, 1, 1)
    else:
        bias = bias * scale + shift
        weight = weight * scale.view(-1, 1, 1, 1)
    last = conv.weight.is_contiguous(memory_format=torch.channels_last)
    weight = weight.to(conv.weight).contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)
    conv.weight = nn.Parameter(weight, requires_grad=False)
    conv.bias = nn.Parameter(bias.to(weight), requires_grad=False)


def _double(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor in double precision, on the CPU: not every device has it."""
    return tensor.detach().cpu().double()


def _rest_of(norm: nn.Module) -> nn.Module:
    """Return what a norm layer does besides normalising: timm's carry an activation (and, in training, a dropout)."""
    act = getattr(norm, "act", None)
    return act if isinstance(act, nn.Module) else nn.Identity()


def _replace(root: nn.Module, old: nn.Module, new: nn.Module) -> None:
    """Put a module in the place of another, under every name that it has."""
    for parent in root.modules():
        for name in [name for name, child in parent._modules.items() if child is old]:
            setattr(parent, name, new)
