r"""The tables for LaTeX: a whole document that pdfLaTeX, XeLaTeX and LuaLaTeX compile as it is, in booktabs' style.

Names that pdfLaTeX has no letters for, Chinese ones say, are written as ``\labname{<name>}{<substitute>}``: XeLaTeX and
LuaLaTeX print the name where they find a font with Chinese, and everything else prints the substitute ("class 3").
"""

from __future__ import annotations

from typing import Dict, List

from lab.compare import table
from lab.compare.rows import Model, Results
from lab.compare.table import Table

LONG = 20
"""A table of more rows may break across pages (longtable)."""

ACROSS = 110
"""Most letters of the models' names, of at least 12 each, beside each other in the table of classes."""

ESCAPES: Dict[str, str] = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    "[": "{[}",  # after \\ a bracket would begin an option
    "]": "{]}",
    "-": "-{}",  # two would become a dash
    "±": r"\(\pm\)",
    table.MINUS: r"\(-\)",
    table.DASH: "--",
    "…": r"\ldots{}",
    "“": "``",
    "”": "''",
    "‘": "`",
    "’": "'",
}

PREAMBLE = r"""% Made by `python -m lab compare`; compiles as it is with pdfLaTeX, XeLaTeX and LuaLaTeX.
% To use a table in a paper, copy it from \begin{table} or \begin{longtable} to its end, and what it needs from here.
\documentclass[a4paper,10pt]{article}
\usepackage[a4paper,landscape,margin=15mm]{geometry}
\usepackage{iftex}
\ifPDFTeX
  \usepackage[T1]{fontenc}
  \usepackage[utf8]{inputenc}
  \usepackage{textcomp}
  \IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
  \newcommand{\labname}[2]{#2}
\else
  \usepackage{fontspec}
  \newcommand{\labname}[2]{#2}
  \newcommand{\labfont}[1]{\IfFontExistsTF{#1}{%
    \newfontfamily\labchinese{#1}\renewcommand{\labname}[2]{{\labchinese ##1}}}{}}
FONTS\fi
\usepackage{booktabs}
\usepackage{longtable}
\setlength{\tabcolsep}{4pt}
\begin{document}
\footnotesize
"""

FONTS = ["SimSun", "Microsoft YaHei", "PingFang SC", "WenQuanYi Micro Hei", "Noto Sans CJK SC", "Noto Serif CJK SC"]
"""Tried one after the other; the last that is there is taken."""


def _latin(text: str) -> bool:
    """Return whether the fonts of pdfLaTeX have all of it."""
    return all(32 <= ord(c) < 127 or c in ESCAPES or 0xC0 <= ord(c) <= 0xFF for c in text)


def escape(text: str, substitute: str = "?") -> str:
    """Return text for LaTeX, in which every character means itself.

    Args:
        text: Any text; white space of any kind becomes one space.
        substitute: Printed where there is no font with its characters.
    """
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    escaped = "".join(ESCAPES.get(c, c) for c in text)
    return escaped if _latin(text) else rf"\labname{{{escaped}}}{{{escape(substitute)}}}"


def document(results: Results) -> str:
    """Return ``table.tex``."""
    fonts = "".join(f"  \\labfont{{{name}}}\n" for name in FONTS)
    parts = [PREAMBLE.replace("FONTS", fonts)]
    notes = " ".join(escape(note, "(a note in letters that this font lacks)") for note in results.notes)
    caption = escape(table.title(results), f"{len(results.models)} models")
    parts.append(_table(table.overview(results), caption, "tab:comparison", "model", notes))
    for n, models in enumerate(_side_by_side([model for model in results.models if model.done])):
        classes = table.per_class(results, models, count=n == 0)
        if classes:
            caption = r"mAP50-{}95 of each class (\%)" + (", continued" if n else "")
            parts.append(_table(classes, caption, f"tab:classes{n + 1}", "class", ""))
    return "\n".join(parts) + "\\end{document}\n"


def _side_by_side(models: List[Model]) -> List[List[Model]]:
    """Return the models in groups that fit across a page."""
    groups: List[List[Model]] = []
    left = 0
    for model in models:
        width = max(len(model.label), 12)
        if width > left:
            groups.append([])
            left = ACROSS
        groups[-1].append(model)
        left -= width
    return groups


def _table(content: Table, caption: str, label: str, kind: str, notes: str) -> str:
    """Return one table; ``kind`` is what its rows are, for the substitutes."""
    columns = "".join("l" if n in (0, *content.words) else "r" for n in range(len(content.heads)))
    numbers = range(1, len(content.heads) + 1)
    heads = " & ".join(escape(head, f"model {n}") for n, head in zip(numbers, content.heads)) + r" \\"
    rows: List[str] = []
    for n, row in enumerate(content.rows, 1):
        rows.append(" & ".join(escape(cell.text, f"{kind} {n}") for cell in row) + r" \\")
    body = "\n".join(rows)
    if len(content.rows) <= LONG:
        below = f"\n\n\\smallskip\n\\parbox{{0.95\\linewidth}}{{\\scriptsize {notes}}}" if notes else ""
        return (
            f"\\begin{{table}}[htbp]\n\\centering\n\\caption{{{caption}}}\n\\label{{{label}}}\n"
            f"\\begin{{tabular}}{{@{{}}{columns}@{{}}}}\n\\toprule\n{heads}\n\\midrule\n{body}\n\\bottomrule\n"
            f"\\end{{tabular}}{below}\n\\end{{table}}\n"
        )
    below = f"\n\\noindent\\parbox{{\\linewidth}}{{\\scriptsize {notes}}}\n" if notes else ""
    return (
        f"\\begin{{longtable}}{{@{{}}{columns}@{{}}}}\n\\caption{{{caption}}}\\label{{{label}}}\\\\\n\\toprule\n{heads}\n"
        f"\\midrule\n\\endfirsthead\n\\toprule\n{heads}\n\\midrule\n\\endhead\n\\bottomrule\n\\endfoot\n{body}\n"
        f"\\end{{longtable}}\n{below}"
    )
