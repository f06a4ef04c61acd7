"""A folder is worked in by one command, a run by one worker: locks that the system frees however a process ends."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO, Dict, Optional

from fork.errors import BusyError

NAME = ".lock"
FAR = 1 << 30
"""Byte that is locked on Windows, where a locked one cannot be read: behind all that the file holds."""


class Lock:
    """An exclusive lock on a folder, by a file in it; a context manager.

    On POSIX it belongs to the process (``lockf``), not to the open file: processes forked from a worker, such as those
    that load its images, do not keep it when the worker is killed.

    Args:
        folder: The folder, which exists.
        what: What is being done there, for the message of whoever comes second: "a comparison".
        wait: Seconds to wait for another holder to end.
    """

    def __init__(self, folder: Path, what: str, wait: float = 0):
        self.path, self.what, self.wait = folder / NAME, what, wait
        self._handle: Optional[BinaryIO] = None

    def __enter__(self) -> Lock:
        """Take the lock.

        Raises:
            BusyError: Another process holds it.
        """
        handle = open(self.path, "a+b")
        end = time.monotonic() + self.wait
        while True:
            try:
                _lock(handle.fileno())
                break
            except OSError:
                if time.monotonic() >= end:
                    text = _read(handle)
                    handle.close()
                    raise BusyError(f"{self.what} goes on in {self.path.parent}{_who(text)}: wait for it") from None
                time.sleep(0.2)
        holder = {"pid": os.getpid(), "host": platform.node(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
        handle.seek(0)
        handle.truncate()
        handle.write(json.dumps(holder).encode())
        handle.flush()
        self._handle = handle
        return self

    def __exit__(self, *_: object) -> None:
        """Let go; the file stays, empty: deleting it would let two others each lock a file of that name."""
        if self._handle is not None:
            self._handle.seek(0)
            self._handle.truncate()
            self._handle.close()
            self._handle = None


def _read(handle: BinaryIO) -> Dict[str, Any]:
    try:
        handle.seek(0)
        found = json.loads(handle.read(4096).decode())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _who(holder: Dict[str, Any]) -> str:
    if not holder:
        return ""
    return f" (process {holder.get('pid')} on {holder.get('host')}, since {holder.get('since')})"


if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int) -> None:
        os.lseek(fd, FAR, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(fd: int) -> None:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
