"""Says which kind of storage holds some roots."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from indexer.errors import SourceError
from indexer.sources.base import PhotoSource
from indexer.sources.local_folders import LocalFolders
from indexer.sources.object_storage import ObjectStorage
from indexer.sources.objects import Objects
from indexer.sources.shard_lists import ShardLists
from indexer.sources.tar_shards import PartReader, TarShards
from models.inference.cache_folder import cache_folder

_LOCAL_SHARDS = "wds://"
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://")


def _object_storage(roots: Sequence[str]) -> ObjectStorage:
    return ObjectStorage(roots, Objects("s3"))


def _tar_shards(prefix: str, inner: Callable[[Sequence[str]], PartReader]) -> Callable[[Sequence[str]], PhotoSource]:
    def source(roots: Sequence[str]) -> PhotoSource:
        lists = ShardLists(cache_folder().with_name("shards"))
        return TarShards(roots, prefix, inner([root.removeprefix(prefix) for root in roots]), lists)

    return source


SOURCES: dict[str, Callable[[Sequence[str]], PhotoSource]] = {
    "": LocalFolders,
    "s3": _object_storage,
    "wds": _tar_shards(_LOCAL_SHARDS, LocalFolders),
    "wds+s3": _tar_shards("wds+", _object_storage),
}
"""What makes a source of roots, by the scheme of their addresses (``scheme://...``); local folders have none."""


def as_root(place: str | os.PathLike[str]) -> str:
    """Return the root that a person names: an address as it is, a local folder or file by its absolute path."""
    if isinstance(place, str) and place.startswith(_LOCAL_SHARDS):
        return _LOCAL_SHARDS + str(Path(place.removeprefix(_LOCAL_SHARDS)).resolve())
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
        known = ", ".join(f"{scheme}://" for scheme in SOURCES if scheme)
        raise SourceError(
            f"{schemes[0]}:// is no storage that photographs can be read from: name local folders, or {known}"
        )
    return SOURCES[schemes[0]](roots)


def _scheme(root: str) -> str:
    match = _SCHEME.match(root)
    return match[1] if match else ""
