"""Converted models on disk, so that converting is done once: checked before they are read, never needed to be there.

::

    FOLDER/NAME-KEY/            KEY is a digest of all that made it
      SHA256                    of each file, ``sha256sum``'s form; written last
      ...                       the files

An entry whose files do not have the digests of ``SHA256`` is as good as absent, and so is a folder that cannot be read
or written: what is not there is converted again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import structlog

from models.files import file_sha256, flush

log = structlog.get_logger()

_DIGESTS = "SHA256"
_BYTES = "content"
_UNUSED_S = 30 * 24 * 3600
"""Entries that nothing has read for so long go when a new one comes: those of older weights or versions."""


class ConversionCache:
    """Entries by name and key; safe to use from several threads and processes.

    Args:
        folder: made when something is to be kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, name: str, key: str) -> Path | None:
        """Return the folder of an entry whose files are whole, None where there is none."""
        entry = self._folder / f"{name}-{key}"
        try:
            listed = (entry / _DIGESTS).read_text(encoding="ascii").splitlines()
            files = {file: digest for digest, _, file in (line.partition("  ") for line in listed)}
            if not files or any(file_sha256(entry / file) != digest for file, digest in files.items()):
                log.warning("converted model damaged, made again", entry=entry.name)
                return None
        except (OSError, UnicodeDecodeError):
            return None
        with suppress(OSError):  # a read-only folder
            os.utime(entry / _DIGESTS)
        return entry

    def get_or_make(self, name: str, made_of: Sequence[str], make: Callable[[], bytes]) -> bytes:
        """Return the bytes of an entry of one file, made and kept where there is none."""
        key = digest(made_of)
        if entry := self.find(name, key):
            with suppress(OSError):
                return (entry / _BYTES).read_bytes()
        content = make()
        self.keep(name, key, lambda folder: _write(folder / _BYTES, content))
        return content

    def keep(self, name: str, key: str, write: Callable[[Path], None]) -> None:
        """Keep what ``write`` puts into a folder, where it can be kept."""
        entry = self._folder / f"{name}-{key}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            aside = Path(tempfile.mkdtemp(prefix=f".{entry.name}.", dir=self._folder))
        except OSError as error:
            log.info("converted model not kept", entry=entry.name, reason=error.strerror)
            return
        try:
            write(aside)
            _seal(aside)
            shutil.rmtree(entry, ignore_errors=True)  # damaged, or of a process that was as fast as this one
            aside.rename(entry)
            flush(self._folder)
        except (OSError, RuntimeError) as error:  # a full disk, or OpenVINO's word for one
            log.warning("converted model not kept", entry=entry.name, reason=str(error)[:200])
            shutil.rmtree(aside, ignore_errors=True)
            return
        self._delete_unused()

    def _delete_unused(self) -> None:
        oldest = time.time() - _UNUSED_S
        for entry in self._folder.iterdir():
            with suppress(OSError):
                used = entry / _DIGESTS
                if (used if used.exists() else entry).stat().st_mtime < oldest:
                    shutil.rmtree(entry)


def digest(facts: Sequence[object]) -> str:
    """Return a key of what made an entry."""
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _seal(folder: Path) -> None:
    """Write the digests of a folder's files, and force all to the disk."""
    files = sorted(folder.iterdir())
    lines = [f"{file_sha256(file)}  {file.name}\n" for file in files]
    (folder / _DIGESTS).write_text("".join(lines), encoding="ascii")
    for path in (*files, folder / _DIGESTS, folder):
        flush(path)
