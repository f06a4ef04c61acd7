"""Names that a file reads and nobody binds: what is left of an edit where upstream has renamed a variable."""

from __future__ import annotations

import builtins
import functools
import re
import symtable
from typing import FrozenSet, Set, Tuple

from fork.errors import StepError
from fork.tree import OVERLAY, Tree

GIVEN: FrozenSet[str] = frozenset((*dir(builtins), "__file__", "__path__", "__class__", "WindowsError"))
"""What every module finds."""

STARS = rb"(?m)^(?!from ultralytics\.nn\.Addmodules import )[ \t]*from .* import \*"
"""Imports of names that stand in another file."""


def check_names(step: str, before: Tree, after: Tree) -> None:
    """Check that what a step puts into a function speaks of variables that exist there.

    A step writes some of upstream's variables by name (``model`` in ``addmodules.inherit(self, model)``). Where a
    release calls such a variable otherwise, the edit would fit, and end in a NameError when the line runs.

    Args:
        step: Its name, for the message.
        before: The tree before the step.
        after: The tree after it.

    Raises:
        StepError: A function now reads a name that neither it, nor a function around it, nor the module binds, and that
            was not so before.
    """
    for file in sorted(after):
        if after[file] is before.get(file) or not file.endswith(".py") or file.startswith(OVERLAY):
            continue
        old = unbound(before[file], file) if file in before else frozenset()
        for definition, name in sorted(unbound(after[file], file) - old):
            raise StepError(step, file, definition, f"a variable `{name}`, which the edit reads", "no such variable")


@functools.lru_cache(maxsize=64)
def unbound(data: bytes, file: str) -> FrozenSet[Tuple[str, str]]:
    """Return (qualified name of the definition, name) for each name that is read and bound nowhere.

    A module with ``from x import *`` binds what cannot be known from here: the result is empty. The one such import
    that the series puts in brings backbones, which upstream's code reads by a row's text and never by name.

    Args:
        data: Python source.
        file: Its path, for the compiler.

    Raises:
        SyntaxError: It is not valid Python.
    """
    if re.search(STARS, data):
        return frozenset()
    module = symtable.symtable(data.decode("utf-8"), file, "exec")
    known = {symbol.get_name() for symbol in module.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    found: Set[Tuple[str, str]] = set()
    _collect(module, "", known, found)
    return frozenset(found)


def _collect(table: symtable.SymbolTable, prefix: str, known: Set[str], found: Set[Tuple[str, str]]) -> None:
    for symbol in table.get_symbols():
        if symbol.is_declared_global() and symbol.is_assigned():
            known.add(symbol.get_name())
    for child in table.get_children():
        _collect(child, f"{prefix}{child.get_name()}.", known, found)
    for symbol in table.get_symbols():
        name = symbol.get_name()
        outside = symbol.is_global() if prefix else not (symbol.is_assigned() or symbol.is_imported())
        if symbol.is_referenced() and outside and name not in known and name not in GIVEN:
            found.add((prefix[:-1] or "module", name))
