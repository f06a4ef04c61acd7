"""The report: one HTML file that needs nothing else, neither other files nor the network."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import List

from lab.compare import table
from lab.compare.rows import Results

_BARS = "Bars: standard deviation over seeds, where there are two or more."
_COSTS = {"parameters": "parameters", "gflops": "GFLOPs", "latency": "latency"}
_BAND = "Line: mean over seeds; band: from the least to the most."
CAPTIONS = {
    **{f"accuracy-{key}": f"mAP50-95 against {name}. {_BARS}" for key, name in _COSTS.items()},
    "curves": "Training: mAP50-95 and mAP50 on the validation images. Line: mean over seeds, as far as the shortest; "
    "band: one standard deviation.",
    "precision-recall": f"Precision over recall at IoU 0.50, mean over classes. {_BAND}",
    "class-differences": "mAP50-95 of each class minus the baseline's, with 95 % intervals over the choice of "
    "validation images. Not corrected for the number of classes: even where no class differs, about one in twenty is "
    "to be expected filled.",
}
"""What stands below each picture, by its name."""

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{{ title }}</title>
<style>
body { margin: 0 auto; padding: 1.5rem; max-width: 84rem; color: #1a1a1a; font: 14.5px/1.5 system-ui, sans-serif; }
div { overflow-x: auto; }
table { border-collapse: collapse; border: solid; border-width: 2px 0; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .5rem; text-align: right; white-space: nowrap; }
th { background: #f3f4f6; border-bottom: 1px solid; white-space: normal; }
.word { text-align: left; }
p, figcaption { color: #666666; font-size: .87rem; max-width: 60rem; }
figure { display: inline-block; margin: .6rem; max-width: 40rem; vertical-align: top; }
img { max-width: 100%; max-height: 60rem; border: 1px solid #cccccc; }
pre { overflow-x: auto; background: #f3f4f6; padding: .8rem; font-size: .8rem; }
</style>
</head>
<body>
{% macro show(content) %}
<div><table>
{% for row in [content.heads] + content.rows %}
{% set tag = "th" if loop.first else "td" %}
<tr>
{%- for cell in row -%}
<{{ tag }}{% if loop.first or loop.index0 in content.words %} class="word"{% endif %}>{{ cell }}</{{ tag }}>
{%- endfor -%}
</tr>
{% endfor %}
</table></div>
{% endmacro %}
<h1>{{ title }}</h1>
{{ show(overview) }}
{% for note in notes %}
<p>{{ note }}</p>
{% endfor %}
{% if lacking %}
<h2>Runs without a result</h2>
{{ show(lacking) }}
{% endif %}
{% for source, caption in pictures %}
<figure><img src="data:image/png;base64,{{ source }}" alt="">
<figcaption>{{ caption }}</figcaption></figure>
{% endfor %}
{% if classes %}
<h2>mAP50-95 of each class (%)</h2>
{{ show(classes) }}
{% endif %}
<h2>How it was made</h2>
{% for name, text in made %}
<details><summary>{{ name }}</summary><pre>{{ text }}</pre></details>
{% endfor %}
</body>
</html>
"""


def report(results: Results, drawn: List[Path]) -> str:
    """Return ``report.html``."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    pngs = [path for path in drawn if path.suffix == ".png"]
    made = {"Plan": results.plan, "Record": results.record}
    return environment.from_string(PAGE).render(
        title=table.title(results),
        overview=table.overview(results),
        classes=table.per_class(results),
        lacking=table.unfinished(results),
        notes=results.notes,
        pictures=[(base64.b64encode(p.read_bytes()).decode("ascii"), CAPTIONS.get(p.stem, "")) for p in pngs],
        made=[(name, json.dumps(one, indent=1, ensure_ascii=False)) for name, one in made.items() if one],
    )
