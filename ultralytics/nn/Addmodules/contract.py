"""The contract of a backbone, and the five slots that its maps fill.

A backbone is an ``nn.Module`` with

* ``width_list``: channels of each map, largest map first;
* ``strides`` (ours; optional in other files): input size divided by map size, for each map;
* ``forward(x)``: for ``x`` of shape (B, C, H, W) a list or tuple of 1 to 5 maps, largest first, each of shape
  (B, width, H / stride, W / stride).

The articles' files use ``width_list`` or ``channel``; both are accepted.

Maps fill the slots P1 to P5 from the right, so the last map is always index 4 in a YAML, the one before it 3, and so
on; rows behind the backbone count on from 5.
"""

from __future__ import annotations

from typing import Any, List, Optional, Sequence

SLOTS = 5
"""Number of indices that a backbone row takes: P1 to P5."""


FLAG = "addmodules_backbone"
"""Attribute that marks a built backbone row; not plain ``backbone``, which wrappers use for a network inside them."""


class BackboneError(ValueError):
    """A backbone, or its row in a YAML, breaks the contract; the message says what, where and what to do."""


def told(error: BaseException) -> BaseException:
    """Return the error of this folder that upstream has wrapped in another, or ``error`` itself."""
    cause: Optional[BaseException] = error
    while cause is not None and not isinstance(cause, BackboneError):
        cause = cause.__cause__
    return cause or error


class UnknownModuleError(BackboneError):
    """A row names a module that there is not.

    Args:
        what: What is wrong.
        near: Names like the one that was asked for.
        otherwise: What to say where there are none.
    """

    def __init__(self, what: str, near: Sequence[str] = (), otherwise: str = "") -> None:
        hint = f"did you mean {' or '.join(near)}?" if near else otherwise
        super().__init__(f"{what}: {hint}" if hint else what)
        self.what, self.near = what, list(near)


class UncheckedError(BackboneError):
    """What a row gives cannot be known before it is really built: no fault, the build decides."""


def widths_of(backbone: Any, name: str) -> List[int]:
    """Return the channels of a backbone's maps, largest map first.

    Raises:
        BackboneError: It has neither ``width_list`` nor ``channel``, or they are not a list of 1 to 5 positive numbers.
    """
    for attribute in ("width_list", "channel", "channels"):
        widths = getattr(backbone, attribute, None)
        if isinstance(widths, (list, tuple)):
            break
    else:
        raise BackboneError(
            f"{name} states no channels: set self.width_list in its constructor, one number for each map that forward "
            f"returns, largest map first (see ultralytics/nn/Addmodules/contract.py)"
        )
    if not 1 <= len(widths) <= SLOTS or not all(isinstance(w, int) and w > 0 for w in widths):
        raise BackboneError(f"{name}.{attribute} is {widths!r}: expected 1 to {SLOTS} positive whole numbers")
    return list(widths)


def right_align(values: Sequence[Any], empty: Any) -> List[Any]:
    """Return five entries: ``values`` in the last slots, ``empty`` in those before."""
    return [empty] * (SLOTS - len(values)) + list(values)


def is_multi_map(layer: Any) -> bool:
    """Return whether a layer of a built model is a backbone row."""
    return getattr(layer, FLAG, None) is True


def first_backbone(layers: Any) -> Optional[Any]:
    """Return the backbone of a model's layers (row 0), or None for a model without one."""
    try:
        layer = layers[0]
    except (TypeError, IndexError, KeyError):
        return None
    return layer if is_multi_map(layer) else None


PROBE = 640
"""Side in pixels of the square image on which a head's strides are measured behind a backbone (articles, 4.8)."""


def probe_size(layers: Any, default: int) -> int:
    """Return the side in pixels of the image on which strides are measured (step s08)."""
    backbone = first_backbone(layers)
    if backbone is None:
        return default
    size = getattr(backbone, "image_size", None)  # of one that takes no other
    return size[0] if size else max(PROBE, default)
