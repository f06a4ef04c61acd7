"""What the pictures of a comparison share: where they go, their words, and the look and name of each model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, NamedTuple

from lab import plotting
from lab.compare.rows import Model, Results

MOST_MODELS = 12
"""Models that a picture of lines shows; beyond, the baseline and those of the best mAP50-95."""

WORDS: Dict[str, str] = {
    "Parameters (million)": "参数量（百万）",
    "GFLOPs": "GFLOPs",
    "Latency (ms)": "延迟（毫秒）",
    "mAP50-95 (%)": "mAP50-95（%）",
    "mAP50 (%)": "mAP50（%）",
    "Epoch": "训练轮次",
    "Training loss": "训练损失",
    "Recall": "召回率",
    "Precision at IoU 0.50": "精确率（IoU 0.50）",
    "Difference in mAP50-95 (percentage points)": "mAP50-95 之差（百分点）",
    "Pareto front": "帕累托前沿",
    "to": "相对于",
    "all classes": "全部类别",
    "hollow: no difference shown": "空心：未显示差异",
    "Ground truth": "标注",
    "right": "正确",
    "wrong": "错误",
    "missed": "漏检",
}
"""What is written in the pictures, in English and Chinese."""


class Sheet(NamedTuple):
    """A picture in the making: where it goes, and in which language.

    Attributes:
        folder: Where pictures go.
        language: ``zh`` for Chinese, where a font with it is installed; anything else is English.
    """

    folder: Path
    language: str = "en"

    def word(self, text: str) -> str:
        """Return what is written for an English text."""
        chinese = WORDS.get(text, text)
        return chinese if self.language == "zh" and plotting.drawable(chinese) else text


def looks(results: Results) -> Dict[str, Dict[str, Any]]:
    """Return the colour, marker and line style of each model, the same in all pictures."""
    baseline = results.plan.get("baseline")
    others = [model.label for model in results.models if model.label != baseline]
    result = {label: plotting.look(n + 1) for n, label in enumerate(others)}
    result[baseline] = plotting.look(0, baseline=True)
    return result


def name(model: Model, results: Results) -> str:
    """Return a model's label as it can be drawn."""
    return plotting.text(model.label, f"model {[m.label for m in results.models].index(model.label) + 1}")


def shown(results: Results) -> List[Model]:
    """Return the models that have a result, at most MOST_MODELS of them, in the plan's order."""
    models = [model for model in results.models if model.done]
    if len(models) <= MOST_MODELS:
        return models
    baseline = results.plan.get("baseline")
    ranked = sorted(models, key=lambda m: (m.label != baseline, -(m.values["map50_95"].mean or 0)))
    kept = {model.label for model in ranked[:MOST_MODELS]}
    return [model for model in models if model.label in kept]
