"""Remembers what is in which tar file, on this machine: to find out takes a walk over all of it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path

from indexer.sources.base import FoundFile


@dataclass(frozen=True)
class Member:
    """A file in a tar file: its name, where its bytes start, and how many there are."""

    name: str
    start: int
    size: int


class ShardLists:
    """One small file for each tar file that was seen; they may be deleted at any time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, shard: FoundFile) -> list[Member] | None:
        """Return what is in a tar file as it is now, None where that is not known."""
        try:
            return [Member(*entry) for entry in json.loads(self._path(shard).read_bytes())]
        except (OSError, ValueError, TypeError):
            return None

    def keep(self, shard: FoundFile, members: Sequence[Member]) -> None:
        """Remember what is in a tar file; where that cannot be written, it is looked for again the next time."""
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            unfinished = self._path(shard).with_suffix(f".{os.getpid()}.new")
            unfinished.write_text(json.dumps([astuple(member) for member in members]))
            unfinished.replace(self._path(shard))

    def _path(self, shard: FoundFile) -> Path:
        described = f"{shard.key}\0{shard.size}\0{shard.mtime_ns}"
        return self._folder / f"{hashlib.sha256(described.encode('utf-8', 'surrogateescape')).hexdigest()}.json"
