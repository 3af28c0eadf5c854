"""The manifest of a generation and the pointer to the current one, with the checks that make them trustworthy.

FAISS loads an index with flipped bits without complaint, so each file's size and SHA-256 are in the manifest and the
manifest's own SHA-256 is in the pointer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from indexer.catalog.base import POSTGRES_NAME, SQLITE_NAME
from indexer.errors import AccessDeniedError, DamagedGenerationError, NoGenerationError
from indexer.layout import CollectionLayout
from models.cards import ModelIdentity
from models.files import file_sha256
from models.types import Side

MANIFEST_NAME = "manifest.json"


class Strict(BaseModel):
    """What is read as it was written: nothing unknown, nothing changed afterwards."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FileEntry(Strict):
    """One file of the generation's folder."""

    name: str
    bytes: int
    sha256: str


class VectorSetEntry(Strict):
    """The vectors of one model and side: what made them, and how they are indexed.

    A kind of index that needs nothing but the vectors has no ``index_file``.
    """

    model: str
    weights_sha256: str
    preprocessing_digest: str
    side: Side
    dimension: int
    rows: int
    metric: Literal["inner_product"] = "inner_product"
    index_kind: str
    index_parameters: dict[str, int]
    exact: bool
    recall_at_10: float
    index_file: str | None = None
    vectors_file: str

    @property
    def identity(self) -> ModelIdentity:
        """What made the vectors."""
        return ModelIdentity(self.model, self.weights_sha256, self.preprocessing_digest)


class FeatureArrayEntry(Strict):
    """What a matcher keeps of the images, one row an image: what made it, and its form."""

    matcher: str
    weights_sha256: str
    preprocessing_digest: str
    shape: tuple[int, ...]
    dtype: Literal["float16"] = "float16"
    rows: int
    file: str

    @property
    def identity(self) -> ModelIdentity:
        """What made the features."""
        return ModelIdentity(self.matcher, self.weights_sha256, self.preprocessing_digest)


class Manifest(Strict):
    """Everything in one generation; ``content_sha256`` tells two generations of the same content apart from others."""

    schema_version: Literal[1] = 1
    collection: str
    generation: int
    created_at: datetime
    content_sha256: str
    images: int
    captions: int
    vector_sets: tuple[VectorSetEntry, ...]
    feature_arrays: tuple[FeatureArrayEntry, ...] = ()
    files: tuple[FileEntry, ...]

    @property
    def catalog_name(self) -> str:
        """The name of the file that is the catalog, or says where it is; SQLite's where the manifest lists neither."""
        return POSTGRES_NAME if any(entry.name == POSTGRES_NAME for entry in self.files) else SQLITE_NAME


class Pointer(Strict):
    """The content of CURRENT."""

    generation: int
    manifest_sha256: str


def read_pointer(layout: CollectionLayout) -> Pointer:
    """Return the pointer to the current generation.

    Raises:
        NoGenerationError: nothing has been published yet.
        DamagedGenerationError: the pointer is none.
        AccessDeniedError: this user may not read it.
    """
    try:
        return Pointer.model_validate_json(layout.pointer.read_bytes())
    except FileNotFoundError:
        raise NoGenerationError(layout.name) from None
    except PermissionError:
        raise AccessDeniedError(layout.pointer) from None
    except OSError as error:
        raise DamagedGenerationError(layout.pointer, f"cannot be read ({error.strerror})") from None
    except ValidationError:
        raise DamagedGenerationError(layout.pointer, "is not a pointer to a generation") from None


def read_manifest(layout: CollectionLayout, pointer: Pointer) -> Manifest:
    """Return the manifest that the pointer names.

    Raises:
        DamagedGenerationError: it is missing, changed, or of another schema.
        AccessDeniedError: this user may not read it.
    """
    path = layout.generation(pointer.generation) / MANIFEST_NAME
    try:
        content = path.read_bytes()
    except PermissionError:
        raise AccessDeniedError(path) from None
    except OSError as error:
        raise DamagedGenerationError(path, f"cannot be read ({error.strerror})") from None
    if hashlib.sha256(content).hexdigest() != pointer.manifest_sha256:
        raise DamagedGenerationError(path, "does not have the SHA-256 that CURRENT names")
    try:
        return Manifest.model_validate_json(content)
    except ValidationError:
        raise DamagedGenerationError(path, "has a form that this version of Semblance does not know") from None


def damaged_files(folder: Path, manifest: Manifest, left_out: Collection[str] = ()) -> Iterator[DamagedGenerationError]:
    """Compare every file, but those left out, with the manifest; yield one error a file that is missing or changed.

    Raises:
        AccessDeniedError: this user may not read one.
    """
    for entry in manifest.files:
        if entry.name in left_out:
            continue
        path = folder / entry.name
        try:
            if path.stat().st_size != entry.bytes:
                yield DamagedGenerationError(path, f"has {path.stat().st_size:,} bytes instead of {entry.bytes:,}")
            elif file_sha256(path) != entry.sha256:
                yield DamagedGenerationError(path, "does not have the SHA-256 that the manifest names")
        except PermissionError:
            raise AccessDeniedError(path) from None
        except OSError as error:
            yield DamagedGenerationError(path, f"cannot be read ({error.strerror})")
