"""The commands ``yolo`` and ``ultralytics``: upstream's own, with a user's mistake as a message, not a traceback."""

from __future__ import annotations

import sys


def yolo() -> int:
    """Run upstream's command line.

    Returns:
        0, or 2 after a message about a model YAML, a backbone or its weights.
    """
    from ultralytics.cfg import entrypoint

    from .contract import BackboneError

    for stream in (sys.stdout, sys.stderr):  # a console in GBK or another code page must not stop a run
        getattr(stream, "reconfigure", lambda **_: None)(errors="replace")
    try:
        entrypoint()
    except BackboneError as e:
        print(f"error: {e}", file=sys.stderr)
        return 2
    return 0
