"""Which row of a model is the first whose numbers are NaN or infinite while it trains."""

from __future__ import annotations

import logging
import math
from typing import Any, Dict, Iterator, List, Optional, Tuple

import torch
from torch import Tensor, nn

from .._upstream import autocast
from ..contract import BackboneError, first_backbone
from .indices import layers_of, name_of

LOGGER = logging.getLogger("ultralytics")

FOUND = "addmodules_nonfinite"
"""Attribute of a trainer: the epoch in which a loss was first seen not finite, and what was found then."""

WATCH = "addmodules_watch"
"""Attribute of a trainer: the handle of the hook that looks at the loss of a batch."""


def watch_loss(trainer: Any) -> None:
    """Look at the loss of the batch that begins, before the optimizer's step could wipe out where it went wrong.

    The hook stays for one batch: it would be copied and pickled with the model.

    Args:
        trainer: Upstream's.
    """
    look_away(trainer)
    if first_backbone(layers_of(trainer.model)) is None:
        return

    def look(module: nn.Module, inputs: Any, output: Any) -> None:
        if not (module.training and isinstance(output, tuple) and inputs and isinstance(inputs[0], dict)):
            return
        if _found(trainer) is not None or _are_finite(output[0]):
            return
        setattr(trainer, FOUND, (trainer.epoch, ""))  # the pass that follows comes here, too
        found = diagnose(trainer, inputs[0])
        setattr(trainer, FOUND, (trainer.epoch, found))
        LOGGER.warning(f"the loss is NaN or infinite: {found or 'and every number of a second pass is finite'}")

    setattr(trainer, WATCH, trainer.model.register_forward_hook(look))


def look_away(trainer: Any) -> None:
    """Take the hook of ``watch_loss`` away, where there is one."""
    handle = trainer.__dict__.pop(WATCH, None)
    if handle is not None:
        handle.remove()


def _are_finite(loss: Any) -> bool:
    values = loss.values() if isinstance(loss, dict) else torch.as_tensor(loss).detach().flatten()
    return all(math.isfinite(float(value)) for value in values)


def _found(trainer: Any) -> Optional[str]:
    """Return what was found in this epoch, or None."""
    epoch, found = getattr(trainer, FOUND, (None, None))
    return (found or "") if epoch == trainer.epoch else None


def tell_loss(trainer: Any) -> None:
    """Say at the end of an epoch whose last loss is NaN or infinite where that began, and what helps.

    Args:
        trainer: Upstream's, before the validation.

    Raises:
        BackboneError: Something was found, and it is the run's first epoch: there is no checkpoint to go back to.
    """
    _tell(trainer, "Loss", trainer.loss)


def tell_fitness(trainer: Any) -> None:
    """Do the same where what the validation found is NaN; upstream goes back to last.pt before this, if there is one.

    Args:
        trainer: Upstream's, after the validation.

    Raises:
        BackboneError: As ``tell_loss``.
    """
    _tell(trainer, "Fitness", trainer.fitness)


def _tell(trainer: Any, what: str, value: Any) -> None:
    layers = layers_of(trainer.model)
    if value is None or _are_finite(value) or first_backbone(layers) is None:
        return
    found = _found(trainer) or diagnose(trainer, None)
    text = f"{what} NaN/Inf: {found or 'the weights, outputs and statistics are finite'}\n{_cures(trainer)}"
    if found and trainer.epoch == trainer.start_epoch:
        raise BackboneError(f"training ends in its first epoch. {text}")
    LOGGER.warning(text)


def _cures(trainer: Any) -> str:
    arguments = trainer.args
    cures = []
    if trainer.amp and arguments.amp != "bf16":
        cures.append("amp=bf16 or amp=False (float16 ends at 65504)")
    rate = f"lr0={arguments.lr0} now"
    cures.append(f"a lower lr0 ({rate}; optimizer=auto sets its own: name one, such as optimizer=AdamW)")
    cures.append("a look at the data: boxes outside 0 to 1, broken images")
    return "  to do, one after the other: " + "; ".join(cures)


def diagnose(trainer: Any, batch: Optional[Dict[str, Any]]) -> str:
    """Return in words where the first number is that is not finite, or an empty string.

    It looks at the weights, then at every output in a pass like those of the training, then at the statistics of
    normalisations, and at those of the averaged model that is validated.

    Args:
        trainer: Upstream's.
        batch: A batch on the device; None takes one from the training set.
    """
    model = _unwrapped(trainer.model)
    found = _tensors(model, model.named_parameters(), "weight")
    if found:
        return found
    try:
        found = _outputs(trainer, model, _batch(trainer) if batch is None else batch)
    except Exception as e:  # out of memory, a data set that cannot be read again: what was found is worth saying
        LOGGER.warning(f"the pass that looks for the row failed: {type(e).__name__}: {' '.join(str(e).split())[:200]}")
    found = found or _tensors(model, model.named_buffers(), "statistic")
    averaged = getattr(trainer.ema, "ema", None)
    if not found and averaged is not None:
        averaged = _unwrapped(averaged)
        tensors = [*averaged.named_parameters(), *averaged.named_buffers()]
        found = _tensors(averaged, iter(tensors), "number of the averaged model (EMA)")
    return found


def _unwrapped(model: nn.Module) -> nn.Module:
    """Return the model itself, out of DDP, torch.compile and distillation."""
    layers = layers_of(model)
    return next(part for part in model.modules() if part._modules.get("model") is layers)


def _batch(trainer: Any) -> Dict[str, Any]:
    """Return a batch of the training set without disturbing its loader."""
    loader = trainer.train_loader
    count = min(len(loader.dataset), loader.batch_size or 1)
    return trainer.preprocess_batch(loader.collate_fn([loader.dataset[index] for index in range(count)]))


def _where(model: nn.Module, name: str) -> str:
    """Return a module's or tensor's place in words, by the row's index in the YAML."""
    parts = name.split(".", 2)
    if parts[0] != "model" or len(parts) < 2 or not parts[1].isdecimal():
        return name
    layer = model.model[int(parts[1])]
    inside = f"{parts[2]} of " if len(parts) > 2 else ""
    return f"{inside}row {layer.i} ({name_of(layer)})"


def _finite(value: Any) -> bool:
    """Return whether every number in nested outputs is finite."""
    if isinstance(value, Tensor):
        return not value.is_floating_point() or bool(torch.isfinite(value).all())
    if isinstance(value, dict):
        value = list(value.values())
    return not isinstance(value, (list, tuple)) or all(_finite(item) for item in value)


def _largest(value: Any) -> float:
    """Return the largest magnitude in nested inputs, 0 for none."""
    if isinstance(value, Tensor):
        return float(value.detach().abs().max()) if value.is_floating_point() and value.numel() else 0.0
    items = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return max((_largest(item) for item in items), default=0.0)


def _tensors(model: nn.Module, tensors: Iterator[Tuple[str, Tensor]], kind: str) -> str:
    """Return where tensors are not finite, in words, or an empty string."""
    names = [name for name, tensor in tensors if not _finite(tensor)]
    if not names:
        return ""
    rows: Dict[str, None] = dict.fromkeys(_where(model, ".".join(name.split(".")[:2])) for name in names)
    more = f", and {len(rows) - 1} more rows have some" if len(rows) > 1 else ""
    return f"the first {kind} that is NaN or infinite is {_where(model, names[0])}{more}"


def _outputs(trainer: Any, model: nn.Module, batch: Dict[str, Any]) -> str:
    """Run a batch once more and return the first output that is not finite, in words, or an empty string."""
    found: List[str] = []

    def look(module: nn.Module, inputs: Any, output: Any, name: str) -> None:
        if not found and not _finite(output):
            dtype = f" ({str(output.dtype).partition('.')[2]})" if isinstance(output, Tensor) else ""
            found.append(
                f"the first output that is NaN or infinite{dtype} is that of {_where(model, name)}, a "
                f"{type(module).__name__}; its input reaches {_largest(inputs):.3g}, its weights "
                f"{_largest(list(module.parameters(recurse=False))):.3g}"
            )

    hooks = [
        module.register_forward_hook(lambda m, i, o, name=name: look(m, i, o, name))
        for name, module in model.named_modules()
        if name
    ]
    buffers = [
        (module, {name: b for name, b in module._buffers.items() if b is not None}) for module in model.modules()
    ]
    for module, own in buffers:  # the pass moves statistics, and the backward pass that follows needs them as they are
        module._buffers.update({name: buffer.clone() for name, buffer in own.items()})
    dtype = torch.bfloat16 if trainer.args.amp == "bf16" else trainer.amp
    loss, items = None, None
    try:
        with torch.no_grad(), autocast(dtype, trainer.device.type):
            loss, items = model(batch)
    except Exception:
        if not found:  # a loss may refuse what is no number
            raise
    finally:
        for hook in hooks:
            hook.remove()
        for module, own in buffers:
            module._buffers.update(own)
    if not found and not _finite(loss):
        named = [key for key, value in items.items() if not _finite(value)] if isinstance(items, dict) else []
        found.append(f"the outputs of all rows are finite, the loss is not ({', '.join(named) or 'its sum'})")
    return found[0] if found else ""
