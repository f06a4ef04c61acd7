"""What several steps share: the places in upstream's source that they edit, found by shape."""

from __future__ import annotations

import ast
import re
from typing import List, TypeVar

from fork.edit import Place, Source
from fork.syntax import Definition, has_strings, keys_of, matches, within
from fork.tree import OVERLAY, Tree

M = TypeVar("M", bound=ast.AST)

TASKS = "ultralytics/nn/tasks.py"
UTILS = "ultralytics/utils/__init__.py"
PARSE = "parse_model"
HOOKS = "addmodules"
"""The name under which edited files know ``Addmodules.hooks``: the one-line calls of the series go through it."""

STAR_IMPORT = "from ultralytics.nn.Addmodules import *"
HOOKS_IMPORT = f"from ultralytics.nn.Addmodules import hooks as {HOOKS}"
LATE_IMPORT = f"{HOOKS_IMPORT}  # here, since nn imports this module"
"""The same in a function of a module that nn itself imports."""

BUILT = "not isinstance(m, type)"
"""True in parse_model after the backbone branch has run: upstream's ``m`` is a class, a backbone is built already."""


def row_loop(source: Source) -> Place[ast.For]:
    """Find the loop over ``d["backbone"] + d["head"]`` in parse_model.

    Raises:
        StepError: There is no such function or loop, or more than one.
    """
    function = source.find(PARSE)
    loops = [loop for loop in function.nodes(ast.For) if has_strings(loop.iter, "backbone", "head")]
    loop = function.one("the loop over the rows of d['backbone'] + d['head']", loops)
    if not source.text.begins_line(loop.body[0]):
        raise function.fail("the loop over the rows, its body on lines of their own", "a loop on one line")
    return function.at(loop)


def dicts_with(place: Place[M], *keys: str) -> List[ast.Dict]:
    """Return the dict displays of a place, those in functions inside included, that have all of these keys."""
    return [node for node in within(place.node, ast.Dict) if set(keys) <= set(keys_of(node))]


def import_hooks(source: Source, before: str = "ultralytics", star: bool = False) -> None:
    """Add the import of the hooks, unless it is there, before the first import from ``before``; counts as one place.

    Args:
        source: The file.
        before: A package.
        star: Import every backbone as well.

    Raises:
        StepError: The module imports nothing from ``before``.
    """
    if imports_hooks(source):
        return
    imports = [node for node in source.module.node.body if isinstance(node, ast.ImportFrom) and not node.level]
    theirs = [node for node in imports if (node.module or "").split(".")[0] == before]
    if not theirs:
        raise source.module.fail(f"an import from {before}", "none at module level")
    stars = [f"{STAR_IMPORT}  # before upstream's own, whose names win"] if star else []
    source.module.insert_before(theirs[0], *stars, HOOKS_IMPORT)


def import_first(place: Place[Definition]) -> None:
    """Make an import of the hooks the first statement of a function, in a module that nn itself imports."""
    first, *more = place.node.body
    is_text = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    place.insert_above(more[0] if more and is_text else first, LATE_IMPORT)


def imports_hooks(source: Source) -> bool:
    """Return whether the module imports the hooks at its top level."""
    return any(matches(node, HOOKS_IMPORT) for node in source.module.node.body)


def mentions(tree: Tree, *words: str) -> List[str]:
    """Return the files of the release, ours left out, in which one of these words stands.

    A step that says *not needed* for want of a feature asks this as well: a definition may only have another name.
    """
    wanted = re.compile(rb"\b(?:" + b"|".join(re.escape(word.encode()) for word in words) + rb")\b")
    texts = (path for path in tree if path.endswith((".py", ".yaml")) and not path.startswith(OVERLAY))
    parts = [word.encode() for word in words]
    return sorted(p for p in texts if any(part in tree[p] for part in parts) and wanted.search(tree[p]))
