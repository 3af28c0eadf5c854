"""Keeps vectors and features as soon as they are encoded, so that a kill costs at most the batch in hand.

One append-only file a model and side: records of fixed size, ``key (32 bytes) + array + CRC-32``. A torn record at the
end is cut off when the log is opened; a record whose checksum is wrong counts as absent.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.files import flush, make_folder

KEY_BYTES = 32
COMPACTING_SUFFIX = ".compacting"
"""Of a log's copy while it is being compacted; what a kill leaves of it is swept when the log is opened."""

_BYTES_AT_ONCE = 2**23


class VectorLog:
    """Arrays of one shape by key; one writer, and reading only while nobody writes.

    Args:
        path: of the file, made where it is not there.
        shape: of each array.
        dtype: of each array, with its byte order.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: str = "<f4") -> None:
        self._path, self._compacted = path, path.with_suffix(COMPACTING_SUFFIX)
        self._record = np.dtype([("key", f"V{KEY_BYTES}"), ("row", dtype, shape), ("crc", "<u4")])
        self._rows_at_once = max(1, _BYTES_AT_ONCE // self._record.itemsize)
        make_folder(path.parent)
        self._compacted.unlink(missing_ok=True)
        self._file = path.open("ab", buffering=0)
        try:
            self._find_records()
            flush(path.parent)  # a file without a durable name is lost, whatever is flushed into it
        except BaseException:
            self.close()
            raise

    def __contains__(self, key: bytes) -> bool:
        return key in self._positions

    def keys(self) -> Collection[bytes]:
        """Return the keys of all that is stored."""
        return self._positions.keys()

    def __len__(self) -> int:
        return len(self._positions)

    def append(self, keys: Sequence[bytes], rows: NDArray[Any]) -> None:
        """Store ``(len(keys), *shape)``; on return they are on the disk.

        Raises:
            OSError: they could not be written; the log holds what it held before.
        """
        records = np.zeros(len(keys), dtype=self._record)
        records["key"] = np.array(keys, dtype=f"V{KEY_BYTES}")
        records["row"] = rows
        records["crc"] = _checksums(records)
        end = self._count * self._record.itemsize
        try:
            self._write(records.tobytes())
        except BaseException:
            self._file.truncate(end)
            raise
        self._positions.update((key, self._count + place) for place, key in enumerate(keys))
        self._count += len(keys)

    def rows(self, keys: Sequence[bytes]) -> Iterator[NDArray[Any]]:
        """Yield the arrays of keys in the order given, in pieces ``(n, *shape)``.

        Raises:
            KeyError: a key is not in the log.
        """
        for start in range(0, len(keys), self._rows_at_once):
            positions = [self._positions[key] for key in keys[start : start + self._rows_at_once]]
            yield np.ascontiguousarray(self._map()["row"][positions])

    def compact(self, live: Collection[bytes]) -> None:
        """Drop every record but those of live keys, in one step that a kill cannot spoil."""
        if len(live) == self._count:
            return
        records, compacted = self._map(), self._compacted
        positions = sorted(self._positions[key] for key in live)
        try:
            with compacted.open("wb") as file:
                for start in range(0, len(positions), self._rows_at_once):
                    file.write(records[positions[start : start + self._rows_at_once]].tobytes())
            flush(compacted)
        except BaseException:
            compacted.unlink(missing_ok=True)  # on a full disk it would be in the way
            raise
        self.close()
        compacted.replace(self._path)
        flush(self._path.parent)
        self._file = self._path.open("ab", buffering=0)
        self._find_records()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _find_records(self) -> None:
        """Cut a torn tail off and find what is there."""
        self._count = self._file.tell() // self._record.itemsize
        self._file.truncate(self._count * self._record.itemsize)
        self._positions: dict[bytes, int] = {}
        for start in range(0, self._count, self._rows_at_once):
            records = np.array(self._map()[start : start + self._rows_at_once])
            for place in np.flatnonzero(records["crc"] == _checksums(records)):
                self._positions[records["key"][place].tobytes()] = start + int(place)

    def _map(self) -> NDArray[np.void]:
        """Map all records, of which there must be one."""
        return np.memmap(self._path, dtype=self._record, mode="r")

    def _write(self, content: bytes) -> None:
        rest = memoryview(content)
        while rest:
            rest = rest[self._file.write(rest) :]
        os.fsync(self._file.fileno())


def _checksums(records: NDArray[np.void]) -> NDArray[np.uint32]:
    """CRC-32 of each record's key and array."""
    content = records.view(np.uint8).reshape(len(records), -1)[:, :-4]
    return np.array([zlib.crc32(line.tobytes()) for line in content], dtype=np.uint32)
