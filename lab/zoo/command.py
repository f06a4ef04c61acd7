"""Lists every model YAML of the project: parameters, GFLOPs, strides and channels of its maps.

    python -m lab zoo                               every backbone under every head
    python -m lab zoo --only 'rtdetr-*' --out docs

``zoo.md`` and ``zoo.csv`` are written to ``--out``. How long models take, ``python -m lab speed`` measures.

Exit code: 0; 1 where a model cannot be built or run, which is a row with its reason; 2 where the command is wrong.
"""

from __future__ import annotations

import argparse
import difflib
import fnmatch
import gc
import os
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional

from fork.arguments import Parser
from fork.errors import ForkError
from lab.terminal import Screen
from run import find, start
from run.arguments import UsageError

Row = Dict[str, Any]


def parse(argv: Optional[List[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(prog="python -m lab zoo", description=__doc__)
    parser.add_argument("--only", metavar="PATTERN", help="names that match, for example 'yolo11-*' or efficientvit")
    parser.add_argument("--nc", type=int, default=80, help="classes (80)")
    parser.add_argument("--imgsz", type=int, default=640, help="side of the image in pixels (640)")
    parser.add_argument("--out", type=Path, default=Path("runs", "zoo"), metavar="DIR", help="folder (%(default)s)")
    parser.add_argument("--no-latency", action="store_true", help=argparse.SUPPRESS)  # nothing is measured any more
    return parser.parse_args(argv)


def select(entries: List[Any], pattern: Optional[str]) -> List[Any]:
    """Return the entries whose names match a pattern, with or without the ending, or hold it.

    Raises:
        UsageError: None does; names the nearest.
    """
    if not pattern:
        return entries
    wanted = pattern.lower()
    found = [e for e in entries if wanted in e.name.lower() or fnmatch.fnmatch(Path(e.name).stem.lower(), wanted)]
    found = found or [e for e in entries if fnmatch.fnmatch(e.name.lower(), wanted)]
    if not found:
        near = difflib.get_close_matches(wanted, [Path(e.name).stem for e in entries], n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else "`python -m lab zoo` lists all"
        raise UsageError(f"--only {pattern}: none of {len(entries)} names matches: {hint}")
    return found


def facts(module: Any, imgsz: int) -> Row:
    """Return parameters, GFLOPs, and strides and channels of the backbone's maps and of those that enter the head.

    They are read off a pass: what a YAML says of them may be wrong.
    """
    import torch

    from lab.speed import latency
    from ultralytics.nn.Addmodules.contract import first_backbone
    from ultralytics.utils.torch_utils import get_flops

    seen: Dict[str, List[Any]] = {}
    handles = [module.model[-1].register_forward_pre_hook(lambda _, given: seen.update(head=list(given[0])))]
    backbone = first_backbone(module.model)
    if backbone is not None:
        handles.append(backbone.register_forward_hook(lambda _, __, given: seen.update(backbone=list(given))))
    try:
        with torch.inference_mode():
            module(latency.example(module, imgsz, 1))
    finally:
        for handle in handles:
            handle.remove()
    row: Row = {"parameters": sum(p.numel() for p in module.parameters())}
    row["gflops"] = round(get_flops(module, imgsz), 3)
    for place, maps in seen.items():
        maps = [m for m in maps if m is not None and m.dim() == 4]
        row[f"{place}_strides"] = "/".join(f"{imgsz / m.shape[2]:g}" for m in maps)
        row[f"{place}_channels"] = "/".join(str(m.shape[1]) for m in maps)
    return row


def examine(entry: Any, options: argparse.Namespace) -> Row:
    """Return the row of one model, with random weights; where something fails, with its reason."""
    from ultralytics.nn import tasks

    row: Row = {"model": entry.name, "group": entry.group, "backbone": entry.backbone}
    try:
        wanted, path = find.find_model(entry.name)
        with find.building(path):
            rtdetr = tasks.yaml_model_load(wanted)["head"][-1][2] == "RTDETRDecoder"
            cls = tasks.RTDETRDetectionModel if rtdetr else tasks.DetectionModel
            row.update(facts(cls(wanted, nc=options.nc, verbose=False).eval(), options.imgsz))
    except Exception as e:  # whatever building or running a model raises: the others go on
        what = str(e) if isinstance(e, ForkError) else f"{type(e).__name__}: {e}"
        shown = what.replace(f"{find.ROOT}{os.sep}", "").replace(str(Path.home()), "~")
        row["reason"] = " ".join(shown.split())[:300]
    gc.collect()
    return row


def main(argv: Optional[List[str]] = None) -> int:
    """Run the command line; return the exit code."""
    options = parse(argv)
    os.environ.setdefault("YOLO_OFFLINE", "true")
    with start.messages():
        start.load_quietly()
        return _main(options)


def _main(options: argparse.Namespace) -> int:
    from lab.zoo import names, report

    if options.nc < 1:
        raise UsageError(f"--nc {options.nc}: the least is 1")
    if options.imgsz < 32 or options.imgsz % 32:
        raise UsageError(f"--imgsz {options.imgsz}: give a multiple of 32")
    if options.out.exists() and not options.out.is_dir():
        raise UsageError(f"--out {options.out} is a file: give a folder")
    entries = select(names.ours(), options.only)
    rows: List[Row] = []
    said = [
        f"{options.nc} classes; GFLOPs of one {options.imgsz}x{options.imgsz} image, by upstream's counter; parameters "
        "before fusing; a map is given by its stride and its channels"
    ]
    print(report.line(report.HEADS), flush=True)
    screen = Screen()
    try:
        for done, entry in enumerate(entries):
            screen.show(f"{done + 1} of {len(entries)}: {entry.name}")
            rows.append(examine(entry, options))
            screen.clear()
            print(report.line(report.cells(rows[-1])), flush=True)
    except KeyboardInterrupt:
        screen.clear()
        said.append(f"stopped after {len(rows)} of {len(entries)} models")
    print("\n".join(["", *said, *(f"wrote {path}" for path in report.write(options.out, rows, said))]))
    failed = [row for row in rows if row.get("reason")]
    if failed:
        print(f"{len(failed)} of {len(rows)} models could not be built or run", file=sys.stderr)
    return 130 if len(rows) < len(entries) else 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
