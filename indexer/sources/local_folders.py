"""Photographs in folders of this machine. A key is a file's absolute path.

Symbolic links are counted but not followed: they could lead out of the folders or in circles, and what they name
inside the folders is found anyway. Hidden entries (a leading dot) are skipped: caches, and the resource forks of macOS.
A file that has become a link since it was listed is read only if the link stays inside the roots.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from indexer.sources.base import FoundFile, Listing, OutsideSourceError


class LocalFolders:
    """The ``PhotoSource`` of folders and single files, given as absolute paths."""

    def __init__(self, roots: Sequence[str]) -> None:
        self.roots: Sequence[str] = tuple(roots)

    def missing_roots(self) -> list[str]:
        """See ``PhotoSource``."""
        return [root for root in self.roots if not Path(root).exists()]

    def list_files(self) -> Listing:
        """See ``PhotoSource``. Single files come first; then a folder's own in order, then those of its folders."""
        found = Listing()
        folders = [root for root in map(Path, self.roots) if root.is_dir()]
        keys = dict.fromkeys(root for root in self.roots if Path(root) not in folders)
        waiting, looked_into = folders[::-1], set[Path]()
        while waiting:
            folder = waiting.pop()
            if folder not in looked_into:
                looked_into.add(folder)
                files, inner = _entries(folder, found)
                keys |= dict.fromkeys(map(str, files))
                waiting.extend(reversed(inner))
        found.keys = list(keys)
        return found

    def stat(self, key: str) -> FoundFile:
        """See ``PhotoSource``."""
        facts = Path(key).stat()
        return FoundFile(key, facts.st_size, facts.st_mtime_ns)

    def read(self, key: str) -> bytes:
        """See ``PhotoSource``."""
        return self.local_path(key).read_bytes()

    def local_path(self, key: str) -> Path:
        """See ``PhotoSource``. Symbolic links are resolved in the path that is returned."""
        path = _resolved(Path(key))
        if not any(path.is_relative_to(root) for root in self._resolved_roots):
            raise OutsideSourceError(errno.EACCES, "Outside of the folders", key)
        if not path.is_file():
            raise FileNotFoundError(errno.ENOENT, "Not a file", key)
        return path

    def name(self, key: str) -> str:
        """See ``PhotoSource``."""
        return Path(key).name

    def relative_names(self, key: str) -> list[str]:
        """See ``PhotoSource``."""
        path = Path(key)
        above = [root for root in self.roots if root != key and path.is_relative_to(root)]
        return [path.relative_to(root).as_posix() for root in above]

    def is_below(self, key: str, place: str) -> bool:
        """See ``PhotoSource``."""
        return Path(key).is_relative_to(place)

    @cached_property
    def _resolved_roots(self) -> list[Path]:
        """The roots that exist, as they were when they were first needed."""
        found = []
        for root in self.roots:
            try:
                found.append(_resolved(Path(root)))
            except OSError:
                continue
        return found


def _resolved(path: Path) -> Path:
    """Return an existing path without symbolic links in it."""
    try:
        return path.resolve(strict=True)
    except RuntimeError as error:  # of links in a circle, before Python 3.13
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from error


def _entries(folder: Path, found: Listing) -> tuple[list[Path], list[Path]]:
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
