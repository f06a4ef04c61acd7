"""Draws the training curves of several runs in one picture, from the ``results.csv`` that upstream writes.

    python -m lab curves runs/train/exp runs/train/exp2
    python -m lab curves 'runs/train/*' --metrics mAP50-95,losses
    python -m lab curves a0 a1 b0 b1 --labels A A B B          runs of one label: mean, and a band of one deviation
    python -m lab curves 'study/**/results.csv' --group

RUN is a folder, a results.csv, or a pattern; a folder without one is searched below. With --group, runs whose args.yaml
differ in nothing but the seed and the names of folders are one. A group's mean goes as far as its shortest run, and its
band is the sample standard deviation over runs; of one run there is no band. The best value is the highest of a metric,
the lowest of a loss. The best epoch of a run is chosen on the validation images that it
is judged by, so it flatters; the last epoch does not.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import List, Optional

from fork.arguments import Parser
from run import start
from run.arguments import UsageError
from run.start import say

DEFAULT = "mAP50-95,mAP50"


def parse(argv: Optional[List[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(prog="python -m lab curves", description=__doc__)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="folder of a run, results.csv, or a pattern")
    parser.add_argument("--labels", nargs="+", metavar="LABEL", help="one per run; equal ones make a group")
    parser.add_argument("--group", action="store_true", help="put runs together that differ in the seed alone")
    parser.add_argument(
        "--metrics",
        default=DEFAULT,
        help=f"columns, with commas: precision, recall, box_loss, train/box_loss, ..., or losses, or all; "
        f"default: {DEFAULT}",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="picture, .png and .pdf; default: curves, and a number"
    )
    return parser.parse_args(argv)


def main(argv: Optional[List[str]] = None) -> int:
    """Run the command line; return the exit code."""
    options = parse(argv)
    with start.messages():
        return _main(options)


def _main(options: argparse.Namespace) -> int:
    from lab.curves import draw, read

    faults = []
    if options.labels and options.group:
        faults.append("--labels and --group both say which runs belong together: give one of them")
    stem = options.out
    if stem is not None:
        stem = stem.with_suffix("") if stem.suffix.lower() in (".png", ".pdf") else stem
        if stem.is_dir() or not stem.name:
            faults.append(f"--out {options.out} is a folder: name a file in it")
    if faults:
        raise UsageError("\n  ".join(faults))
    files = read.find(options.runs)
    if options.labels and len(options.labels) != len(files):
        listed = "".join(f"\n  {path}" for path in files)
        raise UsageError(f"--labels gives {len(options.labels)} for {len(files)} runs:{listed}")
    runs = [read.read(path) for path in files]
    names = options.labels or (read.groups(files) if options.group else read.names(files))
    for run in runs:
        for note in run.notes:
            say(f"note: {run.path}: {note}")
    columns = read.columns(runs, options.metrics)
    picture, lines = draw.draw(runs, names, columns, _target(stem))
    print("\n".join(lines))
    print(f"curves: {picture[0]}, {picture[1].name}")
    return 0


def _target(stem: Optional[Path]) -> Path:
    """Return the path of the pictures without an ending; says so where some are replaced."""
    if stem is None:
        number, stem = 1, Path("curves")
        while _there(stem):
            number += 1
            stem = Path(f"curves-{number}")
        return stem
    for path in _there(stem):
        say(f"note: {path} is replaced")
    return stem


def _there(stem: Path) -> List[Path]:
    return [path for path in (stem.parent / f"{stem.name}{end}" for end in (".png", ".pdf")) if path.exists()]


if __name__ == "__main__":
    sys.exit(main())
