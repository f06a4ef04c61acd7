"""Objects that run something where they are unpickled without care, for the tests of what is not ours."""

import os
import sys

import numpy as np
import torch

from ultralytics.nn.Addmodules import hooks


class Runs:
    """Calls a function where it is unpickled without care."""

    def __init__(self, function, *arguments, state=None):
        self.call = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.call


PAYLOADS = {
    "open": lambda path: Runs(open, str(path), "w"),
    "eval": lambda path: Runs(eval, f"open({str(path)!r}, 'w')"),
    "exec": lambda path: Runs(exec, f"open({str(path)!r}, 'w')"),
    "system": lambda path: Runs(os.system, f"{sys.executable} -c \"open(r'{path}', 'w')\""),
    "a function of torch": lambda path: Runs(torch.save, {}, str(path)),
    "a function of numpy": lambda path: Runs(np.save, str(path), np.zeros(1)),
    "a function of the folder": lambda path: Runs(hooks.find_model, str(path)),
    "in an array of objects": lambda path: np.array([{"a": [Runs(open, str(path), "w")]}], dtype=object),
    "behind what is allowed": lambda path: (torch.zeros(1), [Runs(open, str(path), "w")]),
    "in a state": lambda path: Runs(dict, state=Runs(open, str(path), "w")),
}


def tried(way, path):
    """Open a file; whatever happens counts, but for what it leaves behind."""
    try:
        way(path)
    except (Exception, SystemExit) as e:
        return str(e)
    return ""
