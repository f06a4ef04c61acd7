"""The series: every step, in order. A step file that is not listed here fails a test, and so does a second listing."""

from __future__ import annotations

from typing import Tuple

from fork.edit import Step
from fork.steps.articles import ARTICLES
from fork.steps.backbone import BACKBONE
from fork.steps.policy import POLICY

SERIES: Tuple[Step, ...] = (*ARTICLES, *BACKBONE, *POLICY)
