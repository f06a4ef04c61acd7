"""Lets the runs of a comparison go on, several at a time, each in a process of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, List

from fork.pin import ROOT
from lab.compare.progress import Progress
from lab.compare.state import ATTEMPT, JOB, LOG, change_state, read_state, reason_from_log
from lab.compare.worker import WATCH
from lab.files import write_json
from lab.terminal import duration
from run.start import THREADS

POLL = 0.3
"""Seconds between two looks at the workers."""


def prepare(out: Path, plan: Dict[str, Any], model: Dict[str, Any], seed: int, name: str, threads: int) -> Path:
    """Make the folder of a run, with its job and its state; return it."""
    run = out / "runs" / name
    run.mkdir(parents=True, exist_ok=True)
    job = {"label": model["label"], "cfg": model["cfg"], "data": plan["data"], "seed": seed, "train": plan["train"]}
    write_json(run / JOB, {**job, "digest": model["digest"], "threads": threads})
    change_state(run, state="waiting", reason=None)
    return run


def start(run: Path, threads: int, offline: bool = True, module: str = "lab.compare.worker") -> subprocess.Popen[bytes]:
    """Start the worker of a run; it ends by itself when the returned process's ``stdin`` is closed."""
    environment = {**os.environ, WATCH: "1", "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment["OMP_NUM_THREADS"] = str(threads)
    environment.setdefault("MPLBACKEND", "Agg")
    if offline:
        environment.setdefault("YOLO_OFFLINE", "true")
    # Ctrl-C reaches all processes of a terminal: the workers are kept out of it, this process ends them
    apart: Dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    with open(run / LOG, "ab") as log:
        log.write(f"{ATTEMPT} {time.strftime('%Y-%m-%d %H:%M:%S')}\n".encode())
        log.flush()
        return subprocess.Popen(
            [sys.executable, "-m", module, str(run)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            **apart,
        )


def stop(processes: List[subprocess.Popen[bytes]]) -> None:
    """End workers: by the end of their input, or by force where that takes longer than some seconds."""
    for process in processes:
        with contextlib.suppress(OSError):
            if process.stdin:
                process.stdin.close()
    for process in processes:
        try:
            process.wait(timeout=8)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def conclude(run: Path, code: int) -> Dict[str, Any]:
    """Return the state of a run whose worker has ended; one that it left behind unfinished is noted as failed."""
    state = read_state(run)
    if code == 0 and state["state"] == "done":
        return state
    if state["state"] != "failed":
        state = change_state(run, state="failed", reason=reason_from_log(run / LOG, code))
    return state


def say_end(progress: Progress, name: str, state: Dict[str, Any]) -> None:
    """Print the line of a run that has ended."""
    if state["state"] == "done":
        progress.line(f"done    {name}: {state['epochs']} epoch(s) in {duration(state['seconds'])}")
    else:
        progress.line(f"failed  {name}: {state['reason']}")


def run_all(runs: List[Path], jobs: int, progress: Progress, offline: Dict[str, bool]) -> None:
    """Work off runs, at most ``jobs`` at a time; where one fails, the others go on.

    Raises:
        KeyboardInterrupt: Ctrl-C; the workers have been ended, and the states are right.
    """
    waiting, running, begun = list(runs), {}, jobs == 1
    threads = share(jobs)
    try:
        while waiting or running:
            # Upstream's cache of labels is not written whole: the first run writes it before a second one reads it
            while waiting and len(running) < jobs and (begun or not running):
                run = waiting.pop(0)
                running[run] = start(run, threads, offline.get(run.name, True))
                progress.line(f"start   {run.name}")
            time.sleep(POLL)
            for run, process in list(running.items()):
                state, code = read_state(run), process.poll()
                begun = begun or code is not None or bool(state.get("step"))
                if code is not None:
                    del running[run]
                    state = conclude(run, code)
                    say_end(progress, run.name, state)
                progress.update({run.name: state})
    finally:
        stop(list(running.values()))
        for run in running:
            if read_state(run)["state"] == "running":
                change_state(run, state="waiting")
        progress.close()


def share(jobs: int, ray: bool = False) -> int:
    """Return the processor threads of each of ``jobs`` runs at a time, or of a Ray task; the user's number wins."""
    if THREADS.isdigit() and int(THREADS):
        return int(THREADS)
    if ray:
        return 1  # as many runs as a cluster has processors go on at a time
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    return max(1, len(usable) // max(jobs, 1))
