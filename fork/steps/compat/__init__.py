"""What old releases need to run on today's torch and numpy: steps kept apart from the series, which they follow.

None of them belongs to the articles or to our backbones: each mends something that upstream has mended itself in a
later release, which its reason names. Where that is done, which is found in the code and not told by a version, the
step is *not needed*; so it is for the pinned release, whose tree is the same with and without them.
"""

from __future__ import annotations

from typing import Tuple

from fork.edit import Step
from fork.steps.compat import c36_project_channels, c37_integrate_curve, c38_open_checkpoints, c39_build_unscaled

COMPAT: Tuple[Step, ...] = (
    c36_project_channels.STEP,
    c37_integrate_curve.STEP,
    c38_open_checkpoints.STEP,
    c39_build_unscaled.STEP,
)
