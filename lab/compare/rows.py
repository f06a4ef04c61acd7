"""What a comparison has so far: its runs, each model's figures over its seeds, and its differences to the baseline."""

from __future__ import annotations

import math
import statistics
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from lab import files
from lab.compare import stats

FIGURES = ("map50", "map50_95", "precision", "recall")
FACTS = ("parameters", "gflops", "size_mb")


class Run(NamedTuple):
    """One training.

    Attributes:
        label: Its model.
        seed: Its seed.
        folder: Where it is.
        state: waiting, running, done or failed.
        reason: Why it failed, or what is missing.
        epochs: Finished epochs.
        seconds: Time spent.
        attempts: How often it was started.
        found: What ``eval.json`` holds; None where the run has none.
    """

    label: str
    seed: int
    folder: Path
    state: str
    reason: Optional[str]
    epochs: Optional[int]
    seconds: Optional[float]
    attempts: Optional[int]
    found: Optional[Dict[str, Any]]


class Value(NamedTuple):
    """A figure over seeds.

    Attributes:
        mean: Mean; None where no run has it.
        spread: Standard deviation of the sample (n - 1); None for fewer than two.
        count: Runs that have it.
    """

    mean: Optional[float]
    spread: Optional[float]
    count: int


def over_seeds(values: List[Optional[float]]) -> Value:
    """Return mean and standard deviation of those that are there."""
    there = [float(v) for v in values if v is not None and math.isfinite(v)]
    if not there:
        return Value(None, None, 0)
    return Value(statistics.fmean(there), statistics.stdev(there) if len(there) > 1 else None, len(there))


class Model(NamedTuple):
    """A model of the comparison.

    Attributes:
        label: Its name in all that is written.
        cfg: Its YAML.
        runs: All of its runs, by seed.
        values: Each of FIGURES over its seeds.
        facts: Each of FACTS; None where no run is done.
        latency: ``median_ms``, ``p95_ms``; None where not measured.
        per_class: Class name -> mAP50-95 over seeds.
        objects: Class name -> objects in the validation set.
    """

    label: str
    cfg: str
    runs: List[Run]
    values: Dict[str, Value]
    facts: Dict[str, Optional[float]]
    latency: Optional[Dict[str, float]]
    per_class: Dict[str, Value]
    objects: Dict[str, int]

    @property
    def done(self) -> List[Run]:
        """The runs that have an evaluation."""
        return [run for run in self.runs if run.found is not None]


class Results(NamedTuple):
    """All that there is to report.

    Attributes:
        plan: The plan.
        models: In the plan's order.
        comparison: Differences to the baseline; None where there is no baseline with a finished run.
        conditions: How the latency was measured; None where it was not.
        notes: What a reader must know, in plain sentences.
        record: What ``record.json`` holds, or nothing.
    """

    plan: Dict[str, Any]
    models: List[Model]
    comparison: Optional[stats.Comparison]
    conditions: Optional[Dict[str, Any]]
    notes: List[str]
    record: Dict[str, Any]

    @property
    def runs(self) -> List[Run]:
        """All runs."""
        return [run for model in self.models for run in model.runs]

    @property
    def classes(self) -> List[str]:
        """Names of the classes that have objects in the validation set, in the data set's order."""
        return next((list(model.objects) for model in self.models if model.objects), [])

    def difference(self, label: str, figure: str = "map50_95") -> Optional[stats.Interval]:
        """Return a model's difference to the baseline; None for the baseline itself and where there is none."""
        return self.comparison.overall.get(label, {}).get(figure) if self.comparison else None

    def class_differences(self, label: str) -> Dict[str, stats.Interval]:
        """Return a model's differences in mAP50-95 by class name."""
        if not self.comparison:
            return {}
        numbered = self.comparison.per_class.get(label, {})
        return {name: numbered[number] for number, name in self._numbers().items() if number in numbered}

    def _numbers(self) -> Dict[int, str]:
        for run in self.runs:
            if run.found:
                return {int(c["number"]): name for name, c in run.found["per_class"].items() if c["targets"]}
        return {}


def read_run(out: Path, label: str, seed: int) -> Run:
    """Return a run as its folder has it."""
    folder = out / "runs" / f"{label}-s{seed}"
    state = files.read_json(folder / "state.json") or {}
    found = files.read_json(folder / "eval.json")
    kind = state.get("state") or "waiting"
    reason = state.get("reason")
    if kind != "done":
        found = None  # of an attempt before
    elif found is None or "per_class" not in found:
        found, reason = None, reason or "it has no evaluation (eval.json)"
    elif found.get("why"):
        reason = found["why"]
    return Run(
        label, seed, folder, kind, reason, state.get("epochs"), state.get("seconds"), state.get("attempts"), found
    )


def _model(entry: Dict[str, Any], runs: List[Run], latency: Dict[str, Any]) -> Model:
    found = [run.found for run in runs if run.found is not None]
    # the size of a checkpoint changes by some bytes from seed to seed, so that the middle one stands for all
    facts = {key: statistics.median_low([f[key] for f in found if f.get(key)] or [0]) or None for key in FACTS}
    objects = {name: c["targets"] for f in found[:1] for name, c in f["per_class"].items() if c["targets"]}

    def classes(key: str) -> Dict[str, Value]:
        return {name: over_seeds([f["per_class"].get(name, {}).get(key) for f in found]) for name in objects}

    measured = latency.get(entry["label"])
    return Model(
        entry["label"],
        str(entry.get("cfg", "")),
        runs,
        {key: over_seeds([f.get(key) for f in found]) for key in FIGURES},
        facts,
        measured if isinstance(measured, dict) and measured.get("median_ms") else None,
        classes("ap50_95"),
        objects,
    )


def gather(out: Path, plan: Dict[str, Any], say: Callable[[str], None] = lambda _: None) -> Results:
    """Read what the runs of a plan have left."""
    latency = files.read_json(out / "latency.json") or {}
    models = []
    for entry in plan["models"]:
        runs = [read_run(out, entry["label"], seed) for seed in plan["seeds"]]
        models.append(_model(entry, runs, latency))
    comparison, why = _compare(models, plan.get("baseline"), say)
    conditions = latency.get("conditions")
    record = files.read_json(out / "record.json") or {}
    results = Results(plan, models, comparison, conditions, [], record)
    results.notes.extend(_notes(results, why))
    return results


def _compare(models: List[Model], baseline: Optional[str], say: Callable[[str], None]) -> Any:
    """Return the comparison, or None and the reason."""
    if baseline is None:
        return None, None
    with_runs: Dict[str, List[stats.Evaluation]] = {}
    for model in models:
        loaded = [stats.load(run.folder / "eval.npz") for run in model.done]
        there = [found for found in loaded if found is not None]
        if there:
            with_runs[model.label] = there
    if baseline not in with_runs:
        return None, f"no run of the baseline {baseline} is done, so there are no differences to it yet"
    if len(with_runs) < 2:
        return None, "no run of another model than the baseline is done, so there are no differences yet"
    return stats.compare(with_runs, baseline, say=say), None


def _notes(results: Results, why: Optional[str]) -> List[str]:
    """Return the sentences that go below every table."""
    notes, runs, comparison = [], results.runs, results.comparison
    counts = sorted({len(model.done) for model in results.models})
    if counts[-1] > 1:
        note = "± is the standard deviation (n - 1) over seeds; it tells how much a repetition varies"
        notes.append(note + (".", "; a figure without it is from one run.")[counts[0] < 2])
    elif counts[-1] == 1:
        notes.append("One seed each: these are single runs, and repeating one may give another result.")
    missing = [run for run in runs if run.found is None]
    if missing:
        failed = sum(run.state == "failed" for run in missing)
        notes.append(
            f"{len(missing)} of {len(runs)} runs have no result ({failed} failed); the seeds column counts the others."
        )
    lacking = next((run.found["why"] for run in runs if run.found and run.found.get("why")), None)
    if lacking:
        notes.append(f"No mAP: {lacking}.")
    if why:
        notes.append(why[0].upper() + why[1:] + ".")
    if comparison and comparison.why and not lacking:
        notes.append(f"No intervals: {comparison.why}.")
    elif comparison and not comparison.why:
        notes.append(
            f"Difference: mean over seeds minus that of {results.plan['baseline']}, in percentage points of mAP50-95, "
            f"with its {stats.COVER} % percentile interval from {comparison.resamples:,} paired bootstrap draws of the "
            f"{comparison.images:,} validation images. It covers the choice of images, not of seeds; an interval that "
            f"holds zero shows no difference."
        )
        if comparison.images < stats.ROUGH_BELOW:
            notes.append(f"With {comparison.images} validation images the intervals are rough.")
    found = next((run.found for run in runs if run.found), None)
    if found:
        notes.append(f"Parameters as trained, not fused; GFLOPs for one image of {found['imgsz']} pixels.")
    if results.conditions:
        notes.append("Latency: " + latency_conditions(results.conditions) + ".")
    return notes


def latency_conditions(conditions: Dict[str, Any]) -> str:
    """Return how the latency was measured, in words."""
    parts = ["median of interleaved rounds, fused models"]
    for key, name in (("device", ""), ("threads", "threads "), ("precision", ""), ("batch", "batch "), ("imgsz", "")):
        if conditions.get(key) is not None:
            parts.append(f"{name}{conditions[key]}{' pixels' if key == 'imgsz' else ''}")
    return ", ".join(parts)
