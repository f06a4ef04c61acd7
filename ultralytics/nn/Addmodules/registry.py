"""Which names a model YAML may use for a backbone, and which file each comes from."""

from __future__ import annotations

import ast
import importlib
import inspect
import logging
import pkgutil
import re
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Set, TypeVar

from torch import nn

from .contract import BackboneError

LOGGER = logging.getLogger("ultralytics")

T = TypeVar("T", bound=Callable[..., Any])

INFRASTRUCTURE = {"base", "command", "contract", "derive", "flops", "fold", "hooks", "matching", "nonfinite"}
INFRASTRUCTURE |= {"preflight", "registry", "rows", "weights"}
"""Files of the folder that hold no backbones."""

_STATES_WIDTHS = re.compile(
    r"\bself\.width_list\b[^=\n]*=(?!=)|\bself\.channels?\s*=\s*(\[|list\()|^\s+width_list\s*=|def width_list\(",
    re.MULTILINE,
)
"""How a class says, in its source, that it is a backbone; ``self.channels = 64`` is any layer's."""


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
            BackboneError: Another file has registered the name, too.
        """
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
        """Tell whether a file claims ``name`` by ``@register_backbone``."""
        return any(c.registered for c in self._claims.get(name, []))

    def claims(self, target: Any) -> bool:
        """Tell whether ``target`` itself (not an object like it) stands in the registry."""
        return any(target is c.target for claims in self._claims.values() for c in claims)

    def has_file(self, module: str) -> bool:
        """Tell whether a module has claimed a name."""
        return any(_origin(c.target)[0] == module for claims in self._claims.values() for c in claims)

    def broken_file(self, name: str) -> Optional[Broken]:
        """Return the file that would have defined ``name`` had it been importable, or None."""
        return next((item for item in self.broken if name in item.names), None)

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

    A file that raises, whatever it raises, is entered in ``registry.broken``.
    """
    for module in sorted(pkgutil.iter_modules(folders), key=lambda item: item.name):
        if module.name in INFRASTRUCTURE or module.name.startswith("_"):
            continue
        try:
            loaded = importlib.import_module(f"{package}.{module.name}")
            if not registry.has_file(loaded.__name__):
                _adopt(loaded)
        except (Exception, SystemExit) as e:
            registry.broken.append(_broken(module, e))
    return registry.names()


def _adopt(module: Any) -> None:
    """Enter the backbones of a file that registers none: classes that state widths, and the functions beside them."""
    public = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
    own = {name: getattr(module, name, None) for name in public}
    own = {name: item for name, item in own.items() if getattr(item, "__module__", None) == module.__name__}
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
        except (OSError, TypeError):
            continue
    return False


def _broken(module: Any, error: BaseException) -> Broken:
    path = getattr(module.module_finder, "path", "")
    name = f"{module.name}/__init__.py" if module.ispkg else f"{module.name}.py"
    file = f"{path}/{name}"
    line = ""
    if isinstance(error, SyntaxError):
        line = f", line {error.lineno}"
    else:
        trace = error.__traceback__
        while trace:
            if module.name in trace.tb_frame.f_code.co_filename:
                line = f", line {trace.tb_lineno}"
            trace = trace.tb_next
    reason = f"{type(error).__name__}{line}: {getattr(error, 'msg', None) or error}"
    try:
        with open(file, encoding="utf-8", errors="replace") as f:
            text = f.read()
    except OSError:
        text = ""
    try:
        names = [n.name for n in ast.parse(text).body if isinstance(n, (ast.ClassDef, ast.FunctionDef))]
    except (SyntaxError, ValueError):
        names = re.findall(r"^(?:class|def)\s+(\w+)", text, re.MULTILINE)
    return Broken(name, reason, names)


def _origin(target: Any) -> tuple:
    return getattr(target, "__module__", ""), getattr(target, "__qualname__", "")


def _file_of(target: Any) -> str:
    return f"{getattr(target, '__module__', '?').rpartition('.')[2]}.py"
