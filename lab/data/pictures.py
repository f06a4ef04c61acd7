"""Finds the image that an annotation is of."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path, PurePosixPath
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from lab.data.common import GENERIC
from lab.data.problems import Problems
from lab.data.records import Page, part_of


def walk(root: Path, suffixes: Sequence[str]) -> List[Path]:
    """Return the files below a folder with one of the suffixes (lower case, without dot), sorted; hidden ones not."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            Path(folder, name)
            for name in names
            if name.rpartition(".")[2].lower() in suffixes and not name.startswith(".")
        ]
    return sorted(found, key=lambda path: path.as_posix())


def key(name: str) -> str:
    """Return a name as file systems may compare it: composed (macOS hands out decomposed ones), without case."""
    return unicodedata.normalize("NFC", name).casefold()


class Picture(NamedTuple):
    """An image file and its path from the folder that was searched."""

    file: Path
    relative: PurePosixPath


class Pictures:
    """The images below a folder, by name and by stem."""

    def __init__(self, root: Path):
        from lab.data.listing import UNREAD
        from ultralytics.data.utils import IMG_FORMATS

        self.root = root
        found = walk(root, {*IMG_FORMATS, *UNREAD})
        self.all = [Picture(path, PurePosixPath(path.relative_to(root).as_posix())) for path in found]
        self.by_name: Dict[str, List[Picture]] = {}
        self.by_stem: Dict[str, List[Picture]] = {}
        self.by_path: Dict[str, Picture] = {}
        for picture in self.all:
            self.by_name.setdefault(key(picture.file.name), []).append(picture)
            self.by_stem.setdefault(key(picture.file.stem), []).append(picture)
            self.by_path[key(os.path.abspath(picture.file))] = picture

    def find(self, page: Page, base: Path, claimed: Set[str], problems: Problems) -> Optional[Picture]:
        """Return the image of an annotation; None, with a problem, where there is none or it is uncertain.

        Args:
            page: The annotation.
            base: The folder that annotations were searched in.
            claimed: Stems of all annotation files, as ``key`` gives them.
            problems: Is added to.
        """
        given = PurePosixPath(page.image.replace("\\", "/"))
        exact = self._exact(page, given)
        if exact is not None and not page.own_name:
            return exact
        if page.own_name:
            folders = _folders(page.source.parent, base)
            own = _nearest(self.by_stem.get(key(page.source.stem), []), folders, page.part)
            named = [exact] if exact else _nearest(self.by_name.get(key(given.name), []), folders, page.part)
            if len(own) > 1:
                own = [picture for picture in own if picture in named] or own
            if len(own) == 1:
                if given.name and key(given.stem) != key(page.source.stem):
                    detail = f"it says {page.image}, {own[0].file.name} is taken"
                    problems.add("name-differs", page.source, detail=detail)
                return own[0]
            # an image that another annotation is named after is that one's, whatever a copied <filename> says
            found = own or [picture for picture in named if key(picture.file.stem) not in claimed]
        else:
            tail = _clean(given.parts[:-1])
            found = _nearest(self.by_name.get(key(given.name), []), tail, page.part)
        if len(found) == 1:
            return found[0]
        if not found and page.embedded:
            return None
        place = "" if page.own_name else page.image
        detail = " and ".join(str(one.relative) for one in found[:3]) if found else page.own_name and page.image
        problems.add("image-ambiguous" if found else "image-missing", page.source, place, detail or "")
        return None

    def _exact(self, page: Page, given: PurePosixPath) -> Optional[Picture]:
        """Return the image at the path that the annotation states, from its own folder or from the root."""
        if not given.name:
            return None
        for base in (page.source.parent, self.root):
            found = self.by_path.get(key(os.path.abspath(base / given)))
            if found is not None:
                return found
        return None


def _clean(parts: Sequence[str]) -> Tuple[str, ...]:
    """Return folders' names without those that only say what lies in them."""
    return tuple(key(name) for name in parts if name.lower() not in GENERIC and name not in (".", "..", "/"))


def _folders(folder: Path, base: Path) -> Tuple[str, ...]:
    try:
        return _clean(folder.relative_to(base).parts)
    except ValueError:
        return _clean(folder.parts[-1:])


def _nearest(candidates: Sequence[Picture], folders: Tuple[str, ...], part: str) -> List[Picture]:
    """Return those of the candidates that lie nearest to where an annotation lies.

    Of two paths that do not agree (``s1/a.jpg``, ``s2/a.xml``) the one is not the other's; a flat folder agrees with
    any.
    """
    ranked = sorted(_ranked(candidates, folders, part), key=lambda item: item[0])
    return [picture for rank, picture in ranked if rank == ranked[0][0]]


def _ranked(
    candidates: Sequence[Picture], folders: Tuple[str, ...], part: str
) -> Iterator[Tuple[Tuple[int, int], Picture]]:
    for picture in candidates:
        own = _clean(picture.relative.parts[:-1])
        shared = min(len(own), len(folders))
        if own[len(own) - shared :] == folders[len(folders) - shared :]:
            fits = part and any(part_of(name) == part for name in own)
            yield (0 if own == folders else 1, 0 if fits else 1), picture
