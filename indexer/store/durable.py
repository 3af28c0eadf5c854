"""Writing that survives a kill or a power cut: write a temporary file, flush it, rename it, flush the folder."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from indexer.errors import AccessDeniedError, StorageFullError
from models.errors import StorageError
from models.files import flush


def replace_durably(path: Path, content: bytes) -> None:
    """Give a file new content in one step: a reader sees all of the old or all of the new, whatever happens."""
    temporary = unfinished(path)
    temporary.write_bytes(content)
    flush(temporary)
    temporary.replace(path)
    flush(path.parent)


def unfinished(path: Path) -> Path:
    """Return where the new content of a file is until it is whole; a kill leaves it there."""
    return path.with_name(f".{path.name}.new")


@contextmanager
def clear_storage_errors(folder: Path) -> Iterator[None]:
    """Turn a failure to read or write below ``folder`` into a ``StorageError`` that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFullError(folder) from error
        place = error.filename or folder
        if isinstance(error, PermissionError):
            raise AccessDeniedError(os.fsdecode(place)) from error
        raise StorageError(f"cannot use {os.fsdecode(place)}: {error.strerror or error}") from error
