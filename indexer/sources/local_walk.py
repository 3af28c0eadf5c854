"""Lists the files below local folders."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

from indexer.sources.base import Listing, ListingOptions
from indexer.sources.exclusion import Exclusions, is_skipped
from indexer.sources.regular_file import kind_of


class LocalWalk:
    """One listing; strings and not ``Path``, for there may be millions.

    Args:
        options: what is passed by, and whether links are followed.
        resolved_roots: the roots without symbolic links in them; a link that leads out of them is not followed.
    """

    def __init__(self, options: ListingOptions, resolved_roots: Sequence[str]) -> None:
        self._options, self._resolved_roots = options, resolved_roots
        self._looked_into: set[str] = set()
        self._linked: list[tuple[str, Exclusions]] = []
        self._keys: dict[str, None] = {}
        self.listing = Listing()

    def run(self, roots: Sequence[str]) -> Listing:
        """List single files; then a folder's own in order and those of its folders; at last what links lead to."""
        folders = []
        for root in roots:
            try:
                mode = os.stat(root).st_mode  # noqa: PTH116
            except FileNotFoundError:
                continue
            except OSError as error:
                self.listing.unreadable.append((root, error.strerror or str(error)))
                continue
            if stat.S_ISDIR(mode):
                folders.append((root, Exclusions.of(root, self._options.exclude)))
            elif stat.S_ISREG(mode):
                self._keys[root] = None
            else:
                self.listing.odd.append((root, kind_of(mode)))
        self._walk(folders)
        while self._linked:
            linked, self._linked = self._linked, []
            self._walk([(path, above) for path, above in linked if os.path.isdir(path)])  # noqa: PTH112
            for path, _ in linked:
                if os.path.isfile(path) and os.path.realpath(path) not in self._keys:  # noqa: PTH113
                    self._keys[path] = None
        self.listing.keys = list(self._keys)
        return self.listing

    def _walk(self, folders: Sequence[tuple[str, Exclusions]]) -> None:
        waiting = list(reversed(folders))
        while waiting:
            folder, above = waiting.pop()
            real = os.path.realpath(folder) if self._options.follow_links else folder
            if real in self._looked_into:
                continue
            self._looked_into.add(real)
            try:
                exclusions = above.within(folder)
                files, inner = self._entries(folder, exclusions)
            except OSError as error:
                self.listing.unreadable.append((folder, error.strerror or str(error)))
                continue
            self._keys |= dict.fromkeys(sorted(files))
            waiting.extend((path, exclusions) for path in sorted(inner, reverse=True))

    def _entries(self, folder: str, exclusions: Exclusions) -> tuple[list[str], list[str]]:
        """Return a folder's files and its folders; note what else there is."""
        files: list[str] = []
        folders: list[str] = []
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                is_folder = _is_folder(entry)
                if is_folder and is_skipped(entry.name):
                    self.listing.skipped[entry.name] += 1
                elif exclusions.exclude(entry.path, is_folder=is_folder):
                    self.listing.excluded += 1
                elif entry.is_symlink():
                    self._note_link(entry.path, exclusions)
                elif is_folder:
                    folders.append(entry.path)
                elif entry.is_file():
                    files.append(entry.path)
                else:
                    self.listing.odd.append((entry.path, kind_of(entry.stat().st_mode)))
        return files, folders

    def _note_link(self, path: str, exclusions: Exclusions) -> None:
        """Note a link to be followed later, so that what is found without it bears its own name."""
        if self._options.follow_links and self._leads_inside(path):
            self._linked.append((path, exclusions))
        else:
            self.listing.links += 1

    def _leads_inside(self, path: str) -> bool:
        real = os.path.realpath(path)
        return os.path.exists(real) and any(  # noqa: PTH110
            real == root or real.startswith(root.rstrip(os.sep) + os.sep) for root in self._resolved_roots
        )


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # of a link in a circle
        return False
