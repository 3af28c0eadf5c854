"""Photographs in folders of this machine. A key is a file's absolute path.

Symbolic links are counted but not followed unless that is asked for, and then never out of the roots: what they name
inside is found anyway, but for hidden places. Hidden entries (a leading dot) are skipped: caches, and the resource
forks of macOS. A file that has become a link since it was listed is read only if the link stays inside the roots.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from indexer.sources.base import NO_OPTIONS, FoundFile, Listing, ListingOptions, OutsideSourceError
from indexer.sources.exclusion import Exclusions, is_skipped
from indexer.sources.local_walk import LocalWalk
from indexer.sources.regular_file import check_regular, read_regular_file


class LocalFolders:
    """The ``PhotoSource`` of folders and single files, given as absolute paths."""

    def __init__(self, roots: Sequence[str]) -> None:
        self.roots: Sequence[str] = tuple(roots)

    def missing_roots(self) -> list[str]:
        """See ``PhotoSource``."""
        return [root for root in self.roots if not Path(root).exists()]

    def list_files(self, options: ListingOptions = NO_OPTIONS) -> Listing:
        """See ``PhotoSource``."""
        return LocalWalk(options, [str(root) for root in self._resolved_roots]).run(self.roots)

    def passes_by(self, key: str, options: ListingOptions) -> bool:
        """See ``PhotoSource``."""
        above = self.relative_names(key)
        return bool(above) and all(_passes_by(root, relative, options) for root, relative in above.items())

    def stat(self, key: str) -> FoundFile:
        """See ``PhotoSource``."""
        facts = os.stat(key)  # noqa: PTH116
        return FoundFile(key, facts.st_size, facts.st_mtime_ns)

    def read(self, key: str) -> bytes:
        """See ``PhotoSource``."""
        return read_regular_file(self.local_path(key))

    def read_part(self, key: str, start: int, size: int) -> bytes:
        """Return some bytes of a file, fewer at its end; raises as ``read``."""
        with self.local_path(key).open("rb") as file:
            file.seek(start)
            return file.read(size)

    def local_path(self, key: str) -> Path:
        """See ``PhotoSource``. Symbolic links are resolved in the path that is returned."""
        path = _resolved(Path(key))
        if not any(path.is_relative_to(root) for root in self._resolved_roots):
            raise OutsideSourceError(errno.EACCES, "Outside of the folders", key)
        check_regular(path.stat().st_mode, key)
        return path

    def name(self, key: str) -> str:
        """See ``PhotoSource``."""
        return os.path.basename(key)  # noqa: PTH119

    def stem(self, key: str) -> str:
        """See ``PhotoSource``."""
        return os.path.splitext(key)[0]  # noqa: PTH122

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


def _passes_by(root: str, relative: str, options: ListingOptions) -> bool:
    """Tell whether the walk below a root leaves a file out: by a name, a pattern, or a link that it does not follow."""
    exclusions, place = Exclusions.of(root, options.exclude), root
    *folders, name = relative.split("/")
    for folder in folders:
        exclusions, place = _within(exclusions, place), os.path.join(place, folder)  # noqa: PTH118
        is_link = not options.follow_links and os.path.islink(place)  # noqa: PTH114
        if is_skipped(folder) or is_link or exclusions.exclude(place, is_folder=True):
            return True
    return _within(exclusions, place).exclude(os.path.join(place, name), is_folder=False)  # noqa: PTH118


def _within(exclusions: Exclusions, folder: str) -> Exclusions:
    try:
        return exclusions.within(folder)
    except OSError:
        return exclusions
