r"""The tables for LaTeX: a whole document that pdfLaTeX, XeLaTeX and LuaLaTeX compile as it is, in booktabs' style.

Names that pdfLaTeX has no letters for, Chinese ones say, are written as ``\labname{<name>}{<substitute>}``: XeLaTeX and
LuaLaTeX print the name where they find a font with Chinese, and everything else prints the substitute ("class 3").
"""

from __future__ import annotations

from typing import Dict

from lab.compare import table
from lab.compare.rows import Results
from lab.compare.table import Table

LONG = 20
"""A table of more rows may break across pages (longtable)."""

ACROSS = 4
"""Models beside each other in the table of classes, whose names may be long."""

ESCAPES: Dict[str, str] = {sign: "\\" + sign for sign in "{}$&#%_"}
ESCAPES.update({"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"})
ESCAPES.update({"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}"})
ESCAPES.update({"'": r"\textquotesingle{}", "`": r"\textasciigrave{}", "±": r"\(\pm\)", "…": r"\ldots{}"})
ESCAPES.update({"[": "{[}", "]": "{]}"})  # after \\ a bracket would begin an option
ESCAPES.update({"-": "-{}", table.MINUS: r"\(-\)", table.DASH: "--"})  # two hyphens would become a dash
ESCAPES.update({"“": "``", "”": "''", "‘": "`", "’": "'"})

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
    """Return text for LaTeX, in which every character means itself."""
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
    done = [model for model in results.models if model.done]
    for n in range(0, len(done), ACROSS):
        classes = table.per_class(results, done[n : n + ACROSS], count=n == 0)
        if classes:
            caption = r"mAP50-{}95 of each class (\%)" + (", continued" if n else "")
            parts.append(_table(classes, caption, f"tab:classes{n // ACROSS + 1}", "class", ""))
    return "\n".join(parts) + "\\end{document}\n"


def _table(content: Table, caption: str, label: str, kind: str, notes: str) -> str:
    """Return one table; ``kind`` is what its rows are, for the substitutes."""
    columns = "".join("l" if n in (0, *content.words) else "r" for n in range(len(content.heads)))
    numbers = range(1, len(content.heads) + 1)
    heads = " & ".join(escape(head, f"model {n}") for n, head in zip(numbers, content.heads)) + r" \\"
    body = "\n".join(
        " & ".join(escape(cell, f"{kind} {n}") for cell in row) + r" \\" for n, row in enumerate(content.rows, 1)
    )
    named, spec = f"\\caption{{{caption}}}\\label{{{label}}}", f"{{@{{}}{columns}@{{}}}}\n"
    below = f"\n\\noindent\\parbox{{\\linewidth}}{{\\scriptsize {notes}}}\n" if notes else ""
    if len(content.rows) > LONG:
        top = f"\\begin{{longtable}}{spec}{named}\\\\\n\\toprule\n{heads}\n\\midrule\n\\endhead\n\\bottomrule\n"
        return f"{top}\\endfoot\n{body}\n\\end{{longtable}}\n{below}"
    top = f"\\begin{{table}}[htbp]\n\\centering\n{named}\n\\begin{{tabular}}{spec}\\toprule\n{heads}\n\\midrule\n"
    return f"{top}{body}\n\\bottomrule\n\\end{{tabular}}\n\n\\smallskip{below}\\end{{table}}\n"
