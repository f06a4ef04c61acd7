"""How long models take: candidates that take turns, medians, and what may be called faster.

A machine has slow spells, and a clock that changes with its heat. So candidates are not measured one after the other:
in every round each has its turn, in an order that rotates, and what is compared are the ratios within a round. One
candidate, the reference, takes part twice; what its two copies differ by is what the machine cannot tell apart (an
"A/A test"). The rules for what may be called faster are in ``compare``.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import math
import os
import platform
import statistics
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from run import find, start
from run.arguments import UsageError

LEVEL = 0.99
"""Confidence of the interval of a ratio; several are read off one table, so that 95 % would be too little."""

FASTER, SLOWER, ALIKE, FEW = "faster", "slower", "no difference shown", "too few rounds"
WHAT = "forward pass of random input, without reading images, scaling, and non-maximum suppression"
"""What the times are of. RT-DETR needs no suppression; YOLO needs it on top, YOLO26 too as upstream predicts by default
(``nms=None`` takes its one-to-many head)."""


class Comparison(NamedTuple):
    """One candidate against the reference.

    Attributes:
        ratio: Median over the rounds of its time divided by the reference's in the same round; below 1 is faster.
        low: Lower end of the interval of that median; None where there are too few rounds for one.
        high: Upper end.
        noise: How far the second copy of the reference may be from the first, as a factor of at least 1: 1.02 is 2 %.
        verdict: ``FASTER``, ``SLOWER``, ``ALIKE`` or ``FEW``.
    """

    ratio: float
    low: Optional[float]
    high: Optional[float]
    noise: Optional[float]
    verdict: str


def order(number: int, count: int) -> List[int]:
    """Return whose turn it is in a round: from the next one on each time, backwards in every other cycle.

    Backwards too, since otherwise each would always follow the same one.
    """
    forward = [(number + n) % count for n in range(count)]
    return forward if (number // count) % 2 == 0 else forward[::-1]


def take_turns(
    runs: Sequence[Callable[[], Any]],
    rounds: int,
    warm: int = 3,
    settle: int = 1,
    timed: Optional[Callable[[Callable[[], Any]], float]] = None,
    on_round: Optional[Callable[[int], None]] = None,
) -> List[List[float]]:
    """Let each candidate have its turn in every round.

    Args:
        runs: The candidates; each call is one pass.
        rounds: Rounds that count.
        warm: Rounds before them that do not: allocators, caches and kernels are being set up.
        settle: Passes of a candidate in its turn before the one that is timed, so that it finds the caches as itself
            leaves them, and not as whoever was before it.
        timed: Calls a candidate and returns milliseconds; None for wall time.
        on_round: Told the number of counted rounds that are done.

    Returns:
        For each candidate its times in milliseconds, a round each.
    """
    timed = timed or wall
    times: List[List[float]] = [[] for _ in runs]
    for number in range(-warm, rounds):
        for index in order(number + warm, len(runs)):
            for _ in range(settle):
                runs[index]()
            took = timed(runs[index])
            if number >= 0:
                times[index].append(took)
        if on_round is not None and number >= 0:
            on_round(number + 1)
    return times


def wall(run: Callable[[], Any]) -> float:
    """Run once; return the wall time in milliseconds."""
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1000


def clock(device: str) -> Callable[[Callable[[], Any]], float]:
    """Return what times a pass on a device: wall time on the CPU, on a GPU that of CUDA's events."""
    import torch

    if torch.device(device).type != "cuda":
        return wall
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)

    def events(run: Callable[[], Any]) -> float:
        torch.cuda.synchronize(device)
        with torch.cuda.device(device):
            start.record()
            run()
            end.record()
        end.synchronize()
        return float(start.elapsed_time(end))

    return events


def quantile(values: Sequence[float], part: float) -> float:
    """Return the value below which a part (0 to 1) of the values lies, linear between neighbours."""
    import numpy as np

    return float(np.quantile(values, part))


def interval(values: Sequence[float], level: float = LEVEL) -> Optional[Tuple[float, float]]:
    """Return a confidence interval of the median, or None where there are too few values for this level (0.99: 8).

    It runs from one value to another, as many places from either end as the binomial distribution allows: half of the
    values lie below the median, whatever their distribution (the sign test's interval; no draws, no normal
    distribution). It holds for rounds that do not depend on one another.
    """
    count, ordered = len(values), sorted(values)
    outside, places = 0.0, 0
    while places < count // 2:
        outside += math.comb(count, places) / 2**count
        if 2 * outside > 1 - level:
            break
        places += 1
    return (ordered[places - 1], ordered[count - places]) if places else None


def compare(times: Sequence[float], reference: Sequence[float], twin: Sequence[float]) -> Comparison:
    """Compare a candidate's times with the reference's, round by round.

    It is called faster, or slower, only if the whole interval of its ratio lies beyond 1 and beyond the noise: the end
    of the interval of twin/reference that is further from 1, to both sides. Anything else is "no difference shown",
    which is not "the same".

    Args:
        times: The candidate's, a round each.
        reference: The reference's, in the same rounds.
        twin: Those of the reference's second copy.
    """
    ratios = [a / b for a, b in zip(times, reference)]
    ratio, ends = statistics.median(ratios), interval(ratios)
    same = interval([a / b for a, b in zip(twin, reference)])
    if ends is None or same is None:
        return Comparison(ratio, None, None, None, FEW)
    noise = max(1.0, same[1], 1 / same[0])
    verdict = FASTER if ends[1] < 1 / noise else SLOWER if ends[0] > noise else ALIKE
    return Comparison(ratio, *ends, noise, verdict)


def summary(times: Sequence[float], batch: int) -> Dict[str, Any]:
    """Return median and 95th percentile in milliseconds per batch, images per second at the median, and the rounds."""
    median = statistics.median(times)
    return {
        "median_ms": round(median, 3),
        "p95_ms": round(quantile(times, 0.95), 3),
        "images_per_s": round(batch * 1000 / median, 2) if median else None,
        "rounds": len(times),
    }


@contextlib.contextmanager
def use_threads(count: Optional[int]) -> Iterator[int]:
    """Within this block torch computes with ``count`` threads; None: OMP_NUM_THREADS, or every core it may use."""
    import torch

    if count is None and not start.THREADS:
        usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
        count = len(usable)
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


def check_setting(imgsz: int, batch: int, rounds: int, threads: Optional[int], device: str, half: bool) -> str:
    """Check what is asked for; return the device in torch's words (``0`` is ``cuda:0``).

    Raises:
        UsageError: Everything that is wrong with it.
    """
    import torch

    faults = []
    if imgsz < 32 or imgsz % 32:
        faults.append(f"imgsz {imgsz}: give a multiple of 32")
    for name, value in (("batch", batch), ("rounds", rounds), ("threads", 1 if threads is None else threads)):
        if value < 1:
            faults.append(f"{name} {value}: the least is 1")
    name = f"cuda:{device}" if str(device).isdigit() else str(device or "cpu")
    try:
        kind = torch.device(name).type
        if kind not in ("cpu", "cuda"):
            faults.append(f"device {device}: cpu and cuda can be measured, {kind} cannot yet")
        elif kind == "cuda" and not torch.cuda.is_available():
            faults.append(f"device {device}: this torch ({torch.__version__}) sees no CUDA device; leave it out")
        elif kind == "cuda" and (torch.device(name).index or 0) >= torch.cuda.device_count():
            faults.append(f"device {device}: there are {torch.cuda.device_count()}, counted from 0")
        elif kind == "cpu" and half:
            faults.append("half: on the CPU half precision is measured in no format here; leave it out, or give a GPU")
    except RuntimeError:
        faults.append(f"device {device}: give cpu, cuda, cuda:1 or a number")
    if faults:
        raise UsageError("\n".join(faults))
    return name


def load(model: Union[str, Path]) -> Any:
    """Return the module of a checkpoint, or of a YAML with random weights, on the CPU, for inference, not fused.

    Raises:
        UsageError: There is none, or it cannot be used.
    """
    if Path(model).suffix == ".pt":
        inner = find.load_checkpoint(Path(model))[0].model
    else:
        name, path = find.find_model(str(model))
        cls = find.model_class(path)
        with find.building(path):
            inner = cls(name).model
    return inner.float().eval().requires_grad_(False)


def fused(module: Any) -> Any:
    """Fuse a module in place as upstream does before it predicts, and return it."""
    return module.fuse(verbose=False).eval().requires_grad_(False)


def example(module: Any, imgsz: int, batch: int) -> Any:
    """Return random input, (batch, channels, imgsz, imgsz) in 0…1, the same each time."""
    import torch

    channels = getattr(module, "yaml", {}).get("channels", 3)
    return torch.rand(batch, channels, imgsz, imgsz, generator=torch.Generator().manual_seed(0))


def conditions(imgsz: int, batch: int, threads: int, device: str, half: bool) -> Dict[str, Any]:
    """Return what the times depend on."""
    import torch

    hardware = torch.cuda.get_device_name(device) if torch.device(device).type == "cuda" else cpu_name()
    # Left as the user has it: threads that sleep while they wait cost torch two fifths, and other runtimes nothing.
    waiting = {name: os.environ[name] for name in ("OMP_WAIT_POLICY",) if os.environ.get(name)}
    return {
        **waiting,
        "device": device,
        "hardware": hardware,
        "threads": threads,
        "precision": "float16" if half else "float32",
        "batch": batch,
        "imgsz": imgsz,
        "torch": torch.__version__,
        "what": WHAT,
    }


def cpu_name() -> str:
    """Return the processor's name."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def measure(
    models: Mapping[str, Union[str, Path]],
    imgsz: int = 640,
    batch: int = 1,
    threads: Optional[int] = None,
    device: str = "cpu",
    rounds: int = 30,
    say: Callable[[str], None] = print,
    reference: Optional[str] = None,
) -> Dict[str, Any]:
    """Measure models, fused, in interleaved rounds; all are in memory at the same time.

    Args:
        models: Label → checkpoint, or YAML (then with random weights, which take as long).
        imgsz: Side of the square image in pixels, a multiple of 32.
        batch: Images in one pass.
        threads: Threads of the CPU; None for OMP_NUM_THREADS or all.
        device: ``cpu``, ``cuda``, ``cuda:1`` or a number.
        rounds: Rounds that count.
        say: Told the progress.
        reference: The label that the others are compared with; None for the first.

    Returns:
        ``{label: {"median_ms", "p95_ms", "images_per_s", "rounds", "ratio", "low", "high", "verdict"}, ...,
        "conditions": {...}}``. ``ratio`` and so on are of ``compare``; the reference's are of its second copy.

    Raises:
        UsageError: A model or a setting is wrong.
    """
    import torch

    from ultralytics.nn.Addmodules import BackboneError

    if not models:
        raise UsageError("there is no model to measure")
    if "conditions" in models:
        raise UsageError("a model cannot be labelled 'conditions', which names another part of the result")
    first = next(iter(models)) if reference is None else reference
    if first not in models:
        raise UsageError(f"the reference {first!r} is none of {', '.join(models)}")
    device = check_setting(imgsz, batch, rounds, threads, device, False)
    with use_threads(threads) as used, torch.inference_mode():
        runs, twins = [], []
        for label, path in models.items():
            module = fused(load(path))
            try:
                module = module.to(device)
                x = example(module, imgsz, batch).to(device)
                module(x)
            except (BackboneError, RuntimeError) as e:  # it takes another size only, or does not fit into memory
                raise UsageError(f"{label} does not run at {imgsz} pixels, batch {batch}: {e}") from None
            runs.append(functools.partial(module, x))
            if label == first:
                twins.append(functools.partial(copy.deepcopy(module), x.clone()))
            say(f"latency: {label} is loaded")
        started = time.perf_counter()

        def progress(done: int) -> None:
            if done == 1 or done == rounds or done % 10 == 0:
                left = (time.perf_counter() - started) / done * (rounds - done)
                say(f"latency: round {done} of {rounds}, {left:.0f} s left")

        torch.set_num_threads(used)  # upstream's select_device sets its own number
        times = take_turns(runs + twins, rounds, timed=clock(device), on_round=progress)
    of_first, twin = times[list(models).index(first)], times[-1]
    result: Dict[str, Any] = {}
    for label, own in zip(models, times):
        found = compare(twin if label == first else own, of_first, twin)
        result[label] = {**summary(own, batch), **rounded(found)}
    noise = compare(twin, of_first, twin).noise
    result["conditions"] = {**conditions(imgsz, batch, used, device, False), "reference": first, "fused": True}
    result["conditions"]["noise"] = None if noise is None else round(noise, 4)
    return result


def rounded(found: Comparison) -> Dict[str, Any]:
    """Return a comparison for a file: ratio, ends and verdict."""
    ends = {key: None if value is None else round(value, 4) for key, value in zip(("low", "high"), found[1:3])}
    return {"ratio": round(found.ratio, 4), **ends, "verdict": found.verdict}
