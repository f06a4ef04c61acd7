"""The tables of a comparison: what stands in which cell, as CSV, and as Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, NamedTuple, Optional

from lab import files
from lab.compare import stats
from lab.compare.rows import Model, Results, Value

DASH = "–"
"""What stands where there is no figure."""

MINUS = "−"


class Table(NamedTuple):
    """A table.

    Attributes:
        heads: Of the columns; the first holds names, the others figures.
        rows: Its rows; numbers with "±", "−" and "–" as characters.
        words: Numbers of the columns that hold words.
    """

    heads: List[str]
    rows: List[List[str]]
    words: List[int]


def number(value: Optional[float], digits: int = 1, scale: float = 1.0, sign: bool = False) -> str:
    """Return a number with a true minus sign; a dash for None."""
    if value is None:
        return DASH
    text = f"{value * scale:{'+' if sign else ''},.{digits}f}"
    if float(text.replace(",", "")) == 0:
        text = f"{0:.{digits}f}"  # neither -0.0 nor +0.0
    return text.replace("-", MINUS)


def percent(value: Value) -> str:
    """Return a figure over seeds in per cent: with its spread where there are two or more."""
    text = number(value.mean, 1, 100)
    if value.spread is not None:
        text += f" ± {number(value.spread, 1, 100)}"
    return text


def difference(interval: Optional[stats.Interval]) -> str:
    """Return a difference in percentage points with its interval."""
    if interval is None:
        return DASH
    text = number(interval.value, 1, 100, sign=True)
    if interval.low is not None:
        text += f" [{number(interval.low, 1, 100, sign=True)}, {number(interval.high, 1, 100, sign=True)}]"
    return text


def overview(results: Results) -> Table:
    """Return the table of models."""
    measured = any(model.latency for model in results.models)
    compared = results.comparison is not None
    heads = ["Model", "Seeds", "Params (M)", "GFLOPs", "Size (MB)"]
    heads += ["Latency (ms)"] * measured + ["mAP50 (%)", "mAP50-95 (%)"]
    heads += [f"Difference [{stats.COVER} % interval]", "Verdict"] * compared
    rows = [_model_row(results, model, measured, compared) for model in results.models]
    return Table(heads, rows, [len(heads) - 1] if compared else [])


def _model_row(results: Results, model: Model, measured: bool, compared: bool) -> List[str]:
    facts, latency = model.facts, (model.latency or {}).get("median_ms")
    of = len(model.runs)
    seeds = str(len(model.done)) if len(model.done) == of else f"{len(model.done)} of {of}"
    row = [model.label, seeds, number(facts["parameters"], 2, 1e-6)]
    row += [number(facts["gflops"], 1), number(facts["size_mb"], 1)]
    if measured:
        row.append(number(latency, 1 if (latency or 0) >= 10 else 2))
    row += [percent(model.values["map50"]), percent(model.values["map50_95"])]
    if compared:
        interval = results.difference(model.label)
        is_base = model.label == results.plan["baseline"]
        row.append("baseline" if is_base else difference(interval))
        row.append((interval.verdict if interval else None) or DASH)
    return row


def per_class(results: Results, models: Optional[List[Model]] = None, count: bool = True) -> Optional[Table]:
    """Return the table of classes, a column a model, mAP50-95; None where no class has a figure."""
    shown = [model for model in (models or results.models) if model.done]
    if not results.classes or not shown:
        return None
    objects: Dict[str, int] = next(model.objects for model in results.models if model.objects)
    rows = []
    for name in results.classes:
        row = [name, *[f"{objects[name]:,}"] * count]
        rows.append(row + [percent(model.per_class.get(name, Value(None, None, 0))) for model in shown])
    return Table(["Class", *["Objects"] * count, *(model.label for model in shown)], rows, [])


def unfinished(results: Results) -> Optional[Table]:
    """Return the table of runs without a result, or None."""
    rows = []
    for run in results.runs:
        if run.found is None:
            reason = " ".join((run.reason or "").split()) or DASH
            rows.append([run.label, str(run.seed), run.state, reason])
    return Table(["Model", "Seed", "State", "Reason"], rows, [2, 3]) if rows else None


def title(results: Results) -> str:
    """Return one line on what was compared."""
    train = results.plan.get("train", {})
    parts = [f"{len(results.models)} models on {Path(str(results.plan.get('data_given', results.plan['data']))).name}"]
    parts += [f"{name} {train[name]}" for name in ("epochs", "imgsz", "batch") if train.get(name) is not None]
    seeds = results.plan["seeds"]
    parts.append(
        ("seeds " if len(seeds) > 1 else "seed ") + ", ".join(map(str, seeds[:10])) + ", …" * (len(seeds) > 10)
    )
    return "; ".join(parts)


def markdown(results: Results) -> str:
    """Return ``table.md``."""
    parts = [f"# {_plain(title(results))}", _markdown(overview(results)), "\n\n".join(map(_plain, results.notes))]
    classes = per_class(results)
    if classes:
        parts += ["## mAP50-95 of each class (%)", _markdown(classes)]
    lacking = unfinished(results)
    if lacking:
        parts += ["## Runs without a result", _markdown(lacking)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _markdown(table: Table) -> str:
    rows = [[_plain(cell) for cell in row] for row in table.rows]
    return "\n".join(files.markdown([_plain(head) for head in table.heads], rows, [0, *table.words]))


def _plain(text: str) -> str:
    """Escape what Markdown would take for markup: names have underscores, and may have anything."""
    for sign in "\\`*_<>|[]":
        text = text.replace(sign, "\\" + sign)
    return " ".join(text.split())


RUN_COLUMNS = ["label", "cfg", "seed", "state", "reason", "epochs", "seconds", "attempts"]
FOUND_COLUMNS = ["parameters", "gflops", "size_mb", "map50", "map50_95", "precision", "recall"]
SET_COLUMNS = ["images", "targets", "imgsz"]


def write_csv(out: Path, results: Results) -> List[Path]:
    """Write ``results.csv``, a row a run, ``per_class.csv``, a row a run and class, and ``differences.csv``.

    Figures are fractions of 1, empty where there are none.
    """
    runs, classes, differences = [], [], []
    for model in results.models:
        for run in model.runs:
            found = run.found or {}
            row = [run.label, model.cfg, run.seed, run.state, " ".join((run.reason or "").split())]
            row += [run.epochs, run.seconds, run.attempts]
            runs.append(row + [found.get(key) for key in FOUND_COLUMNS + SET_COLUMNS])
            for name, c in found.get("per_class", {}).items():
                figures = [c.get(key) for key in ("ap50", "ap50_95", "precision", "recall")]
                classes.append([run.label, run.seed, name, c["number"], c["targets"], *figures])
        overall = {figure: results.difference(model.label, figure) for figure in ("map50", "map50_95")}
        named = [(figure, "", interval) for figure, interval in overall.items()]
        named += [("map50_95", name, interval) for name, interval in results.class_differences(model.label).items()]
        for figure, name, i in named:
            if i is not None:
                differences.append([model.label, figure, name, i.value, i.low, i.high, i.verdict])
    heads = RUN_COLUMNS + FOUND_COLUMNS + SET_COLUMNS
    written = [files.write_csv(out / "results.csv", heads, runs)]
    heads = ["label", "seed", "class", "number", "objects", "ap50", "ap50_95", "precision", "recall"]
    written.append(files.write_csv(out / "per_class.csv", heads, classes))
    heads = ["label", "figure", "class", "difference", "low", "high", "verdict"]
    return [*written, files.write_csv(out / "differences.csv", heads, differences)]
