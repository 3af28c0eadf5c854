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
        folders = [root for root in self.roots if os.path.isdir(root)]  # noqa: PTH112 - strings: there may be millions
        keys = dict.fromkeys(root for root in self.roots if root not in folders)
        waiting, looked_into = folders[::-1], set[str]()
        while waiting:
            folder = waiting.pop()
            if folder not in looked_into:
                looked_into.add(folder)
                files, inner = _entries(folder, found)
                keys |= dict.fromkeys(files)
                waiting.extend(reversed(inner))
        found.keys = list(keys)
        return found

    def stat(self, key: str) -> FoundFile:
        """See ``PhotoSource``."""
        facts = os.stat(key)  # noqa: PTH116
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
        return os.path.basename(key)  # noqa: PTH119

    def relative_names(self, key: str) -> dict[str, str]:
        """See ``PhotoSource``."""
        folders = {root: root.rstrip(os.sep) + os.sep for root in self.roots if root != key}
        return {
            root: key[len(folder) :].replace(os.sep, "/") for root, folder in folders.items() if key.startswith(folder)
        }

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


def _entries(folder: str, found: Listing) -> tuple[list[str], list[str]]:
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
                    folders.append(entry.path)
                elif entry.is_file():
                    files.append(entry.path)
    except OSError as error:
        found.unreadable.append((folder, error.strerror or str(error)))
    return sorted(files), sorted(folders)
