"""What a model with such a backbone needs besides: the check of its YAML, its name, weights, rows, norms, folding."""

from __future__ import annotations

from typing import Tuple

from fork.edit import Step
from fork.steps.backbone import (
    b01_prepare_model,
    b02_derive_models,
    b03_route_heads,
    b04_match_rows,
    b05_count_rows,
    b06_keep_norm_settings,
    b07_fold_backbone,
)

BACKBONE: Tuple[Step, ...] = (
    b01_prepare_model.STEP,
    b02_derive_models.STEP,
    b03_route_heads.STEP,
    b04_match_rows.STEP,
    b05_count_rows.STEP,
    b06_keep_norm_settings.STEP,
    b07_fold_backbone.STEP,
)
