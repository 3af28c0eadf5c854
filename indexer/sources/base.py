"""What a storage of photographs must do to be indexed and served.

A *root* is what a person asks to be indexed: a folder or a single file of the storage. A *key* names one file. Only the
source knows how keys are made; everybody else may rely on this alone: a key is the same for as long as the file stays
where it is, and it ends with the file's name, suffix included.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


class OutsideSourceError(PermissionError):
    """A key leads to a file outside of the roots, such as by a symbolic link."""


@dataclass(frozen=True)
class FoundFile:
    """A file as its storage describes it: one whose size and time of change are as before holds what it held.

    Of a storage that tells of changes by something else, such as an ETag, ``mtime_ns`` is a number made from that.
    """

    key: str
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class ListingOptions:
    """What is listed.

    Attributes:
        exclude: patterns in gitignore's syntax, relative to each root; what they match is passed by.
        follow_links: follow symbolic links that lead to a place below the roots.
    """

    exclude: tuple[str, ...] = ()
    follow_links: bool = False


NO_OPTIONS = ListingOptions()
"""Everything is listed, and no link is followed."""


@dataclass
class Listing:
    """What is below the roots.

    Attributes:
        keys: of all files, each once, whatever is in them; hidden ones (a leading dot) are left out.
        unreadable: places that could not be looked into, each with the reason.
        odd: what is no file and no folder (a fifo, a socket, a device), each with what it is.
        skipped: number of folders by name that hold nobody's photographs: caches and bins.
        excluded: number of files and folders that people excluded.
        links: number of symbolic links that were not followed.
    """

    keys: list[str] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    odd: list[tuple[str, str]] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    excluded: int = 0
    links: int = 0


class PhotoSource(Protocol):
    """The photographs below some roots of one storage; safe in many threads. Construction reads nothing.

    Every method that looks raises:
        PhotographsAwayError: the storage as a whole does not answer; it ends a run, so that nothing is taken for gone.
    """

    @property
    def roots(self) -> Sequence[str]:
        """What it was made from."""
        ...

    def missing_roots(self) -> list[str]:
        """Return the roots that do not exist."""
        ...

    def list_files(self, options: ListingOptions = NO_OPTIONS) -> Listing:
        """List the files below the roots without reading them.

        Raises:
            SourceError: a pattern of the options is none.
        """
        ...

    def passes_by(self, key: str, options: ListingOptions) -> bool:
        """Tell whether a listing leaves a file out on purpose, be it there or not."""
        ...

    def stat(self, key: str) -> FoundFile:
        """Describe a file that was listed.

        Raises:
            OSError: it is gone or closed.
        """
        ...

    def read(self, key: str) -> bytes:
        """Return a file's content.

        Raises:
            OutsideSourceError: what the key leads to is not below the roots.
            OSError: it is gone, closed or no file.
        """
        ...

    def local_path(self, key: str) -> Path | None:
        """Return where the file can be opened on this machine, None where the storage is another one.

        Raises:
            OutsideSourceError: what the key leads to is not below the roots.
            OSError: it is gone, closed or no file.
        """
        ...

    def name(self, key: str) -> str:
        """Return a file's name without its folder. Nothing is read; the file need not exist."""
        ...

    def stem(self, key: str) -> str:
        """Return what a photograph and the text file of its captions have in common. Nothing is read."""
        ...

    def relative_names(self, key: str) -> dict[str, str]:
        """Return a file's name relative to each root that is a folder above it, with ``/`` between folders, by root.

        Nothing is read; the file need not exist.
        """
        ...

    def is_below(self, key: str, place: str) -> bool:
        """Tell whether a file is, or lies in, a place that a listing named. Nothing is read; it need not exist."""
        ...
