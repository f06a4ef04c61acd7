"""Writes what a comparison has found so far: tables, report and pictures; as often as wanted."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List

from lab import files
from lab.compare import html, pictures, rows, table, tex


def write(out: Path, plan: Dict[str, Any], say: Callable[[str], None] = print) -> List[Path]:
    """Write tables, report and pictures from whatever runs are done; each file is whole at any time.

    These are ``results.csv``, ``per_class.csv``, ``differences.csv``, ``table.md``, ``table.tex``, ``report.html`` and
    what is in ``pictures/``, where those of this function's pictures there is nothing for any longer are removed.

    Returns:
        The files.

    Raises:
        UsageError: A file cannot be replaced, since another program has it open.
    """
    out = Path(out)
    results = rows.gather(out, plan, say)
    written = table.write_csv(out, results)
    written.append(files.write_text(out / "table.md", table.markdown(results)))
    written.append(files.write_text(out / "table.tex", tex.document(results)))
    folder = out / "pictures"
    drawn = pictures.draw(results, folder, say)
    for stem in html.CAPTIONS:
        for old in (folder / f"{stem}.png", folder / f"{stem}.pdf"):
            if old not in drawn and old.is_file():
                old.unlink()
    written.append(files.write_text(out / "report.html", html.report(results, drawn)))
    return [*written, *drawn]
