"""Articles' section 4.3: ``tasks.py`` imports the backbones."""

from __future__ import annotations

import ast
from typing import Set

from fork.edit import ALREADY, Outcome, Source, Step
from fork.errors import StepError
from fork.steps._places import STAR_IMPORT, TASKS, import_hooks, imports_hooks
from fork.syntax import matches, parse
from fork.tree import OVERLAY, Tree

NAME = "s03_import_backbones"


def apply(tree: Tree) -> Outcome:
    """Add the star import and the import of the hooks before upstream's own imports.

    Raises:
        StepError: A registered backbone bears a name that upstream's module already uses.
    """
    source = Source(tree, TASKS, NAME)
    clash = sorted(registered_names(tree) & module_names(source.text.node))
    if clash:
        raise StepError(
            NAME, OVERLAY, ", ".join(clash), "a name that upstream does not use", f"upstream has it in {TASKS}"
        )
    star = any(matches(node, STAR_IMPORT) for node in source.text.node.body)
    if source.module.applied(star, imports_hooks(source)):
        return ALREADY
    import_hooks(source, star=True)
    return source.save()


def registered_names(tree: Tree) -> Set[str]:
    """Return the names of the functions and classes in the overlay that carry ``@register_backbone``."""
    names: Set[str] = set()
    for path, data in tree.items():
        if not path.startswith(OVERLAY) or not path.endswith(".py") or b"register_backbone" not in data:
            continue
        try:
            body = parse(data).body
        except (SyntaxError, ValueError):
            continue  # a user's broken file must not stop the build; it is named when a YAML asks for it
        for node in body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                marks = (getattr(d, "func", d) for d in node.decorator_list)
                if any(getattr(m, "id", getattr(m, "attr", "")) == "register_backbone" for m in marks):
                    names.add(node.name)
    return names


def module_names(module: ast.Module) -> Set[str]:
    """Return the names that a module binds outside functions and classes by import, def, class or assignment."""
    names: Set[str] = set()
    todo = list(module.body)
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names} - {"*"}
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        else:
            todo += [child for child in ast.walk(node) if child is not node and isinstance(child, ast.stmt)]
            targets = (child for child in ast.walk(node) if isinstance(child, ast.Name))
            names |= {target.id for target in targets if isinstance(target.ctx, ast.Store)}
    return names


STEP = Step(
    name=NAME,
    section="4.3",
    title="Import the backbones into tasks.py",
    reason=(
        "parse_model looks a row's module up among tasks.py's own names. The import stands before upstream's, so "
        "that upstream's Conv stays Conv whatever a file in the folder defines; a registered backbone with a name "
        "of upstream's stops the build. The second import gives the later steps their one-line calls."
    ),
    files=(TASKS,),
    places=(1, 1),
    apply=apply,
    not_needed_when="parse_model itself finds modules outside tasks.py.",
    differs="The place of the import is fixed, since the order decides whose names win.",
)
