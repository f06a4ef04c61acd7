"""The report: one HTML file that needs nothing else, neither other files nor the network."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Dict, List, Optional

from lab.compare import table
from lab.compare.html_page import PAGE
from lab.compare.rows import Results
from lab.compare.table import Table

_BARS = "Bars: standard deviation over seeds, where there are two or more."
CAPTIONS = {
    "accuracy-parameters": f"mAP50-95 against parameters. {_BARS}",
    "accuracy-gflops": f"mAP50-95 against GFLOPs. {_BARS}",
    "accuracy-latency": f"mAP50-95 against latency. {_BARS}",
    "curves": "Training: mAP50-95 on the validation images, and the sum of the training losses, which is not "
    "comparable between heads. Line: mean over seeds; band: from the least to the most.",
    "precision-recall": "Precision over recall at IoU 0.50, mean over classes. Line: mean over seeds; band: from the "
    "least to the most.",
    "class-differences": "mAP50-95 of each class minus the baseline's, with 95 % intervals over the choice of "
    "validation images. Not corrected for the number of classes: even where no class differs, about one in twenty is "
    "to be expected filled.",
    "predictions": "The validation images with the most objects: ground truth, and what the first seed of each model "
    "finds with a score of 0.25 or more.",
}
"""What stands below each picture, by its name."""

TEXT_COLUMNS = {"Model", "Class", "Verdict", "State", "Reason"}

JPEG_ABOVE = 700_000
"""Bytes of a PNG above which the report shows a JPEG of it: photographs."""


def report(results: Results, drawn: List[Path]) -> str:
    """Return ``report.html``.

    Args:
        results: The results.
        drawn: The pictures' files.
    """
    import jinja2

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    classes, lacking = table.per_class(results), table.unfinished(results)
    pngs = [path for path in drawn if path.suffix == ".png"]
    pictures = [{"source": _embedded(p), "broad": _broad(p), "caption": CAPTIONS.get(p.stem, "")} for p in pngs]
    return environment.from_string(PAGE).render(
        title=table.title(results),
        overview=_table(table.overview(results)),
        classes=classes and _table(classes),
        lacking=lacking and _table(lacking),
        notes=results.notes,
        pictures=pictures,
        plan=json.dumps(results.plan, indent=1, ensure_ascii=False),
        record=_record(results.record),
    )


def _table(content: Table) -> Dict[str, Any]:
    """Return heads and rows for the template; numbers are sorted by what they are, not by how they look."""
    heads = [{"text": head, "left": head in TEXT_COLUMNS} for head in content.heads]
    rows = [
        [
            {"text": c.text, "order": c.text if c.order is None and h["left"] else c.order, "left": h["left"]}
            for c, h in zip(row, heads)
        ]
        for row in content.rows
    ]
    return {"heads": heads, "rows": rows}


def _embedded(path: Path) -> str:
    """Return a picture as a data address."""
    data, kind = path.read_bytes(), "png"
    if len(data) > JPEG_ABOVE:
        import cv2
        import numpy as np

        photo = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        data, kind = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes(), "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _broad(path: Path) -> bool:
    """Return whether a PNG is wider than one column: its header has the width."""
    with path.open("rb") as f:
        return int.from_bytes(f.read(20)[16:], "big") > 1300


def _record(record: Dict[str, Any]) -> Optional[str]:
    return json.dumps(record, indent=1, ensure_ascii=False) if record else None
