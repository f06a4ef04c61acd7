"""Small sources with the places that the steps for YOLOv5 look for, made of each step's own list of edits.

Around every place stand lines of ours, some of which look like it and are none.
"""

from __future__ import annotations

import textwrap
from typing import Dict, List, Sequence

from fork.targets.yolov5._places import HOOKS_IMPORT, MODULE, Swap

HEAD = f'"""A fake."""\n\nimport os\n\n{HOOKS_IMPORT}\nfrom yolov5.fakes import note\n\ntrail = []\n'


def is_value(swap: Swap) -> bool:
    """Return whether both sides of an edit are expressions."""
    for source in (swap.old, swap.new):
        try:
            compile(source, "fake", "eval")
        except SyntaxError:
            return False
    return True


def place(swap: Swap, source: str) -> str:
    """Return the statement of a fake with one side of an edit in it; a comment stays on its last line."""
    return f"{'kept = ' if is_value(swap) else ''}{source}   # as it is\n"


def sources(swaps: Sequence[Swap], new: Sequence[bool] = (), times: Sequence[int] = ()) -> Dict[str, str]:
    """Return a file for each that is edited.

    Args:
        swaps: The edits of a step.
        new: For each, whether its place is edited; none is without it.
        times: For each, how often its place is there; once without it.
    """
    new, times = new or [False] * len(swaps), times or [1] * len(swaps)
    bodies: Dict[str, Dict[str, List[str]]] = {}
    alike: Dict[str, str] = {}
    for swap, edited, count in zip(swaps, new, times):
        body = bodies.setdefault(swap.file, {}).setdefault(swap.definition, [])
        body.append("trail.append(note)\n" + place(swap, swap.new if edited else swap.old) * count)
        alike[swap.file] = alike.get(swap.file, "") + place(swap, swap.old)
    return {
        file: HEAD
        + "".join(_definition(*item) for item in parts.items())
        + "\n\ndef elsewhere(self, *trail):\n"
        + textwrap.indent(alike[file], "    ")
        for file, parts in bodies.items()
    }


def _definition(name: str, body: List[str]) -> str:
    text = "\n".join(body)
    if name == MODULE:
        return f"\n{text}\n"
    *classes, function = name.split(".")
    text = f"def {function}(self, *trail):\n" + textwrap.indent(text + "return trail\n", "    ")
    for kind in classes:
        text = f"class {kind}:\n" + textwrap.indent(text, "    ")
    return f"\n\n{text}\n"
