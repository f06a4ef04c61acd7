"""Changes a release by the hundred, at the places that the series edits, and looks whether the series copes.

    python -m lab.mutate                    every mutant (an hour and more)
    python -m lab.mutate --count 300        that many, drawn at random with --seed
    python -m lab.mutate --run 20           also run 20 of those that fit: stock models, and two with backbones of ours

Each mutant of ``lab.mutants`` still does what the release does. The series has to end in one of two ways: a named
error, or the tree that it makes of the unchanged release, changed in the same way. Anything else is a silent miss.
"""

from __future__ import annotations

import ast
import collections
import gc
import random
import sys
import tempfile
from pathlib import Path
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from fork import series
from fork.arguments import Parser
from fork.edit import Step
from fork.errors import StepError
from fork.fetch import obtain
from fork.pin import ROOT, load_pin
from fork.tree import OVERLAY, Tree, read_overlay, read_wheel, write_files
from lab import mutants

RIGHT, ERROR, MISS = "applied rightly", "named error", "SILENT MISS"


class Verdict(NamedTuple):
    """What the series made of a mutant: one of the three outcomes, and the error or the files that differ."""

    mutant: mutants.Mutant
    outcome: str
    detail: str
    tree: Optional[Tree]


def judge(mutant: mutants.Mutant, final: Tree, overlay: Tree, steps: Optional[Sequence[Step]] = None) -> Verdict:
    """Run the series over a mutant and compare.

    Args:
        mutant: The changed release.
        final: What the series makes of the unchanged one.
        overlay: Our own folder.
        steps: Other steps than the series, for tests.
    """
    file = mutant.file
    if file:  # the change stays inside one file, which only these steps edit; without it, the whole series runs
        steps = [step for step in (series.ORDER if steps is None else steps) if file in step.files]
    try:
        done = series.run(mutant.tree, overlay, steps)[-1].tree
    except StepError as e:
        return Verdict(mutant, ERROR, f"{e.step}: {e.brief}", None)
    expected, found = mutant.redo(final), mutant.undo(done)
    paths = [file] if file else sorted({*expected, *found})
    differs = [path for path in paths if not _alike(expected.get(path), found.get(path), path)]
    return Verdict(mutant, MISS if differs else RIGHT, ", ".join(differs), done)


def _alike(a: Optional[bytes], b: Optional[bytes], path: str) -> bool:
    if a == b:
        return True
    if a is None or b is None or not path.endswith(".py") or path.startswith(OVERLAY):
        return False
    return ast.dump(ast.parse(a)) == ast.dump(ast.parse(b))


def sample(pristine: Tree, final: Tree, count: int, seed: int) -> Iterator[mutants.Mutant]:
    """Yield ``count`` mutants, the kinds in turn, places at random; 0 for all of them."""
    waiting: Dict[str, List[mutants.Plan]] = {}
    for plan in mutants.plans(pristine, final):
        waiting.setdefault(plan.kind, []).append(plan)
    draw = random.Random(seed)
    for plans in waiting.values():
        draw.shuffle(plans)
    made = 0
    while any(waiting.values()):
        for plans in waiting.values():
            for mutant in plans.pop().make() if plans else ():
                yield mutant
                made += 1
                if made == count:
                    return


def run(tree: Tree, probe: Callable[[Path], Dict[str, object]]) -> Dict[str, object]:
    """Return what the probe finds in a tree."""
    with tempfile.TemporaryDirectory(prefix="addmodules-mutant-") as folder:
        write_files(Path(folder), tree)
        return probe(Path(folder))


def table(verdicts: Sequence[Verdict]) -> str:
    """Return the counts by kind."""
    counts: Dict[str, collections.Counter[str]] = {}
    for verdict in verdicts:
        counts.setdefault(verdict.mutant.kind, collections.Counter())[verdict.outcome] += 1
    lines = [f"{'kind':<24}" + "".join(f"{name:>18}" for name in (RIGHT, ERROR, MISS))]
    rows: List[Tuple[str, collections.Counter[str]]] = sorted(counts.items())
    rows.append(("all", sum(counts.values(), collections.Counter())))
    lines += [f"{kind:<24}" + "".join(f"{row[name]:>18}" for name in (RIGHT, ERROR, MISS)) for kind, row in rows]
    return "\n".join(lines)


def main(argv: Optional[List[str]] = None) -> int:
    """Run the command line; return 1 if there is a silent miss, or a mutant that runs otherwise, else 0."""
    gc.disable()  # sources parsed are millions of objects, and none of them garbage
    parser = Parser(prog="python -m lab.mutate", description=__doc__)
    parser.add_argument("--count", type=int, default=0, metavar="N", help="mutants, the kinds in turn (default: all)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the draw (default 0)")
    parser.add_argument("--run", type=int, default=0, metavar="N", help="run so many of those that fit (default 0)")
    parser.add_argument("--verbose", action="store_true", help="a line for each mutant")
    options = parser.parse_args(argv)
    pristine, overlay = read_wheel(obtain(load_pin().upstream)), read_overlay(ROOT)
    final = series.run(pristine, overlay)[-1].tree
    verdicts: List[Verdict] = []
    try:
        for mutant in sample(pristine, final, options.count, options.seed):
            verdict = judge(mutant, final, overlay)
            whole = verdict.outcome == RIGHT and options.run and not mutant.file
            verdicts.append(verdict if whole else verdict._replace(tree=None))
            if options.verbose or verdict.outcome == MISS:
                print(f"{verdict.outcome}: {mutant.kind}: {mutant.place}: {verdict.detail}", flush=True)
            if len(verdicts) % 25 == 0:
                print(f"{len(verdicts)} of {options.count or 'all'}", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        print(f"stopped after {len(verdicts)}", file=sys.stderr)
    print(table(verdicts))
    bad = sum(verdict.outcome == MISS for verdict in verdicts)
    if options.run:
        bad += _run_some([verdict for verdict in verdicts if verdict.tree], pristine, options.run, options.seed)
    return 1 if bad else 0


def _run_some(verdicts: List[Verdict], pristine: Tree, count: int, seed: int) -> int:
    from fork import probe, sweep

    theirs = run(pristine, probe.probe)
    chosen = random.Random(seed).sample(verdicts, min(count, len(verdicts)))
    wrong = 0
    for verdict in chosen:
        assert verdict.tree is not None
        problems = sweep.compare(theirs, run(verdict.tree, probe.probe))
        wrong += bool(problems)
        if problems:
            print(f"runs otherwise: {verdict.mutant.kind}: {verdict.mutant.place}: {problems[0]}", flush=True)
    print(f"{len(chosen)} of those that fit were run: {len(chosen) - wrong} compute what the release computes")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
