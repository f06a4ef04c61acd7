"""Command lines: what every tool takes, and how a user's mistake ends."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import os
from typing import Any, Dict, List, Optional, Tuple

from fork.arguments import Parser
from fork.errors import ForkError


class UsageError(ForkError):
    """The command line, or a file that it names, is wrong; exit code 2."""

    exit_code = 2


TRUST = {"--trust": ("ULTRALYTICS_SAFE_LOAD", "0"), "--allow-download": ("ADDMODULES_ALLOW_DOWNLOAD", "1")}
"""Options that trust others' files, and the variable that each sets."""


class _Set(argparse.Action):
    """Sets an environment variable, for this process and those that it starts, where the option is given."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        os.environ.update([TRUST[str(option_string)]])


def add_trust(parser: argparse.ArgumentParser, data: bool = False) -> None:
    """Add the options that trust others' files: ``--trust``, and with ``data`` ``--allow-download``."""
    texts = {"--trust": "open weights (.pt) whatever they bring along; see docs/security.md"}
    if data:
        texts["--allow-download"] = "follow `download` in a data YAML, even if it is code; see docs/security.md"
    for option, text in texts.items():
        parser.add_argument(option, action=_Set, nargs=0, default=argparse.SUPPRESS, help=text)


TEXT = {"name", "project", "data", "model", "optimizer", "device", "cfg", "weights", "split", "tracker"}
"""Arguments whose value is text even where it looks like a number."""


def extras(items: List[str]) -> Dict[str, Any]:
    """Read the ``key=value`` words of a command line, values as YAML: numbers, true, null, lists, text.

    Raises:
        UsageError: A word has no ``=``.
    """
    import yaml

    result: Dict[str, Any] = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not equals or not key.isidentifier():
            raise UsageError(f"{item!r} is neither an option nor key=value; see --help")
        if key in TEXT:
            result[key] = value
            continue
        try:
            result[key] = yaml.safe_load(value) if value else None
        except yaml.YAMLError:
            result[key] = value
        if isinstance(result[key], str):
            with contextlib.suppress(ValueError):
                result[key] = float(result[key])  # YAML reads 2e-4 as text
    return result


def check_arguments(arguments: Dict[str, Any]) -> None:
    """Check training arguments before anything is built.

    Raises:
        UsageError: A key that upstream does not know, or a value of the wrong kind or range.
    """
    from ultralytics.cfg import DEFAULT_CFG_DICT, check_cfg
    from ultralytics.utils.torch_utils import select_device

    unknown = [key for key in arguments if key not in DEFAULT_CFG_DICT]
    if unknown:
        near = difflib.get_close_matches(unknown[0], DEFAULT_CFG_DICT, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "`yolo cfg` lists all of them"
        raise UsageError(f"unknown argument {unknown[0]}={arguments[unknown[0]]}: {hint}")
    lowest = {"imgsz": 32, "epochs": 1, "workers": 0}
    for key in lowest:
        value = arguments.get(key)
        if isinstance(value, (int, float)) and value < lowest[key]:
            raise UsageError(f"{key}={value}: the least is {lowest[key]}")
    if arguments.get("batch") == 0:
        raise UsageError("batch=0: give 1 or more, or -1 to let upstream choose on a GPU")
    try:
        check_cfg(dict(arguments), hard=True)
        if arguments.get("device") not in (None, ""):
            select_device(str(arguments["device"]), verbose=False)
    except (TypeError, ValueError, AssertionError) as e:
        raise UsageError(" ".join(str(e).split())) from None


def split_arguments(
    parser: Parser, argv: Optional[List[str]], aliases: Optional[Dict[str, str]] = None
) -> Tuple[argparse.Namespace, Dict[str, Any]]:
    """Parse a command line of options and ``key=value`` words, in any order; ``data=x`` is ``--data x``.

    Args:
        parser: Parser of the options, whose defaults are None.
        argv: The words; None for those of this process.
        aliases: Upstream's names of options: ``{"model": "cfg"}``.

    Raises:
        UsageError: A word is neither, or an option is given in both forms.
    """
    options, rest = parser.parse_known_args(argv)
    unknown = [word for word in rest if word.startswith("-")]
    if unknown:
        parser.error(f"unknown option {unknown[0]}")
    given = extras(rest)
    for key in list(given):
        option = (aliases or {}).get(key, key)
        if key in {"mode", "task"}:
            raise UsageError(f"{key}={given[key]}: the script sets it itself; leave it out")
        if option in vars(options):
            if getattr(options, option) is not None:
                raise UsageError(f"--{option} and {key}={given[key]} mean the same: give one of them")
            setattr(options, option, given.pop(key))
    return options, given
