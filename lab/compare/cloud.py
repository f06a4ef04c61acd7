"""Lets the runs of a comparison go on as tasks of a Ray cluster; Ray is imported only here.

A task starts the same worker process as without Ray, and that goes on from the last finished epoch. The nodes need this
checkout, the data and the comparison's folder at the same paths, the folder in a file system that they share (a file
with a token tells): a run whose node is lost then goes on elsewhere from the last epoch.
"""

from __future__ import annotations

import contextlib
import os
import platform
import time
import uuid
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from fork.errors import ForkError
from fork.pin import ROOT
from lab.compare.progress import Progress
from lab.compare.state import change_state, read_state
from lab.files import write_bytes
from run.arguments import TRUST, UsageError

TOKEN = ".ray-token"
RETRIES = 5
"""How often a run is started again because its node was lost."""


def check(options: Any, train: Dict[str, Any]) -> None:
    """Check what the command line says of Ray, before anything starts.

    Raises:
        UsageError: Ray is not installed, or an option does not go with it.
    """
    try:
        import ray  # noqa: F401
    except ImportError:
        raise UsageError(f'--ray needs Ray: run `python -m pip install -e ".[ray]"` in {ROOT}') from None
    if options.jobs is not None:
        raise UsageError("--jobs and --ray: the cluster says how many runs go on at a time; leave --jobs out")
    if train.get("device") not in (None, "", "cpu"):
        raise UsageError(f"--device {train['device']} and --ray: Ray gives each run its GPU; give cpu or none")
    if options.gpus is not None and options.gpus <= 0:
        raise UsageError(f"--gpus {options.gpus}: give a share above 0, as 0.5")


def task(run: str, token: str, threads: int, offline: bool) -> int:
    """Do one run on the node that this is called on; return the worker's exit code.

    Raises:
        ForkError: This node does not see the folder.
    """
    from lab.compare.schedule import start, stop

    out, seen = Path(run).parent.parent, ""
    with contextlib.suppress(OSError):
        seen = (out / TOKEN).read_text(encoding="utf-8")
    if seen != token:
        raise ForkError(f"{platform.node()} does not see {out}: name a folder that all nodes share by --out")
    process = start(Path(run), threads, offline)
    try:
        return process.wait()
    finally:
        stop([process])


def run_all(
    out: Path,
    runs: List[Path],
    address: str,
    needs: Tuple[int, Optional[float]],
    progress: Progress,
    offline: Dict[str, bool],
) -> None:
    """Work off runs on the cluster at an address, or on one here; ``needs`` are a run's threads and GPUs.

    Raises:
        KeyboardInterrupt: Ctrl-C; the tasks have been cancelled.
        UsageError: There is no cluster at the address.
    """
    import ray

    environment = {"PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}
    environment.update({name: os.environ[name] for name, _ in TRUST.values() if name in os.environ})
    if not ray.is_initialized():
        try:
            settings = {"include_dashboard": False} if not address else {"address": address}
            ray.init(log_to_driver=False, logging_level="ERROR", runtime_env={"env_vars": environment}, **settings)
        except (ConnectionError, ValueError, RuntimeError, TimeoutError) as e:
            raise UsageError(f"--ray {address}: no cluster there: {' '.join(str(e).split())[:300]}") from None
    token = uuid.uuid4().hex
    write_bytes(out / TOKEN, token.encode())
    threads, gpus = needs
    share = (gpus or 1.0) if ray.cluster_resources().get("GPU", 0) else 0
    remote = ray.remote(num_cpus=threads, num_gpus=share, max_retries=RETRIES, max_calls=1)(task)
    waiting: Dict[Any, Path] = {}
    started: List[str] = []
    try:
        for run in runs:
            waiting[remote.remote(str(run), token, threads, offline.get(run.name, True))] = run
        while waiting:
            ready, _ = ray.wait(list(waiting), num_returns=1, timeout=0.5)
            for reference in ready:
                run = waiting.pop(reference)
                progress.update({run.name: _collect(ray, reference, run, progress)})
            for run in waiting.values():
                state = read_state(run)
                progress.update({run.name: state})
                if state["state"] == "running" and run.name not in started:
                    started.append(run.name)
                    progress.line(f"start   {run.name}")
    finally:
        for reference in waiting:
            with contextlib.suppress(Exception):  # of a cluster that may be gone
                ray.cancel(reference, force=True)
        if waiting:
            time.sleep(2)
        for run in waiting.values():
            if read_state(run)["state"] == "running":
                change_state(run, state="waiting")
        with contextlib.suppress(OSError):
            (out / TOKEN).unlink()
        progress.close()


def _collect(ray: Any, reference: Any, run: Path, progress: Progress) -> Dict[str, Any]:
    from lab.compare.schedule import conclude, say_end

    try:
        state = conclude(run, ray.get(reference))
    except (ray.exceptions.RayError, ForkError) as e:
        text = " ".join(str(getattr(e, "cause", None) or e).split())[:300]
        state = change_state(run, state="failed", reason=f"Ray gave it up: {text}")
    say_end(progress, run.name, state)
    return state
