"""Articles' section 4.6: the tail of parse_model: a list of channels means a multi-map backbone; indices move by 4."""

from __future__ import annotations

from typing import List

import libcst as cst

from fork.edit import Outcome, Source, Step, code, expression, statement, walk, with_value
from fork.steps._places import BUILT, PARSE, TASKS, RowLoop, assignments, lines, row_loop, value_of
from fork.tree import Tree

NAME = "s06_shift_indices"
INDEX = "i + 4 * backbone"
MARKS = (
    f"m_ = m if {BUILT} else ",
    f"t = t if {BUILT} else ",
    f" = {INDEX}, ",
    f"{{{INDEX}",
    f"x % ({INDEX})",
    f"ch += c2 if {BUILT} else [c2]",
)
"""What the six statements look like once they are edited."""


def apply(tree: Tree, file: str = TASKS, step: str = NAME) -> Outcome:
    """Edit the six statements that build, name, number, print, save and measure a row; each must be there once."""
    source = Source(tree, file, step)
    text = code(row_loop(source).loop)
    if source.applied(PARSE, *(mark in text for mark in MARKS)):
        return Outcome(0, "already applied")
    _build(source)
    _name(source)
    _number(source)
    _print(source)
    _save(source)
    _measure(source)
    return source.save()


def _loop(source: Source) -> RowLoop:
    return row_loop(source)  # found again after each edit: LibCST's nodes are values


def _build(source: Source) -> None:
    """``m_``: the row's module was built by the branch, or is built here as before."""
    found = [line for line in assignments(_loop(source).loop, "m_") if "m(*args)" in code(line)]
    line = source.one(PARSE, "the line `m_ = ...` that calls m(*args)", found)
    source.replace(PARSE, line, with_value(line, _choose("m", value_of(line))))


def _name(source: Source) -> None:
    """``t``: the name from the YAML for a built backbone, the class for any other row."""
    found = [line for line in assignments(_loop(source).loop, "t") if code(value_of(line)).startswith("str(m)")]
    line = source.one(PARSE, "the line `t = str(m)...`", found)
    source.replace(PARSE, line, with_value(line, _choose("t", value_of(line))))


def _choose(built: str, other: cst.BaseExpression) -> cst.BaseExpression:
    """Return ``built if m is an instance else other``."""
    choice = cst.ensure_type(expression(f"{built} if {BUILT} else 0"), cst.IfExp)
    return choice.with_changes(orelse=other)


def _number(source: Source) -> None:
    """``m_.i``: the index that the YAML uses for this row."""
    found: List[cst.Tuple] = []
    for line in lines(_loop(source).loop):
        statement_ = line.body[0]
        if isinstance(statement_, cst.Assign) and code(statement_.targets[0].target).startswith("m_.i, "):
            value = statement_.value
            if isinstance(value, cst.Tuple) and code(value.elements[0].value) == "i":
                found.append(value)
    value = source.one(PARSE, "the line `m_.i, ... = i, ...`", found)
    first = value.elements[0].with_changes(value=expression(INDEX))
    source.replace(PARSE, value, value.with_changes(elements=[first, *value.elements[1:]]))


def _print(source: Source) -> None:
    """The table of rows prints the same index."""
    found = [
        node
        for line in lines(_loop(source).loop)
        if code(line).startswith("LOGGER.info(")
        for node in walk(line)
        if isinstance(node, cst.FormattedStringExpression) and code(node.expression) == "i"
    ]
    place = source.one(PARSE, "`{i:>3}` in the printed row", found)
    source.replace(PARSE, place, place.with_changes(expression=expression(INDEX)))


def _save(source: Source) -> None:
    """``save``: relative indices count back from the shifted index."""
    found = [
        node
        for line in lines(_loop(source).loop)
        if code(line).startswith("save.extend(")
        for node in walk(line)
        if isinstance(node, cst.BinaryOperation) and code(node) == "x % i"
    ]
    place = source.one(PARSE, "`x % i` in save.extend(...)", found)
    source.replace(PARSE, place, expression(f"x % ({INDEX})"))


def _measure(source: Source) -> None:
    """``ch``: a backbone adds five entries, zero for an empty slot; any other row adds one."""
    found = [line for line in lines(_loop(source).loop) if code(line) == "ch.append(c2)"]
    line = source.one(PARSE, "the line `ch.append(c2)`", found)
    new = statement(f"ch += c2 if {BUILT} else [c2]").with_changes(leading_lines=line.leading_lines)
    source.replace(PARSE, line, new)


STEP = Step(
    name=NAME,
    section="4.6",
    title="Shift the indices behind a backbone row by 4",
    reason=(
        "A backbone row stands for five entries (slots P1 to P5), so the rows behind it count on from 5. The "
        "articles replace the whole tail, which drops upstream's handling of older SPPF rows (yolov8n, yolov10n and "
        "yolo11n then compute something else), and take any list of channels for a backbone (yolov9e's CBLinear "
        "then fails to build). Six single statements are edited instead, and a backbone is recognised by being an "
        "instance."
    ),
    files=(TASKS,),
    places=(6, 6),
    apply=apply,
)
