"""Average precision from kept detections, and what a difference between models is worth.

The arrays of ``eval.npz`` (``evaluate.py``) hold every detection of a run with its score and whether it is right, so
that the mean average precision can be worked out again for any choice of validation images. That is what the bootstrap
does (Efron, "Bootstrap Methods", Annals of Statistics 1979): images are drawn with replacement, the same ones for all
models and seeds (paired), and the spread of the difference over the draws is that from the choice of images. It says
nothing of what other seeds would give.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

RESAMPLES = 1000
SEED = 20241
COVER = 95
"""Per cent that the intervals cover."""

LEAST_IMAGES, ROUGH_BELOW = 5, 30
"""Below the first, no interval is given; below the second, it is called rough."""

HIGHER, LOWER, NONE_SHOWN = "higher", "lower", "no difference shown"

_AT_ONCE = 4_000_000
"""Most numbers in a work array."""


class Evaluation(NamedTuple):
    """What a run found on the validation set: D detections, T objects, N images.

    Attributes:
        pred_image: Image of each detection, (D,), 0 to N - 1.
        pred_class: Its class, (D,).
        conf: Its score, (D,), 0 to 1.
        tp: Whether it is right at IoU 0.50, 0.55 ... 0.95, (D, 10).
        target_image: Image of each object, (T,).
        target_class: Its class, (T,).
        images: Names of all images, (N,).
    """

    pred_image: Any
    pred_class: Any
    conf: Any
    tp: Any
    target_image: Any
    target_class: Any
    images: Any


def load(path: Path) -> Optional[Evaluation]:
    """Read ``eval.npz``; None where there is none, or it is damaged."""
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as content:
            return Evaluation(*(content[name] for name in Evaluation._fields))
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
        return None


class _Part(NamedTuple):
    """The detections of one class, by falling score, down to the last one that is right at any IoU.

    Attributes:
        counts: Objects of the class in each image, (N,).
        images: Image of each detection, (P,).
        hits: Places of those that are right at some IoU, (U,).
        tp: Whether these are right at each IoU, (U, 10).
        starts: Where the stretches end-to-end begin that the hits close, (U,).
    """

    counts: Any
    images: Any
    hits: Any
    tp: Any
    starts: Any


def _parts(found: Evaluation) -> Tuple[Any, List[_Part]]:
    """Return the classes that have objects, (C,), and what each needs."""
    import numpy as np

    size = len(found.images)
    # stable: of equal scores the earlier image goes first; upstream leaves their order to chance
    order = np.argsort(-found.conf, kind="stable")
    image, kind, tp = found.pred_image[order], found.pred_class[order], found.tp[order]
    by_class = np.argsort(kind, kind="stable")
    image, kind, tp = image[by_class], kind[by_class], tp[by_class]
    classes = np.unique(found.target_class)
    parts = []
    for c in classes:
        begin, end = np.searchsorted(kind, [c, c + 1])
        hits = np.flatnonzero(tp[begin:end].any(1))
        last = hits[-1] + 1 if len(hits) else 0
        counts = np.bincount(found.target_image[found.target_class == c], minlength=size)
        starts = np.concatenate(([0], hits[:-1] + 1)) if len(hits) else hits
        parts.append(_Part(counts, image[begin : begin + last], hits, tp[begin + hits], starts))
    return classes, parts


def _class_ap(part: _Part, weights: Any) -> Any:
    """Return the average precision of a class at each IoU where each image counts ``weights`` times.

    Upstream's rule: precision made falling (each recall gets the best precision at it or beyond), read at the 101
    recalls 0, 0.01 ... 1, and integrated over them by trapezoids. At recall q/100 that is the best precision from the
    first right detection on whose recall exceeds it, so each one adds its best precision times the number of points
    that it passes; detections that are wrong matter only by their number. (A class without a mistake thus gets 0.995,
    since nothing exceeds the last point.)

    Args:
        part: The class.
        weights: Whole numbers, (N, B).

    Returns:
        (B, 10); not a number where no object of the class is drawn.
    """
    import numpy as np

    draws = weights.shape[1]
    objects = part.counts @ weights
    result = np.zeros((draws, 10))
    if len(part.hits):
        seen = np.cumsum(np.add.reduceat(weights[part.images], part.starts, axis=0), axis=0)
        own = weights[part.images[part.hits]]
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = np.where(objects > 0, 100.0 / objects, 0.0)
            for level in range(10):
                right = part.tp[:, level]
                if not right.any():
                    continue
                count = np.cumsum(own[right], axis=0)
                best = np.nan_to_num(count / seen[right])
                best = np.maximum.accumulate(best[::-1], axis=0)[::-1]
                # points below the recall; 1e-9 is less than any true distance and more than rounding
                passed = np.maximum(np.ceil(count * scale - 1e-9) - 0.5, 0.0)
                result[:, level] = 0.01 * (best * np.diff(passed, axis=0, prepend=0.0)).sum(0)
    result[objects == 0] = np.nan
    return result


def ap(found: Evaluation, weights: Any = None) -> Tuple[Any, Any]:
    """Return the classes that have objects, (C,), and their average precision at each IoU, (C, 10).

    Args:
        found: The detections.
        weights: How often each image counts, whole numbers, (N,): as if there were so many copies of it, those of a
            detection next to each other. None for once each, which is upstream's own figure.
    """
    import numpy as np

    classes, parts = _parts(found)
    once = np.ones(len(found.images), np.int64) if weights is None else np.asarray(weights)
    values = [_class_ap(part, once[:, None])[0] for part in parts]
    return classes, np.array(values).reshape(len(classes), 10)


def precision_recall(found: Evaluation, level: int = 0) -> Any:
    """Return the precision at the recalls 0, 0.01 ... 1, mean over the classes that have objects, (101,).

    Args:
        found: The detections.
        level: Which IoU: 0 for 0.50, 9 for 0.95.
    """
    import numpy as np

    curves = []
    for part in _parts(found)[1]:
        curve, right = np.zeros(101), part.tp[:, level]
        if right.any():
            count = np.arange(1, right.sum() + 1)
            best = np.maximum.accumulate((count / (part.hits[right] + 1))[::-1])[::-1]
            at = np.searchsorted(count / part.counts.sum(), np.linspace(0, 1, 101), side="right")
            curve[at < len(best)] = best[at[at < len(best)]]
        curves.append(curve)
    return np.mean(curves, axis=0) if curves else np.full(101, np.nan)


class Interval(NamedTuple):
    """A difference to the baseline, as fractions of 1.

    Attributes:
        value: Mean over the model's seeds minus that over the baseline's, on all images.
        low: Lower end of the interval; None where none could be worked out.
        high: Upper end.
    """

    value: float
    low: Optional[float]
    high: Optional[float]

    @property
    def verdict(self) -> Optional[str]:
        """What may be said: an interval that holds zero shows no difference."""
        if self.low is None or self.high is None:
            return None
        return HIGHER if self.low > 0 else LOWER if self.high < 0 else NONE_SHOWN


class Comparison(NamedTuple):
    """Differences of each model to the baseline.

    Attributes:
        overall: label -> {"map50": ..., "map50_95": ...}.
        per_class: label -> {class number: of mAP50-95}.
        images: Validation images.
        resamples: Draws.
        why: Why there are no intervals; None where there are.
    """

    overall: Dict[str, Dict[str, Interval]]
    per_class: Dict[str, Dict[int, Interval]]
    images: int
    resamples: int
    why: Optional[str]


def compare(
    runs: Dict[str, List[Evaluation]],
    baseline: str,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    say: Callable[[str], None] = lambda _: None,
) -> Comparison:
    """Compare models with the baseline by a paired bootstrap over the validation images.

    Args:
        runs: Each model's runs that have an evaluation, at least one; all of the same images and objects.
        baseline: Which of them the others are compared with.
        resamples: Number of draws.
        seed: Of the draws.
        say: Told of progress where it takes long.

    Returns:
        The differences; without intervals, and with the reason, where the images or objects are not the same or are
        too few.
    """
    import numpy as np

    everything = [found for each in runs.values() for found in each]
    first = everything[0]
    size = len(first.images)
    why = None
    if any(_objects(found) != _objects(first) for found in everything):
        why = "the runs were not evaluated on the same images and objects"
    elif not len(first.target_class):
        why = "the validation set has no objects"
    elif size < LEAST_IMAGES:
        why = f"an interval needs {LEAST_IMAGES} validation images or more; here are {size}"
    point = {label: _mean_over_runs([_figures(*ap(found)) for found in each]) for label, each in runs.items()}
    drawn: Dict[str, List[Any]] = {label: [] for label in runs}
    if why is None:
        prepared = {label: [_parts(found)[1] for found in each] for label, each in runs.items()}
        for weights in _draws(size, resamples, seed, say):
            for label, each in prepared.items():
                drawn[label].append(_mean_over_runs([_resampled(parts, weights) for parts in each]))
    tables = {label: np.concatenate(blocks) if blocks else None for label, blocks in drawn.items()}
    overall: Dict[str, Dict[str, Interval]] = {}
    per_class: Dict[str, Dict[int, Interval]] = {}
    classes = np.unique(first.target_class).tolist()
    for label in runs:
        if label == baseline:
            continue
        ends = _interval(point[label], point[baseline], tables[label], tables[baseline])
        if why == "the validation set has no objects":
            overall[label], per_class[label] = {}, {}
            continue
        overall[label] = {"map50": ends[0], "map50_95": ends[1]}
        same = why is None or size < LEAST_IMAGES
        per_class[label] = {c: ends[2 + n] for n, c in enumerate(classes)} if same else {}
    return Comparison(overall, per_class, size, resamples, why)


def _objects(found: Evaluation) -> Tuple[List[str], List[int], List[int]]:
    return found.images.tolist(), found.target_image.tolist(), found.target_class.tolist()


def _figures(classes: Any, values: Any) -> Any:
    """Return mAP50, mAP50-95 and each class's mAP50-95 as one row, (1, 2 + C)."""
    import numpy as np

    if not len(classes):
        return np.full((1, 2), np.nan)
    return np.concatenate(([values[:, 0].mean(), values.mean()], values.mean(1)))[None]


def _mean_over_runs(tables: List[Any]) -> Any:
    width = min(table.shape[1] for table in tables)
    return sum(table[:, :width] for table in tables) / len(tables)


def _draws(size: int, resamples: int, seed: int, say: Callable[[str], None]) -> Any:
    """Yield blocks of draws: how often each image is drawn, (N, B)."""
    import time

    import numpy as np

    rng, start, told = np.random.default_rng(seed), time.monotonic(), time.monotonic()
    block = max(50, min(resamples, _AT_ONCE // 8 // size))
    for begin in range(0, resamples, block):
        here = min(block, resamples - begin)
        picked = rng.integers(0, size, (here, size)) + size * np.arange(here)[:, None]
        yield np.ascontiguousarray(np.bincount(picked.ravel(), minlength=here * size).reshape(here, size).T)
        now, done = time.monotonic(), begin + here
        if now - told > 20 and done < resamples:
            told = now
            say(f"intervals: {done} of {resamples} draws, {(now - start) * (resamples - done) / done:.0f} s left")


def _resampled(parts: List[_Part], weights: Any) -> Any:
    """Return mAP50, mAP50-95 and each class's mAP50-95 for each draw, (B, 2 + C)."""
    import numpy as np

    draws = weights.shape[1]
    result = np.full((draws, 2 + len(parts)), np.nan)
    fifty = np.full((draws, len(parts)), np.nan)
    for n, part in enumerate(parts):
        step = max(1, min(draws, _AT_ONCE // max(len(part.images), 1)))
        for begin in range(0, draws, step):
            values = _class_ap(part, weights[:, begin : begin + step])
            fifty[begin : begin + step, n] = values[:, 0]
            result[begin : begin + step, 2 + n] = values.mean(1)
    drawn = ~np.isnan(fifty)  # as upstream does, the mean is over the classes that have objects
    some = drawn.any(1)
    result[some, 0] = np.where(drawn, fifty, 0)[some].sum(1) / drawn[some].sum(1)
    result[some, 1] = np.where(drawn, result[:, 2:], 0)[some].sum(1) / drawn[some].sum(1)
    return result


def _interval(ours: Any, theirs: Any, our_draws: Any, their_draws: Any) -> List[Interval]:
    import numpy as np

    width = min(ours.shape[1], theirs.shape[1])
    values = (ours[0, :width] - theirs[0, :width]).tolist()
    if our_draws is None or their_draws is None:
        return [Interval(value, None, None) for value in values]
    tail = (100 - COVER) / 2
    result = []
    for n, value in enumerate(values):
        draws = our_draws[:, n] - their_draws[:, n]
        draws = draws[~np.isnan(draws)]  # a rare class may be missing from some draws
        low, high = np.percentile(draws, [tail, 100 - tail]).tolist() if len(draws) else (None, None)
        result.append(Interval(value, low, high))
    return result
