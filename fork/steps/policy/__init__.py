"""What a fork owes its users: nothing of others is run, reported, installed or waited for unasked."""

from __future__ import annotations

from typing import Tuple

from fork.edit import Step
from fork.steps.policy import p01_trust_files, p02_quiet, p03_reach_first

POLICY: Tuple[Step, ...] = (p01_trust_files.STEP, p02_quiet.STEP, p03_reach_first.STEP)
