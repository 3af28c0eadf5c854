"""A collection as one file, for backup and for moving: a tar archive, every byte of which a SHA-256 vouches for.

The first member holds the pointer, that is the SHA-256 of the manifest; the second is the manifest, which names size
and SHA-256 of every file that follows. The working state is not among them: it comes back from the generation with the
next index run (see ``ingest.restore``).

Archives come from anywhere. The headers are read one block at a time instead of by ``tarfile``'s reader, so that none
can ask for more memory, a link, or a place outside of the collection.
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Literal

from pydantic import ValidationError

from indexer.catalog.base import SQLITE_NAME
from indexer.catalog.opening import write_as_file
from indexer.errors import ArchiveError, DamagedGenerationError
from indexer.layout import CollectionLayout
from indexer.store.index_kind import MILVUS
from indexer.store.manifest import MANIFEST_NAME, FileEntry, Manifest, Pointer, Strict, read_manifest, read_pointer
from models.files import file_sha256

HEADER_NAME = "semblance-collection.json"
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_CHUNK = 2**20
_MOST_HEADER_BYTES = 4096
_MOST_MANIFEST_BYTES = 16 * 2**20


class ArchiveHeader(Strict):
    """The first member of an archive."""

    format: Literal[1] = 1
    pointer: Pointer


def write_archive(layout: CollectionLayout, target: IO[bytes]) -> Manifest:
    """Write the current generation; what is written is compared with the manifest.

    Raises:
        NoGenerationError: nothing has been published.
        DamagedGenerationError: a file is not what the manifest says; what was written is worthless.
    """
    with ExitStack() as opened:
        pointer, manifest, files = _open_files(layout, opened)
        folder = layout.generation(pointer.generation)
        content = (folder / MANIFEST_NAME).read_bytes()
        if manifest.catalog_name != SQLITE_NAME:
            manifest, files = _with_catalog_as_file(layout, manifest, files, opened)
        if any(entry.index_kind == MILVUS for entry in manifest.vector_sets):
            manifest, files = _with_vectors_alone(manifest, files)
        if (folder / MANIFEST_NAME).read_bytes() != manifest.model_dump_json(indent=1).encode():
            content = manifest.model_dump_json(indent=1).encode()
            pointer = Pointer(generation=pointer.generation, manifest_sha256=hashlib.sha256(content).hexdigest())
        with tarfile.open(fileobj=target, mode="w|", format=tarfile.GNU_FORMAT) as archive:
            _add(archive, HEADER_NAME, ArchiveHeader(pointer=pointer).model_dump_json().encode())
            _add(archive, MANIFEST_NAME, content)
            for entry, file in files:
                hashed = _HashedReader(file)
                _add_file(archive, entry, hashed, folder)
                if hashed.sha256 != entry.sha256:
                    raise DamagedGenerationError(folder / entry.name, "does not have the SHA-256 of the manifest")
    return manifest


class ArchiveReader:
    """Reads an archive from its beginning to its end.

    Args:
        source: of the archive's bytes.

    Raises:
        ArchiveError: it is no archive, or damaged, or of a newer version.
    """

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        header = self._small(HEADER_NAME, _MOST_HEADER_BYTES)
        try:
            self.pointer = ArchiveHeader.model_validate_json(header).pointer
            manifest = self._small(MANIFEST_NAME, _MOST_MANIFEST_BYTES)
            if hashlib.sha256(manifest).hexdigest() != self.pointer.manifest_sha256:
                raise ArchiveError("its manifest is damaged")
            self.manifest = Manifest.model_validate_json(manifest)
        except ValidationError:
            raise ArchiveError("it has a form that this version of Semblance does not know") from None
        self._check_names()

    def extract(self, folder: Path, done: Callable[[Path], None]) -> None:
        """Write every file into a folder; ``done`` is called with each when it is whole and its SHA-256 is right.

        Raises:
            ArchiveError: the archive is damaged.
        """
        for entry in self.manifest.files:
            if self._next(entry.name) != entry.bytes:
                raise ArchiveError(f"{entry.name} has another size than the manifest says")
            digest = hashlib.sha256()
            with (folder / entry.name).open("xb") as file:
                for chunk in self._content(entry.bytes):
                    digest.update(chunk)
                    file.write(chunk)
            if digest.hexdigest() != entry.sha256:
                raise ArchiveError(f"{entry.name} is damaged")
            done(folder / entry.name)
        if self._source.read(tarfile.BLOCKSIZE).strip(b"\0"):
            raise ArchiveError("it holds more than its manifest says")

    def _check_names(self) -> None:
        names = [entry.name for entry in self.manifest.files]
        if len(set(names)) != len(names) or MANIFEST_NAME in names or not all(map(_SAFE_NAME.fullmatch, names)):
            raise ArchiveError("it names files that no index has")
        if self.manifest.generation != self.pointer.generation or self.pointer.generation < 1:
            raise ArchiveError("its manifest is that of another generation")

    def _small(self, name: str, most: int) -> bytes:
        size = self._next(name)
        if size > most:
            raise ArchiveError(f"{name} has {size:,} bytes, more than the limit of {most:,}")
        return b"".join(self._content(size))

    def _next(self, name: str) -> int:
        """Return the size of the next member, which must be a plain file of that name."""
        try:
            member = tarfile.TarInfo.frombuf(self._exactly(tarfile.BLOCKSIZE), "utf-8", "strict")
        except (tarfile.HeaderError, ValueError):
            raise ArchiveError("it is no file that semblance export wrote, or damaged") from None
        if member.name != name or member.type != tarfile.REGTYPE or member.size < 0:
            raise ArchiveError(f"it holds {member.name[:100]!r} where {name} should be")
        return member.size

    def _content(self, size: int) -> Iterator[bytes]:
        for start in range(0, size, _CHUNK):
            yield self._exactly(min(_CHUNK, size - start))
        self._exactly(-size % tarfile.BLOCKSIZE)

    def _exactly(self, size: int) -> bytes:
        content = self._source.read(size)
        if len(content) != size:
            raise ArchiveError("it is cut off")
        return content


class _HashedReader(io.RawIOBase):
    """Hashes what is read through it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._digest = file, hashlib.sha256()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def read(self, size: int = -1) -> bytes:
        content = self._file.read(size)
        self._digest.update(content)
        return content


def _open_files(
    layout: CollectionLayout, opened: ExitStack
) -> tuple[Pointer, Manifest, list[tuple[FileEntry, IO[bytes]]]]:
    """Open every file at once: those of a generation that is deleted meanwhile can be read to their end."""
    while True:
        pointer = read_pointer(layout)
        try:
            manifest, folder = read_manifest(layout, pointer), layout.generation(pointer.generation)
            files: list[tuple[FileEntry, IO[bytes]]] = [
                (entry, opened.enter_context((folder / entry.name).open("rb"))) for entry in manifest.files
            ]
            return pointer, manifest, files
        except (DamagedGenerationError, FileNotFoundError) as error:
            if read_pointer(layout) != pointer:
                continue
            if isinstance(error, FileNotFoundError):
                raise DamagedGenerationError(Path(error.filename), "is missing") from None
            raise


def _with_catalog_as_file(
    layout: CollectionLayout, manifest: Manifest, files: list[tuple[FileEntry, IO[bytes]]], opened: ExitStack
) -> tuple[Manifest, list[tuple[FileEntry, IO[bytes]]]]:
    """Return what an archive holds of a generation whose catalog a server keeps: the catalog as a file, too."""
    scratch = Path(opened.enter_context(TemporaryDirectory(prefix="semblance-")))
    path, locator = scratch / SQLITE_NAME, layout.generation(manifest.generation) / manifest.catalog_name
    write_as_file(layout, locator, path)
    entry = FileEntry(name=SQLITE_NAME, bytes=path.stat().st_size, sha256=file_sha256(path))
    kept = [(entry, opened.enter_context(path.open("rb"))), *(one for one in files if one[0].name != locator.name)]
    return manifest.model_copy(update={"files": tuple(entry for entry, _ in kept)}), kept


def _with_vectors_alone(
    manifest: Manifest, files: list[tuple[FileEntry, IO[bytes]]]
) -> tuple[Manifest, list[tuple[FileEntry, IO[bytes]]]]:
    """Return what an archive holds of indexes that a server keeps: the exact vectors, searched as they are."""
    there = {entry.index_file for entry in manifest.vector_sets if entry.index_kind == MILVUS}
    flat: dict[str, Any] = {
        "index_kind": "flat",
        "index_file": None,
        "index_parameters": {},
        "exact": True,
        "recall_at_10": 1.0,
    }
    sets = [one.model_copy(update=flat) if one.index_kind == MILVUS else one for one in manifest.vector_sets]
    kept = [one for one in files if one[0].name not in there]
    return manifest.model_copy(update={"vector_sets": tuple(sets), "files": tuple(entry for entry, _ in kept)}), kept


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _add_file(archive: tarfile.TarFile, entry: FileEntry, file: _HashedReader, folder: Path) -> None:
    member = tarfile.TarInfo(entry.name)
    member.size = entry.bytes
    try:
        archive.addfile(member, file)
    except OSError as error:
        if error.errno is not None:
            raise
        raise DamagedGenerationError(folder / entry.name, f"has less than {entry.bytes:,} bytes") from None
