"""Opens the current generation: every byte is checked against the manifest before anything else sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from numpy.typing import NDArray

from indexer.catalog.base import CatalogReader
from indexer.catalog.opening import open_frozen
from indexer.errors import DamagedGenerationError, ModelMismatchError, NoGenerationError
from indexer.layout import CollectionLayout
from indexer.store.arrays import FeatureArray, VectorSet, load_matrix
from indexer.store.base import RemoteStore, SavedIndex, VectorStore
from indexer.store.index_kind import kind_named
from indexer.store.manifest import (
    MANIFEST_NAME,
    FeatureArrayEntry,
    Manifest,
    Pointer,
    VectorSetEntry,
    damaged_files,
    read_manifest,
    read_pointer,
)
from models.types import Side, Vectors


class Generation:
    """One published state of a collection, immutable and safe to use from many threads until it is closed."""

    def __init__(
        self,
        pointer: Pointer,
        manifest: Manifest,
        catalog: CatalogReader,
        sets: Mapping[tuple[str, Side], VectorSet],
        feature_arrays: Mapping[str, FeatureArray],
    ) -> None:
        self.pointer, self.manifest, self.catalog = pointer, manifest, catalog
        self._sets = dict(sets)
        self.feature_arrays = feature_arrays
        """By the name of their matcher; a generation may have none."""

    @property
    def number(self) -> int:
        """The generation's number; larger is newer."""
        return self.manifest.generation

    @property
    def created_at(self) -> datetime:
        """When it was published, UTC."""
        return self.manifest.created_at

    @property
    def models(self) -> tuple[str, ...]:
        """The models that encoded it; the first is the collection's own choice."""
        return tuple(dict.fromkeys(model for model, _ in self._sets))

    def vector_set(self, model: str, side: Side) -> VectorSet:
        """Return the vectors of one model and side; the text side is empty where the collection has no captions.

        Raises:
            ModelMismatchError: the generation was not encoded with that model.
        """
        try:
            return self._sets[model, side]
        except KeyError:
            command = f"semblance index --again {self.manifest.collection} --model {model}"
            raise ModelMismatchError(self.models, model, command) from None

    def check(self) -> None:
        """Ask the servers that keep a part of the generation, if any, whether they answer.

        Raises:
            EngineAwayError: one does not.
        """
        self.catalog.check()
        for vectors in self._sets.values():
            if isinstance(vectors.store, RemoteStore):
                vectors.store.check()

    def close(self) -> None:
        """Let go of the catalog's files; the generation must not be used afterwards."""
        self.catalog.close()

    def __enter__(self) -> Generation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def current_pointer(collection_dir: Path) -> Pointer | None:
    """Tell which generation is current without opening it, None where nothing is published.

    Numbers alone do not tell generations apart: those of a collection that was deleted and made again start over.
    """
    try:
        return read_pointer(CollectionLayout(collection_dir))
    except NoGenerationError:
        return None


def open_current(collection_dir: Path, *, features: bool = True) -> Generation:
    """Open the generation that CURRENT names, every hash and count of what is opened checked.

    Args:
        collection_dir: of the collection.
        features: open the features of matchers, too: often the largest files, and not needed where nothing re-ranks.

    Raises:
        NoGenerationError: nothing has been published.
        DamagedGenerationError: a file is missing, changed, or not what the manifest claims; the message names it.
        AccessDeniedError: this user may not read a file.
    """
    layout = CollectionLayout(collection_dir)
    while True:
        pointer = read_pointer(layout)
        try:
            return _open(layout, pointer, features=features)
        except DamagedGenerationError:
            # Two publishes since the pointer was read delete its generation: then there is a newer one to open.
            if read_pointer(layout) == pointer:
                raise


def open_unpublished(folder: Path, manifest: Manifest, layout: CollectionLayout) -> Generation:
    """Open a generation that no pointer names yet, as readers would, but for the hashes, which were just computed.

    Raises:
        DamagedGenerationError: what a file holds is not what the manifest claims.
    """
    pointer = Pointer(generation=manifest.generation, manifest_sha256="")
    return _open_checked(layout, folder, pointer, manifest, manifest.feature_arrays)


def _open(layout: CollectionLayout, pointer: Pointer, *, features: bool) -> Generation:
    folder = layout.generation(pointer.generation)
    manifest = read_manifest(layout, pointer)
    opened = manifest.feature_arrays if features else ()
    left_out = {entry.file for entry in manifest.feature_arrays} - {entry.file for entry in opened}
    for damage in damaged_files(folder, manifest, left_out):
        raise damage
    return _open_checked(layout, folder, pointer, manifest, opened)


def _open_checked(
    layout: CollectionLayout,
    folder: Path,
    pointer: Pointer,
    manifest: Manifest,
    features: Sequence[FeatureArrayEntry],
) -> Generation:
    """Open files whose hashes are right; what they hold is compared with the manifest."""
    sets = {(entry.model, entry.side): _open_set(folder, entry) for entry in manifest.vector_sets}
    arrays = {entry.matcher: _open_features(folder, entry, manifest.images) for entry in features}
    path = folder / manifest.catalog_name
    try:
        catalog = open_frozen(layout, path)
    except ValueError as error:
        raise DamagedGenerationError(path, str(error)) from None
    if (catalog.image_count, catalog.caption_count) != (manifest.images, manifest.captions):
        counts = f"{catalog.image_count} images and {catalog.caption_count} captions"
        catalog.close()
        raise DamagedGenerationError(path, f"holds {counts}, which the manifest contradicts")
    return Generation(pointer, manifest, catalog, sets, arrays)


def _open_set(folder: Path, entry: VectorSetEntry) -> VectorSet:
    matrix = _open_matrix(folder / entry.vectors_file, (entry.rows, entry.dimension), "float32")
    return VectorSet(entry, _open_store(folder, entry, matrix), matrix)


def _open_store(folder: Path, entry: VectorSetEntry, matrix: Vectors) -> VectorStore:
    """Open the index and compare it with what the manifest claims."""
    try:
        kind = kind_named(entry.index_kind)
    except ValueError as error:
        raise DamagedGenerationError(folder / MANIFEST_NAME, str(error)) from None
    file = None if entry.index_file is None else folder / entry.index_file
    try:
        store: VectorStore = kind.open(SavedIndex(file, entry.index_parameters), matrix)
    except (RuntimeError, ValueError) as error:  # FAISS raises RuntimeError
        raise DamagedGenerationError(file or folder / MANIFEST_NAME, str(error)) from None
    held, claimed = (store.size, store.dimension, kind.exact), (entry.rows, entry.dimension, entry.exact)
    if held != claimed:
        raise DamagedGenerationError(
            file or folder / MANIFEST_NAME, f"has rows, dimension, exactness {held}; the manifest claims {claimed}"
        )
    return store


def _open_features(folder: Path, entry: FeatureArrayEntry, images: int) -> FeatureArray:
    path = folder / entry.file
    if entry.rows != images:
        raise DamagedGenerationError(path, f"has features of {entry.rows} images, the catalog has {images}")
    return FeatureArray(entry, _open_matrix(path, (entry.rows, *entry.shape), entry.dtype))


def _open_matrix(path: Path, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    """Memory-map an array of rows."""
    try:
        matrix = load_matrix(path)
    except (OSError, ValueError) as error:
        raise DamagedGenerationError(path, f"cannot be read ({error})") from None
    if matrix.shape != shape or matrix.dtype != dtype:
        raise DamagedGenerationError(path, f"holds {matrix.dtype} {matrix.shape}, which the manifest contradicts")
    return matrix
