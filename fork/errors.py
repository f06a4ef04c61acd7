"""The errors a user can meet, each with its own exit code.

Every message says what is wrong, where, and what to do about it. ``python -m fork`` prints the message without a
traceback and exits with the code of the class.
"""

from __future__ import annotations

from typing import Tuple


class ForkError(Exception):
    """Base of all errors that are reported to the user as a message; exit code 1."""

    exit_code = 1


class MismatchError(ForkError):
    """``verify`` found a tree that is not what pin, series and lock say; exit code 1."""


class PinError(ForkError):
    """``pin.toml`` or ``tree.lock`` is missing, malformed or contradicts the other; exit code 3."""

    exit_code = 3


class FetchError(ForkError):
    """A package could not be fetched: no network, no pip, no such version; exit code 4."""

    exit_code = 4


class IntegrityError(ForkError):
    """A file is not the one that was pinned (size or SHA-256), or an archive is unsafe to unpack; exit code 5."""

    exit_code = 5


class StepError(ForkError):
    """A step of the series does not fit the source; exit code 6.

    Args:
        step: Name of the step, for example ``s04_name_row``.
        file: Path of the source file inside the tree, with forward slashes.
        definition: Qualified name of the function or class, or ``module`` for module level.
        sought: What the step looked for.
        found: What was there instead.
    """

    exit_code = 6

    def __init__(self, step: str, file: str, definition: str, sought: str, found: str) -> None:
        self.step, self.file, self.definition, self.sought, self.found = step, file, definition, sought, found
        super().__init__(
            f"step {step} does not fit this release: nothing was written.\n"
            f"  where:  {file}: {definition}\n"
            f"  sought: {sought}\n"
            f"  found:  {found}\n"
            f"  to do:  build the pinned release (python -m fork build), or adapt the step to this release"
        )

    @property
    def brief(self) -> str:
        """Return the facts of the message on one line."""
        return f"{self.file}: {self.definition}: sought {self.sought}, found {self.found}"


class HandEditedError(ForkError):
    """Generated files were changed by hand and would be overwritten; exit code 7."""

    exit_code = 7


class BusyError(ForkError):
    """Another build holds the checkout, or a file is in use by another program; exit code 8."""

    exit_code = 8


class DiskError(ForkError):
    """A file cannot be written: the disk is full, or the folder is read-only; exit code 1."""


class ConflictError(ForkError):
    """A saved local edit no longer applies; exit code 9.

    Args:
        message: What does not apply, where, and both sides.
        where: The places, one line each.
    """

    exit_code = 9

    def __init__(self, message: str, where: Tuple[str, ...] = ()) -> None:
        self.where = where
        super().__init__(message)
