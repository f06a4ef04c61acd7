"""The commands ``yolo`` and ``ultralytics``: upstream's own, with a user's mistake as a message, not a traceback."""

from __future__ import annotations

import sys

from ._foreign import restrict
from .contract import BackboneError


def yolo() -> int:
    """Run upstream's command line.

    Returns:
        0, or 2 after a message about a model YAML, a backbone, its weights, a data set or a file that is missing.
    """
    from ultralytics.cfg import entrypoint

    for stream in (sys.stdout, sys.stderr):  # a console in GBK or another code page must not stop a run
        getattr(stream, "reconfigure", lambda **_: None)(errors="replace")
    restrict()
    try:
        entrypoint()
    except (BackboneError, FileNotFoundError, ConnectionError) as e:
        return _say(e)
    except RuntimeError as e:  # upstream wraps what is wrong with a data set, and with freeze, in it
        if not str(e).startswith(("Dataset ", "'freeze=")):
            raise
        return _say(e.__cause__ if isinstance(e.__cause__, (BackboneError, ConnectionError)) else e)
    return 0


def _say(error: BaseException) -> int:
    text = str(error) if isinstance(error, BackboneError) else " ".join(str(error).split())
    print(f"error: {text}", file=sys.stderr)
    return 2
