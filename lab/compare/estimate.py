"""Estimates how long a comparison takes, from the first steps of each model: ``--dry-run``."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from lab.compare.state import JOB, LOG, reason_from_log
from lab.files import read_json, write_json

WARM, STEPS = 1, 3
LIMIT = 600
"""Seconds after which the first steps of a model are given up."""

VALIDATION = 0.4
"""Part of a training step's time that an image takes in validation: a forward pass without a backward one, and boxes
that are matched."""

CAVEAT = (
    "the estimate counts on a few first steps, one run at a time: data that is not cached yet, other programs, several "
    "jobs that share memory and caches make it longer; early stopping makes it shorter"
)


class Pace(NamedTuple):
    """What the first steps of a model took, in seconds.

    Attributes:
        start: Until the first step: imports, model, data.
        step: A training step.
        steps: Number of steps per epoch.
        validation: Number of images to validate in terms of training steps.
    """

    start: float
    step: float
    steps: int
    validation: float

    @property
    def epoch(self) -> float:
        """Seconds per epoch, with its validation."""
        return self.step * (self.steps + VALIDATION * self.validation)


class _Enough(BaseException):
    """Ends a training after its first steps."""


def time_model(plan: Dict[str, Any], model: Dict[str, Any], threads: int) -> Any:
    """Return a model's pace, measured in a process of its own; text that says why where that fails."""
    from lab.compare.schedule import start, stop

    run = Path(tempfile.mkdtemp(prefix="lab-compare-"))
    try:
        job = {"label": model["label"], "cfg": model["cfg"], "data": plan["data"], "seed": plan["seeds"][0]}
        write_json(run / JOB, {**job, "train": plan["train"], "threads": threads})
        process = start(run, threads, not model.get("fetches"), module="lab.compare.estimate")
        try:
            process.wait(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            return f"no {WARM + STEPS} steps within {LIMIT} s"
        finally:
            stop([process])
        found = read_json(run / "pace.json")
        if isinstance(found, dict):
            return Pace(**found)
        return reason_from_log(run / LOG, process.returncode)
    finally:
        shutil.rmtree(run, ignore_errors=True)


def total(paces: Dict[str, Pace], left: List[Any], epochs: int, jobs: int) -> float:
    """Return the seconds that runs take: ``left`` holds (label, finished epochs) of each."""
    each = [paces[label].start + paces[label].epoch * (epochs - done + 1) for label, done in left if label in paces]
    return max([sum(each) / max(jobs, 1), *each]) if each else 0.0


def show(
    plan: Dict[str, Any], left: List[Any], jobs: int, threads: int, say: Callable[[str], None] = print
) -> Optional[float]:
    """Time the models that have runs left, print what they take, and return the total in seconds."""
    from lab.terminal import duration

    paces: Dict[str, Pace] = {}
    for model in plan["models"]:
        label, count = model["label"], sum(one == model["label"] for one, _ in left)
        if not count:
            continue
        pace = time_model(plan, model, threads)
        if not isinstance(pace, Pace):
            say(f"{label}: cannot be timed, and would fail: {pace}")
            continue
        paces[label] = pace
        text = f"{pace.step:.2f} s per step, {pace.steps} steps, about {duration(pace.epoch)} per epoch"
        say(f"{label}: {text}; {count} run(s) left")
    if not paces:
        return None
    seconds = total(paces, left, plan["train"]["epochs"], jobs)
    say(f"about {duration(seconds)} with {jobs} run(s) at a time; {CAVEAT}")
    return seconds


def main(argv: Optional[List[str]] = None) -> int:
    """Time the first steps of the job in a folder, and write ``pace.json`` there; return the exit code."""
    begin = time.perf_counter()
    from lab.compare.worker import Keeper, build, watch_parent
    from run import start

    run = Path((sys.argv[1:] if argv is None else argv)[0]).resolve()
    watch_parent()
    job = read_json(run / JOB)
    start.load_ultralytics()
    model, times = build(job), []
    model.add_callback("on_train_start", Keeper(run, job, 0.0).set_threads)
    model.add_callback("on_train_start", lambda trainer: times.append(time.perf_counter()))

    def note(trainer: Any) -> None:
        times.append(time.perf_counter())
        steps = len(trainer.train_loader)
        if len(times) > min(WARM + STEPS, steps):
            images, batch = len(trainer.test_loader.dataset), job["train"]["batch"]
            gaps = [b - a for a, b in zip(times, times[1:])]
            gaps = gaps[WARM:] or gaps
            pace = Pace(times[0] - begin, sum(gaps) / len(gaps), steps, images / batch)
            write_json(run / "pace.json", pace._asdict())
            raise _Enough

    model.add_callback("on_train_batch_end", note)
    arguments = {**job["train"], "data": job["data"], "seed": job["seed"], "save_dir": str(run / "run")}
    try:
        model.train(**arguments)
    except _Enough:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
