"""What this folder uses of upstream that older releases lack or call by another name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Union

TRUE = ("1", "true", "yes", "on", "y", "t")
"""What an environment variable may say for yes."""


def load_yaml(path: Union[str, Path]) -> Any:
    """Read a YAML file as upstream does: ``YAML.load``, and ``yaml_load`` before 8.3.125."""
    from ultralytics import utils

    return utils.YAML.load(path) if hasattr(utils, "YAML") else utils.yaml_load(path)


def env_bool(name: str) -> bool:
    """Return whether an environment variable says yes, as upstream reads it; before 8.4.93 it had no name for that."""
    from ultralytics import utils

    if hasattr(utils, "env_bool"):
        return utils.env_bool(name)
    return os.environ.get(name, "").strip().lower() in TRUE


def autocast(enabled: Any, device: str) -> Any:
    """Return upstream's context of mixed precision; torch's own before 8.2.64, which had none for all devices.

    Args:
        enabled: Whether, or the dtype.
        device: Type of the device.
    """
    import torch

    from ultralytics.utils import torch_utils

    if hasattr(torch_utils, "autocast"):
        return torch_utils.autocast(enabled, device=device)
    return torch.autocast(device, enabled=bool(enabled))
