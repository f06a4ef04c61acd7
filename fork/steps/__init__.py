"""The series: every step, in order. A step file that is not listed here fails a test, and so does a second listing."""

from __future__ import annotations

from typing import Tuple

from fork.edit import Step
from fork.steps import (
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
    x11_look_up_modules,
    x12_find_configs,
    x13_save_whole,
    x14_keep_norm_settings,
    x15_fold_backbone,
    x16_follow_checkpoint,
    x17_read_text,
    x18_drop_anchors,
    x19_derive_models,
    x20_inherit_settings,
    x21_trust_backbones,
    x22_record_fork,
    x23_explain_checkpoint,
    x24_same_fork,
)

SERIES: Tuple[Step, ...] = (
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
    x11_look_up_modules.STEP,
    x12_find_configs.STEP,
    x13_save_whole.STEP,
    x14_keep_norm_settings.STEP,
    x15_fold_backbone.STEP,
    x16_follow_checkpoint.STEP,
    x17_read_text.STEP,
    x18_drop_anchors.STEP,
    x19_derive_models.STEP,
    x20_inherit_settings.STEP,
    x21_trust_backbones.STEP,
    x22_record_fork.STEP,
    x23_explain_checkpoint.STEP,
    x24_same_fork.STEP,
)
