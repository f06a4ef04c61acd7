"""Trains and evaluates one run in a process of its own: ``python -m lab.compare.worker RUN``.

The folder RUN holds ``job.json``; all that goes on is written to its ``state.json``. The process goes on from the last
finished epoch, and only evaluates what has been trained. With ``LAB_COMPARE_WATCH=1`` it ends as soon as its standard
input does: the process that started it is gone, and no orphan may train on in a folder that another command takes.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any, Dict, List, Optional

from lab.compare.state import JOB, change_state, evaluated, find_point, read_state, trim_results
from lab.files import read_json, write_bytes
from lab.lock import Lock

WATCH = "LAB_COMPARE_WATCH"
OUT = r"out of memory|can't allocate memory|not enough memory"
EVERY = 2.0
"""Seconds between two notes of the progress within an epoch."""


def watch_parent() -> None:
    """End this process, with all that it started, as soon as its standard input ends.

    Its standard input is empty afterwards: on Windows a Python started with a pipe in which a read is waiting hangs
    (python/cpython#78961), and so would each process that loads images.
    """
    pipe, nothing = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def wait() -> None:
        with contextlib.suppress(OSError):
            while os.read(pipe, 1):
                pass
        try:
            import psutil

            for child in psutil.Process().children(recursive=True):  # upstream's processes of several GPUs
                with contextlib.suppress(psutil.Error):
                    child.kill()
        finally:
            os._exit(75)

    threading.Thread(target=wait, daemon=True).start()


class Keeper:
    """Callbacks that keep a run's state, and hold it to its schedule.

    Args:
        run: Folder of the run.
        job: Its ``job.json``.
        seconds: Seconds that earlier attempts have trained.
    """

    def __init__(self, run: Path, job: Dict[str, Any], seconds: float):
        self.run, self.job, self.seconds = run, job, seconds
        self.start = self.noted = time.monotonic()

    def attach(self, model: Any) -> None:
        """Add the callbacks to a model."""
        model.add_callback("on_train_start", self.set_threads)
        model.add_callback("on_val_start", self.set_threads)
        model.add_callback("on_train_batch_end", self.note_step)
        model.add_callback("on_train_epoch_end", self.check_batch)
        model.add_callback("on_model_save", self.keep)

    def set_threads(self, runner: Any) -> None:
        """Use the threads that are this run's share; upstream has set another number."""
        import torch

        if runner.device.type == "cpu":
            torch.set_num_threads(self.job["threads"])

    def note(self, **changes: Any) -> None:
        """Write the state, and how long the run has been trained."""
        self.noted = time.monotonic()
        change_state(self.run, seconds=round(self.seconds + self.noted - self.start, 1), **changes)

    def note_step(self, trainer: Any) -> None:
        """Note now and then how far the epoch is."""
        self.step = getattr(self, "step", 0) + 1
        if time.monotonic() - self.noted > EVERY:
            self.note(step=round(trainer.epoch + min(1.0, self.step / max(len(trainer.train_loader), 1)), 3))

    def check_batch(self, trainer: Any) -> None:
        """Stop a run that upstream has given another batch size, which it does when memory runs out.

        Raises:
            MemoryError: It has.
        """
        self.step = 0
        if trainer.batch_size != self.job["train"]["batch"]:
            raise MemoryError(
                f"out of memory with batch={self.job['train']['batch']}; upstream went on with {trainer.batch_size}, "
                "which is not the schedule of the other models: compare all with a smaller --batch"
            )

    def keep(self, trainer: Any) -> None:
        """Keep a copy of ``last.pt`` that is on the disk for certain, and note the epoch as finished."""
        write_bytes(self.run / "weights" / "resume.pt", trainer.last.read_bytes())
        self.note(epochs=trainer.epoch + 1, step=trainer.epoch + 1)


def build(job: Dict[str, Any]) -> Any:
    """Return the model of a job, not yet trained."""
    from run import find

    _, path = find.find_model(job["cfg"])
    with find.building(Path(job["cfg"])):
        return find.model_class(path)(job["cfg"])


def train(run: Path, job: Dict[str, Any]) -> None:
    """Train a run, from where it stands; nothing is left to do of one that is trained."""
    from run import find, start
    from ultralytics.utils.torch_utils import strip_optimizer

    arguments = {**job["train"], "data": job["data"], "seed": job["seed"], "save_dir": str(run)}
    point = find_point(run, arguments["epochs"])
    print(f"{run.name}: {point.kind}, {point.epochs} of {arguments['epochs']} epochs", flush=True)
    keeper = Keeper(run, job, float(read_state(run)["seconds"]) if point.kind != "new" else 0.0)
    if point.kind == "trained":
        change_state(run, epochs=point.epochs)
        for path in (run / "weights" / "last.pt", run / "weights" / "best.pt"):
            if path.is_file():
                strip_optimizer(path)
        return
    if point.kind == "resume":
        dropped = trim_results(run / "results.csv", point.epochs)
        if dropped:
            print(f"dropped {dropped} row(s) of results.csv behind epoch {point.epochs}", flush=True)
        change_state(run, epochs=point.epochs, step=point.epochs)
        model, _ = find.load_checkpoint(point.path)
        arguments = {key: arguments[key] for key in changeable(arguments)}
        arguments["resume"] = True
    else:
        for name in ("results.csv", "eval.npz", "eval.json"):
            (run / name).unlink(missing_ok=True)
        shutil.rmtree(run / "weights", ignore_errors=True)
        change_state(run, epochs=0, step=0, seconds=0.0)
        model = build(job)
    keeper.attach(model)
    with start.training():
        model.train(**arguments)
    keeper.note(epochs=len((run / "results.csv").read_text(encoding="utf-8").splitlines()) - 1)


def changeable(arguments: Dict[str, Any]) -> List[str]:
    """Return the arguments that may change when a run goes on."""
    return [key for key in ("data", "save_dir", "device", "workers", "cache", "plots") if key in arguments]


def work(run: Path, job: Dict[str, Any]) -> None:
    """Train and evaluate; the run is done afterwards."""
    import torch

    from run import start

    start.load_ultralytics()
    torch.set_num_threads(job["threads"])
    train(run, job)
    settings = job["train"]
    if not evaluated(run):
        device = str(settings.get("device") or ("0" if torch.cuda.is_available() else "cpu"))
        from lab.compare.evaluate import evaluate

        evaluate(run, job["data"], settings["imgsz"], settings["batch"], device.split(",")[0])
    (run / "weights" / "resume.pt").unlink(missing_ok=True)
    change_state(run, state="done", reason=None)


def reason(error: BaseException) -> str:
    """Return an error as one line; running out of memory is told with what to do."""
    if isinstance(error, SystemExit):
        from ultralytics.nn.Addmodules._rows.guard import said

        return f"a module ended the run: {said(error)}"
    text = " ".join(str(error).split())[:400]
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or re.search(OUT, text, re.I):
        text = text or "out of memory"
        return text if "--batch" in text else f"{text}: try a smaller --batch or --imgsz"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def main(argv: Optional[List[str]] = None) -> int:
    """Run the command line; return the exit code: 0 done, 1 failed."""
    run = Path((sys.argv[1:] if argv is None else argv)[0]).resolve()
    if os.environ.get(WATCH):
        watch_parent()
    job = read_json(run / JOB)
    with Lock(run, "this run", wait=30):  # of a parent that was killed a moment ago
        attempts = int(read_state(run)["attempts"])
        change_state(run, state="running", reason=None, attempts=attempts + 1, pid=os.getpid())
        try:
            work(run, job)
        except KeyboardInterrupt:
            change_state(run, state="waiting")
            return 130
        except BaseException as e:
            traceback.print_exc()
            change_state(run, state="failed", reason=reason(e))
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
