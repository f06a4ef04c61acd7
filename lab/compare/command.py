"""Trains several models on one data set with one schedule, and says which is better by how much.

    python -m lab compare --data my.yaml --cfg rtdetr-mobilenetv3.yaml rtdetr-mobilenetv4convsmall.yaml --epochs 72
    python -m lab compare --data my.yaml --cfg small=a.yaml large=b.yaml --baseline small --seeds 3 --jobs 2 lr0=1e-4
    python -m lab compare --out runs/compare/my            go on with what is there
    python -m lab compare --again runs/compare/my          the same once more, in a folder of its own

Each model is trained once per seed, each run in a process of its own. Stopped anywhere, the same command goes on from
the last finished epoch. A run that fails is reported, tried again by the next command, and does not stop the others.
With a model or a seed more, only what is missing is run. Another schedule, or changed data, is refused in a folder that
has results; --fresh moves those aside. What is not given is taken from the folder's plan.json, else from the defaults:
AdamW at 3e-4 without mosaic, one update per batch, for all models.

In --out (runs/compare/NAME-OF-DATA): table.md, table.tex, report.html, results.csv, pictures/, record.json, runs/.
--ray runs on a cluster of Ray, whose nodes have this checkout, the data and --out at the same paths. Exit code: 0, 1
where runs failed, 2 for a mistake in the command, 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from fork.arguments import Parser
from fork.errors import ForkError
from run import find, start
from run.arguments import UsageError, add_trust, extras
from run.start import say

OPTIONS = ("data", "cfg", "baseline", "seeds", "epochs", "imgsz", "batch", "device", "workers", "jobs", "ray", "out")
TRAINING = ("epochs", "imgsz", "batch", "device", "workers")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = Parser(
        prog="python -m lab compare",
        allow_abbrev=False,  # --seed 5 would be taken for --seeds 5, which are five
        description=__doc__,
        epilog="Any other training argument of upstream goes behind as key=value (`yolo cfg` lists them).",
    )
    add = result.add_argument
    add("--data", help=f"data YAML, path or bare name ({find.CROWNS})")
    add(
        "--cfg", nargs="+", metavar="MODEL", help="model YAMLs, path, bare name or HEAD-BACKBONE.yaml; LABEL=MODEL.yaml"
    )
    add("--baseline", help="label or name of the model that others are compared with; default: the first")
    add("--seeds", help="how many (3), or which (0,1,2); default: 3")
    add("--epochs", type=int, help="default: 72 with a GPU, 20 without")
    add("--imgsz", type=int, help="side of the images in pixels; default: 640 with a GPU, 320 without")
    add("--batch", type=int, help="images per step; default: 4")
    add("--device", help="cpu, 0, 0,1, mps; default: the first GPU, else the CPU")
    add("--workers", type=int, help="data-loading processes of a run; default: 4 with a GPU, 0 without")
    add("--jobs", type=int, help="runs at a time; default: 1")
    add("--ray", nargs="?", const="", metavar="ADDRESS", help="run on this cluster of Ray, or on a local one")
    add("--gpus", type=float, help="with --ray: GPUs of a run, as 0.5; default: 1 where the cluster has any")
    add("--out", type=Path, help="folder of the comparison; default: runs/compare/NAME-OF-DATA")
    add("--again", type=Path, metavar="RECORD.json", help="repeat a comparison; says what differs now")
    add("--fresh", action="store_true", help="begin anew; what is in --out is moved to OUT.old-N")
    add("--dry-run", action="store_true", help="say what would be run and how long it takes; write nothing")
    add("--no-latency", action="store_true", help="do not measure latencies")
    add_trust(result, data=True)
    return result


def parse(argv: List[str]) -> Tuple[argparse.Namespace, Dict[str, Any]]:
    """Read the command line: (options, training arguments).

    A ``word=x.yaml`` behind --cfg is a model with its label; any other ``key=value`` is a training argument.

    Raises:
        UsageError: A word is neither, or an option is given twice.
    """
    command = parser()
    found, rest = command.parse_known_args(argv)
    for word in rest:
        if word.startswith("-"):
            command.error(f"unknown option {word}")
    models = list(found.cfg or [])
    loose = [word for word in models if "=" in word and not _is_model(word)]
    found.cfg = [word for word in models if word not in loose] or None
    given = extras([*rest, *loose])
    for key in list(given):
        option = {"model": "cfg"}.get(key, key)
        if option in OPTIONS:
            if getattr(found, option) is not None:
                raise UsageError(f"--{option} and {key}={given[key]} mean the same: give one of them")
            value = given.pop(key)
            if option in ("baseline", "out"):  # text, even where YAML reads a number
                value = next(word for word in reversed([*rest, *loose]) if word.startswith(f"{key}=")).partition("=")[2]
            if option == "jobs" and (isinstance(value, bool) or not isinstance(value, int)):
                raise UsageError(f"jobs={value}: give a whole number from 1")
            setattr(found, option, [str(value)] if option == "cfg" else value)
    if found.again and (given or [k for k in OPTIONS[:9] if getattr(found, k) is not None]):
        raise UsageError("--again repeats a comparison as it was: beside it there may be --out, --jobs, --ray, --fresh")
    for key in TRAINING:
        if getattr(found, key) is not None:
            given[key] = getattr(found, key)
    return found, given


def _is_model(word: str) -> bool:
    key, _, value = word.partition("=")
    ours = value.lower().endswith((".yaml", ".yml")) and key not in {"data", "cfg", "model", "tracker", "out"}
    return ours or "/" in key or os.sep in key or key.lower().endswith((".yaml", ".yml"))


def main(argv: Optional[List[str]] = None) -> int:
    """Run the command line; return the exit code."""
    words = sys.argv[1:] if argv is None else list(argv)
    with start.messages():
        options, train = parse(words)
        if options.jobs is not None and options.jobs < 1:
            raise UsageError(f"--jobs {options.jobs}: the least is 1")
        if options.ray is not None:
            from lab.compare import cloud

            cloud.check(options, train)
        start.load_quietly()
        try:
            return _main(options, train, words)
        except KeyboardInterrupt:
            say("\nstopped before anything was started")
            return 130
    return 1


def _main(options: argparse.Namespace, train: Dict[str, Any], words: List[str]) -> int:
    from lab.compare import plan as plans
    from lab.compare import record, schedule
    from lab.files import read_json, write_json
    from lab.lock import Lock

    repeated, given = None, _given(options, train)
    if options.again:
        repeated = record.read(options.again)
        given = _again(repeated["plan"])
    out = _folder(options, given.data)
    known = None if options.fresh else read_json(out / "plan.json")
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is a file: name a folder")
    ours = known is not None or (options.fresh and (out / "plan.json").is_file())  # else --fresh would move anything
    if not ours and out.is_dir() and any(p.name != ".lock" for p in out.iterdir()):
        raise UsageError(f"{out} holds something that is not a comparison: name another folder by --out")
    plan = plans.resolve(given, known, fetch=not options.dry_run)
    other = plans.differences(known, plan) if known else []
    other += [] if options.fresh else plans.strangers(out, plan)
    if other:
        raise UsageError(
            f"{out} has results of another comparison:\n  " + "\n  ".join(other) + "\n  to do: name another folder by "
            "--out, or give --fresh, which moves that one aside"
        )
    jobs = options.jobs or 1
    threads = schedule.share(jobs, options.ray is not None)
    now = record.environment(threads, plan["train"].get("device"))
    if repeated:
        lines = record.changed(repeated, plan, now)
        say("\n".join(["differs from the record:", *(f"  {one}" for one in lines)]) if lines else "as in the record")
    left = _left(out, plan, bool(options.fresh))
    _show(plan, out, left, known)
    if options.dry_run:
        from lab.compare import estimate

        estimate.show(plan, [(model["label"], done) for model, _, _, done in left], jobs, threads)
        return 0
    if options.fresh and out.is_dir():
        _move_aside(out)
    start.make_folder(out)
    with Lock(out, "a comparison"):
        write_json(out / "plan.json", plan)
        for line in record.write(out, plan, now, words):
            say(f"note: runs of this comparison were made differently: {line}")
        try:
            _work(options, out, plan, left, threads)
            code = _finish(options, out, plan)
        except KeyboardInterrupt:
            say(f"\nstopped; the same command goes on, or: python -m lab compare --out {shlex.quote(str(out))}")
            return 130
    return code


def _given(options: argparse.Namespace, train: Dict[str, Any]) -> Any:
    from lab.compare.plan import Given, read_seeds

    models = [tuple(word.split("=", 1)) if "=" in word else (None, word) for word in options.cfg or []]
    seeds = None if options.seeds is None else read_seeds(options.seeds)
    return Given(options.data, models or None, options.baseline, seeds, train)


def _again(plan: Dict[str, Any]) -> Any:
    from lab.compare.plan import Given, repeatable

    models = [(model["label"], model["cfg"]) for model in plan["models"]]
    return Given(repeatable(plan), models, plan["baseline"], plan["seeds"], dict(plan["train"]))


def _folder(options: argparse.Namespace, data: Optional[str]) -> Path:
    if options.out:
        return Path(options.out).expanduser().resolve()
    if options.again:
        old = options.again.resolve() if options.again.is_dir() else options.again.resolve().parent
        return old.with_name(f"{old.name}-again")
    if not data:
        raise UsageError("--data is missing: name a data set and the models, or by --out a comparison to go on with")
    name = Path(data.rstrip("/\\"))
    stem = name.stem if name.stem not in ("data", "dataset") else name.resolve().parent.name or name.stem
    return Path("runs/compare", stem).resolve()


def _left(out: Path, plan: Dict[str, Any], fresh: bool) -> List[Tuple[Dict[str, Any], int, str, int]]:
    """Return the runs that are not done: (model, seed, name, finished epochs)."""
    from lab.compare.plan import runs
    from lab.compare.state import FRESH, evaluated, read_state

    result = []
    for model, seed, name in runs(plan):
        run = out / "runs" / name
        state = dict(FRESH) if fresh else read_state(run)
        if state["state"] != "done" or not evaluated(run):
            result.append((model, seed, name, int(state["epochs"])))
    return result


def _show(plan: Dict[str, Any], out: Path, left: List[Any], known: Optional[Dict[str, Any]]) -> None:
    train, total = plan["train"], len(plan["models"]) * len(plan["seeds"])
    say(f"data       {plan['data']}")
    for model in plan["models"]:
        mark = "  (baseline)" if model["label"] == plan["baseline"] else ""
        say(f"model      {model['label']}: {model['given']}{mark}")
    say(f"seeds      {', '.join(map(str, plan['seeds']))}")
    say(f"schedule   {', '.join(f'{key}={value}' for key, value in train.items())}" + (", as before" if known else ""))
    say(f"runs       {total}, of which {total - len(left)} are done")
    if known:
        gone = [m["label"] for m in known["models"] if m["label"] not in {one["label"] for one in plan["models"]}]
        gone += [f"seed {seed}" for seed in known["seeds"] if seed not in plan["seeds"]]
        if gone:
            say(f"note: not in this command, and so left alone and out of the tables: {', '.join(gone)}")
    say(f"folder     {out}")


def _move_aside(out: Path) -> None:
    """Rename a folder that nobody works in."""
    from fork.tree import replace
    from lab.lock import Lock

    with Lock(out, "a comparison"):
        pass
    number = next(n for n in range(1, 10_000) if not out.with_name(f"{out.name}.old-{n}").exists())
    replace(out, out.with_name(f"{out.name}.old-{number}"))
    say(f"moved the comparison that was there to {out.name}.old-{number}")


def _work(options: argparse.Namespace, out: Path, plan: Dict[str, Any], left: List[Any], threads: int) -> None:
    from lab.compare import schedule
    from lab.compare.plan import runs
    from lab.compare.progress import Progress
    from lab.compare.state import read_state

    if not left:
        return
    names = [name for *_, name in runs(plan)]
    progress = Progress(names, plan["train"]["epochs"], options.jobs or 1)
    progress.states = {name: read_state(out / "runs" / name) for name in names}
    folders = [schedule.prepare(out, plan, model, seed, name, threads) for model, seed, name, _ in left]
    for folder in folders:
        progress.states[folder.name] = read_state(folder)
    offline = {name: not model.get("fetches") for model, _, name in runs(plan)}
    if options.ray is not None:
        from lab.compare import cloud

        cloud.run_all(out, folders, options.ray, (threads, options.gpus), progress, offline)
    else:
        schedule.run_all(folders, options.jobs or 1, progress, offline)


def _finish(options: argparse.Namespace, out: Path, plan: Dict[str, Any]) -> int:
    """Measure latencies, write the results and say how it went; return the exit code."""
    from lab.compare.plan import runs
    from lab.compare.state import read_state

    names = [name for _, _, name in runs(plan)]
    states = {name: read_state(out / "runs" / name) for name in names}
    done = [name for name in names if states[name]["state"] == "done"]
    failed = [name for name in names if states[name]["state"] != "done"]
    if done:
        if not options.no_latency:
            from lab.compare.timing import measure

            try:
                measure(out, plan, done)
            except (ForkError, RuntimeError, MemoryError) as e:  # out of memory costs no results
                say(f"latency    not measured: {e}")
                failed.append("latency")
        from lab.compare.results import write

        write(out, plan, say=say)
        with contextlib.suppress(OSError):
            parts = (out / "table.md").read_text(encoding="utf-8").split("\n\n")
            say("\n" + next((part.strip() for part in parts if part.startswith("|")), "") + "\n")
        for what, name in (("report", "report.html"), ("tables", "table.md"), ("pictures", "pictures")):
            if (out / name).exists():
                say(f"{what:10} {out / name}")
    for name in (one for one in failed if one in states):
        say(f"failed     {name}: {states[name]['reason']}\n           {out / 'runs' / name / 'log.txt'}")
    if failed:
        say("to do      see the logs; the same command tries again what has failed")
    return 1 if failed else 0
