"""Asks an object storage by fsspec: the one place that knows the library, and whose errors it tells in our words."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from indexer.errors import PhotographsAwayError
from indexer.sources.base import FoundFile
from models.errors import InputError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

TIMEOUT_VARIABLE = "SEMBLANCE_STORAGE_TIMEOUT_S"
DEFAULT_TIMEOUT_S = 10.0
_TRIES = 3
_OF_ONE_OBJECT = {"404", "NoSuchKey", "403", "AccessDenied", "416", "InvalidRange", "InvalidObjectState"}
"""Error codes of S3 that say nothing of other objects; HEAD has no more than a number."""
_NO_BUCKET = "NoSuchBucket"


class Objects:
    """The objects of a storage by their addresses; safe in many threads.

    Every method raises:
        PhotographsAwayError: the storage does not answer, or takes nobody of this name.
        OSError: the object is gone or closed.
    """

    def __init__(self, protocol: str) -> None:
        self._protocol = protocol

    def exists(self, address: str) -> bool:
        """Tell whether there is such a bucket, an object, or one below."""
        try:
            self._info(address)
        except FileNotFoundError:
            return False
        return True

    def below(self, address: str) -> list[FoundFile]:
        """Return the objects below an address, or at it, sorted; asked for in pages of a thousand."""
        files = self._files()
        with _told(address, _NO_BUCKET):
            found: Mapping[str, Mapping[str, Any]] = files.find(address, detail=True)
        return [_described(f"{self._protocol}://{name}", facts) for name, facts in sorted(found.items())]

    def describe(self, address: str) -> FoundFile:
        """Return what the storage tells of one object."""
        facts = self._info(address)
        if facts["type"] != "file":
            raise FileNotFoundError(errno.ENOENT, "is no file but a folder", address)
        return _described(address, facts)

    def read(self, address: str, start: int | None = None, size: int = 0) -> bytes:
        """Return an object's content, or a part of it."""
        files = self._files()
        with _told(address):
            content: bytes = files.cat_file(address, start=start, end=None if start is None else start + size)
        return content

    def _info(self, address: str) -> Mapping[str, Any]:
        files = self._files()
        with _told(address, _NO_BUCKET):
            facts: Mapping[str, Any] = files.info(address)
        return facts

    def _files(self) -> AbstractFileSystem:
        return _file_system(self._protocol, float(os.environ.get(TIMEOUT_VARIABLE) or DEFAULT_TIMEOUT_S))


@cache
def _file_system(protocol: str, timeout_s: float) -> AbstractFileSystem:
    """Return the connection to a storage, one a process: the library's own would be one a thread."""
    once = {"connect_timeout": timeout_s, "read_timeout": timeout_s, "retries": {"total_max_attempts": 1}}
    try:
        import fsspec

        files = fsspec.filesystem(protocol, skip_instance_cache=True, use_listings_cache=False, config_kwargs=once)
    except ImportError as error:
        raise InputError(f"{protocol}:// needs the extra s3: pip install 'semblance[s3]' ({error})") from None
    files.retries = _TRIES  # of its own, which those of botocore below it would multiply
    return files


@contextmanager
def _told(address: str, *expected: str) -> Iterator[None]:
    """Tell what went wrong: the errors of one object, and those expected, as they are; others as a storage away."""
    try:
        yield
    except Exception as error:
        if isinstance(error, FileNotFoundError | PermissionError) and _code(error) in {
            None,
            *_OF_ONE_OBJECT,
            *expected,
        }:
            raise type(error)(error.errno or errno.ENOENT, _words(error), address) from None
        raise PhotographsAwayError(_words(error)) from error


def _code(error: BaseException) -> str | None:
    response = getattr(error.__cause__, "response", None)
    return response["Error"]["Code"] if isinstance(response, dict) else None


def _words(error: Exception) -> str:
    told = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(told).split())


def _described(key: str, facts: Mapping[str, Any]) -> FoundFile:
    """Return a description whose time of change is a number made from the ETag: no clock is to be trusted."""
    digest = hashlib.sha256(str(facts.get("ETag")).encode()).digest()
    return FoundFile(key, int(facts["size"]), int.from_bytes(digest[:8]) >> 1)
