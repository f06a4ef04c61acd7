"""Article 002's section 2.5: the scripts run from any folder, and say a user's mistake in a line."""

from __future__ import annotations

from typing import Dict, List

import libcst as cst

from fork.edit import Outcome, Source, Step, code, expression, statement
from fork.steps._places import HOOKS
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
    sources = {file: Source(tree, file, NAME) for file in SCRIPTS}
    done = []
    for file, source in sources.items():
        done += [any(code(node) == code(_path(SCRIPTS[file])) for node in source.module.body)]
        done += [any(code(call.func) == f"{HOOKS}.run" for call in _calls(source))]
    if sources[at.TRAIN].applied(at.MODULE, *done):
        return Outcome(0, "already applied")
    for file, source in sources.items():
        call = source.one(at.MODULE, "the call `main(...)` below `if __name__ == '__main__'`", _calls(source, "main"))
        given = "".join(f", {code(argument)}" for argument in call.args)
        first = statement(f"from yolov5 import {HOOKS}")
        has = any(code(node) == code(first) for node in source.module.body)
        source.replace(at.MODULE, call, expression(f"{HOOKS}.run(main{given})"))
        line = source.one(at.MODULE, "an import from yolov5", _imports(source)[:1])
        new = [_path(SCRIPTS[file]).with_changes(leading_lines=line.leading_lines), *([] if has else [first])]
        source.replace(at.MODULE, line, cst.FlattenSentinel([*new, line.with_changes(leading_lines=[])]))
    outcomes = [source.save() for source in sources.values()]
    return Outcome(sum(o.applied for o in outcomes), where=tuple(place for o in outcomes for place in o.where))


def _path(depth: int) -> cst.BaseCompoundStatement:
    text = f"if not __package__:\n    sys.path.insert(0, str(Path(__file__).resolve().parents[{depth}]))\n"
    return cst.ensure_type(cst.parse_statement(text), cst.If)


def _imports(source: Source) -> List[cst.SimpleStatementLine]:
    return [
        node
        for node in source.module.body
        if isinstance(node, cst.SimpleStatementLine)
        and isinstance(node.body[0], cst.ImportFrom)
        and node.body[0].module is not None
        and code(node.body[0].module).split(".")[0] == "yolov5"
    ]


def _calls(source: Source, name: str = "") -> List[cst.Call]:
    """Return the calls (of ``name``) below ``if __name__ == "__main__"``."""
    guards = [node for node in source.module.body if isinstance(node, cst.If) and "__name__" in code(node.test)]
    nodes = [node for guard in guards for node in at.below(guard)]
    return [node for node in nodes if isinstance(node, cst.Call) and code(node.func) == (name or code(node.func))]


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
