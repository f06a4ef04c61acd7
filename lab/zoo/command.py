"""Lists every model YAML of the project: parameters, GFLOPs, strides, channels, latency against a stock model.

    python -m lab zoo                               every backbone under every head; half an hour and more
    python -m lab zoo --only 'rtdetr-*' --no-latency
    python -m lab zoo --all --out docs              upstream's YAMLs too

Each model is measured beside the stock model, in the same interleaved rounds, and then dropped; the stock model takes
part twice, and a ratio that lies within what its two copies differ by is not called faster or slower. Weights are
random, which take as long. ``zoo.md``, ``zoo.csv`` and ``zoo.png`` (and .pdf) are written to ``--out``.

Exit code: 0; 1 where a model cannot be built or run, which is a row with its reason; 2 where the command is wrong.
"""

from __future__ import annotations

import argparse
import copy
import difflib
import fnmatch
import functools
import gc
import os
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from fork.arguments import Parser
from fork.errors import ForkError
from lab.terminal import Screen, duration
from run import find, start
from run.arguments import UsageError

DETECT = ("Detect", "v10Detect", "RTDETRDecoder")
"""Last rows of detectors; other YAMLs are listed with their parameters alone."""

Row = Dict[str, Any]


def parse(argv: Optional[List[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(prog="python -m lab zoo", description=__doc__)
    parser.add_argument("--all", action="store_true", help="upstream's model YAMLs too, in every size")
    parser.add_argument("--only", metavar="PATTERN", help="names that match, for example 'yolo11-*' or efficientvit")
    parser.add_argument("--no-latency", action="store_true", help="measure nothing")
    parser.add_argument("--stock", default="yolo11n.yaml", metavar="YAML", help="what is compared with (%(default)s)")
    parser.add_argument("--nc", type=int, default=80, help="classes (80)")
    parser.add_argument("--imgsz", type=int, default=640, help="side of the image in pixels (640)")
    parser.add_argument("--batch", type=int, default=1, help="images in a pass (1)")
    parser.add_argument("--threads", type=int, help="threads of the CPU; default: OMP_NUM_THREADS, or all cores")
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda, or the number of a GPU")
    parser.add_argument("--rounds", type=int, default=15, help="rounds per model (15); at least 8 for an interval")
    parser.add_argument("--out", type=Path, default=Path("runs", "zoo"), metavar="DIR", help="folder (%(default)s)")
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
        hint = f"did you mean {' or '.join(near)}?" if near else "`python -m lab zoo --no-latency` lists all"
        raise UsageError(f"--only {pattern}: none of {len(entries)} names matches: {hint}")
    return found


def build(name: str, nc: int) -> Tuple[Any, str]:
    """Return the module of a model YAML with random weights, for inference, and its task.

    Args:
        name: Path or bare name.
        nc: Classes of a detector; other tasks keep their YAML's.

    Raises:
        UsageError: There is none, or it cannot be built.
    """
    from ultralytics import YOLO
    from ultralytics.nn import tasks

    wanted, path = find.find_model(name)
    with find.building(path):
        last = tasks.yaml_model_load(wanted)["head"][-1][2]
        if last in DETECT:
            cls = tasks.RTDETRDetectionModel if last == "RTDETRDecoder" else tasks.DetectionModel
            module, task = cls(wanted, nc=nc, verbose=False), "detect"
        else:
            model = YOLO(wanted)
            module, task = model.model, model.task if model.task != "detect" else "detect by text"
    return module.eval().requires_grad_(False), task


def facts(module: Any, imgsz: int, batch: int) -> Row:
    """Return GFLOPs, and strides and channels of the backbone's maps and of those that enter the head.

    They are read off a pass: what a YAML says of them may be wrong. The backbone's are those of a row that is a
    backbone; upstream's YAMLs have none.
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
            module(latency.example(module, imgsz, batch))
    finally:
        for handle in handles:
            handle.remove()
    row: Row = {"gflops": round(get_flops(module, imgsz), 3)}
    for place, maps in seen.items():
        maps = [m for m in maps if m is not None and m.dim() == 4]
        row[f"{place}_strides"] = "/".join(f"{imgsz / m.shape[2]:g}" for m in maps)
        row[f"{place}_channels"] = "/".join(str(m.shape[1]) for m in maps)
    return row


class Stock:
    """The model that the others are compared with: two fused copies, ready to run.

    Args:
        module: Its module, on the CPU; left as it is.
        options: The command line: imgsz, batch, rounds, device.
        threads: Threads of the CPU.
    """

    def __init__(self, module: Any, options: argparse.Namespace, threads: int) -> None:
        self.options, self.threads = options, threads
        self.runs = [self.ready(module), self.ready(module)]

    def ready(self, module: Any) -> Any:
        """Return a function that runs a fused copy of a module once."""
        from lab.speed import latency

        x = latency.example(module, self.options.imgsz, self.options.batch)
        module = latency.fused(copy.deepcopy(module)).to(self.options.device)
        return functools.partial(module, x.to(self.options.device))

    def measure(self, module: Any) -> Row:
        """Measure a model beside both copies; return its part of the row."""
        import torch

        from lab.speed import latency

        with torch.inference_mode():
            runs = [self.ready(module), *self.runs]
            torch.set_num_threads(self.threads)  # upstream's select_device sets its own number
            times = latency.take_turns(runs, self.options.rounds, timed=latency.clock(self.options.device))
        found = latency.compare(*times)
        row = {**latency.rounded(found), "median_ms": latency.summary(times[0], 1)["median_ms"]}
        row["stock_ms"] = latency.summary(times[1], 1)["median_ms"]
        row["noise"] = None if found.noise is None else round(found.noise, 4)
        return row


def examine(entry: Any, stock: Optional[Stock], options: argparse.Namespace) -> Row:
    """Return the row of one model; where something fails, with its reason and what was found before."""
    row: Row = {"model": entry.name, "group": entry.group, "backbone": entry.backbone}
    try:
        module, row["task"] = build(entry.name, options.nc)
        row["parameters"] = sum(p.numel() for p in module.parameters())
        if row["task"] == "detect":
            row.update(facts(module, options.imgsz, options.batch))
            row.update(stock.measure(module) if stock is not None else {})
    except Exception as e:  # whatever building or running a model raises: the others go on
        what = str(e) if isinstance(e, ForkError) else f"{type(e).__name__}: {e}"
        shown = what.replace(f"{find.ROOT}{os.sep}", "").replace(str(Path.home()), "~")
        row["reason"] = " ".join(shown.split())[:300]
    gc.collect()
    return row


def notes(options: argparse.Namespace, conditions: Dict[str, Any], rows: List[Row]) -> List[str]:
    """Return the sentences above the tables."""
    said = [
        f"{options.nc} classes; GFLOPs of one {options.imgsz}x{options.imgsz} image, by upstream's counter; parameters "
        "before fusing; a map is given by its stride and its channels"
    ]
    if not options.no_latency:
        c = conditions
        said.append(
            f"latency ratio: time of the fused model divided by that of {options.stock} in the same round, median of "
            f"{options.rounds} rounds and 99 % interval; {c['hardware']}, {c['device']}, {c['threads']} thread(s), "
            f"{c['precision']}, batch {options.batch}, torch {c['torch']}; {c['what']}"
        )
        noise = [row["noise"] for row in rows if row.get("noise")]
        if noise:
            worst = (max(noise) - 1) * 100
            said.append(
                f"noise: a second copy of {options.stock} was up to {worst:.1f} % off, in the worst of these runs"
            )
    return said


def main(argv: Optional[List[str]] = None) -> int:
    """Run the command line; return the exit code."""
    options = parse(argv)
    os.environ.setdefault("YOLO_OFFLINE", "true")
    with start.messages():
        start.load_quietly()
        return _main(options)


def _main(options: argparse.Namespace) -> int:
    from lab.speed import latency
    from lab.zoo import names, report

    options.device = latency.check_setting(
        options.imgsz, options.batch, options.rounds, options.threads, options.device, False
    )
    if options.nc < 1:
        raise UsageError(f"--nc {options.nc}: the least is 1")
    if options.out.exists() and not options.out.is_dir():
        raise UsageError(f"--out {options.out} is a file: give a folder")
    entries = select(names.ours() + (names.upstream() if options.all else []), options.only)
    rows: List[Row] = []
    with latency.use_threads(options.threads) as threads:
        stock = None
        if not options.no_latency:
            module, task = build(options.stock, options.nc)
            if task != "detect":
                raise UsageError(f"--stock {options.stock} is not a detector, but of the task {task}")
            stock = Stock(module, options, threads)
        conditions = latency.conditions(options.imgsz, options.batch, threads, options.device, False)
        print(report.line(report.HEADS), flush=True)
        screen, started, stopped = Screen(), time.perf_counter(), ""
        try:
            for done, entry in enumerate(entries):
                left = (time.perf_counter() - started) / done * (len(entries) - done) if done else 0
                until = f", {duration(left)} left" if done else ""
                screen.show(f"{done + 1} of {len(entries)}: {entry.name}{until}")
                rows.append(examine(entry, stock, options))
                screen.clear()
                print(report.line(report.cells(rows[-1])), flush=True)
        except KeyboardInterrupt:
            screen.clear()
            stopped = f"stopped after {len(rows)} of {len(entries)} models"
    said = notes(options, conditions, rows) + ([stopped] if stopped else [])
    options.out.mkdir(parents=True, exist_ok=True)
    print("\n".join(["", *said, *(f"wrote {path}" for path in report.write(options.out, rows, said))]))
    failed = [row for row in rows if row.get("reason")]
    if failed:
        print(f"{len(failed)} of {len(rows)} models could not be built or run", file=sys.stderr)
    return 130 if stopped else 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
