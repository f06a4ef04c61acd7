"""Estimates how long a comparison takes, from the first steps of each model: ``--dry-run``."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple

from lab.compare.state import JOB, LOG, reason_from_log
from lab.files import read_json, write_json
from lab.terminal import duration

STEPS = 4
"""Steps of a model that are timed; the first, which warms up, does not count."""

LIMIT = 600
"""Seconds after which the first steps of a model are given up."""

CAVEAT = "data that is not cached yet, other programs and several jobs make it longer, early stopping makes it shorter"


class Pace(NamedTuple):
    """How fast a model trains: seconds until its first step, and a step; steps an epoch, and those of its validation.

    A step of the validation, without a backward pass, is taken for 0.4 of one of the training.
    """

    start: float
    step: float
    steps: int
    validation: float

    @property
    def epoch(self) -> float:
        """Seconds an epoch, with its validation."""
        return self.step * (self.steps + 0.4 * self.validation)


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
            return f"no {STEPS} steps within {LIMIT} s"
        finally:
            stop([process])
        found = read_json(run / "pace.json")
        return Pace(**found) if found else reason_from_log(run / LOG, process.returncode)
    finally:
        shutil.rmtree(run, ignore_errors=True)


def show(plan: Dict[str, Any], left: List[Any], jobs: int, threads: int, say: Callable[[str], None] = print) -> None:
    """Time the models that have runs left (label, finished epochs), and print what they take."""
    each: List[float] = []
    for model in plan["models"]:
        own = [done for label, done in left if label == model["label"]]
        pace = time_model(plan, model, threads) if own else ""
        if isinstance(pace, Pace):
            text = f"{pace.step:.2f} s per step, {pace.steps} steps, about {duration(pace.epoch)} per epoch"
            say(f"{model['label']}: {text}; {len(own)} run(s) left")
            each += [pace.start + pace.epoch * (plan["train"]["epochs"] - done + 1) for done in own]
        elif own:
            say(f"{model['label']}: cannot be timed, and would fail: {pace}")
    if each:
        say(f"about {duration(max(sum(each) / jobs, *each))} with {jobs} run(s) at a time; {CAVEAT}")


def main() -> int:
    """Time the first steps of the job in a folder, and write ``pace.json`` there; return the exit code."""
    begin = time.perf_counter()
    from lab.compare.worker import Keeper, build, watch_parent
    from run import start

    run = Path(sys.argv[1]).resolve()
    watch_parent()
    job = read_json(run / JOB) or {}
    start.load_ultralytics()
    model, times = build(job), []

    def note(trainer: Any) -> None:
        times.append(time.perf_counter())
        steps = len(trainer.train_loader)
        if len(times) > min(STEPS, steps):
            gaps = [b - a for a, b in zip(times, times[1:])]
            gaps = gaps[1:] or gaps
            images = len(trainer.test_loader.dataset) / job["train"]["batch"]
            write_json(run / "pace.json", Pace(times[0] - begin, sum(gaps) / len(gaps), steps, images)._asdict())
            raise _Enough

    model.add_callback("on_train_start", Keeper(run, job, 0.0).set_threads)
    model.add_callback("on_train_start", lambda _: times.append(time.perf_counter()))
    model.add_callback("on_train_batch_end", note)
    try:
        model.train(**{**job["train"], "data": job["data"], "seed": job["seed"], "save_dir": str(run / "run")})
    except _Enough:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
