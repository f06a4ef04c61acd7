"""Whether a server can be reached: tried once and quickly, before anything is fetched from it (step p03)."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from pathlib import Path
from typing import Any, Dict, Iterator, Tuple, Union
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import torch

from .._upstream import env_bool

LIMIT, AGAIN = 3.0, 60.0
"""Seconds within which a server has to accept a connection, and after which one out of reach is tried once more."""

_known: Dict[Tuple[str, int], Tuple[str, float]] = {}
"""Why a host and port is out of reach, or an empty text, and since when that is known."""


class Unreachable(ConnectionError, FileNotFoundError):
    """A file is not here, and the server that has it is out of reach; upstream knows both bases."""


def reach(url: Any, target: Union[str, Path]) -> None:
    """Raise ``Unreachable`` where a file is not at ``target``, nor in reach by http or https."""
    from ultralytics.utils import clean_url

    parts, path = urlsplit(str(url)), Path(target).absolute()
    if parts.scheme in ("http", "https") and not path.is_file() and (reason := obstacle(str(url))):
        raise Unreachable(
            f"{path.name} is not here, and {parts.hostname} cannot be reached ({reason}): fetch {clean_url(str(url))} "
            f"elsewhere and put it at {path}"
        )


@contextlib.contextmanager
def published(library: str, name: str) -> Iterator[None]:
    """Within this block timm or torchvision has weights from its cache alone where their server is out of reach."""
    if library == "torchvision":
        import torchvision

        url = torchvision.models.get_model_weights(name).DEFAULT.url
        reach(url, Path(torch.hub.get_dir(), "checkpoints", Path(url).name))
        yield
        return
    from huggingface_hub import constants

    mode = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = mode or bool(obstacle(constants.ENDPOINT))
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = mode


def obstacle(url: str) -> str:
    """Return why the server of an address, or the proxy that leads there, is out of reach, or an empty text."""
    if env_bool("YOLO_OFFLINE"):
        return "YOLO_OFFLINE is set"
    parts, proxies = urlsplit(url), getproxies()
    proxy = "" if proxy_bypass(parts.hostname or "") else proxies.get(parts.scheme) or proxies.get("all", "")
    door = urlsplit(proxy if "://" in proxy else f"http://{proxy}") if proxy else parts
    try:
        place = door.hostname or "", door.port or {"https": 443, "socks": 1080}.get(door.scheme[:5], 80)
    except ValueError:  # a malformed address: upstream says so better
        return ""
    reason, then = _known.get(place, ("", 0.0))
    if not then or (reason and time.monotonic() - then > AGAIN):
        reason, _ = _known[place] = _connect(*place), time.monotonic()
    return f"the proxy {place[0]}:{place[1]}: {reason}" if reason and proxy else reason


def _connect(host: str, port: int) -> str:
    """Return why no connection comes about in time, or an empty text."""
    said = [f"no answer within {LIMIT:g} s"]

    def attempt() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            for entry in sorted(found, key=lambda entry: entry[0] != socket.AF_INET):  # IPv6 often leads nowhere
                try:
                    return said.append(socket.create_connection(entry[4][:2], LIMIT / 2).close() or "")
                except OSError as e:
                    said.append(e.strerror or str(e))
        except (OSError, UnicodeError) as e:
            said.append(getattr(e, "strerror", None) or str(e))

    thread = threading.Thread(target=attempt, daemon=True)  # a look-up has no limit of its own
    thread.start()
    thread.join(LIMIT)
    return said[-1]
