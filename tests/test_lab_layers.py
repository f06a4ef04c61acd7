"""The lab's imports: no circle, those within functions included, and no other file's private names."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILES = {".".join(p.relative_to(ROOT).with_suffix("").parts): p for p in sorted((ROOT / "lab").rglob("*.py"))}


def imports(name):
    """Yield the modules of the lab that a file imports anywhere, with the names that it takes from each."""
    for node in ast.walk(ast.parse(FILES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "lab":
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield (inner, "") if inner in FILES else (node.module, alias.name)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name in FILES)


def test_nothing_is_imported_in_a_circle():
    left = {name: {module for module, _ in imports(name) if module in FILES} for name in FILES}
    while left:
        free = [name for name, needs in left.items() if not needs & set(left)]
        assert free, f"in a circle: {sorted(left)}"
        for name in free:
            del left[name]


def test_no_file_takes_anothers_private_names():
    taken = {f"{name}: {module}.{what}" for name in FILES for module, what in imports(name) if what.startswith("_")}
    assert not taken
