"""Makes the indexer's working state anew from the current generation, where it is gone or was never on this machine."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from indexer.catalog.base import CatalogDatabase
from indexer.errors import CatalogGoneError, DamagedGenerationError, NoGenerationError
from indexer.ingest.encoded_vectors import SIDES, EncodedVectors
from indexer.layout import CollectionLayout
from indexer.store.generation import Generation, open_current
from models.cards import ModelIdentity
from models.types import Side

_ROWS_AT_ONCE = 4096


def restore_work(
    layout: CollectionLayout, database: CatalogDatabase, vectors: EncodedVectors, *, had_vectors: bool
) -> None:
    """Take catalog and encoded rows from the current generation, if there is one and either of them is missing.

    The catalog comes last: where a kill left none, the rows that were stored already are passed over.

    Args:
        layout: of the collection.
        database: of its catalog, which a server may keep though this machine has never indexed the collection.
        vectors: the logs to fill.
        had_vectors: whether this machine had logs before this run.
    """
    has_catalog = database.has_working()
    if has_catalog and had_vectors:
        return
    try:
        generation = open_current(layout.root)
    except (NoGenerationError, DamagedGenerationError, CatalogGoneError):
        return
    with generation:
        _store_rows(generation, vectors)
        if not has_catalog:
            database.adopt(str(layout.generation(generation.number) / generation.manifest.catalog_name))


def _store_rows(generation: Generation, vectors: EncodedVectors) -> None:
    """Store the rows of every model and matcher of a run that made rows of the generation."""
    arrays: dict[tuple[ModelIdentity, Side], NDArray[Any]] = {
        (entry.identity, entry.side): generation.vector_set(entry.model, entry.side).matrix
        for entry in generation.manifest.vector_sets
    }
    arrays |= {(array.identity, "image"): array.matrix for array in generation.feature_arrays.values()}
    for side in SIDES:
        keys = generation.catalog.row_keys(side)
        for card in vectors.cards:
            matrix = arrays.get((card.identity, side))
            if matrix is not None:
                for start in range(0, len(keys), _ROWS_AT_ONCE):
                    end = start + _ROWS_AT_ONCE
                    vectors.append(card.name, side, keys[start:end], matrix[start:end])
