"""Article 002's section 2.5: the scripts run from any folder, and say a user's mistake in a line."""

from __future__ import annotations

import ast
from typing import Dict, List

from fork.edit import ALREADY, Outcome, Source, Sources, Step
from fork.steps._places import HOOKS
from fork.syntax import matches, within
from fork.targets.yolov5 import _places as at
from fork.tree import Tree

NAME = "y15_run_scripts"
SCRIPTS: Dict[str, int] = {
    **dict.fromkeys((at.TRAIN, at.VAL, "yolov5/detect.py", at.EXPORT), 1),
    **dict.fromkeys((at.SEGMENT_TRAIN, "yolov5/segment/val.py", "yolov5/segment/predict.py"), 2),
    **dict.fromkeys((at.CLASSIFY_TRAIN, at.CLASSIFY_VAL, "yolov5/classify/predict.py"), 2),
}
"""Script -> how many folders above it the package's parent is."""


def apply(tree: Tree) -> Outcome:
    """Put the package's parent on the path where a file is run by itself, and its ``main`` into ``addmodules.run``."""
    sources = Sources(tree, NAME)
    done = []
    for file, depth in SCRIPTS.items():
        done += [any(matches(node, _path(depth)) for node in sources[file].text.node.body)]
        done += [bool(_calls(sources[file], f"{HOOKS}.run(...)"))]
    if sources[at.TRAIN].module.applied(*done):
        return ALREADY
    for file, depth in SCRIPTS.items():
        source = sources[file]
        module = source.module
        call = module.one("the call `main(...)` below `if __name__ == '__main__'`", _calls(source, "main(...)"))
        module.redirect(call, f"{HOOKS}.run", "main")
        imports = [node for node in module.node.body if isinstance(node, ast.ImportFrom)]
        theirs = [node for node in imports if (node.module or "").split(".")[0] == "yolov5"]
        line = module.one("an import from yolov5", theirs[:1])
        module.insert_before(line, _path(depth), *([] if at.imports_hooks(source) else [at.HOOKS_IMPORT]))
    return sources.save()


def _path(depth: int) -> str:
    return f"if not __package__:\n    sys.path.insert(0, str(Path(__file__).resolve().parents[{depth}]))"


def _calls(source: Source, pattern: str) -> List[ast.Call]:
    """Return the calls of this form below ``if __name__ == "__main__"``."""
    guards = [
        node for node in source.text.node.body if isinstance(node, ast.If) and within(node.test, ast.Name, "__name__")
    ]
    return [call for guard in guards for call in within(guard, ast.Call, pattern)]


STEP = Step(
    name=NAME,
    section="2.5",
    title="Run the scripts from any folder",
    reason=(
        "The article runs `python train.py`; the package's scripts import `yolov5` and find it when installed only. "
        "Their own package comes first now, from whatever folder they are called, and a mistake in a YAML or a missing "
        "file ends in a message with exit code 2 instead of a traceback."
    ),
    files=tuple(SCRIPTS),
    places=(2 * len(SCRIPTS), 2 * len(SCRIPTS)),
    apply=apply,
)
