"""The template of the report, for jinja2."""

from __future__ import annotations

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{{ title }}</title>
<style>
:root { --text: #1a1a1a; --back: #ffffff; --line: #cccccc; --soft: #666666; --head: #f3f4f6; --mark: #005a9c; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e6e6; --back: #16181c; --line: #3a3f47; --soft: #a0a6ae; --head: #22262c; --mark: #6cb8ff; }
}
body { margin: 0 auto; padding: 1.5rem; max-width: 84rem; background: var(--back); color: var(--text);
  font: 14.5px/1.5 system-ui, "Segoe UI", "Noto Sans", "Noto Sans CJK SC", "Microsoft YaHei", sans-serif; }
h1 { font-size: 1.35rem; } h2 { font-size: 1.1rem; margin-top: 2.2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; border-top: 2px solid var(--text); border-bottom: 2px solid var(--text);
  font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .5rem; text-align: right; white-space: nowrap; }
th.left, td.left { text-align: left; }
th { background: var(--head); border-bottom: 1px solid var(--text); white-space: normal; vertical-align: bottom; }
th button { all: unset; cursor: pointer; font-weight: 600; }
th button:focus-visible { outline: 2px solid var(--mark); }
th[aria-sort=ascending] button::after { content: " \\25b2"; }
th[aria-sort=descending] button::after { content: " \\25bc"; }
tbody tr:nth-child(even) { background: color-mix(in srgb, var(--head) 55%, transparent); }
.notes { color: var(--soft); font-size: .87rem; max-width: 60rem; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(22rem, 1fr)); gap: 1.2rem; }
figure { margin: 0; } figure.broad { grid-column: 1 / -1; }
figure img { max-width: 100%; max-height: 60rem; background: #ffffff; border: 1px solid var(--line); padding: 4px;
  box-sizing: border-box; }
figcaption { color: var(--soft); font-size: .87rem; }
pre { overflow-x: auto; background: var(--head); padding: .8rem; font-size: .8rem; }
</style>
</head>
<body>
{% macro show(content) %}
<div class="wide"><table>
<thead><tr>
{% for head in content.heads %}
<th scope="col"{% if head.left %} class="left"{% endif %}><button type="button">{{ head.text }}</button></th>
{% endfor %}
</tr></thead>
<tbody>
{% for row in content.rows %}
<tr>
{%- for cell in row -%}
<td{% if cell.left %} class="left"{% endif %} data-order="{{ '' if cell.order is none else cell.order }}">
{{- cell.text -}}
</td>
{%- endfor -%}
</tr>
{% endfor %}
</tbody>
</table></div>
{% endmacro %}
<h1>{{ title }}</h1>
{{ show(overview) }}
<div class="notes">
{% for note in notes %}
<p>{{ note }}</p>
{% endfor %}
</div>
{% if lacking %}
<h2>Runs without a result</h2>
{{ show(lacking) }}
{% endif %}
{% if pictures %}
<h2>Pictures</h2>
<div class="pictures">
{% for picture in pictures %}
<figure{% if picture.broad %} class="broad"{% endif %}>
<img src="{{ picture.source }}" alt="{{ picture.caption }}">
<figcaption>{{ picture.caption }}</figcaption>
</figure>
{% endfor %}
</div>
{% endif %}
{% if classes %}
<h2>mAP50-95 of each class (%)</h2>
{{ show(classes) }}
{% endif %}
<h2>How it was made</h2>
<details><summary>Plan</summary><pre>{{ plan }}</pre></details>
{% if record %}
<details><summary>Record</summary><pre>{{ record }}</pre></details>
{% endif %}
<script>
"use strict";
for (const table of document.querySelectorAll("table")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
    const numbers = !head.classList.contains("left");
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [row.cells[column].dataset.order, row]);
    rows.sort(([a], [b]) => {
      if (a === "" || b === "") return (a === "") - (b === "");  // what has no figure stays below
      return sign * (numbers ? a - b : a.localeCompare(b));
    });
    body.append(...rows.map(([, row]) => row));
  }));
}
</script>
</body>
</html>
"""
