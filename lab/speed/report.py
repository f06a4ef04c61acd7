"""What ``python -m lab speed`` shows and writes: a table in the terminal, Markdown, CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Tuple

from lab.files import markdown, write_csv, write_text

FIELDS = ["model", "form", "batch", "median_ms", "p95_ms", "images_per_s", "difference"]
FIELDS += ["ratio", "low", "high", "verdict", "rounds", "reason"]
"""Columns of the CSV."""

HEADS = ["model", "form", "batch", "median ms", "p95 ms", "images/s", "output", "ratio", "99 % interval", ""]
ENDINGS = (".md", ".csv")
Row = Dict[str, Any]


def cells(row: Row) -> List[str]:
    """Return a row of the table as texts; a candidate that could not be measured has its reason at the end."""
    start = [row["model"], row["form"], str(row["batch"])]
    if row.get("reason"):
        return [*start, "", "", "", "", "", "", row["reason"]]
    low = row.get("low")
    return [
        *start,
        f"{row['median_ms']:.2f}",
        f"{row['p95_ms']:.2f}",
        f"{row['images_per_s']:.1f}",
        "" if row.get("difference") is None else f"{row['difference']:.0e}",
        f"{row['ratio']:.3f}",
        "" if low is None else f"{low:.3f} to {row['high']:.3f}",
        row["verdict"],
    ]


def lines(rows: List[Row]) -> List[str]:
    """Return the table for a terminal; where figures would be, it says what is wrong with a candidate."""
    table = [HEADS, *(cells(row) for row in rows)]
    widths = [max(len(line[c]) for line in table) for c in range(len(HEADS) - 1)]
    shown = []
    for line, row in zip(table, [{}, *rows]):
        texts = [f"{text:{w}}" if c < 2 else f"{text:>{w}}" for c, (text, w) in enumerate(zip(line, widths))]
        shown.append("  ".join([*(texts[:3] if row.get("reason") else texts), line[-1]]).rstrip())
    return shown


def notes(rows: List[Row], left_out: List[Tuple[str, str]], conditions: Dict[str, Any], yaml: bool) -> List[str]:
    """Return the sentences below the table."""
    c = conditions
    side, versions = c["imgsz"], ", ".join(f"{name} {version}" for name, version in c["versions"].items())
    said = [
        f"{c['hardware']}, {c['device']}, {c['threads']} thread(s), {c['precision']}, {side}x{side} pixels; {versions}",
        f"time of one batch: {c['what']}; medians of {c['rounds']} interleaved rounds",
    ]
    if yaml:
        said.append("models given as YAML have random weights")
    for row in rows:
        if "noise" in row:
            text = "too few rounds to tell anything apart: 8 or more are needed"
            if row["noise"] is not None:
                percent = (row["noise"] - 1) * 100
                text = f"its second copy is up to {percent:.1f} % off: nothing within that is called faster or slower"
            said.append(f"batch {row['batch']}: ratios are to {row['model']} {row['form']}; {text}")
    said.append("output: largest difference from the eager model's, relative to the range of each channel")
    return said + [f"{form}: left out, {reason}" for form, reason in left_out]


def write(path: Path, rows: List[Row], notes: List[str]) -> None:
    """Write a file, whole or not at all, in the format of its ending."""
    if path.suffix == ".csv":
        write_csv(path, FIELDS, [[row.get(field) for field in FIELDS] for row in rows])
        return
    table = [[cell.replace("|", "\\|") for cell in cells(row)] for row in rows]
    text = markdown([*HEADS[:-1], "verdict"], table, (0, 1, len(HEADS) - 1))
    write_text(path, "\n".join([*text, "", *(f"- {note}" for note in notes)]) + "\n")
