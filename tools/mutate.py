"""Changes a release in hundreds of ways, where the series edits it, and checks that the series copes.

    python -m tools.mutate                    every mutant
    python -m tools.mutate --count 300        that many, drawn at random with --seed

Each mutant of ``tools.mutants`` still does what the release does. The series has to end in one of two ways: a named
error, or the tree that it makes of the unchanged release, changed in the same way. Anything else is a silent miss.
"""

from __future__ import annotations

import ast
import collections
import random
import sys
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence

from fork import series
from fork.arguments import Parser
from fork.errors import StepError
from fork.fetch import obtain
from fork.pin import ROOT, load_pin
from fork.tree import OVERLAY, Tree, read_overlay, read_wheel
from tools import mutants

RIGHT, ERROR, MISS = "applied rightly", "named error", "SILENT MISS"


class Verdict(NamedTuple):
    """What the series made of a mutant: one of the three outcomes, and the error or the files that differ."""

    mutant: mutants.Mutant
    outcome: str
    detail: str


def judge(mutant: mutants.Mutant, final: Tree, overlay: Tree, steps: Optional[Sequence[Any]] = None) -> Verdict:
    """Run the series over a mutant and compare.

    Args:
        mutant: The changed release.
        final: What the series makes of the unchanged one.
        overlay: Our own folder.
        steps: Other steps than the series, for tests.
    """
    try:
        done = series.run(mutant.tree, overlay, steps)[-1].tree
    except StepError as e:
        return Verdict(mutant, ERROR, f"{e.step}: {e.brief}")
    expected, found = mutant.redo(final), mutant.undo(done)
    paths = sorted({*expected, *found})
    differs = [path for path in paths if not _alike(expected.get(path), found.get(path), path)]
    return Verdict(mutant, MISS if differs else RIGHT, ", ".join(differs))


def _alike(a: Optional[bytes], b: Optional[bytes], path: str) -> bool:
    if a == b:
        return True
    if a is None or b is None or not path.endswith(".py") or path.startswith(OVERLAY):
        return False
    return ast.dump(ast.parse(a)) == ast.dump(ast.parse(b))


def sample(pristine: Tree, final: Tree, count: int, seed: int) -> Iterator[mutants.Mutant]:
    """Yield ``count`` mutants, the kinds in turn, places at random; 0 for all of them."""
    waiting: Dict[str, List[Callable[[], Iterator[mutants.Mutant]]]] = {}
    for kind, make in mutants.plans(pristine, final):
        waiting.setdefault(kind, []).append(make)
    draw = random.Random(seed)
    for plans in waiting.values():
        draw.shuffle(plans)
    made = 0
    while any(waiting.values()):
        for plans in waiting.values():
            for mutant in plans.pop()() if plans else ():
                yield mutant
                made += 1
                if made == count:
                    return


def table(verdicts: Sequence[Verdict]) -> str:
    """Return the counts by kind."""
    counts = collections.Counter((kind, v.outcome) for v in verdicts for kind in (v.mutant.kind, "~all"))
    names = (RIGHT, ERROR, MISS)
    lines = [f"{'kind':<24}" + "".join(f"{name:>18}" for name in names)]
    for kind in sorted({kind for kind, _ in counts}):
        lines.append(f"{kind.lstrip('~'):<24}" + "".join(f"{counts[kind, name]:>18}" for name in names))
    return "\n".join(lines)


def main(argv: Optional[List[str]] = None) -> int:
    """Run the command line; return 1 if there is a silent miss, else 0."""
    parser = Parser(prog="python -m tools.mutate", description=__doc__)
    parser.add_argument("--count", type=int, default=0, metavar="N", help="mutants, the kinds in turn (default: all)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the draw (default 0)")
    parser.add_argument("--verbose", action="store_true", help="a line for each mutant")
    options = parser.parse_args(argv)
    pristine, overlay = read_wheel(obtain(load_pin().upstream)), read_overlay(ROOT)
    final = series.run(pristine, overlay)[-1].tree
    verdicts: List[Verdict] = []
    for mutant in sample(pristine, final, options.count, options.seed):
        verdict = judge(mutant, final, overlay)
        verdicts.append(verdict._replace(mutant=mutant._replace(tree={})))
        if options.verbose or verdict.outcome == MISS:
            print(f"{verdict.outcome}: {mutant.kind}: {mutant.place}: {verdict.detail}", flush=True)
        if len(verdicts) % 25 == 0:
            print(f"{len(verdicts)} of {options.count or 'all'}", file=sys.stderr, flush=True)
    print(table(verdicts))
    return int(any(verdict.outcome == MISS for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main())
