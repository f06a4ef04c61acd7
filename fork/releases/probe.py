"""Tells what a tree does when it runs: which models it builds, what they compute, whether ours train.

``probe(Path(ROOT))`` looks at a folder ``ultralytics``, pristine or patched, in ROOT. A child process imports the tree
(``probed.py``), so a release that crashes harms nobody, its chatter never reaches the report, and no two trees meet in
one process. It has no network, a settings folder of its own, one thread, and writes nothing into ROOT.

A tree that runs, pristine or patched::

    {"version": "8.3.40", "tree": "/…/ultralytics", "torch": "2.14.1", "numpy": "2.4.6", "patched": true,
     "models": {STEM: {"parameters": 32970476, "keys": SHA, "saved": [4, 6], "strides": [8.0, 16.0], "outputs": SHA,
                       "seconds": 2.1} or {"error": TEXT, "seconds": 0.1}},
     "checks": {"average_precision": "ok" or TEXT, "reload": "ok" or TEXT},
     "ours": {"rtdetr": {…}, "yolo": {…}},                       only where the tree is patched
     "seconds": 12.3}

``models`` are upstream's own YAMLs: those asked for, or four of ``probed.STOCK``. ``keys`` is over names and shapes of
the state dict and over the rows; ``outputs`` over every output in eval, of weights and an image that are random with a
fixed seed: equal for pristine and patched, or a step has changed an unmodified model. ``checks`` are what today's
libraries break in old releases: validation's average precision (``np.trapz``), and a checkpoint written and read again
(``weights_only``).

``ours`` are the two models of ``probed.OURS``, whose YAMLs lie in ROOT's ``cfg/models``, built as a user does::

    {"parameters": 7000000, "shape": [1, 300, 7], "loss": 12.3, "reached": [139, 139], "norms": [30, 0],
     "seconds": {"build": 0.8, "forward": 0.4, "loss": 0.9, "fuse": 0.2}} or {"error": TEXT, "seconds": …}

``shape`` is of the first output at 640 x 640; ``reached`` counts the backbone's parameters that got a gradient, and
all of them; ``norms`` the BatchNorms before and after ``fuse``. What failed stands under ``error`` as
``STAGE: EXCEPTION: message``, beside what went well before it.

A release that does not run gives one key only: ``{"import_error": "ModuleNotFoundError: No module named 'pandas'"}``
where importing it failed, or ``{"crash": TEXT}`` where its process died or did not end in time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, Optional, Sequence

CHILD = Path(__file__).with_name("probed.py")
LIMIT = 300.0
"""Seconds after which a tree is given up; one takes about ten."""


def probe(
    root: Path,
    limit: float = LIMIT,
    ours: bool = True,
    models: Optional[Sequence[str]] = None,
    outputs: bool = True,
    side: int = 160,
) -> Dict[str, Any]:
    """Run the tree in ``root`` in a process of its own and return what it did (see the module's text).

    Args:
        root: Folder that holds ``ultralytics``.
        limit: Seconds after which the process is ended.
        ours: Whether to build models with our backbones too, where the tree has them.
        models: Stems of upstream's YAMLs, instead of a choice and checks; with none, all of them.
        outputs: Whether the models compute anything.
        side: Of the image for upstream's models; 160 is the smallest at which RT-DETR finds its 300 queries.
    """
    plan = json.dumps({"ours": ours, "models": models, "outputs": outputs, "side": side})
    with tempfile.TemporaryDirectory(prefix="fork-probe-") as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-X", "utf8", str(CHILD), str(Path(root).resolve()), str(report), plan]
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env=environment(Path(folder)),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=limit,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {"crash": f"no end after {limit:.0f} s"}
        try:
            found: Dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            return {"crash": f"exit code {done.returncode}: {said[-1] if said else 'nothing was said'}"}
    return found


def environment(folder: Path) -> Dict[str, str]:
    """Return the environment of the child: offline, with settings in ``folder``, without a window or caches."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("YOLO_", "PYTHON"))}
    return {
        **kept,
        "YOLO_CONFIG_DIR": str(folder / "config"),
        "YOLO_OFFLINE": "true",
        "YOLO_AUTOINSTALL": "false",
        "YOLO_VERBOSE": "false",
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": os.environ.get("MPLCONFIGDIR", str(Path(tempfile.gettempdir()) / "fork-probe-matplotlib")),
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
    }
