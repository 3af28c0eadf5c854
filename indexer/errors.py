"""The indexer's branch of the error tree.

StorageError (models.errors)
├── CollectionNotFoundError     no such collection; the message lists those there are
├── CollectionBusyError         another indexer holds the collection's lock
├── NoGenerationError           the collection has never been indexed to the end
├── DamagedGenerationError      a file of a generation is missing, changed or not what the manifest claims
├── UnsoundGenerationError      what was about to be published is damaged
├── DamagedCatalogError         the indexer's working catalog is not what it wrote
├── NewerCatalogError           the indexer's working catalog is of a newer version
├── EngineAwayError             a server that keeps a part of the collection does not answer
│   ├── CatalogAwayError        the PostgreSQL server of the catalog
│   ├── VectorsAwayError        the Milvus server of the vectors
│   └── PhotographsAwayError    the object storage of the photographs
├── WorkersLostError            processes that encode die again and again, or do not start
├── UnlikeWorkerError           a process that encodes has other models than the one that indexes
├── VectorsGoneError            the Milvus server does not have the vectors of a generation
├── VectorsUrlMissingError      Milvus keeps the vectors, and no URL is set
├── CatalogGoneError            the PostgreSQL server does not have the catalog of a generation
├── CatalogUrlMissingError      PostgreSQL keeps the catalog, and no URL is set
├── AccessDeniedError           a file or a folder that this user may not read or change
├── ModelMismatchError          the index was built with another model
└── StorageFullError            the disk is full; what was stored stays
InputError (models.errors)
├── CatalogUrlError             what should be the URL of a PostgreSQL database is none
├── CollectionNameError         a name that cannot be a folder or an address
├── SourceError                 a place to index does not exist, or is no storage that can be read
├── EmptyCollectionError        nothing to index was found
├── ArchiveError                a file to import is no archive of a collection, or damaged
├── CollectionExistsError       a collection of the name to import under exists
├── ExportFileError             the file to export to exists, or its folder does not
├── GenerationChoiceError       no generation of that number that can be gone back to
└── CaptionFileError            a line of a caption file cannot be read
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from models.errors import InputError, StorageError


class CollectionNotFoundError(StorageError):
    """No collection of that name exists."""

    def __init__(self, name: str, available: Sequence[str]) -> None:
        there_are = f"there are: {', '.join(available)}" if available else "there are none yet"
        super().__init__(f"no collection named {name!r}; {there_are}")
        self.name, self.available = name, tuple(available)


class CollectionBusyError(StorageError):
    """Another process is indexing the collection."""

    def __init__(self, name: str) -> None:
        super().__init__(f"collection {name!r} is being indexed or deleted by another process: wait for it, or stop it")


class NoGenerationError(StorageError):
    """The collection has no published generation."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"collection {name!r} has no finished index yet: run semblance index FOLDER --collection {name}"
        )


class DamagedGenerationError(StorageError):
    """A file of a generation is not what its manifest says."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"damaged index: {path} {reason}; semblance index with the same folders builds it anew")
        self.path, self.reason = path, reason


class UnsoundGenerationError(StorageError):
    """What was about to be published is damaged: the working state was, or the disk or the memory fails."""

    def __init__(self, name: str, reason: str, work: Path) -> None:
        super().__init__(
            f"the new index of {name!r} is damaged ({reason}) and was not published: delete {work} and run the same "
            "command again, which goes on from the index that there is"
        )
        self.reason = reason


class DamagedCatalogError(StorageError):
    """The indexer's working catalog is not what it wrote."""

    def __init__(self, path: Path, reason: str) -> None:
        reason = " ".join(reason.split())  # which may quote a statement of several lines
        super().__init__(
            f"{path} is damaged ({reason}): delete it and run the same command again, "
            "which goes on from the index that there is"
        )
        self.path, self.reason = path, reason


class NewerCatalogError(StorageError):
    """The indexer's working catalog is of a newer version."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} is of a newer version of Semblance: use that version, or delete the file and run the same command "
            "again, which reads all files again"
        )
        self.path = path


class EngineAwayError(StorageError):
    """A server that keeps a part of the collection does not answer, or not in time.

    Args:
        engine: what it is, for those who ask the service.
        reason: what went wrong, for those who run it.
    """

    def __init__(self, engine: str, reason: str) -> None:
        super().__init__(f"{engine} does not answer ({reason}): try again when it does; what was stored is kept")
        self.engine, self.reason = engine, reason


class CatalogAwayError(EngineAwayError):
    """The PostgreSQL server of the catalog does not answer."""

    def __init__(self, reason: str) -> None:
        super().__init__("the database of the catalog", reason)


class VectorsAwayError(EngineAwayError):
    """The Milvus server of the vectors does not answer."""

    def __init__(self, reason: str) -> None:
        super().__init__("the database of the vectors", reason)


class PhotographsAwayError(EngineAwayError):
    """The object storage of the photographs does not answer, or refuses whoever asks."""

    def __init__(self, reason: str) -> None:
        super().__init__("the storage of the photographs", reason)

    def __reduce__(self) -> tuple[type[PhotographsAwayError], tuple[str]]:  # it may come from another process
        return type(self), (self.reason,)


class WorkersLostError(StorageError):
    """Processes that encode die again and again, or do not start."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"workers are lost ({reason}); what was encoded is kept, and the same command goes on")


class UnlikeWorkerError(StorageError):
    """A process that encodes has other models, or another decoder, than the one that indexes."""

    def __init__(self) -> None:
        super().__init__("a worker has other models than this process: install the same Semblance everywhere")


class VectorsGoneError(StorageError):
    """The server does not have the vectors of a generation."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the vectors of this generation are not in the database ({reason}): is SEMBLANCE_VECTORS_URL that of "
            "another one? semblance index with the same folders publishes anew"
        )


class VectorsUrlMissingError(StorageError):
    """Milvus keeps the vectors, and no URL is set."""

    def __init__(self, variable: str) -> None:
        super().__init__(f"the index of these vectors is in a Milvus database: set {variable} to its address")


class CatalogGoneError(StorageError):
    """The server does not have the catalog of a generation."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the catalog of this generation is not in the database ({reason}): is SEMBLANCE_CATALOG_URL that of "
            "another one, or of an older backup? semblance index with the same folders publishes anew"
        )


class CatalogUrlMissingError(StorageError):
    """PostgreSQL keeps the catalog, and no URL is set."""

    def __init__(self, name: str, variable: str) -> None:
        super().__init__(f"the catalog of {name!r} is in a PostgreSQL database: set {variable} to its URL")


class AccessDeniedError(StorageError):
    """This user may not read or change a file or a folder; nothing is known of its soundness."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(
            f"no permission for {path}: run semblance as the user who indexed, or give this one access to the folder"
        )
        self.path = path


class ModelMismatchError(StorageError):
    """The index holds no vectors of the asked model, or those of other weights or preprocessing of that name.

    Args:
        indexed: what made the vectors that there are.
        asked: what was to search them.
        command: indexes anew with what was asked.
    """

    def __init__(self, indexed: Sequence[str], asked: str, command: str) -> None:
        super().__init__(f"the index was built with {', '.join(indexed)}, not with {asked}: index it again: {command}")
        self.indexed, self.asked, self.command = tuple(indexed), asked, command


class StorageFullError(StorageError):
    """The disk is full."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"the disk of {folder} is full: free some space and run the same command again; what was stored is kept"
        )


class CatalogUrlError(InputError):
    """What should be the URL of a PostgreSQL database is none."""

    def __init__(self) -> None:  # the value may hold a password
        super().__init__("SEMBLANCE_CATALOG_URL must be as postgresql://user:password@host:5432/database")


class CollectionNameError(InputError):
    """The name cannot name a collection."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name!r} cannot name a collection: use 1 to 63 of a-z, 0-9, '-' and '_', beginning with a letter or digit"
        )


class SourceError(InputError):
    """A place to index does not exist, or is no storage that can be read."""


class EmptyCollectionError(InputError):
    """No image to index was found."""


class ArchiveError(InputError):
    """A file to import is no archive of a collection, or damaged."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the archive cannot be imported: {reason}; nothing was imported, export or copy it again")


class CollectionExistsError(InputError):
    """A collection of that name exists."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is a collection {name!r} already: give this one another name with --name")


class ExportFileError(InputError):
    """The file to export to exists, or its folder does not."""


class GenerationChoiceError(InputError):
    """There is no generation of that number that can be gone back to."""


class CaptionFileError(InputError):
    """A caption file cannot be read."""

    def __init__(self, path: Path | str, line: int, reason: str) -> None:
        super().__init__(f"{path}, line {line}: {reason}")
        self.path, self.line = path, line
