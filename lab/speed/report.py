"""What ``python -m lab speed`` shows and writes: a table in the terminal, Markdown, CSV, JSON."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from lab.files import write_text

FIELDS = ["model", "form", "batch", "median_ms", "p95_ms", "images_per_s", "peak_mb", "difference"]
FIELDS += ["ratio", "low", "high", "verdict", "rounds", "reason"]
"""Columns of the CSV."""

HEADS = ["model", "form", "batch", "median ms", "p95 ms", "images/s", "peak MB", "output", "ratio", "99 % interval", ""]
ENDINGS = (".md", ".csv", ".json")
Row = Dict[str, Any]


def cells(row: Row) -> List[str]:
    """Return a row of the table as texts; a candidate that could not be measured has its reason at the end."""
    start = [row["model"], row["form"], str(row["batch"])]
    if row.get("reason"):
        return [*start, "", "", "", "", "", "", "", row["reason"]]
    peak, low = row.get("peak_mb"), row.get("low")
    return [
        *start,
        f"{row['median_ms']:.2f}",
        f"{row['p95_ms']:.2f}",
        f"{row['images_per_s']:.1f}",
        "" if peak is None else f"{peak:.0f}",
        "" if row.get("difference") is None else f"{row['difference']:.0e}",
        f"{row['ratio']:.3f}",
        "" if low is None else f"{low:.3f} to {row['high']:.3f}",
        row["verdict"],
    ]


def lines(rows: List[Row]) -> List[str]:
    """Return the table for a terminal."""
    table = [HEADS, *(cells(row) for row in rows)]
    reasons = {n + 1 for n, row in enumerate(rows) if row.get("reason")}
    columns = range(len(HEADS) - 1)
    widths = [max(len(line[c]) for line in table) for c in columns]
    shown = []
    for n, line in enumerate(table):
        texts = [f"{line[c]:{widths[c]}}" if c < 2 else f"{line[c]:>{widths[c]}}" for c in columns]
        if n in reasons:  # what is wrong is said where the figures would be
            texts = [*texts[:3], line[-1].splitlines()[0]]
        else:
            texts.append(line[-1])
        shown.append("  ".join(texts).rstrip())
    return shown


def markdown(rows: List[Row], notes: List[str]) -> str:
    """Return the table and its notes as Markdown."""
    table = [[*HEADS[:-1], "verdict"], *(cells(row) for row in rows)]
    text = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in table]
    text.insert(1, "|---|---|" + "---:|" * 8 + "---|")
    return "\n".join([*text, "", *(f"- {note}" for note in notes)]) + "\n"


def notes(rows: List[Row], left_out: List[Tuple[str, str]], conditions: Dict[str, Any], yaml: bool) -> List[str]:
    """Return the sentences below the table.

    Args:
        rows: The candidates.
        left_out: Forms that were not measured, with the reason.
        conditions: What the times depend on.
        yaml: Whether a model was given as YAML.
    """
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
    if any(row.get("peak_mb") is not None for row in rows):
        kinds = {
            "cpu": "resident memory of a process of its own while it runs the model, above that before it was loaded",
            "cuda": "memory that torch has allocated on the GPU, weights included",
        }
        said.append(f"peak MB: {kinds['cpu' if c['device'] == 'cpu' else 'cuda']}")
    return said + [f"{form}: left out, {reason}" for form, reason in left_out]


def write(path: Path, rows: List[Row], notes: List[str], conditions: Dict[str, Any]) -> None:
    """Write a file, whole or not at all, in the format of its ending."""
    if path.suffix == ".md":
        text = markdown(rows, notes)
    elif path.suffix == ".csv":
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, FIELDS, extrasaction="ignore", restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        text = buffer.getvalue()
    else:
        text = json.dumps({"conditions": conditions, "rows": [plain(row) for row in rows]}, indent=1) + "\n"
    write_text(path, text)


def plain(row: Row) -> Row:
    """Return a row as JSON has it: an infinite difference is a text there."""
    difference: Optional[float] = row.get("difference")
    return {**row, "difference": str(difference)} if difference == float("inf") else row
