"""Keeps what models compute of photographs and sentences, so that the next measure does not compute it again.

    FOLDER/COMPUTATION/SHA256.safetensors     ``keys``, (N, 32) uint8, and ``rows``, (N, ...)

A row is found by the SHA-256 of the content that it was computed of: the pixels of one prepared photograph, or one
sentence. ``COMPUTATION`` is a digest of all else that it depends on, so that a row of other weights, another device or
other code is never taken. A file is named by the SHA-256 of its bytes and never changed: a damaged one is noticed,
removed, and its rows are computed again. Several processes may use one folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import structlog
from numpy.typing import NDArray
from safetensors.numpy import load, save

import models
from indexer.store.durable import replace_durably

Number = TypeVar("Number", bound=np.floating[Any])

_LIBRARIES = ("numpy", "openvino", "tokenizers", "torch", "transformers")

log = structlog.get_logger()


class ContentCache:
    """Rows by what they were computed of.

    Args:
        folder: of the files; made when there is something to keep. It may be deleted at any time.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[str, dict[bytes, NDArray[Any]]] = {}

    def rows(
        self, computation: str, keys: Sequence[bytes], compute: Callable[[list[int]], NDArray[Number]]
    ) -> NDArray[Number]:
        """Return a row for each of N >= 1 contents, ``(N, ...)``; what is not there is computed and kept.

        Args:
            computation: names what is computed, by which weights and where.
            keys: of each content, see ``key_of``.
            compute: places among the keys, in ascending order and each of another content, to their rows.
        """
        folder = self._folder / hashlib.sha256(f"{computation}\n{code_digest()}".encode()).hexdigest()[:32]
        if computation not in self._kept:
            self._kept[computation] = _read_rows(folder)
        kept = self._kept[computation]
        missing = {key: place for place, key in reversed(list(enumerate(keys))) if key not in kept}
        if missing:
            places = sorted(missing.values())
            computed, new = compute(places), [keys[place] for place in places]
            kept.update(zip(new, computed, strict=True))
            _write_rows(folder, new, computed)
        return np.stack([kept[key] for key in keys])


def key_of(content: NDArray[np.uint8] | str) -> bytes:
    """Return the SHA-256 of an array's shape and values, or of a sentence in UTF-8."""
    if isinstance(content, str):
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).digest()
    digest = hashlib.sha256(repr(content.shape).encode())
    digest.update(content.tobytes())
    return digest.digest()


@cache
def code_digest() -> str:
    """Return a digest of the code that models run: the source of ``models``, and the versions of its libraries."""
    root = Path(models.__file__).parent
    digest = hashlib.sha256(repr([(name, _version(name)) for name in _LIBRARIES]).encode())
    for file in sorted(root.rglob("*.py")):
        digest.update(f"\n{file.relative_to(root)}\n".encode() + file.read_bytes())
    return digest.hexdigest()


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return ""


def _read_rows(folder: Path) -> dict[bytes, NDArray[Any]]:
    rows: dict[bytes, NDArray[Any]] = {}
    for file in sorted(folder.glob("*.safetensors")):
        content = file.read_bytes()
        if hashlib.sha256(content).hexdigest() == file.stem:
            tensors = load(content)
            rows.update(zip(map(bytes, tensors["keys"]), tensors["rows"], strict=True))
        else:
            log.warning("damaged_cache_file_removed", file=str(file))
            file.unlink(missing_ok=True)
    return rows


def _write_rows(folder: Path, keys: Sequence[bytes], rows: NDArray[Any]) -> None:
    """Add a file; where that fails, the rows are only computed again another time."""
    numbers = np.frombuffer(b"".join(keys), np.uint8).reshape(len(keys), -1)
    content = save({"keys": numbers, "rows": np.ascontiguousarray(rows)})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_durably(folder / f"{hashlib.sha256(content).hexdigest()}.safetensors", content)
    except OSError as error:
        log.warning("cache_not_written", folder=str(folder), error=str(error))
