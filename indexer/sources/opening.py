"""Says which kind of storage holds some roots."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from indexer.errors import SourceError
from indexer.sources.base import PhotoSource
from indexer.sources.local_folders import LocalFolders

SOURCES: dict[str, Callable[[Sequence[str]], PhotoSource]] = {"": LocalFolders}
"""What makes a source of roots, by the scheme of their addresses (``scheme://...``); local folders have none."""

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://")


def as_root(place: str | os.PathLike[str]) -> str:
    """Return the root that a person names: an address as it is, a local folder or file by its absolute path."""
    return place if isinstance(place, str) and _scheme(place) else str(Path(place).resolve())


def photo_source(roots: Sequence[str]) -> PhotoSource:
    """Return the source of some roots, all of one storage.

    Raises:
        SourceError: they are of several storages, or of one that is not supported.
    """
    schemes = sorted({_scheme(root) for root in roots}) or [""]
    if len(schemes) > 1:
        raise SourceError(f"the photographs of one collection are in one storage, not in several: {', '.join(roots)}")
    if schemes[0] not in SOURCES:
        raise SourceError(f"{schemes[0]}:// is no storage that photographs can be read from: name local folders")
    return SOURCES[schemes[0]](roots)


def _scheme(root: str) -> str:
    match = _SCHEME.match(root)
    return match[1] if match else ""
