"""What several steps share: the places in upstream's source that they edit, found by shape."""

from __future__ import annotations

import re
from typing import List, NamedTuple, Union

import libcst as cst

from fork.edit_cst import Source, assigns, code, expression, own_nodes, statement, walk
from fork.tree import OVERLAY, Tree

TASKS = "ultralytics/nn/tasks.py"
UTILS = "ultralytics/utils/__init__.py"
PARSE = "parse_model"
HOOKS = "addmodules"
"""The name under which edited files know ``Addmodules.hooks``: the one-line calls of the series go through it."""

STAR_IMPORT = "from ultralytics.nn.Addmodules import *"
HOOKS_IMPORT = f"from ultralytics.nn.Addmodules import hooks as {HOOKS}"

BUILT = "isinstance(m, torch.nn.Module)"
"""True in parse_model after the backbone branch has run: upstream's ``m`` is a class, never an instance."""


class RowLoop(NamedTuple):
    """parse_model's loop over the rows of a YAML: the statement and its (i, f, n, m, args) loop."""

    function: cst.FunctionDef
    loop: cst.For


def row_loop(source: Source) -> RowLoop:
    """Find the loop over ``d["backbone"] + d["head"]`` in parse_model.

    Raises:
        StepError: There is no such function or loop, or more than one.
    """
    function = cst.ensure_type(source.find(PARSE), cst.FunctionDef)
    loops = [
        node
        for node in own_nodes(function, cst.For)
        if isinstance(node, cst.For)
        and {"'backbone'", "'head'"} <= {text.replace('"', "'") for text in strings(node.iter)}
    ]
    loop = source.one(PARSE, "the loop over the rows of d['backbone'] + d['head']", loops)
    if not isinstance(loop.body, cst.IndentedBlock):
        raise source.fail(PARSE, "the loop over the rows, its body on lines of their own", "a loop on one line")
    return RowLoop(function, loop)


def strings(node: cst.CSTNode) -> List[str]:
    """Return the string literals below ``node``, quotes included."""
    return [child.value for child in walk(node) if isinstance(child, cst.SimpleString)]


def lines(node: cst.CSTNode) -> List[cst.SimpleStatementLine]:
    """Return the simple statement lines below ``node``."""
    return [child for child in walk(node) if isinstance(child, cst.SimpleStatementLine)]


def assignments(node: cst.CSTNode, target: str) -> List[cst.SimpleStatementLine]:
    """Return the lines ``target = ...`` below ``node``."""
    return [line for line in lines(node) if assigns(line, target)]


def value_of(line: cst.SimpleStatementLine) -> cst.BaseExpression:
    """Return the right-hand side of an assignment line."""
    return cst.ensure_type(line.body[0], cst.Assign).value


def name_of(node: Union[cst.BaseExpression, None]) -> str:
    """Return the source of a name or dotted name, or an empty string."""
    return code(node) if isinstance(node, (cst.Name, cst.Attribute)) else ""


def dicts_with(node: cst.CSTNode, *keys: str) -> List[cst.Dict]:
    """Return the dict displays below ``node`` that have all of these keys (plain strings)."""
    return [child for child in walk(node) if isinstance(child, cst.Dict) and set(keys) <= set(keys_of(child))]


def keys_of(node: cst.Dict) -> List[str]:
    """Return the keys of a dict display that are string literals, without their quotes."""
    keys = [item.key for item in node.elements if isinstance(item, cst.DictElement)]
    return [key.value.strip("\"'") for key in keys if isinstance(key, cst.SimpleString)]


def entry_of(node: cst.Dict, key: str) -> cst.BaseExpression:
    """Return what stands under ``key``, one of ``keys_of``, in a dict display."""
    items = [item for item in node.elements if isinstance(item, cst.DictElement)]
    return next(i.value for i in items if isinstance(i.key, cst.SimpleString) and i.key.value.strip("\"'") == key)


def comma_like(blank: cst.BaseParenthesizableWhitespace) -> cst.Comma:
    """Return a comma with the line break of ``blank`` behind it, and none of its comments; a space if it has none."""
    if not isinstance(blank, cst.ParenthesizedWhitespace):
        return cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    line = cst.TrailingWhitespace(newline=blank.first_line.newline)
    return cst.Comma(whitespace_after=blank.with_changes(first_line=line, empty_lines=[]))


def with_first_entry(node: cst.Dict, key: str, value: str) -> cst.Dict:
    """Return a dict display (not an empty one) with another entry before the others, on a line of its own if they are.

    Args:
        node: The dict display.
        key: The new key, a plain string.
        value: The new value, as source.
    """
    comma = comma_like(node.lbrace.whitespace_after)
    new = cst.DictElement(cst.SimpleString(f'"{key}"'), expression(value), comma=comma)
    return node.with_changes(elements=[new, *node.elements])


def import_hooks(source: Source, before: str = "ultralytics", star: bool = False) -> None:
    """Add the import of the hooks (and with ``star`` of every backbone) before the first import from ``before``.

    Raises:
        StepError: The module imports nothing from ``before``.
    """
    body = source.module.body
    imports = [
        node
        for node in body
        if isinstance(node, cst.SimpleStatementLine)
        and isinstance(node.body[0], cst.ImportFrom)
        and not node.body[0].relative
        and name_of(node.body[0].module).split(".")[0] == before
    ]
    if not imports:
        raise source.fail("module", f"an import from {before}", "none at module level")
    first = imports[0]
    new = [statement(STAR_IMPORT, "before upstream's own, whose names win")] if star else []
    new.append(statement(HOOKS_IMPORT))
    new[0] = new[0].with_changes(leading_lines=first.leading_lines)
    source.replace("module", first, cst.FlattenSentinel([*new, first.with_changes(leading_lines=[])]))


def import_first(source: Source, definition: str) -> None:
    """Make an import of the hooks the first statement of a function, in a module that nn itself imports."""
    body = source.find(definition).body.body
    first = body[1] if len(body) > 1 and _is_text(body[0]) else body[0]
    hook = statement(HOOKS_IMPORT, "here, since nn imports this module")
    source.replace(definition, first, cst.FlattenSentinel([hook, first]))


def _is_text(line: cst.CSTNode) -> bool:
    """Tell whether a line is a docstring."""
    part = line.body[0] if isinstance(line, cst.SimpleStatementLine) else None
    return isinstance(part, cst.Expr) and isinstance(part.value, (cst.SimpleString, cst.ConcatenatedString))


def import_here(*then: cst.SimpleStatementLine) -> cst.FlattenSentinel[cst.SimpleStatementLine]:
    """Return these lines of a function behind an import of the hooks, for a module that nn itself imports."""
    first = statement(HOOKS_IMPORT, "here, since nn imports this module").with_changes(
        leading_lines=then[-1].leading_lines
    )
    return cst.FlattenSentinel([first, *then[:-1], then[-1].with_changes(leading_lines=[])])


def imports_hooks(source: Source) -> bool:
    """Tell whether the module imports the hooks at its top level."""
    return any(code(node) == HOOKS_IMPORT for node in source.module.body)


def mentions(tree: Tree, *words: str) -> List[str]:
    """Return the files of the release, ours left out, in which one of these words stands.

    A step that says *not needed* for want of a feature asks this as well: a definition may only have another name.
    """
    wanted = re.compile(rb"\b(?:" + b"|".join(re.escape(word.encode()) for word in words) + rb")\b")
    texts = (path for path in tree if path.endswith((".py", ".yaml")) and not path.startswith(OVERLAY))
    return sorted(path for path in texts if wanted.search(tree[path]))
