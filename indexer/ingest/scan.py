"""Finds the images below some folders, without reading them.

Symbolic links are counted but not followed: they could lead out of the folders or in circles, and what they name
inside the folders is found anyway. Hidden entries (a leading dot) are skipped: caches, and the resource forks of macOS.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from models.imaging.decode import KNOWN_UNSUPPORTED_SUFFIXES, SUPPORTED_SUFFIXES


@dataclass(frozen=True)
class FoundFile:
    """An image file as its folder lists it."""

    path: str
    size: int
    mtime_ns: int


@dataclass
class Scan:
    """What was found.

    Attributes:
        files: image files by absolute path; a folder's own in order, then those of its folders.
        captions_beside: the text file of the same name, by image path.
        unsupported: number of files by suffix, of image formats that cannot be read here.
        unreadable: folders and files that could not be looked at, each with the reason.
        links: number of symbolic links passed by.
    """

    files: dict[str, FoundFile] = field(default_factory=dict)
    captions_beside: dict[str, str] = field(default_factory=dict)
    unsupported: Counter[str] = field(default_factory=Counter)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    links: int = 0


def scan(roots: Sequence[Path]) -> Scan:
    """List the images below folders (or single files); what several of them contain counts once."""
    found = Scan()
    waiting = [root for root in reversed(roots) if root.is_dir()]
    looked_at: set[Path] = set()
    for root in roots:
        if not root.is_dir():
            _note_files([root], found)
    while waiting:
        folder = waiting.pop()
        if folder not in looked_at:
            looked_at.add(folder)
            files, folders = _entries(folder, found)
            _note_files(files, found)
            waiting.extend(reversed(folders))
    return found


def _entries(folder: Path, found: Scan) -> tuple[list[Path], list[Path]]:
    """Return a folder's files and its folders, each in order."""
    files, folders = [], []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_symlink():
                    found.links += 1
                elif entry.is_dir():
                    folders.append(Path(entry))
                elif entry.is_file():
                    files.append(Path(entry))
    except OSError as error:
        found.unreadable.append((str(folder), error.strerror or str(error)))
    return sorted(files), sorted(folders)


def _note_files(files: Sequence[Path], found: Scan) -> None:
    """Note the files of one folder by their suffixes."""
    texts = {path for path in files if path.suffix == ".txt"}
    for path in files:
        suffix = path.suffix.lower()
        if suffix in KNOWN_UNSUPPORTED_SUFFIXES:
            found.unsupported[suffix] += 1
        if suffix not in SUPPORTED_SUFFIXES:
            continue
        try:
            facts = path.stat()
        except OSError as error:
            found.unreadable.append((str(path), error.strerror or str(error)))
            continue
        found.files[str(path)] = FoundFile(str(path), facts.st_size, facts.st_mtime_ns)
        if (beside := path.with_suffix(".txt")) in texts:
            found.captions_beside[str(path)] = str(beside)
