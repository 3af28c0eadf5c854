"""Writing that survives a kill or a power cut: write a temporary file, flush it, rename it, flush the folder."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from indexer.errors import StorageFullError
from models.errors import StorageError


def flush(path: Path) -> None:
    """Force a file's bytes, or a folder's names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_durably(path: Path, content: bytes) -> None:
    """Give a file new content in one step: a reader sees all of the old or all of the new, whatever happens."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(content)
    flush(temporary)
    temporary.replace(path)
    flush(path.parent)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 (hex) of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def clear_storage_errors(folder: Path) -> Iterator[None]:
    """Turn a failure to write below ``folder`` into a ``StorageError`` that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFullError(folder) from error
        place = error.filename or folder
        raise StorageError(f"cannot use {os.fsdecode(place)}: {error.strerror or error}") from error
