"""Whether a server can be reached: asked once and quickly, before anything is fetched from it (step x27).

Upstream, timm and torchvision wait and try again for a minute and more where a wall lets nothing through. Here one
connection is tried, to the server or to the proxy that leads there. A server that can be reached is used exactly as
before; otherwise one line says which file was wanted, from where, and where to put it by hand.
"""

from __future__ import annotations

import contextlib
import functools
import queue
import socket
import threading
import time
from pathlib import Path
from typing import Any, Dict, Iterator, Optional, Tuple, Union
from urllib.parse import urlsplit

from .._upstream import env_bool

LIMIT = 3.0
"""Seconds within which a server has to accept a connection, the look-up of its name included."""

AGAIN = 60.0
"""Seconds after which a server that was out of reach is tried once more: a notebook outlives a lost connection."""

PORTS = {"http": 80, "https": 443, "socks4": 1080, "socks4a": 1080, "socks5": 1080, "socks5h": 1080}

MISSING = {"LocalEntryNotFoundError", "OfflineModeIsEnabled"}
"""Errors of huggingface_hub (whose place there has changed) that say: not in the cache, and not fetched."""

_known: Dict[Tuple[str, int], Tuple[str, float]] = {}
"""What was found out about a host and port: why it is out of reach, or an empty text, and when."""


class Unreachable(ConnectionError, FileNotFoundError):
    """A file is not here, and the server that has it is out of reach; the message says where to put it.

    It is either of its bases to upstream: the check of mixed precision is left out on a ConnectionError, and a file
    that is nowhere has always been a FileNotFoundError.
    """


def reach(url: Any, target: Union[str, Path, None] = None) -> None:
    """Check that a file that is about to be fetched can be.

    Args:
        url: Its address, or that of a server that knows it. Only http and https are looked at.
        target: Where it would be put; one that is there already needs no server.

    Raises:
        Unreachable: The server is out of reach, or ``YOLO_OFFLINE`` is set.
    """
    from ultralytics.utils import clean_url, url2file

    parts = urlsplit(str(url))
    if parts.scheme not in ("http", "https") or (target is not None and Path(target).is_file()):
        return
    reason = obstacle(str(url))
    if not reason:
        return
    if target is None:
        raise Unreachable(f"{parts.hostname} cannot be reached ({reason})")
    known = len(parts.path) > 1  # else: a server that would have been asked where the file is
    todo = f"fetch {clean_url(str(url))} elsewhere and put it at" if known else "check the name, or put the file at"
    name = Path(target).name or url2file(str(url))
    raise Unreachable(f"{name} is not here, and {parts.hostname} cannot be reached ({reason}): {todo} {_place(target)}")


def reach_torchvision(model: str, weights: Any = "DEFAULT") -> None:
    """Check that torchvision can have the weights of a model, from its cache or by its own download.

    Args:
        model: Name of the model.
        weights: As ``torchvision.models.get_model`` takes it; what it would not take is left for it to refuse.

    Raises:
        Unreachable: They are not in the cache, and the server is out of reach.
    """
    from torchvision import models

    try:
        table = models.get_model_weights(model)
        found = table[str(weights).replace(f"{table.__name__}.", "")]
    except (AttributeError, KeyError, TypeError, ValueError):
        return
    reach(found.url, _cached(found.url))


@contextlib.contextmanager
def published(library: str, name: str) -> Iterator[None]:
    """Within this block timm or torchvision takes weights from its cache alone where their server is out of reach.

    Args:
        library: ``timm`` or ``torchvision``.
        name: Name of a network there.

    Raises:
        Unreachable: The server is out of reach, and they are not in the cache.
    """
    if library == "torchvision":
        reach_torchvision(name)
        yield
        return
    hub, url = _source(name)
    if url:
        reach(url, _cached(url))
    reason = _hub_obstacle() if hub else ""
    if not reason:
        yield
        return
    from huggingface_hub import constants

    try:
        with _cache_only():
            yield
    except Exception as e:
        if type(e).__name__ not in MISSING:
            raise
        host = urlsplit(constants.ENDPOINT).hostname
        raise Unreachable(
            f"{host} cannot be reached ({reason}), and {hub} is not in the cache {constants.HF_HUB_CACHE}"
        ) from None


def obstacle(url: str) -> str:
    """Return why the server of an address is out of reach, or an empty text; remembered for each host and port.

    Args:
        url: An address with http or https.
    """
    if env_bool("YOLO_OFFLINE"):
        return "YOLO_OFFLINE is set"
    try:
        proxy, place = _door(url)
    except ValueError:  # a malformed address: upstream says so better
        return ""
    reason, then = _known.get(place, ("", 0.0))
    if not then or (reason and time.monotonic() - then > AGAIN):
        reason = _connect(*place)
        _known[place] = reason, time.monotonic()
    return f"the proxy {place[0]}:{place[1]}: {reason}" if reason and proxy else reason


def _door(url: str) -> Tuple[bool, Tuple[str, int]]:
    """Return (whether a proxy leads to an address, by the rules of requests; the host and port to connect to)."""
    from requests.utils import get_environ_proxies, select_proxy

    proxy = select_proxy(url, get_environ_proxies(url))
    parts = urlsplit(url if not proxy else proxy if "://" in proxy else f"http://{proxy}")
    return bool(proxy), (parts.hostname or "", parts.port or PORTS.get(parts.scheme, 80))


def _connect(host: str, port: int) -> str:
    """Return why no connection comes about within ``LIMIT``, or an empty text.

    All addresses of the host are tried at once, as one of IPv6 may lead nowhere where one of IPv4 works. The name is
    looked up in a thread, since that cannot be given a limit.
    """
    answers: queue.SimpleQueue[Tuple[int, str]] = queue.SimpleQueue()  # how many more will come, and the outcome
    end = time.monotonic() + LIMIT

    def attempt(family: int, kind: int, protocol: int, address: Any) -> None:
        try:
            with socket.socket(family, kind, protocol) as connection:
                connection.settimeout(max(0.01, end - time.monotonic()))
                connection.connect(address)
            answers.put((-1, ""))
        except OSError as e:
            answers.put((-1, e.strerror or str(e)))

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as e:
            answers.put((-1, getattr(e, "strerror", None) or str(e)))
            return
        answers.put((len(found) - 1, "no address"))
        for family, kind, protocol, _, address in found:
            threading.Thread(target=attempt, args=(family, kind, protocol, address), daemon=True).start()

    threading.Thread(target=look_up, daemon=True).start()
    left, reason = 1, ""
    while left > 0:
        try:
            change, reason = answers.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            break
        if not reason:
            return ""
        left += change
    return reason if left <= 0 else f"no answer within {LIMIT:g} s"


def _place(target: Union[str, Path]) -> str:
    """Return where a file is looked for, and what changes that."""
    import torch

    from ultralytics.utils import DATASETS_DIR, SETTINGS

    path, weights = Path(target).absolute(), Path(SETTINGS["weights_dir"]).absolute()
    if DATASETS_DIR.absolute() in path.parents:
        return f"{path} (`yolo settings datasets_dir=...` names another folder)"
    if Path(torch.hub.get_dir()) in path.parents:
        return f"{path} (TORCH_HOME names another folder)"
    if path.suffix in (".pt", ".ts", ".onnx") and not Path(target).is_absolute():
        return f"{path} or in {weights} (`yolo settings weights_dir=...` names another folder)"
    return str(path)


def _cached(url: str) -> Path:
    """Return where torch keeps a file that it fetches from an address."""
    import torch

    return Path(torch.hub.get_dir(), "checkpoints", Path(urlsplit(url).path).name)


def _source(name: str) -> Tuple[Optional[str], Optional[str]]:
    """Return where timm has a network's weights from: a repository of huggingface's hub, or the address of a file."""
    import timm

    scheme, colon, repository = name.partition(":")
    if colon:
        return repository if scheme in ("hf-hub", "hf_hub") else None, None
    config = timm.get_pretrained_cfg(name)
    hub = getattr(config, "hf_hub_id", None)
    return hub, None if hub else getattr(config, "url", None)


def _hub_obstacle() -> str:
    """Return why huggingface's hub, or the mirror in ``HF_ENDPOINT``, is out of reach, or an empty text."""
    try:
        from huggingface_hub import constants
    except ImportError:  # timm says what to install
        return ""
    return "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else obstacle(constants.ENDPOINT)


@contextlib.contextmanager
def _cache_only() -> Iterator[None]:
    """Put huggingface_hub into its offline mode, and let timm have files from the cache alone.

    Either would do for the file itself; the mode also stops look-ups on the side, and older releases notice a change
    of it too late.
    """
    from huggingface_hub import constants
    from timm.models import _hub

    mode, fetch = constants.HF_HUB_OFFLINE, getattr(_hub, "hf_hub_download", None)
    constants.HF_HUB_OFFLINE = True
    if fetch is not None:
        _hub.hf_hub_download = functools.partial(fetch, local_files_only=True)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = mode
        if fetch is not None:
            _hub.hf_hub_download = fetch
