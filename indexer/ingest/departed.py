"""Keeps the vectors of images that are gone for a while: a slip of the hand costs nothing."""

from __future__ import annotations

from indexer.catalog.base import CatalogWriter, text_sha256
from indexer.ingest.encoded_vectors import EncodedVectors

KEPT_GENERATIONS = 3


def drop_departed(catalog: CatalogWriter, vectors: EncodedVectors, generation: int, *, keep: int) -> None:
    """Drop the rows of images that have been gone for some generations, and of captions that no image has.

    Args:
        catalog: knows what is there and what is gone.
        vectors: to drop from.
        generation: the number of the current one.
        keep: how many generations the rows of an image outlive it; 0 drops those of all that are gone.
    """
    there = {file.sha256 for file in catalog.seen_files().values() if file.sha256}
    texts = {text_sha256(text) for text in catalog.caption_texts()}
    vectors.compact({"image": there | catalog.departed(generation, keep), "text": texts})
