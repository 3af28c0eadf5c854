"""Looks through an open generation for what hashes cannot tell: damage that was there before they were computed."""

from __future__ import annotations

import numpy as np

from indexer.store.arrays import VectorSet
from indexer.store.generation import Generation

_ROUNDING = 1e-4


def unsoundness(generation: Generation) -> str | None:
    """Look up every row, ask every index, and return what is wrong first; None where the generation is sound."""
    if damage := generation.catalog.damage():
        return f"{generation.manifest.catalog_name}: {damage}"
    rows = {"image": generation.catalog.image_count, "text": generation.catalog.caption_count}
    for entry in generation.manifest.vector_sets:
        if entry.rows != rows[entry.side]:
            return f"{entry.vectors_file} has {entry.rows} rows, the catalog {rows[entry.side]}"
        if not _finds_itself(generation.vector_set(entry.model, entry.side)):
            return f"{entry.index_file or entry.vectors_file} does not find its own first vector"
    return None


def _finds_itself(vectors: VectorSet) -> bool:
    if not len(vectors.matrix):
        return True
    query = vectors.vectors([0])
    scores, _ = vectors.store.search(query, 1)
    return bool(scores[0, 0] >= np.sum(query * query) - _ROUNDING)
