"""What a fork owes its users: nothing of others is run, reported, installed or waited for unasked."""

from __future__ import annotations

from typing import Tuple

from fork.edit import Step
from fork.steps.policy import (
    x13_save_whole,
    x21_trust_backbones,
    x22_record_fork,
    x23_explain_checkpoint,
    x24_same_fork,
    x25_report_nothing,
    x26_ask_before_installing,
    x27_reach_first,
    x33_name_nonfinite,
    x36_run_nothing_foreign,
)

POLICY: Tuple[Step, ...] = (
    x13_save_whole.STEP,
    x21_trust_backbones.STEP,
    x22_record_fork.STEP,
    x23_explain_checkpoint.STEP,
    x24_same_fork.STEP,
    x25_report_nothing.STEP,
    x26_ask_before_installing.STEP,
    x27_reach_first.STEP,
    x33_name_nonfinite.STEP,
    x36_run_nothing_foreign.STEP,
)
