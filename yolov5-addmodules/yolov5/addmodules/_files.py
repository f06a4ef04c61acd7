"""Files that a run wants: YAMLs of the checkout, weights, a font."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any, List, Set, Union
from urllib.parse import urlsplit

from ultralytics.nn.Addmodules._policy.network import Unreachable, obstacle

from ._locate import CHECKOUT

LOGGER = logging.getLogger("yolov5")

RELEASES = "https://github.com/ultralytics/yolov5/releases"
HUB = "https://huggingface.co"
FONTS = "https://ultralytics.com"

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_told: Set[str] = set()


def config_folders() -> List[str]:
    """Return the folders of the checkout in which a YAML is looked for by its bare name, those that exist."""
    return [str(folder) for folder in (CHECKOUT / "cfg" / "yolov5",) if folder.is_dir()]


def is_repository(name: Any) -> bool:
    """Return whether weights are the name of a repository of Hugging Face's hub: ``owner/name``, and no local file.

    Raises:
        Unreachable: They are, and the hub is out of reach.
    """
    text = str(name)
    if not _REPOSITORY.fullmatch(text) or Path(text).suffix in (".pt", ".pth", ".onnx") or Path(text).exists():
        return False
    reason = obstacle(HUB)
    if reason:
        raise Unreachable(f"there is no file {text}, and as a repository it cannot be asked for: {HUB} ({reason})")
    return True


def reach(file: Any) -> None:
    """Check that a file can be fetched which is not here: an address, or the name of weights of a release.

    Raises:
        Unreachable: Its server is out of reach; says where to put the file.
    """
    text = str(file)
    address = re.match(r"(https?):/+(.*)", text)  # a Path has made one slash of two
    url = f"{address[1]}://{address[2]}" if address else RELEASES
    reason = obstacle(url)
    if reason:
        place = Path(urlsplit(url).path).name if address else Path(text)
        raise Unreachable(
            f"{Path(text).name} is not here, and {urlsplit(url).hostname} cannot be reached ({reason}): "
            f"{f'fetch {url} elsewhere and put it at' if address else 'check the name, or put the file at'} "
            f"{Path(place).absolute()}"
        )


def may_fetch_font(file: Union[str, Path]) -> bool:
    """Return whether a font can be fetched; says once that it cannot, and what is used instead."""
    reason = obstacle(FONTS)
    if reason and str(file) not in _told:
        _told.add(str(file))
        LOGGER.info(f"{file} is not there and {FONTS} cannot be reached ({reason}): pictures get Matplotlib's own font")
    return not reason


def default_font(size: int) -> Any:
    """Return the font that Matplotlib brings with it."""
    import matplotlib
    from PIL import ImageFont

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(path), size) if path.is_file() else ImageFont.load_default()
