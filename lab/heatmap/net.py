"""The network of ``lab heatmap``: its layers by their index in the YAML, its raw scores, its detections."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import nn

from lab.heatmap.images import Placed, place
from run.arguments import UsageError
from ultralytics.nn.Addmodules._rows.indices import name_of, spans
from ultralytics.nn.Addmodules.contract import SLOTS, first_backbone
from ultralytics.nn.Addmodules.hooks import takes_any_shape

HEADS = ("Detect", "v10Detect", "RTDETRDecoder")
MOST = 100
"""Most (cell, class) pairs whose scores are explained together."""
SHOWN = 300
"""Most boxes that are drawn."""
OVERLAP = 0.7
"""IoU above which the weaker of two boxes of a class is not drawn, upstream's default; not for end-to-end heads."""


class Layer(NamedTuple):
    """A layer to look at.

    Attributes:
        index: Its index in the YAML.
        name: As it was asked for: P4, N3, 12.
        module: Name of its class.
        shape: Of its output, (channels, height, width).
    """

    index: int
    name: str
    module: str
    shape: Tuple[int, ...]


class Seen(NamedTuple):
    """What the network finds in an image.

    Attributes:
        x: Its input, (1, C, H, W), RGB in 0…1.
        placed: Where the image lies in it.
        cells: Indices of the cells or queries that are explained, at most ``MOST``.
        classes: The class of each.
        boxes: Detections to draw, (n, 4), corners in the image's pixels.
        scores: Confidence of each, strongest first.
        labels: Class of each.
        highest: Highest confidence of all, whatever --conf; nan for a class that the model lacks.
    """

    x: torch.Tensor
    placed: Placed
    cells: torch.Tensor
    classes: torch.Tensor
    boxes: Any
    scores: Any
    labels: Any
    highest: float


def pick_device(name: str) -> torch.device:
    """Return the device that ``--device`` means; the first GPU or the CPU for an empty name.

    Raises:
        UsageError: There is no such device here, or several are named.
    """
    from ultralytics.utils.torch_utils import select_device

    if "," in name:
        raise UsageError(f"--device {name}: one device is enough here")
    try:
        return select_device(name, verbose=False)
    except (AssertionError, RuntimeError, ValueError) as e:
        raise UsageError(f"--device {name}: {' '.join(str(e).split())}") from None


class Net(nn.Module):
    """A detector whose raw scores have gradients down to every layer.

    ``forward(x)`` gives for x of shape (1, C, H, W) one tensor (1, cells, classes + 4): class scores before the
    sigmoid, and the box's corners as fractions of the input.

    Args:
        model: Upstream's ``DetectionModel`` or ``RTDETRDetectionModel``, fused or not; it is changed (see ``_open``).
        device: Where it runs.
        source: Its name in messages.

    Attributes:
        rows: Index in the YAML -> module whose output is that row's; for a slot of the backbone an identity.
        names: Class number -> name.
        channels: Channels of its images.

    Raises:
        UsageError: It is not a detector with one of ``HEADS``.
    """

    def __init__(self, model: nn.Module, device: torch.device, source: str = "the model") -> None:
        super().__init__()
        layers = getattr(model, "model", None)
        self.kind = type(layers[-1]).__name__ if isinstance(layers, nn.Sequential) and len(layers) else ""
        if self.kind not in HEADS:
            raise UsageError(
                f"{source} ends in {self.kind or type(model).__name__}: heat maps are drawn of detectors that end in "
                f"{', '.join(HEADS)}"
            )
        self.net = _open(model).to(device)
        self.head = self.net.model[-1]
        self.names = {int(n): str(name) for n, name in getattr(model, "names", {}).items()}
        known = {n: name for n, name in self.names.items() if name != str(n)}  # upstream names classes 0, 1, ...
        self.names = {n: known.get(n, f"class {n}") for n in range(self.head.nc)}
        yaml = getattr(model, "yaml", None) or {}
        self.channels = int(yaml.get("channels") or 3)
        if self.channels not in (1, 3):
            raise UsageError(f"{source} takes images of {self.channels} channels: only 1 and 3 can be read here")
        backbone = first_backbone(layers)
        self.empty = 0
        self.taps = nn.ModuleList()
        if backbone is not None:
            self.empty = SLOTS - len(getattr(backbone, "width_list", None) or backbone.channel)
            self.taps.extend(nn.Identity() for _ in range(SLOTS - self.empty))
            backbone.register_forward_hook(lambda _, __, maps: [tap(m) for tap, m in zip(self.taps, maps)])
        self.rows = {self.empty + n: tap for n, tap in enumerate(self.taps)}
        self.rows.update({layer.i: layer for layer in layers if layer is not backbone})
        first = 1 if backbone is not None else 0  # the backbone section's rows; a backbone row fills it by its slots
        self.backbone = [i for i in self.rows if i < SLOTS] if first else list(range(len(yaml.get("backbone") or ())))
        self.modules_by_index = {i: name_of(layer) for i, layer in self.rows.items()}
        self.modules_by_index.update({i: type(backbone).__name__ for i in self.backbone if first})
        self._shapes: Dict[int, Dict[int, Any]] = {}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return scores and boxes, (1, cells, classes + 4)."""
        height, width = x.shape[2:]
        _, raw = self.net(x)
        if self.kind == "RTDETRDecoder":
            boxes, logits = raw[0][-1], raw[1][-1]  # of the decoder's last layer; (1, queries, ...)
            centred = True
        else:
            branch = raw["one2one" if self.head.end2end else "one2many"] if "one2many" in raw else raw
            logits = branch["scores"].transpose(1, 2)
            boxes = self.head._inference(branch)[:, :4].transpose(1, 2)
            boxes = boxes / boxes.new_tensor([width, height, width, height])
            centred = not (self.head.end2end or self.head.xyxy)
        if centred:
            middle, half = boxes[..., :2], boxes[..., 2:4] / 2
            boxes = torch.cat([middle - half, middle + half], -1)
        return torch.cat([logits, boxes], -1)

    def shapes(self, side: int) -> Dict[int, Any]:
        """Return the shape (C, H, W) of every row's output for a square image; None for what is not a single map."""
        if side not in self._shapes:
            outputs: Dict[int, Any] = {}
            handles = [
                module.register_forward_hook(lambda _, __, out, i=i: outputs.__setitem__(i, out))
                for i, module in self.rows.items()
            ]
            try:
                with torch.no_grad():
                    self(torch.zeros(1, self.channels, side, side, device=next(self.net.parameters()).device))
            finally:
                for handle in handles:
                    handle.remove()
            single = {i: isinstance(out, torch.Tensor) and out.ndim == 4 for i, out in outputs.items()}
            self._shapes[side] = {i: tuple(out.shape[1:]) if single[i] else None for i, out in outputs.items()}
        return self._shapes[side]

    def aliases(self, side: int) -> Dict[str, int]:
        """Return the indices of P1 to P5, from the backbone, and N1 to N5, that the detection head reads."""
        shapes = self.shapes(side)
        found: Dict[str, int] = {}
        reads = [
            self.head.i + i if i < 0 else i for i in ([self.head.f] if isinstance(self.head.f, int) else self.head.f)
        ]
        for letter, indices in (("P", self.backbone), ("N", reads)):
            for i in sorted(indices):
                level = _level(shapes.get(i), side)
                if letter == "P" and len(self.taps):
                    level = i + 1  # the contract's slots, whatever the strides
                if level is not None:
                    found[f"{letter}{level}"] = i
        return found

    def find(self, names: Optional[Sequence[str]], side: int) -> List[Layer]:
        """Return the layers that ``--layer`` names, each once; those of P3, P4 and P5 that there are for None.

        Raises:
            UsageError: There is no such layer, or its output is no map; all such names are said.
        """
        aliases, shapes = self.aliases(side), self.shapes(side)
        found, faults = [], []
        if names is None:
            names = [name for name in ("P3", "P4", "P5") if name in aliases] or ["P3"]
        for name in names:
            index = aliases.get(name.upper(), int(name) if name.isdecimal() else None)
            if index is None:
                faults.append(f"--layer {name}: there are {', '.join(sorted(aliases))} and an index of the YAML")
            elif index not in self.rows:
                slots = (
                    f" (the backbone leaves 0 to {self.empty - 1} empty)" if self.empty and index < self.empty else ""
                )
                faults.append(f"--layer {name}: the model has the rows {spans(sorted(self.rows))}{slots}")
            elif shapes.get(index) is None:
                faults.append(
                    f"--layer {name}: row {index} is {self.modules_by_index[index]}, whose output is not a map"
                )
            else:
                shown = name.upper() if not name.isdecimal() else str(index)
                found.append(Layer(index, shown, self.modules_by_index[index], shapes[index]))
        if faults:
            raise UsageError("\n  ".join([*faults, "--list-layers prints them all"]))
        return list({layer.index: layer for layer in reversed(found)}.values())[::-1]

    def class_number(self, name: Optional[str]) -> Optional[int]:
        """Return the number of the class that ``--class`` names; None for None.

        Raises:
            UsageError: The model has no such class.
        """
        if name is None:
            return None
        for number, known in self.names.items():
            if known == name:
                return number
        if name.isdecimal() and int(name) in self.names:
            return int(name)
        few = ", ".join(f"{n} {known}" for n, known in list(self.names.items())[:20])
        raise UsageError(f"--class {name}: there are {few}" + " and more" * (len(self.names) > 20))

    def table(self, side: int) -> List[str]:
        """Return the lines of a table of the rows: index, names for --layer, class, shape of the output."""
        called: Dict[int, List[str]] = {}
        for alias, i in self.aliases(side).items():
            called.setdefault(i, []).append(alias)
        lines = [f"{'index':>5}  {'name':6} {'module':24} {'channels':>8} {'map':>9}"]
        for i, shape in sorted(self.shapes(side).items()):
            size = f"{shape[0]:>8} {f'{shape[1]}x{shape[2]}':>9}" if shape else "  no map"
            lines.append(f"{i:>5}  {' '.join(sorted(called.get(i, []))):6} {self.modules_by_index[i]:24} {size}")
        return [*lines, f"maps for an image of {side}x{side} pixels"]

    def look(self, photo: Any, side: int, conf: float, wanted: Optional[int]) -> Seen:
        """Run the network on an image.

        Raises:
            UsageError: The scores are not finite.
        """
        stretch = self.kind == "RTDETRDecoder"  # as upstream's predictor feeds it
        stride = max(int(getattr(self.net, "stride", torch.tensor([32])).max()), 32)
        canvas, placed = place(photo, side, stretch, not takes_any_shape(self.net), stride)
        device = next(self.net.parameters()).device
        x = torch.from_numpy(canvas[..., ::-1].copy()).permute(2, 0, 1)[None].to(device).float() / 255
        with torch.no_grad():
            result = self(x)
        if not result.isfinite().all():
            raise UsageError("the model's scores are not finite (nan or inf): its weights are broken")
        odds = result[0, :, : self.head.nc].sigmoid()
        if wanted is not None:
            other = torch.ones(self.head.nc, dtype=torch.bool, device=device)
            other[wanted] = False
            odds = odds.masked_fill(other, -1.0)
        flat, order = odds.flatten().sort(descending=True, stable=True)
        order = order[flat >= conf]
        cells, classes = order // self.head.nc, order % self.head.nc
        kept = self._kept(result[0, cells, self.head.nc :], odds[cells, classes], classes)
        height, width = x.shape[2:]
        corners = result[0, cells[kept], self.head.nc :] * result.new_tensor([width, height] * 2)
        return Seen(
            x,
            placed,
            cells[:MOST],
            classes[:MOST],
            placed.boxes_back(corners.cpu().numpy()),
            odds[cells[kept], classes[kept]].cpu().numpy(),
            classes[kept].cpu().numpy(),
            float(flat[0]),
        )

    def _kept(self, boxes: torch.Tensor, scores: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        """Return which detections to draw: all of an end-to-end head, else those that suppression leaves."""
        if self.kind == "RTDETRDecoder" or self.head.end2end:
            return torch.arange(len(boxes), device=boxes.device)[:SHOWN]
        from torchvision.ops import batched_nms

        return batched_nms(boxes, scores, classes, OVERLAP)[:SHOWN]


def _level(shape: Any, side: int) -> Optional[int]:
    """Return n for a map of stride 2 ** n, or None."""
    if shape is None or side % shape[1]:
        return None
    stride = side // shape[1]
    level = stride.bit_length() - 1
    return level if stride == 1 << level and 1 <= level <= 5 else None


def _open(model: nn.Module) -> nn.Module:
    """Make a model ready for gradients at its activations, of which its weights need none.

    Weights made in inference mode are copied, since autograd refuses them, and so are the head's cached anchors.
    """
    model = model.float().eval().requires_grad_(False)
    for module in model.modules():
        for kind in (module._parameters, module._buffers):
            for name, tensor in kind.items():
                if tensor is not None and tensor.is_inference():
                    copy = tensor.clone()
                    kind[name] = nn.Parameter(copy, False) if kind is module._parameters else copy
    _forget(model.model[-1])
    return model


def _forget(head: nn.Module) -> None:
    """Let the head work its anchors out anew."""
    if type(head).__name__ == "RTDETRDecoder":
        head.shapes = []
    else:
        head.shape = None
