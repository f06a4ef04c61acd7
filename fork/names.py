"""Names that a file reads and nobody binds: what is left of an edit where upstream has renamed a variable."""

from __future__ import annotations

import builtins
import re
import symtable
import warnings
from typing import FrozenSet, Iterator, Set, Tuple

from fork.errors import StepError
from fork.tree import OVERLAY, Tree

GIVEN: FrozenSet[str] = frozenset((*dir(builtins), "__file__", "__path__", "__class__", "WindowsError"))
"""What every module finds."""

STARS = rb"(?m)^(?!from ultralytics\.nn\.Addmodules import )[ \t]*from .* import \*"
"""Imports of names that stand in another file."""

IMPORT = rb"(?m)^(?:from \S+ )?import (?:[^#\n]* as )?%s[ \t\r]*(?:[,#]|$)"
"""What binds a name in the module for certain."""

TOP = rb"(?m)^(?=@|(?:async +)?def\b|class\b)"
"""Where a function or class of the module begins."""

Reading = Tuple[str, str]
"""A definition, by its qualified name, and a name that it reads."""


def check_names(step: str, before: Tree, after: Tree) -> None:
    """Check that what a step puts into a function speaks of variables that exist there.

    A step writes some of upstream's variables by name (``model`` in ``addmodules.inherit(self, model)``). Where a
    release calls such a variable by another name, the edit would fit, and end in a NameError when the line runs.

    Args:
        step: Its name, for the message.
        before: The tree before the step.
        after: The tree after it.

    Raises:
        StepError: A function now reads a name that neither it, nor a function around it, nor the module binds, and that
            was not so before.
    """
    for file in sorted(after):
        old, new = before.get(file, b""), after[file]
        if new is old or not file.endswith(".py") or file.startswith(OVERLAY) or _surely_bound(old, new):
            continue
        try:
            found = unbound(new, file)
            found = found and found - unbound(old, file)
        except (SyntaxError, ValueError) as e:
            raise StepError(step, file, "module", "valid Python", str(e)) from None
        for definition, name in sorted(found):
            raise StepError(step, file, definition, f"a variable `{name}`, which the edit reads", "no such variable")


def unbound(data: bytes, file: str) -> Set[Reading]:
    """Return (qualified name of the definition, name) for each name that is read and bound nowhere.

    A module with ``from x import *`` binds what cannot be known from here: the result is empty. The one such import
    that the series puts in brings backbones, which upstream's code reads by a row's text and never by name.

    Args:
        data: Python source.
        file: Its path, for the compiler.

    Raises:
        SyntaxError: It is not valid Python.
        ValueError: It has null bytes in it, or is not in UTF-8.
    """
    if re.search(STARS, data):
        return set()
    read, bound = _names(data, file)
    return {each for each in read if each[1] not in bound}


def _surely_bound(old: bytes, new: bytes) -> bool:
    """Return whether the differing top-level statements bind no less, and read nothing new but what they see imported.

    For most edits that settles it, at a tenth of what it costs to go through the whole file.
    """
    before, after = re.split(TOP, old), re.split(TOP, new)
    kept = {*before} & {*after}
    try:
        read, bound = _names(b"".join(part for part in before if part not in kept))
        read_now, bound_now = _names(b"".join(part for part in after if part not in kept))
    except (SyntaxError, ValueError):  # a part of a text may look like a statement
        return False
    fresh = {name for _, name in read_now - read} - bound_now
    return bound <= bound_now and all(re.search(IMPORT % name.encode(), new) for name in fresh)


def _names(data: bytes, file: str = "part") -> Tuple[Set[Reading], Set[str]]:
    """Return the global names that definitions read, and those that the module binds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # upstream's odd escape sequences
        module = symtable.symtable(data.decode("utf-8-sig"), file, "exec")
    bound = {symbol.get_name() for symbol in module.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    scopes = list(_scopes(module, ""))
    for _, table in scopes:
        bound |= {s.get_name() for s in table.get_symbols() if s.is_declared_global() and s.is_assigned()}
    read = {
        (name or "module", symbol.get_name())
        for name, table in scopes
        for symbol in table.get_symbols()
        if symbol.is_referenced() and symbol.get_name() not in GIVEN
        if (symbol.is_global() if name else not (symbol.is_assigned() or symbol.is_imported()))
    }
    return read, bound


def _scopes(table: symtable.SymbolTable, name: str) -> Iterator[Tuple[str, symtable.SymbolTable]]:
    """Yield every scope below a table, itself first, with its qualified name."""
    yield name, table
    for child in table.get_children():
        yield from _scopes(child, f"{name}.{child.get_name()}" if name else child.get_name())
