"""The eight edits and two fixes that the articles teach, in their order."""

from __future__ import annotations

from typing import Tuple

from fork.edit import Step
from fork.steps.articles import (
    s01_create_folder,
    s02_export_backbones,
    s03_import_backbones,
    s04_name_row,
    s05_build_backbone_row,
    s06_shift_indices,
    s07_spread_maps,
    s08_probe_stride,
    s09_count_flops,
    s10_square_validation,
)

ARTICLES: Tuple[Step, ...] = (
    s01_create_folder.STEP,
    s02_export_backbones.STEP,
    s03_import_backbones.STEP,
    s04_name_row.STEP,
    s05_build_backbone_row.STEP,
    s06_shift_indices.STEP,
    s07_spread_maps.STEP,
    s08_probe_stride.STEP,
    s09_count_flops.STEP,
    s10_square_validation.STEP,
)
