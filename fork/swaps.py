"""Steps that only put one expression, or one statement, in the place of another, written as a table."""

from __future__ import annotations

import ast
from typing import NamedTuple, Sequence, Union

from fork.edit import ALREADY, Outcome, Place, Sources
from fork.syntax import Definition, code, parse

MODULE = "module"


class Swap(NamedTuple):
    """One edit: what stands in one place, and what is put there.

    Attributes:
        file: The file.
        definition: Qualified name of the function, or ``module`` for what is outside functions and classes.
        old: Pattern (see ``fork.syntax``) of one expression, or of one statement that is the first on its line.
        new: Source of the expression, or of one or several statements, that take its place.
        sought: What is looked for, in words; without, ``old`` itself is quoted.
    """

    file: str
    definition: str
    old: str
    new: str
    sought: str = ""


def apply_swaps(sources: Sources, swaps: Sequence[Swap]) -> Outcome:
    """Make all of the edits, or none where they are there already; each has to have exactly one place.

    Raises:
        StepError: A place is missing or there twice, or some of the edits are there and some are not.
    """
    places = [_place(sources, swap) for swap in swaps]
    if places[0].applied(*(_is_done(place, swap) for place, swap in zip(places, swaps))):
        return ALREADY
    for place, swap in zip(places, swaps):
        found = _find(place, swap, swap.old)
        place.replace(place.one(swap.sought or f"`{swap.old}`", found), swap.new)
    return sources.save()


def _place(sources: Sources, swap: Swap) -> Union[Place[ast.Module], Place[Definition]]:
    source = sources[swap.file]
    return source.module if swap.definition == MODULE else source.find(swap.definition)


def _find(place: Place[ast.AST], swap: Swap, pattern: str) -> Sequence[Union[ast.expr, ast.stmt]]:
    """Return what fits: expressions where both sides of the swap are one, else statements."""
    if all(len(body) == 1 and isinstance(body[0], ast.Expr) for body in (parse(swap.old).body, parse(swap.new).body)):
        return place.nodes(ast.expr, pattern)
    return place.lines(ast.stmt, pattern)


def _is_done(place: Place[ast.AST], swap: Swap) -> bool:
    return all(_find(place, swap, code(part)) for part in parse(swap.new).body)
