"""The series for YOLOv5: article 002's edits (y01 to y08, y15), what they leave broken, and today's packages (z).

The z-steps have nothing to do with backbones: without them the release of 2023 does not run on today's torch, numpy,
Pillow and setuptools, or not without a network.
"""

from __future__ import annotations

from typing import Tuple

from fork.edit import Step
from fork.targets.yolov5 import (
    y01_share_backbones,
    y02_find_configs,
    y03_name_row,
    y04_look_up_modules,
    y05_read_text,
    y06_build_backbone_row,
    y07_shift_indices,
    y08_spread_maps,
    y09_probe_stride,
    y10_refuse_tensorflow,
    y11_keep_norm_settings,
    y12_fold_backbone,
    y13_match_rows,
    y14_freeze_rows,
    y15_run_scripts,
    y16_check_yaml,
    y17_refuse_classifier,
    z01_parse_versions,
    z02_import_when_used,
    z03_numpy_names,
    z04_load_whole_checkpoints,
    z05_mixed_precision,
    z06_measure_text,
    z07_ask_hub_for_repositories,
    z08_reach_first,
    z09_check_requirements,
    z10_import_own_modules,
    z11_finish_pictures,
)

SERIES: Tuple[Step, ...] = (
    y01_share_backbones.STEP,
    y02_find_configs.STEP,
    y03_name_row.STEP,
    y04_look_up_modules.STEP,
    y05_read_text.STEP,
    y06_build_backbone_row.STEP,
    y07_shift_indices.STEP,
    y08_spread_maps.STEP,
    y09_probe_stride.STEP,
    y10_refuse_tensorflow.STEP,
    y11_keep_norm_settings.STEP,
    y12_fold_backbone.STEP,
    y13_match_rows.STEP,
    y14_freeze_rows.STEP,
    y15_run_scripts.STEP,
    y16_check_yaml.STEP,
    y17_refuse_classifier.STEP,
    z01_parse_versions.STEP,
    z02_import_when_used.STEP,
    z03_numpy_names.STEP,
    z04_load_whole_checkpoints.STEP,
    z05_mixed_precision.STEP,
    z06_measure_text.STEP,
    z07_ask_hub_for_repositories.STEP,
    z08_reach_first.STEP,
    z09_check_requirements.STEP,
    z10_import_own_modules.STEP,
    z11_finish_pictures.STEP,
)
