"""Not in the articles: the processes of a training on several GPUs run the fork that started them, or stop."""

from __future__ import annotations

import libcst as cst

from fork.edit import Outcome, Source, Step, code, own_nodes, statement
from fork.steps._places import HOOKS, HOOKS_IMPORT, dicts_with, keys_of, with_first_entry
from fork.tree import Tree

NAME = "x24_same_fork"
FILE = "ultralytics/utils/dist.py"
DEFINITION = "generate_ddp_file"
KEY = HOOKS


def apply(tree: Tree) -> Outcome:
    """Put the tree first among what is pickled for the child processes."""
    source = Source(tree, FILE, NAME)
    definition = source.find(DEFINITION)
    found = dicts_with(definition, "trainer", "args")
    if source.applied(DEFINITION, any(KEY in keys_of(n) for n in found), HOOKS_IMPORT in code(definition.body)):
        return Outcome(0, "already applied")
    node = source.one(DEFINITION, "the dict with the keys `trainer` and `args`", found)
    source.replace(DEFINITION, node, with_first_entry(node, KEY, f"{HOOKS}.this_tree()"))
    imports = [
        line
        for line in own_nodes(source.find(DEFINITION), cst.SimpleStatementLine)
        if isinstance(line, cst.SimpleStatementLine) and code(line) == "import cloudpickle"
    ]
    line = source.one(DEFINITION, "the line `import cloudpickle`", imports)
    source.replace(DEFINITION, line, cst.FlattenSentinel([line, statement(HOOKS_IMPORT)]))
    return source.save()


STEP = Step(
    name=NAME,
    section="-",
    title="Hold child processes to the fork that started them",
    reason=(
        "Each process of a training on several GPUs imports ultralytics anew. Where it finds another tree, such as a "
        "stock package, the model is unpickled by other code than it was made with. What the processes are given "
        "begins with the folder and digest of the fork; a process that runs another one ends, and names both."
    ),
    files=(FILE,),
    places=(2, 2),
    apply=apply,
)
