"""What the pictures of a comparison share: the look and the name of each model, and which models are shown."""

from __future__ import annotations

from typing import Any, Dict, List

from lab import plotting
from lab.compare.rows import Model, Results

MOST_MODELS = 12
"""Models that a picture of lines shows; beyond, the baseline and those of the best mAP50-95."""


def looks(results: Results) -> Dict[str, Dict[str, Any]]:
    """Return the colour, marker and line style of each model, the same in all pictures."""
    baseline = results.plan.get("baseline")
    others = [model.label for model in results.models if model.label != baseline]
    return {baseline: plotting.look(0, baseline=True), **{one: plotting.look(n) for n, one in enumerate(others, 1)}}


def name(model: Model, results: Results) -> str:
    """Return a model's label as it can be drawn."""
    return plotting.text(model.label, f"model {[m.label for m in results.models].index(model.label) + 1}")


def shown(results: Results, most: int = MOST_MODELS) -> List[Model]:
    """Return the models that have a result in the plan's order: the baseline and the best, at most ``most``."""
    models = [model for model in results.models if model.done]
    baseline = results.plan.get("baseline")
    ranked = sorted(models, key=lambda m: (m.label != baseline, -(m.values["map50_95"].mean or 0)))
    kept = {model.label for model in ranked[:most]}
    return [model for model in models if model.label in kept]
