"""Which names a model YAML may use for a backbone, and which file each comes from."""

from __future__ import annotations

import builtins
import importlib
import inspect
import logging
import pkgutil
import re
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Set, TypeVar

from torch import nn

from ._rows.guard import undrawn
from ._sources import defined, read_source, recall
from .contract import BackboneError

LOGGER = logging.getLogger("ultralytics")

T = TypeVar("T", bound=Callable[..., Any])

_STATES_WIDTHS = re.compile(
    r"\bself\.width_list\b[^=\n]*=(?!=)|\bself\.channels?\s*=\s*(\[|list\()|^\s+width_list\s*=|def width_list\(",
    re.MULTILINE,
)
"""How a class says, in its source, that it is a backbone; ``self.channels = 64`` is any layer's."""

LAYERS = ("ultralytics.", "torch.nn.", "torchvision.ops.")
"""Modules whose classes stand in rows of upstream's own YAMLs, and so cannot be claimed."""


class Broken(NamedTuple):
    """A file that could not be imported: its name, why, and the names it would have defined."""

    file: str
    reason: str
    names: List[str]


class Claim(NamedTuple):
    """One file's claim to a name: what the name stands for there, and whether by ``@register_backbone``."""

    target: Any
    registered: bool


class Registry:
    """Names of backbones.

    Of two files that register a name, or of two that are only found to define it, neither gets it: that is an error. A
    file that is only found (one after the articles, put into the folder) goes before one that registers the name, with
    a notice: whoever puts it there means it.

    Attributes:
        broken: Files of the folder that could not be imported.
    """

    def __init__(self) -> None:
        self._claims: Dict[str, List[Claim]] = {}
        self._noted: Set[str] = set()
        self.broken: List[Broken] = []

    def add(self, name: str, target: Any, registered: bool = True) -> None:
        """Enter ``target`` (a class, or a function that returns an instance) under ``name``.

        Args:
            name: The name for a YAML.
            target: What it stands for.
            registered: Whether a file claims it by ``@register_backbone``; otherwise it was only found in one.

        A second claim is kept, and reported when the name is asked for: a file that was only found must not keep one
        that registers its backbones from being imported.

        Raises:
            BackboneError: Another file has registered the name, too, or ``target`` is a layer of upstream's.
        """
        module = _origin(target)[0]
        if f"{module}.".startswith(LAYERS) and not module.startswith(f"{__package__}."):
            raise BackboneError(f"{name} of {module} cannot be registered: register a class of your own file")
        others = [c for c in self._claims.get(name, []) if _origin(c.target) != _origin(target)]
        self._claims[name] = [*others, Claim(target, registered)]
        if registered and any(c.registered for c in others):
            raise BackboneError(self._claimed(name))

    def find(self, name: str) -> Optional[Any]:
        """Return what ``name`` stands for, or None.

        Raises:
            BackboneError: Two files claim the name in the same way.
        """
        if self._chosen(name) is None:
            if name in self._claims:
                raise BackboneError(self._claimed(name))
            return None
        chosen, claims = self._chosen(name), self._claims[name]
        self.tell_broken(name, f"the one in {_file_of(chosen)}")
        if len(claims) > 1 and name not in self._noted:
            self._noted.add(name)
            mine, theirs = (_file_of(next(c.target for c in claims if c.registered is kind)) for kind in (False, True))
            LOGGER.warning(
                f"{name} is the one in ultralytics/nn/Addmodules/{mine}, not the project's own in {theirs}; rename it "
                f"there to have both"
            )
        return chosen

    def _chosen(self, name: str) -> Optional[Any]:
        claims = self._claims.get(name, [])
        for kind in (False, True):
            of_kind = [c.target for c in claims if c.registered is kind]
            if of_kind:
                return of_kind[0] if len(of_kind) == 1 else None
        return None

    def names(self) -> List[str]:
        """Return all names that stand for one thing, sorted."""
        return sorted(name for name in self._claims if self._chosen(name) is not None)

    def all_names(self) -> List[str]:
        """Return all names that any file claims, those of files that could not be imported included, sorted."""
        return sorted({*self._claims, *(name for item in self.broken for name in item.names)})

    def is_registered(self, name: str) -> bool:
        """Return whether a file claims ``name`` by ``@register_backbone``."""
        return any(c.registered for c in self._claims.get(name, []))

    def claims(self, target: Any) -> bool:
        """Return whether ``target`` itself (not an object like it) stands in the registry."""
        return any(target is c.target for claims in self._claims.values() for c in claims)

    def has_file(self, module: str) -> bool:
        """Return whether a module has claimed a name."""
        return any(_origin(c.target)[0] == module for claims in self._claims.values() for c in claims)

    def broken_file(self, name: str) -> Optional[Broken]:
        """Return the file that would have defined ``name`` had it been importable, or None."""
        return next((item for item in self.broken if name in item.names), None)

    def tell_broken(self, name: str, taken: str) -> None:
        """Say once that a name stands for ``taken``, where a file that could not be imported defines it as well."""
        broken = self.broken_file(name)
        if broken is not None and name not in self._noted:
            self._noted.add(name)
            LOGGER.warning(
                f"{name} is {taken}: ultralytics/nn/Addmodules/{broken.file}, which defines it too, could not be "
                f"imported ({broken.reason})"
            )

    def forget(self, module: str) -> None:
        """Take back what a module has claimed."""
        for name, claims in list(self._claims.items()):
            self._claims[name] = [c for c in claims if _origin(c.target)[0] != module]
            if not self._claims[name]:
                del self._claims[name]

    def _claimed(self, name: str) -> str:
        found = [_file_of(c.target) for c in self._claims[name] if not c.registered]
        first, second = (found if len(found) > 1 else [_file_of(c.target) for c in self._claims[name]])[:2]
        return (
            f"two files of ultralytics/nn/Addmodules claim the name {name}: {first} and {second}; rename the class in "
            f"one of them and use that name in the YAML"
        )


registry = Registry()


def register_backbone(target: T) -> T:
    """Class decorator (functions too): lets a model YAML name ``target``.

    Raises:
        BackboneError: Another file has registered the name.

    Examples:
        >>> @register_backbone
        ... class TinyNet(nn.Module):
        ...     def __init__(self, in_chans=3):
        ...         super().__init__()
        ...         self.width_list, self.strides = [16], [32]
        ...         self.stem = nn.Conv2d(in_chans, 16, 32, 32)
        ...
        ...     def forward(self, x):
        ...         return [self.stem(x)]
    """
    registry.add(target.__name__, target)
    return target


def discover(package: str, folders: Iterable[str]) -> List[str]:
    """Import every file of the folder and return the names of all backbones, sorted.

    A file that raises, whatever it raises but Ctrl-C, is entered in ``registry.broken``, and what it has registered
    before is taken back. No file draws from the random numbers of who imports the package.
    """
    own = dict(vars(sys.modules[package]))
    for module in sorted(pkgutil.iter_modules(folders), key=lambda item: item.name):
        if f"{package}.{module.name}" in sys.modules or module.name.startswith("_"):
            continue
        name = f"{package}.{module.name}"
        try:
            with undrawn():
                loaded = importlib.import_module(name)
                if not registry.has_file(name):
                    _adopt(loaded)
        except KeyboardInterrupt:
            raise
        except BaseException as e:
            registry.forget(name)
            registry.broken.append(_broken(module, e))
        vars(sys.modules[package]).update(own)  # a file may be called as one of the package's names
    return registry.names()


def exported(names: Iterable[str], module: str) -> List[str]:
    """Return those of ``names`` that ``module`` may import with a star: nothing that means something there already.

    Args:
        names: Names of backbones.
        module: Name of a module, whose own imports are under way.
    """
    taken = {*dir(builtins), *vars(sys.modules.get(module, builtins))}
    return [name for name in names if name not in taken and not name.startswith("_")]


def _adopt(module: Any) -> None:
    """Enter the backbones of a file that registers none: classes that state widths, and the functions beside them."""
    listed = getattr(module, "__all__", None)
    public = (
        [listed] if isinstance(listed, str) else listed or [name for name in vars(module) if not name.startswith("_")]
    )
    own = {name: getattr(module, name, None) for name in public}
    own = {name: item for name, item in own.items() if getattr(item, "__module__", None) == module.__name__}
    recall(getattr(module, "__file__", None) or "")
    every = (item for item in vars(module).values() if getattr(item, "__module__", None) == module.__name__)
    if not any(inspect.isclass(item) and _states_widths(item) for item in every):
        return
    for name, item in own.items():
        if inspect.isfunction(item) or (inspect.isclass(item) and _states_widths(item)):
            registry.add(name, item, registered=False)


def _states_widths(cls: type) -> bool:
    if not issubclass(cls, nn.Module):
        return False
    for base in cls.__mro__:
        try:
            if base.__module__.startswith(__package__) and _STATES_WIDTHS.search(inspect.getsource(base)):
                return True
        except Exception:  # no source, or one that Python's own parser of classes does not get through
            continue
    return False


def _broken(module: Any, error: BaseException) -> Broken:
    name = f"{module.name}/__init__.py" if module.ispkg else f"{module.name}.py"
    source = read_source(Path(getattr(module.module_finder, "path", ""), name))
    if source.foreign:
        reason = f"it is saved in {source.foreign}, and Python reads UTF-8: save it as UTF-8 in your editor"
    else:
        reason = f"{type(error).__name__}{_line(module.name, error)}: {_text(error)}"
    return Broken(name, reason, defined(source.text))


def _line(module: str, error: BaseException) -> str:
    line = error.lineno if isinstance(error, SyntaxError) else None
    trace = error.__traceback__
    while trace and not isinstance(error, SyntaxError):
        if module in trace.tb_frame.f_code.co_filename:
            line = trace.tb_lineno
        trace = trace.tb_next
    return f", line {line}" if line else ""


def _text(error: BaseException) -> str:
    try:
        return str(getattr(error, "msg", None) or error)
    except Exception:  # of an error that a file defines itself
        return ""


def _origin(target: Any) -> tuple:
    return getattr(target, "__module__", ""), getattr(target, "__qualname__", "")


def _file_of(target: Any) -> str:
    return f"{getattr(target, '__module__', '?').rpartition('.')[2]}.py"
