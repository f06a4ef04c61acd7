"""Packages that a run may need, and what has changed in some since YOLOv5 7.0."""

from __future__ import annotations

import html
import importlib
from pathlib import Path
from typing import Any, List, Sequence, Tuple

from ultralytics.nn.Addmodules.contract import BackboneError


class MissingPackageError(BackboneError):
    """Something that was asked for needs a package that is not installed."""


class Missing:
    """Stands for a package that is not installed, or not yet imported; false, and an error where it is used.

    Args:
        package: What to install.
    """

    def __init__(self, package: str) -> None:
        self._package = package

    def __bool__(self) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise MissingPackageError(f"this needs the package {self._package}: python -m pip install {self._package}")


class Later(Missing):
    """Stands for a name of a module that is imported when it is first used."""

    def __init__(self, module: str, name: str, package: str) -> None:
        super().__init__(package)
        self._module, self._name = module, name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            found = getattr(importlib.import_module(self._module), self._name)
        except ModuleNotFoundError as e:
            if (e.name or "").split(".")[0] != self._package:
                raise
            return super().__getattr__(name)
        return getattr(found, name)


def optional(package: str) -> Any:
    """Return a package, or what stands for it until it is used."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as e:
        if e.name != package:
            raise
        return Missing(package)


def later(module: str, name: str, package: str) -> Any:
    """Return what stands for a name of a module that needs ``package`` until it is used."""
    return Later(module, name, package)


def show_columns(pandas: Any, count: int) -> None:
    """Let pandas, where it is installed, print so many columns."""
    if pandas:
        pandas.options.display.max_columns = count


class Table:
    """The part of a DataFrame that YOLOv5 uses without plotting: columns by name, and a table in HTML."""

    def __init__(self, rows: Sequence[Sequence[Any]], columns: Sequence[str]) -> None:
        self._rows, self._columns = [list(row) for row in rows], list(columns)

    def __getitem__(self, column: str) -> List[Any]:
        at = self._columns.index(column)
        return [row[at] for row in self._rows]

    def __getattr__(self, column: str) -> List[Any]:
        if column.startswith("_") or column not in self._columns:
            raise MissingPackageError(f"{column} of a table needs the package pandas: python -m pip install pandas")
        return self[column]

    def to_html(self) -> str:
        """Return the table in HTML, with a column of row numbers as pandas has it."""

        def line(cells: Sequence[Any], tag: str) -> str:
            return "<tr>" + "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"

        body = "\n".join(line([number, *row], "td") for number, row in enumerate(self._rows))
        head = line(["", *self._columns], "th")
        return f'<table border="1" class="dataframe">\n{head}\n{body}\n</table>'


def table(pandas: Any, rows: Sequence[Sequence[Any]], columns: Sequence[str]) -> Any:
    """Return rows as a DataFrame, or as what does for one where pandas is not installed."""
    return pandas.DataFrame(rows, columns=columns) if pandas else Table(rows, columns)


def text_size(font: Any, text: str) -> Tuple[float, float]:
    """Return width and height in pixels of a text, from the origin on as Pillow's ``getsize`` had it."""
    if hasattr(font, "getbbox"):
        return font.getbbox(text)[2:]
    return font.getsize(text)


def check_requirements(requirements: Any = None, exclude: Sequence[str] = (), **options: Any) -> bool:
    """Check packages that are named; a requirements file is none of the package's.

    Args:
        requirements: As upstream takes it.
        exclude: Names that are left out of a file.
        **options: Further arguments of upstream's.
    """
    if requirements is None or (isinstance(requirements, Path) and not requirements.is_file()):
        return True
    from ultralytics.utils.checks import check_requirements as check

    return check(requirements, exclude=exclude, **options)
