"""Photographs in tar files, in webdataset's layout: ``0001.jpg`` and its captions ``0001.txt`` lie in one tar file.

A key is ``wds+s3://bucket/train-07.tar#1536+20480/0001.jpg``: where in the tar file the bytes are stands in it, so that
one is read without a walk over the others. People and captions know it as ``train-07.tar/0001.jpg``. A tar file that is
written anew gives its photographs other keys; their ids, made from their content, stay.
"""

from __future__ import annotations

import errno
import io
import re
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from indexer.sources.addresses import AddressedSource, Sieve
from indexer.sources.base import NO_OPTIONS, FoundFile, Listing, ListingOptions, PhotoSource
from indexer.sources.shard_lists import Member, ShardLists

_SUFFIX = ".tar"
_BYTES_AT_ONCE = 2**20
_INSIDE = re.compile(r"(?P<shard>.+?\.tar)#(?P<start>\d+)\+(?P<size>\d+)/(?P<name>.+)", re.DOTALL)


class PartReader(PhotoSource, Protocol):
    """A source whose files can be read in parts."""

    def read_part(self, key: str, start: int, size: int) -> bytes:
        """Return some bytes of a file, fewer at its end; raises as ``read``."""
        ...


@dataclass(frozen=True)
class _Place:
    shard: str
    start: int
    size: int


class TarShards(AddressedSource):
    """The ``PhotoSource`` of the tar files below some roots of another source.

    Args:
        roots: addresses: ``prefix`` and a root of the other source.
        prefix: before each key of the other source.
        inner: the source of the tar files, made of the same roots without the prefix.
        lists: remember what is in which tar file.
    """

    def __init__(self, roots: Sequence[str], prefix: str, inner: PartReader, lists: ShardLists) -> None:
        super().__init__(roots)
        self._prefix, self._inner, self._lists = prefix, inner, lists

    def place(self, key: str) -> str:
        """See ``AddressedSource``."""
        inside = _INSIDE.fullmatch(key)
        return f"{inside['shard']}/{inside['name']}" if inside else key

    def stem(self, key: str) -> str:
        """Return what the files of one sample have in common: all before the first dot of their names."""
        folder, slash, name = self.place(key).rpartition("/")
        return folder + slash + name.partition(".")[0]

    def missing_roots(self) -> list[str]:
        """See ``PhotoSource``."""
        return [self._prefix + root for root in self._inner.missing_roots()]

    def list_files(self, options: ListingOptions = NO_OPTIONS) -> Listing:
        """See ``PhotoSource``. Of a tar file that has not changed since, nothing is read."""
        shards = self._inner.list_files(options)
        listing = Listing(
            unreadable=[(self._prefix + place, reason) for place, reason in shards.unreadable],
            skipped=shards.skipped,
            excluded=shards.excluded,
            links=shards.links,
        )
        sieves = {root: Sieve(root, options) for root in self.roots}
        for shard in (key for key in shards.keys if key.endswith(_SUFFIX)):
            try:
                for member in self._members(shard):
                    key = f"{self._prefix}{shard}#{member.start}+{member.size}/{member.name}"
                    above = self.relative_names(key)
                    if any(sieves[root].passes(name) for root, name in above.items()):
                        listing.keys.append(key)
            except OSError as error:
                listing.unreadable.append((self._prefix + shard, error.strerror or str(error)))
        for sieve in sieves.values():
            sieve.tell(listing)
        return listing

    def stat(self, key: str) -> FoundFile:
        """See ``PhotoSource``. It has changed where its tar file has."""
        inside = self._inside(key)
        return FoundFile(key, inside.size, self._inner.stat(inside.shard).mtime_ns)

    def read(self, key: str) -> bytes:
        """See ``PhotoSource``."""
        inside = self._inside(key)
        content = self._inner.read_part(inside.shard, inside.start, inside.size) if inside.size else b""
        if len(content) != inside.size:
            raise FileNotFoundError(errno.ENOENT, "is cut off in its tar file", key)
        return content

    def local_path(self, key: str) -> None:
        """See ``PhotoSource``: in a tar file nothing has a path."""
        self._inner.stat(self._inside(key).shard)

    def _inside(self, key: str) -> _Place:
        inside = _INSIDE.fullmatch(key)
        if inside is None or not key.startswith(self._prefix):
            raise FileNotFoundError(errno.ENOENT, "is in no tar file", key)
        return _Place(inside["shard"].removeprefix(self._prefix), int(inside["start"]), int(inside["size"]))

    def _members(self, shard: str) -> Sequence[Member]:
        found = self._inner.stat(shard)
        known = self._lists.find(found)
        if known is None:
            known = list(_walk(self._inner, found))
            self._lists.keep(found, known)
        return known


def _walk(source: PartReader, shard: FoundFile) -> Iterator[Member]:
    """Yield the files in a tar file, in order; raises ``OSError`` where it is damaged or cut off."""
    file = io.BufferedReader(_Parts(source, shard), _BYTES_AT_ONCE)
    try:
        with tarfile.open(fileobj=file, mode="r:") as archive:
            for member in archive:
                if member.offset_data + member.size > shard.size:
                    raise tarfile.ReadError("cut off")
                if member.isreg() and not member.issparse():
                    yield Member(member.name.removeprefix("./"), member.offset_data, member.size)
            file.seek(archive.offset)
            if file.read(tarfile.BLOCKSIZE).strip(b"\0"):  # at what is no header the walk ends without a word
                raise tarfile.ReadError("no header where one should be")
    except tarfile.TarError as error:
        raise OSError(errno.EIO, f"is a damaged tar file ({error})", shard.key) from None


class _Parts(io.RawIOBase):
    """A file of a source as Python reads files, by parts."""

    def __init__(self, source: PartReader, file: FoundFile) -> None:
        self._source, self._file, self._at = source, file, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.size}[whence]
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        size = min(len(buffer), self._file.size - self._at)
        if size <= 0:
            return 0
        content = self._source.read_part(self._file.key, self._at, size)
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)
