"""The commands ``yolo`` and ``ultralytics``: upstream's own, with a user's mistake as a message, not a traceback."""

from __future__ import annotations

import errno
import os
import sys

from .._rows.guard import ended_in, said
from ..contract import BackboneError, told
from .foreign import RESTRICT
from .record import PACKAGE


def lead() -> None:
    """Set what holds for one of our commands and the processes that it starts, in their environment.

    Weights are restricted unless the user trusts them. Processes import this tree, whatever lies in the folder that
    they start in: the checkout comes first on their path, unless it is where packages are installed, as all others
    would come with it; from Python 3.11 on neither a script's folder nor the working directory comes before it.
    """
    os.environ.setdefault(RESTRICT, "1")
    given = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    folder = [] if PACKAGE.parent.name in ("site-packages", "dist-packages") else [str(PACKAGE.parent)]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([*folder, *given]))
    os.environ["PYTHONSAFEPATH"] = "1"


def yolo() -> int:
    """Run upstream's command line.

    Returns:
        0, or 2 after a message about a model YAML, a backbone, its weights, a data set, a missing file or a full disk.
        A ``sys.exit()`` in a file of this folder counts as such a mistake.
    """
    from ultralytics.cfg import entrypoint

    for stream in (sys.stdout, sys.stderr):  # a console in GBK or another code page must not stop a run
        getattr(stream, "reconfigure", lambda **_: None)(errors="replace")
    lead()
    try:
        entrypoint()
    except (BackboneError, FileNotFoundError, ConnectionError) as e:
        return _say(told(e))
    except OSError as e:
        if e.errno not in (errno.ENOSPC, errno.EDQUOT):  # a full disk
            raise
        return _say(e)
    except TypeError as e:  # upstream's for a file that is no checkpoint
        if told(e) is e and not str(e).startswith("ERROR "):
            raise
        return _say(told(e))
    except RuntimeError as e:  # upstream wraps what is wrong with a data set, and with freeze, in it
        if not str(e).startswith(("Dataset ", "'freeze=")):
            raise
        return _say(e.__cause__ if isinstance(e.__cause__, ConnectionError) else told(e))
    except SystemExit as e:
        if not ended_in(e):
            raise
        return _say(BackboneError(f"a module ended the run: {said(e)}"))
    return 0


def _say(error: BaseException) -> int:
    text = str(error) if isinstance(error, BackboneError) else " ".join(str(error).split())
    print(f"error: {text}", file=sys.stderr)
    return 2
