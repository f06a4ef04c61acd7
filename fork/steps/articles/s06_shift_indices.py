"""Articles' section 4.6: the tail of parse_model: a list of channels means a multi-map backbone; indices move by 4."""

from __future__ import annotations

import ast

from fork.edit import ALREADY, Outcome, Source, Step
from fork.steps._places import BUILT, TASKS, row_loop
from fork.syntax import within
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
    rows = row_loop(Source(tree, file, step))
    text = rows.code()
    if rows.applied(*(mark in text for mark in MARKS)):
        return ALREADY

    # the row's module was built by the branch, or is built here as before
    found = [line for line in rows.lines(ast.Assign, "m_ = ...") if within(line, ast.Call, "m(*args)")]
    line = rows.one("the line `m_ = ...` that calls m(*args)", found)
    rows.replace(line, f"m_ = m if {BUILT} else {rows.code(line.value)}", comment="")

    # the name from the YAML for a built backbone, the class for any other row
    found = [line for line in rows.lines(ast.Assign, "t = ...") if rows.code(line.value).startswith("str(m)")]
    rows.wrap(rows.one("the line `t = str(m)...`", found).value, f"t if {BUILT} else ", "")

    # the index that the YAML uses for this row
    line = rows.one("the line `m_.i, ... = i, ...`", rows.lines(ast.Assign, "m_.i, ... = i, ..."))
    rows.replace(within(line.value, ast.Name, "i")[0], INDEX)

    # the table of rows prints the same index
    prints = [text for line in rows.lines(ast.Expr, "LOGGER.info(...)") for text in within(line, ast.JoinedStr)]
    printed = rows.one("`{i:>3}` in the printed row", [text for text in prints if "{i:" in rows.code(text)])
    rows.replace_in(printed, "{i:", f"{{{INDEX}:")

    # relative indices count back from the shifted index
    saves = [node for line in rows.lines(ast.Expr, "save.extend(...)") for node in within(line, ast.BinOp, "x % i")]
    rows.replace(rows.one("`x % i` in save.extend(...)", saves), f"x % ({INDEX})")

    # a backbone adds five entries, zero for an empty slot; any other row adds one
    last = rows.one("the line `ch.append(c2)`", rows.lines(ast.Expr, "ch.append(c2)"))
    rows.replace(last, f"ch += c2 if {BUILT} else [c2]")
    return rows.save()


STEP = Step(
    name=NAME,
    section="4.6",
    title="Shift the indices behind a backbone row by 4",
    reason=(
        "A backbone row stands for five entries (slots P1 to P5), so the rows behind it count on from 5. The "
        "articles replace the whole tail, which drops upstream's handling of older SPPF rows (yolov8n, yolov10n and "
        "yolo11n then compute something else), and take any list of channels for a backbone (yolov9e's CBLinear "
        "then fails to build). Six single statements are edited instead, and a backbone is recognised by being built "
        "already, where upstream has a class."
    ),
    files=(TASKS,),
    places=(6, 6),
    apply=apply,
    not_needed_when="parse_model itself counts each map of a row.",
    differs="Single statements in place of a whole tail; the printed table shows the indices as a YAML must use them.",
)
