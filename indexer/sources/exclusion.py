"""What is passed by below a folder: caches and bins by their names, and what people exclude, in gitignore's syntax."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from indexer.errors import SourceError
from indexer.sources.regular_file import read_regular_file

IGNORE_FILE = ".semblanceignore"

_MAX_IGNORE_BYTES = 2**20
_NAMES = {"@eadir", "#recycle", "$recycle.bin", "__macosx", "lost+found", "system volume information", "node_modules"}
_PREVIEWS = ".lrdata"


def is_skipped(folder_name: str) -> bool:
    """Tell whether a folder holds nobody's photographs: a cache, a bin, Lightroom's previews; any case counts."""
    name = folder_name.lower()
    return name in _NAMES or name.endswith(_PREVIEWS)


@dataclass(frozen=True)
class Exclusions:
    """The patterns that hold in a folder.

    Attributes:
        specs: the folder that each set of patterns is relative to, and the patterns; the last one that knows wins.
    """

    specs: tuple[tuple[str, GitIgnoreSpec], ...] = ()

    @classmethod
    def of(cls, root: str, patterns: Sequence[str]) -> Exclusions:
        """Return those that a person gave for a whole root.

        Raises:
            SourceError: a pattern is none.
        """
        try:
            return cls(((root, _compiled(patterns)),) if patterns else ())
        except ValueError as error:
            raise SourceError(f"--exclude takes patterns of gitignore's syntax: {error}") from None

    def within(self, folder: str) -> Exclusions:
        """Return those that hold in a folder, its own ignore file included.

        Raises:
            OSError: that file cannot be read, or is none; ``strerror`` says so.
        """
        path = Path(folder, IGNORE_FILE)
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            return self
        if size > _MAX_IGNORE_BYTES:
            raise OSError(0, f"its {IGNORE_FILE} has {size:,} bytes, more than {_MAX_IGNORE_BYTES:,}", folder)
        try:
            spec = _compiled(read_regular_file(path).decode("utf-8-sig").splitlines())
        except OSError as error:
            raise OSError(error.errno, f"its {IGNORE_FILE} cannot be read ({error.strerror})", folder) from None
        except ValueError as error:  # of Unicode, or of a pattern
            raise OSError(0, f"its {IGNORE_FILE} cannot be read ({error})", folder) from None
        return Exclusions((*self.specs, (folder, spec)))

    def exclude(self, path: str, *, is_folder: bool) -> bool:
        """Tell whether a file or a folder is excluded; the folders above it are not."""
        excluded = False
        for base, spec in self.specs:
            relative = path[len(base.rstrip(os.sep)) + 1 :] + ("/" if is_folder else "")
            told = spec.check_file(relative).include
            excluded = excluded if told is None else told
        return excluded


def _compiled(lines: Sequence[str]) -> GitIgnoreSpec:
    # The other backends of pathspec cannot read names in no encoding.
    return GitIgnoreSpec.from_lines(lines, backend="simple")
