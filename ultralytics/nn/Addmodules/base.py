"""What the project's own backbones share: pretrained weights, and the normalisation that belongs to them."""

from __future__ import annotations

import copy
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

import torch
from torch import nn

from . import weights
from .contract import BackboneError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

KEEPS_SETTINGS = "addmodules_keeps_settings"
"""Attribute of a BatchNorm whose eps and momentum came with its weights (step b06)."""

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)

Pretrained = Union[bool, str, None]


class Reference(NamedTuple):
    """The implementation that a backbone equals, and the form in which its weights are published.

    Attributes:
        hub: ``timm:NAME.TAG`` or ``torchvision:NAME``: what ``pretrained: true`` fetches.
        rename: Maps a checkpoint's names to ours: takes all of its tensors, returns those of the backbone.
        mean: Mean of the images that the weights were trained on, RGB, in 0…1.
        std: Their standard deviation.
        eps: Of the BatchNorms that the weights were trained with.
        momentum: The same.
    """

    hub: str
    rename: Callable[[Dict[str, torch.Tensor]], Dict[str, torch.Tensor]]
    mean: Tuple[float, ...] = IMAGENET_MEAN
    std: Tuple[float, ...] = IMAGENET_STD
    eps: float = 1e-5
    momentum: float = 0.1


class Normalize(nn.Module):
    """Subtracts the mean and divides by the standard deviation of the images that the weights were trained on.

    Upstream feeds RGB in 0…1. For one channel the averages over RGB are taken, for more than three they repeat.

    Args:
        mean: One value an RGB channel, in 0…1.
        std: The same.
        in_chans: Number of channels of the images.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], in_chans: int = 3) -> None:
        super().__init__()
        for name, values in (("mean", mean), ("std", std)):
            if in_chans == 1:
                values = [sum(values) / len(values)]
            spread = [values[i % len(values)] for i in range(in_chans)]
            self.register_buffer(name, torch.tensor(spread).view(1, in_chans, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (x - mean) / std; shape (B, in_chans, H, W)."""
        return (x - self.mean) / self.std


class Backbone(nn.Module):
    """Base of the project's own backbones; a subclass builds its layers and then calls ``load_pretrained``.

    A subclass's ``forward`` begins with ``x = self.normalize(x)``.

    Args:
        in_chans: Number of channels of the images.

    Attributes:
        width_list: Channels of each map, largest map first.
        strides: Input size divided by map size, for each map.
        normalize: ``Normalize`` behind pretrained weights, an identity otherwise.

    Raises:
        BackboneError: ``in_chans`` is not a whole number from 1.
    """

    width_list: List[int]
    strides: List[int]

    def __init__(self, in_chans: int = 3) -> None:
        super().__init__()
        self.in_chans = whole(type(self).__name__, "in_chans", in_chans)
        self.normalize: nn.Module = nn.Identity()

    def __setstate__(self, state: Dict[str, object]) -> None:
        """Open a checkpoint of the first revision too, in which backbones had no normalisation."""
        super().__setstate__(state)
        self.__dict__.setdefault("in_chans", 3)
        if "normalize" not in self._modules:
            self.normalize = nn.Identity()

    def load_pretrained(self, pretrained: Pretrained, reference: Optional[Reference]) -> None:
        """Load weights and take over what belongs to them: normalisation, and eps and momentum of BatchNorm.

        Where a checkpoint that holds this backbone is about to be loaded into the model (a run that is resumed, or
        fine-tuned from a ``.pt``), the file is not read again.

        Args:
            pretrained: False for none, True for the reference's own, or the path of a file (.pth, .pt, .safetensors).
            reference: Where they come from and how they are named; None where no reference has weights.

        Raises:
            BackboneError: The weights cannot be had or read, or none of them fits.
        """
        if pretrained is None or pretrained is False:
            return
        name = type(self).__name__
        if not isinstance(pretrained, (bool, str)):
            raise BackboneError(f"{name}: pretrained is {pretrained!r}, expected true, false or the path of a file")
        if reference is None:
            raise BackboneError(f"{name}: no reference implementation publishes weights for it; leave pretrained out")
        self.normalize = Normalize(reference.mean, reference.std, self.in_chans)
        for module in self.modules():
            if isinstance(module, NORMS):
                module.eps, module.momentum = reference.eps, reference.momentum
        keep_settings(self)
        if weights.follow(self, pretrained):
            return
        if isinstance(pretrained, str):
            tensors, origin = weights.read(pretrained, name), pretrained
        else:
            tensors, origin = weights.fetch(reference.hub, name), reference.hub
        weights.load(self, tensors, reference.rename, self.adapt, origin)

    def adapt(self, name: str, given: torch.Tensor, wanted: torch.Tensor) -> Optional[torch.Tensor]:
        """Return a tensor of another shape as this backbone can use it, or None where it cannot.

        Here: the first convolution for images of another number of channels than three.

        Args:
            name: Its name in this backbone.
            given: As it stands in the file.
            wanted: The backbone's own, of the shape that is needed.
        """
        if given.ndim == 4 and wanted.shape[1] == self.in_chans and given.shape[1] == 3:
            return weights.adapt_input(given, self.in_chans)
        return None


def keep_settings(module: nn.Module) -> None:
    """Mark every BatchNorm below ``module``: its eps and momentum belong to its weights and must stay (step b06)."""
    for child in module.modules():
        if isinstance(child, NORMS):
            setattr(child, KEEPS_SETTINGS, True)


def weights_match(one: nn.Module, other: nn.Module) -> bool:
    """Return whether two backbones have the same tensors, normalisation aside."""
    shapes = [
        {name: tensor.shape for name, tensor in module.state_dict().items() if not name.startswith("normalize.")}
        for module in (one, other)
    ]
    return shapes[0] == shapes[1]


def settings_of(backbone: nn.Module) -> List[object]:
    """Return what belongs to a backbone's weights and is not in its state dict, and its normalisation."""
    norms = [m for m in backbone.modules() if isinstance(m, NORMS)]
    found: List[object] = [(m.eps, m.momentum, hasattr(m, KEEPS_SETTINGS)) for m in norms]
    return [*found, *(tensor.flatten().tolist() for tensor in backbone.normalize.state_dict().values())]


def adopt_settings(backbone: nn.Module, source: nn.Module) -> None:
    """Give ``backbone`` the normalisation of ``source``, and its BatchNorms their eps, momentum and mark.

    Args:
        backbone: Changed in place.
        source: A backbone with the same tensors.
    """
    like = next(backbone.parameters())
    backbone.normalize = copy.deepcopy(source.normalize).to(device=like.device, dtype=like.dtype)
    pairs = zip(*([m for m in b.modules() if isinstance(m, NORMS)] for b in (backbone, source)))
    for mine, theirs in pairs:
        mine.eps, mine.momentum = theirs.eps, theirs.momentum
        if hasattr(theirs, KEEPS_SETTINGS):
            setattr(mine, KEEPS_SETTINGS, True)
        elif hasattr(mine, KEEPS_SETTINGS):
            delattr(mine, KEEPS_SETTINGS)


def whole(owner: str, name: str, value: object, least: int = 1) -> int:
    """Return ``value``, checked to be a whole number from ``least``.

    Raises:
        BackboneError: It is none.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise BackboneError(f"{owner}: {name} is {value!r}, expected a whole number from {least}")
    return value


def one_of(owner: str, name: str, value: object, known: Sequence[object]) -> None:
    """Check that ``value`` is one of ``known``.

    Raises:
        BackboneError: It is not.
    """
    if not any(type(value) is type(item) and value == item for item in known):
        raise BackboneError(f"{owner}: {name} is {value!r}, expected one of {', '.join(map(str, known))}")
