"""Backbones that a model YAML names in its first row.

Every Python file of this folder is read when the package is imported. A class or function marked with
``@register_backbone`` can be named in a YAML, and so can what a file written after the articles defines: a class that
sets ``self.width_list`` (or ``self.channel``) and the functions beside it. A file that fails to import is remembered
and reported when a YAML asks for one of its names; it breaks nothing else.

To add a backbone, put a file here; see ``contract.py`` for what the class has to do, and ``mobilenetv3.py`` for one.
"""

import sys

from . import hooks as hooks  # what is not a backbone: the look for those passes over what has been imported by then
from .contract import BackboneError
from .registry import discover, exported, register_backbone, registry

__all__ = [
    *exported(discover(__name__, __path__), "ultralytics.nn.tasks"),
    "BackboneError",
    "register_backbone",
    "registry",
]


def __getattr__(name: str):
    """Give each backbone under its name: ``from ultralytics.nn.Addmodules import MobileNetV3``."""
    found = None if f"{__name__}.{name}" in sys.modules else registry.find(name)
    if found is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return found
