"""What the steps for YOLOv5 share: its files, and edits that put one expression or statement in another's place."""

from __future__ import annotations

import ast
import functools
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

import libcst as cst

from fork.edit import Outcome, Source, children, code, own_nodes
from fork.steps._places import HOOKS
from fork.tree import Tree

YOLO = "yolov5/models/yolo.py"
TF = "yolov5/models/tf.py"
COMMON = "yolov5/models/common.py"
EXPERIMENTAL = "yolov5/models/experimental.py"
UTILS = "yolov5/utils/__init__.py"
GENERAL = "yolov5/utils/general.py"
DOWNLOADS = "yolov5/utils/downloads.py"
METRICS = "yolov5/utils/metrics.py"
PLOTS = "yolov5/utils/plots.py"
LOGGERS = "yolov5/utils/loggers/__init__.py"
TORCH_UTILS = "yolov5/utils/torch_utils.py"
TRAIN = "yolov5/train.py"
VAL = "yolov5/val.py"
EXPORT = "yolov5/export.py"
BENCHMARKS = "yolov5/benchmarks.py"
HUB = "yolov5/hubconf.py"
SEGMENT_TRAIN = "yolov5/segment/train.py"
SEGMENT_PLOTS = "yolov5/utils/segment/plots.py"
CLASSIFY_TRAIN = "yolov5/classify/train.py"
CLASSIFY_VAL = "yolov5/classify/val.py"
AUTOBATCH = "yolov5/utils/autobatch.py"

HOOKS_IMPORT = f"from yolov5 import {HOOKS}"
MODULE = "module"


class Swap(NamedTuple):
    """One edit: what stands in one place, and what is put there.

    Attributes:
        file: The file.
        definition: Qualified name of the function, or ``module`` for what is outside functions and classes.
        old: Source of one expression, or of one statement; layout and quotes do not matter.
        new: Source of the expression, or of one or several statements, that take its place.
        sought: What is looked for, in words; without, ``old`` itself is quoted.
    """

    file: str
    definition: str
    old: str
    new: str
    sought: str = ""


def apply_swaps(tree: Tree, step: str, swaps: Sequence[Swap]) -> Outcome:
    """Make all of the edits, or none where they are there already; each has to have exactly one place.

    Raises:
        StepError: A place is missing or there twice, or some of the edits are there and some are not.
    """
    sources: Dict[str, Source] = {}
    for swap in swaps:
        if swap.file not in sources:
            sources[swap.file] = Source(tree, swap.file, step)
            if HOOKS + "." in "".join(other.new for other in swaps if other.file == swap.file):
                _require_hooks(sources[swap.file])
    done = [all(_find(sources[swap.file], swap.definition, part) for part in _pair(swap)[1]) for swap in swaps]
    if sources[swaps[0].file].applied(swaps[0].definition, *done):
        return Outcome(0, "already applied")
    for swap in swaps:
        source = sources[swap.file]
        old, new = _pair(swap)
        place = source.one(swap.definition, swap.sought or f"`{swap.old}`", _find(source, swap.definition, old[0]))
        source.replace(swap.definition, place, _dressed(place, new))
    outcomes = [source.save() for source in sources.values()]
    return Outcome(sum(o.applied for o in outcomes), where=tuple(place for o in outcomes for place in o.where))


def _require_hooks(source: Source) -> None:
    """Check that a file imports the hooks, which ``y01_share_backbones`` sees to.

    Raises:
        StepError: It does not.
    """
    if not any(code(node) == HOOKS_IMPORT for node in source.module.body):
        raise source.fail(MODULE, f"`{HOOKS_IMPORT}` (step y01_share_backbones)", "none")


def nodes_of(source: Source, definition: str) -> List[cst.CSTNode]:
    """Return the nodes of a function, or of the module, without those of functions and classes inside."""
    if definition != MODULE:
        return own_nodes(source.find(definition), cst.CSTNode)
    return list(below(source.module))


def below(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    for child in children(node):
        if not isinstance(child, (cst.FunctionDef, cst.ClassDef)):
            yield child
            yield from below(child)


def _pair(swap: Swap) -> Tuple[Sequence[cst.CSTNode], Sequence[cst.CSTNode]]:
    """Return what is sought and what is put there: two expressions, or statements on both sides."""
    old, new = (_statements(source) for source in (swap.old, swap.new))
    values = [_value(lines) for lines in (old, new)]
    if values[0] is not None and values[1] is not None:
        return [values[0]], [values[1]]
    return old, new


@functools.cache
def _statements(source: str) -> Sequence[Union[cst.SimpleStatementLine, cst.BaseCompoundStatement]]:
    return cst.parse_module(source.strip() + "\n").body


def _value(lines: Sequence[cst.CSTNode]) -> Optional[cst.BaseExpression]:
    """Return the expression that is all there is, or None."""
    only = lines[0].body[0] if len(lines) == 1 and isinstance(lines[0], cst.SimpleStatementLine) else None
    return only.value if isinstance(only, cst.Expr) else None


def _find(source: Source, definition: str, wanted: cst.CSTNode) -> List[cst.CSTNode]:
    shape = _shape(code(wanted), isinstance(wanted, cst.BaseExpression))
    nodes = (node for node in nodes_of(source, definition) if _alike(node, wanted))
    return [node for node in nodes if _shape(code(node), isinstance(node, cst.BaseExpression)) == shape]


def _alike(node: cst.CSTNode, wanted: cst.CSTNode) -> bool:
    """Tell at a glance whether two nodes may be the same source; most are not, and to compare whole ones takes long."""
    if type(node) is not type(wanted):
        return False
    if isinstance(node, cst.Call) and isinstance(wanted, cst.Call):
        return _alike(node.func, wanted.func)
    if isinstance(node, cst.Attribute) and isinstance(wanted, cst.Attribute):
        return node.attr.value == wanted.attr.value
    if isinstance(node, cst.SimpleStatementLine) and isinstance(wanted, cst.SimpleStatementLine):
        return [type(part) for part in node.body] == [type(part) for part in wanted.body]
    return True


@functools.cache
def _shape(source: str, value: bool) -> str:
    return ast.dump(ast.parse(f"({source}\n)" if value else source))


def _dressed(old: cst.CSTNode, new: Sequence[cst.CSTNode]) -> Union[cst.CSTNode, cst.FlattenSentinel[cst.CSTNode]]:
    """Return what is put there with the comments and blank lines around the old statement."""
    if not isinstance(old, (cst.SimpleStatementLine, cst.BaseCompoundStatement)):
        return new[0]
    lines, last = list(new), new[-1]
    plain = isinstance(last, cst.SimpleStatementLine) and last.trailing_whitespace.comment is None
    if isinstance(old, cst.SimpleStatementLine) and plain:
        lines[-1] = last.with_changes(trailing_whitespace=old.trailing_whitespace)
    lines[0] = lines[0].with_changes(leading_lines=old.leading_lines)
    return cst.FlattenSentinel(lines) if len(lines) > 1 else lines[0]
