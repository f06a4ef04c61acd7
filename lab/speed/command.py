"""Measures models in several forms against each other: PyTorch eager, fused, channels_last, and exported.

    python -m lab speed rtdetr-mobilenetv3.yaml runs/train/exp/weights/best.pt
    python -m lab speed yolo11-efficientvit_m0.yaml --formats torch,onnx,openvino --batch 1,8 --threads 2 --out t.md

MODEL is a checkpoint, or a model YAML (random weights, which take as long). All candidates of a batch size take turns
in every round; the first one is the reference, and takes part twice. A candidate is called faster or slower only if
the 99 % interval of its ratio to the reference lies beyond what the reference's two copies differ by. What a form
predicts is compared with the eager model: a form that predicts something else is never called faster.

Exit code: 0; 1 where a candidate could not be exported, or predicts something else; 2 where the command is wrong.
"""

from __future__ import annotations

import argparse
import copy
import difflib
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from fork.arguments import Parser
from lab.terminal import Progress, Screen
from run import start
from run.arguments import UsageError, add_trust

FORMATS = ("torch", "torchscript", "onnx", "openvino")
MODES = ("eager", "fused", "channels_last")
Row = Dict[str, Any]


def parse(argv: Optional[List[str]] = None) -> argparse.Namespace:
    """Read the command line; lists stay texts."""
    parser = Parser(prog="python -m lab speed", description=__doc__)
    parser.add_argument("models", nargs="+", metavar="MODEL", help="checkpoint, or model YAML by path or bare name")
    parser.add_argument("--formats", help=f"of {','.join(FORMATS)}; default: those that are installed")
    parser.add_argument("--modes", default=",".join(MODES), help="of torch; default: %(default)s")
    parser.add_argument("--batch", default="1", help="images in a pass, for example 1,8; default: 1")
    parser.add_argument("--imgsz", type=int, default=640, help="side of the image in pixels; default: 640")
    parser.add_argument("--threads", type=int, help="threads of the CPU; default: OMP_NUM_THREADS, or all cores")
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda, or the number of a GPU")
    parser.add_argument("--half", action="store_true", help="float16, on a GPU")
    parser.add_argument("--rounds", type=int, default=30, help="rounds (30); at least 8 for an interval")
    parser.add_argument("--out", type=Path, nargs="+", default=[], metavar="FILE", help="files: .md, .csv")
    add_trust(parser)
    return parser.parse_args(argv)


def choose(text: str, known: Sequence[str], option: str) -> List[str]:
    """Return the words of a list with commas, each once.

    Raises:
        UsageError: One is not known; names the nearest.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    for word in words:
        if word not in known:
            near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise UsageError(f"{option} {word!r}: {hint}")
    if not words:
        raise UsageError(f"{option} is empty: there are {', '.join(known)}")
    return list(dict.fromkeys(words))


def batches(text: str) -> List[int]:
    """Return the batch sizes of a list with commas.

    Raises:
        UsageError: One is not a whole number of at least 1.
    """
    words = [word.strip() for word in text.split(",")]
    wrong = [word for word in words if not word.isdecimal() or int(word) < 1]
    if wrong:
        raise UsageError(f"--batch {wrong[0]!r}: give whole numbers from 1 on, for example 1,8")
    return list(dict.fromkeys(int(word) for word in words))


def forms(options: argparse.Namespace, device: str) -> Tuple[List[str], List[Tuple[str, str]]]:
    """Return the forms to measure, and those that cannot be with the reason.

    Raises:
        UsageError: One was asked for and cannot be measured here.
    """
    from lab.speed.formats import missing

    asked = choose(options.formats or ",".join(FORMATS), FORMATS, "--formats")
    modes = choose(options.modes, MODES, "--modes")
    chosen, left_out = [], []
    for form in asked:
        reason = ""
        if missing(form):
            reason = f"not installed: {', '.join(missing(form))}; run `python -m pip install {' '.join(missing(form))}`"
        elif form in ("onnx", "openvino") and device != "cpu":
            reason = "measured on the CPU only"
        if reason:
            left_out.append((form, reason))
        else:
            chosen += modes if form == "torch" else [form]
    if left_out and options.formats:
        raise UsageError("\n".join(f"--formats {form}: {reason}" for form, reason in left_out))
    return chosen, left_out


def label(models: Sequence[str]) -> Dict[str, str]:
    """Return a short name → model for each, once: the file's stem, or the whole path where two have the same.

    Raises:
        UsageError: A model is given twice.
    """
    twice = [model for n, model in enumerate(models) if model in models[:n]]
    if twice:
        raise UsageError(f"{twice[0]} is given twice; the first model takes part twice anyway")
    stems = [Path(model).stem for model in models]
    return {stem if stems.count(stem) == 1 else model: model for stem, model in zip(stems, models)}


def outputs(paths: Sequence[Path]) -> None:
    """Check the files to write.

    Raises:
        UsageError: An ending that is not known, or no such folder.
    """
    from lab.speed.report import ENDINGS

    for path in paths:
        if path.suffix not in ENDINGS:
            raise UsageError(f"--out {path}: give a file that ends in {', '.join(ENDINGS)}")
        if not path.absolute().parent.is_dir():
            raise UsageError(f"--out {path}: there is no folder {path.absolute().parent}")


def measure(modules: Dict[str, Any], chosen: List[str], setting: Any, rounds: int, screen: Screen) -> List[Row]:
    """Measure all models in all forms at one batch size."""
    rows = [{"model": name, "form": form, "batch": setting.batch} for name in modules for form in chosen]
    with tempfile.TemporaryDirectory(prefix="lab-speed-") as folder:
        race(modules, rows, setting, rounds, Path(folder), screen)
    return rows


def race(modules: Dict[str, Any], rows: List[Row], setting: Any, rounds: int, folder: Path, screen: Screen) -> None:
    """Make every candidate in a folder, check what it predicts, let all take turns, and fill in their rows.

    A function of its own so that nothing holds a file open behind it: Windows would not delete the folder.

    Raises:
        UsageError: They do not fit into the GPU's memory together.
    """
    import torch

    from lab.speed import formats, latency

    def candidate(name: str, form: str, own: Any) -> Any:
        with torch.inference_mode(False):
            return formats.make(form, modules[name], Path(tempfile.mkdtemp(dir=folder)), own)

    ready: List[Tuple[Row, Any]] = []
    with torch.inference_mode():
        for name, module in modules.items():
            own = setting._replace(channels=module.yaml.get("channels", 3))
            own_rows = [row for row in rows if row["model"] == name]
            try:
                expected = formats.run_torch(copy.deepcopy(module), own).output()
            except Exception as e:  # it may not take this size, or not fit into memory
                for row in own_rows:
                    row["reason"] = why(e)
                continue
            for row in own_rows:
                screen.show(f"{name}: making {row['form']}, batch {setting.batch}")
                try:
                    runner = candidate(name, row["form"], own)
                    row["difference"] = formats.difference(runner.output(), expected, formats.by_rank(module))
                    twin = runner if ready else candidate(name, row["form"], own)
                except Exception as e:  # whatever an exporter or a runtime raises: the others go on
                    row["reason"] = why(e)
                    continue
                if not ready:
                    second = twin.run
                ready.append((row, runner.run))
        if ready:
            screen.clear()
            shown = Progress(f"batch {setting.batch}: round", rounds)
            torch.set_num_threads(setting.threads)  # the exporter, by select_device, has set its own number
            try:
                runs = [*(run for _, run in ready), second]
                times = latency.take_turns(runs, rounds, timed=latency.clock(setting.device), on_round=shown.at)
            except torch.cuda.OutOfMemoryError:
                raise UsageError(
                    f"batch {setting.batch}: {len(ready) + 1} candidates do not fit into the GPU's memory together; "
                    "give fewer models, formats or modes, or a smaller batch"
                ) from None
            enter([row for row, _ in ready], times, setting)


def why(error: Exception) -> str:
    """Return on one line why a candidate was not measured."""
    return " ".join(f"not measured: {type(error).__name__}: {error}".split())[:300]


def enter(rows: List[Row], times: List[List[float]], setting: Any) -> None:
    """Put times and verdicts into the rows; the first one is the reference, the last times are its second copy's."""
    from lab.speed import latency
    from lab.speed.formats import TOLERANCE

    tolerance = TOLERANCE["float16" if setting.half else "float32"]
    for number, row in enumerate(rows):
        found = latency.compare(times[number] if number else times[-1], times[0], times[-1])
        row.update(latency.summary(times[number], setting.batch))
        row.update(latency.rounded(found))
        if number == 0:
            row.update(verdict="reference, twice", noise=found.noise)
        elif row["difference"] > tolerance:
            row["verdict"] = "output differs"


def main(argv: Optional[List[str]] = None) -> int:
    """Run the command line; return the exit code."""
    options = parse(argv)
    os.environ.setdefault("YOLO_OFFLINE", "true")
    with start.messages():
        start.load_quietly()
        try:
            return _main(options)
        except KeyboardInterrupt:
            print("\nstopped; nothing was written", file=sys.stderr)
            return 130


def _main(options: argparse.Namespace) -> int:
    from lab.speed import formats, latency, report

    sizes = batches(options.batch)
    device = latency.check_setting(
        options.imgsz, sizes[0], options.rounds, options.threads, options.device, options.half
    )
    outputs(options.out)
    options.labels = label(options.models)
    chosen, left_out = forms(options, device)
    modules, screen, rows = {}, Screen(), []
    faults = []
    for name, model in options.labels.items():
        screen.show(f"loading {name}")
        try:
            modules[name] = latency.load(model)
        except UsageError as e:
            faults.append(str(e))
    screen.clear()
    if faults:
        raise UsageError("\n".join(faults))
    with latency.use_threads(options.threads) as threads:
        for size in sizes:
            setting = formats.Setting(options.imgsz, size, threads, device, options.half)
            rows += measure(modules, chosen, setting, options.rounds, screen)
            screen.clear()
        conditions = latency.conditions(options.imgsz, 0, threads, device, options.half)
    conditions.update(batch=sizes, versions=formats.versions(chosen), rounds=options.rounds)
    said = report.notes(rows, left_out, conditions, any(not model.endswith(".pt") for model in options.models))
    print("\n".join([*report.lines(rows), "", *said]))
    for path in options.out:
        report.write(path, rows, said)
        print(f"wrote {path}")
    wrong = [row for row in rows if row.get("reason") or row["verdict"] == "output differs"]
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
