"""Names that a file reads and nobody binds: what is left of an edit where upstream has renamed a variable."""

from __future__ import annotations

import builtins
import functools
import re
import symtable
from typing import FrozenSet, Iterator, Tuple

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
    scopes = list(_scopes(module, ""))
    for _, table in scopes:
        known |= {s.get_name() for s in table.get_symbols() if s.is_declared_global() and s.is_assigned()}
    return frozenset(
        (name or "module", symbol.get_name())
        for name, table in scopes
        for symbol in table.get_symbols()
        if symbol.is_referenced() and symbol.get_name() not in known and symbol.get_name() not in GIVEN
        if (symbol.is_global() if name else not (symbol.is_assigned() or symbol.is_imported()))
    )


def _scopes(table: symtable.SymbolTable, name: str) -> Iterator[Tuple[str, symtable.SymbolTable]]:
    """Yield every scope below a table, itself first, with its qualified name."""
    yield name, table
    for child in table.get_children():
        yield from _scopes(child, f"{name}.{child.get_name()}" if name else child.get_name())
