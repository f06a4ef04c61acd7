"""What a model YAML's names stand for: a list of what is allowed, looked up and never run as code."""

from __future__ import annotations

import ast
import difflib
import importlib
import inspect
from typing import Any, Callable, Dict, Optional

from torch import nn

from .._sources import unread
from ..contract import BackboneError, UnknownModuleError
from ..registry import registry
from .factories import as_class, as_target
from .guard import STAND_INS, GapBackbone

TORCHVISION = "TorchVision"
"""Upstream has a module of this name, whose first argument is a number of channels; ours takes a model's name."""

LIBRARIES = {"nn": "torch.nn", "torch.nn": "torch.nn", "torchvision.ops": "torchvision.ops"}
"""What may stand before a module's name in a row, and the library whose layers it means."""

LAYERS = "ultralytics.nn.modules"
"""The package of upstream's layers: no other class of upstream's may stand in a row."""

LONGEST = 200
"""Characters of an ``activation``: one more is not parsed."""

ROWS: Dict[str, Any] = {}
"""Networks of timm that a YAML has named as its module."""


def is_layer(found: Any) -> bool:
    """Return whether a row may name ``found``: a layer of upstream's, or one that the user has put beside them.

    Functions, whole models (a nested dict as their argument is a YAML of its own) and losses are not.
    """
    if not (inspect.isclass(found) and issubclass(found, nn.Module)):
        return False
    module = f"{found.__module__}."
    return module.startswith(f"{LAYERS}.") or not module.startswith("ultralytics.")


def look_up(name: str, namespace: Dict[str, Any], args: Any = (), allowed: Callable[[Any], bool] = is_layer) -> Any:
    """Find the module that a YAML row names (step s05).

    In this order: ``nn.X`` and ``torchvision.ops.X``, upstream's own layers, the backbones, networks of timm.

    Args:
        name: The third entry of the row.
        namespace: The global names of upstream's ``tasks.py``.
        args: The row's arguments.
        allowed: Tells which of the namespace's values are layers.

    Raises:
        BackboneError: The name is unknown, no layer's, claimed twice, upstream's as well, or its file did not import.
    """
    if name in STAND_INS:
        return STAND_INS[name]
    library, _, cls = name.rpartition(".")
    if library in LIBRARIES:
        return _of_library(LIBRARIES[library], library, cls)
    if name == TORCHVISION and isinstance(args, list) and not (args and isinstance(args[0], int)):
        name = "TorchVisionFeatures"
    found = namespace.get(name)
    upstreams = allowed(found) and not registry.claims(found)
    if upstreams and registry.is_registered(name):
        raise BackboneError(
            f"{name} is the name of a module of upstream and of a backbone in ultralytics/nn/Addmodules; rename yours"
        )
    if upstreams:
        return found
    found = registry.find(name)
    if found is not None:
        return as_class(found)
    row = _timm_row(name)
    if row is not None:
        registry.tell_broken(name, "timm's")
        ROWS[name] = row
        return as_class(row)
    broken = registry.broken_file(name)
    if broken is not None:
        raise BackboneError(
            f"{name} is not available: ultralytics/nn/Addmodules/{broken.file} could not be imported.\n"
            f"  {broken.reason}\n  to do: mend that file; nothing else is affected by it"
        )
    file = unread(name)
    if file:
        raise BackboneError(
            f"there is no module {name!r}: it stands in ultralytics/nn/Addmodules/{file}, which is not read.\n"
            f"  to do: put it into that folder itself, under a name like net.py: no other dot, no _ in front"
        )
    if namespace.get(name) is not None:
        raise BackboneError(
            f"{name} is not a layer: a row names one of upstream's layers, nn.X, torchvision.ops.X, or a class in a "
            f"file of ultralytics/nn/Addmodules"
        )
    known = {key.lower(): key for key in [*(k for k, v in namespace.items() if allowed(v)), *registry.names()]}
    near = [known[key] for key in difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.6)]
    lost = [f"{item.file} ({item.reason})" for item in registry.broken if not item.names]
    if lost and not near:
        raise BackboneError(f"there is no module {name!r}, unless in a file that could not be read: {', '.join(lost)}")
    backbones = f"backbones: {', '.join(registry.names())}"
    raise UnknownModuleError(f"unknown module {name!r} in the model YAML", near, backbones)


def _of_library(package: str, written: str, cls: str) -> Any:
    """Return a layer of torch or torchvision.

    Raises:
        UnknownModuleError: There is none of that name.
    """
    layers = {key: value for key, value in vars(importlib.import_module(package)).items() if is_layer(value)}
    if cls in layers:
        return layers[cls]
    plain = {key.lower(): f"{written}.{key}" for key in layers}
    near = [plain[key] for key in difflib.get_close_matches(cls.lower(), plain, n=3, cutoff=0.6)]
    raise UnknownModuleError(f"{package} has no {cls!r}", near)


def _timm_row(name: str) -> Any:
    """Return what builds ``- [-1, 1, resnet18, [True]]``, article 002's form for a network of timm, or None."""
    try:
        from ..timm_wrapper import is_timm_model, timm_row
    except ImportError:  # the file is broken, which a YAML that names Timm is told
        return None
    return timm_row(name) if is_timm_model(name) else None


def activation(text: Any) -> nn.Module:
    """Return the module that a YAML's ``activation`` names, such as ``nn.LeakyReLU(0.1)`` (step s05).

    Args:
        text: A call of an activation of ``torch.nn`` with constant arguments.

    Raises:
        BackboneError: It is anything else; nothing of it has been run.
    """
    problem = BackboneError(
        f"`activation` is {str(text)[:60]!r}, expected an activation of torch\n"
        f"  to do: write for example `activation: torch.nn.ReLU()`; other code is not run"
    )
    if not isinstance(text, str) or len(text) > LONGEST:
        raise problem
    try:
        call = ast.parse(text.strip(), mode="eval").body
        library, _, name = ast.unparse(call.func).rpartition(".") if isinstance(call, ast.Call) else ("", "", "")
        kind = _ACTIVATIONS.get(name) if library in ("nn", "torch.nn", "torch.nn.modules.activation") else None
        if kind is None or not isinstance(call, ast.Call):
            raise problem
        options = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
        return kind(*(ast.literal_eval(value) for value in call.args), **options)
    except (SyntaxError, TypeError, ValueError, RecursionError, MemoryError):
        raise problem from None


_ACTIVATIONS: Dict[str, Callable[..., nn.Module]] = {
    name: kind
    for name, kind in vars(nn).items()
    if getattr(kind, "__module__", "") == "torch.nn.modules.activation" and kind is not nn.MultiheadAttention
}
_ACTIVATIONS["Identity"] = nn.Identity


def literal(text: Any, names: Optional[Dict[str, Any]] = None) -> Any:
    """Return what a row's text argument stands for: a variable of ``parse_model``, a constant, or the text itself.

    Args:
        text: The argument; anything but a text is returned as it is.
        names: The variables.
    """
    if not isinstance(text, str):
        return text
    if names and text in names:
        return names[text]
    try:
        return ast.literal_eval(text)
    except (SyntaxError, TypeError, ValueError, RecursionError, MemoryError):
        return text


def is_backbone(module: Any) -> bool:
    """Return whether a row's module is one of this folder's backbones (step s05)."""
    target = as_target(module)
    return registry.claims(target) or target is GapBackbone or any(target is row for row in ROWS.values())
