"""Chooses the index of a vector set by measured recall: the first kind of the table that misses next to nothing.

A kind offers stores from fast to thorough; the recall@10 of each is measured against the brute-force oracle until one
finds enough. Where none does, the next kind is tried; the last of the table is exact.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from indexer.store.base import VectorStore
from indexer.store.brute_force import BruteForceStore
from indexer.store.index_kind import IndexKind
from models.types import Vectors

RECALL_WANTED = 0.98
SAMPLED_QUERIES = 256

_ROUNDING = 1e-5  # rows whose scores differ by less are equally near


@dataclass(frozen=True)
class ChosenIndex:
    """An index and the share of true neighbours that it found among the sampled queries' ten nearest."""

    kind: IndexKind[Any]
    store: VectorStore
    recall_at_10: float


def choose_index(vectors: Vectors, queries: Vectors, kinds: Iterable[IndexKind[Any]], *, seed: int = 0) -> ChosenIndex:
    """Build the index for ``(N, D)`` vectors that will be asked for queries like ``(Q, D)``.

    Args:
        vectors: to index.
        queries: to measure with; without any, only an exact kind can be chosen.
        kinds: in the order in which they are tried.
        seed: of what is random in building.

    Raises:
        ValueError: no kind finds enough, and none is exact.
    """
    measured = _Measured(vectors, queries)
    for kind in kinds:
        if kind.exact or len(queries):
            for store in kind.build(vectors, seed=seed):
                recall = 1.0 if kind.exact else measured.recall_at_10(store)
                if recall >= RECALL_WANTED:
                    return ChosenIndex(kind, store, recall)
    raise ValueError(f"no kind of index finds {RECALL_WANTED:.0%} of the nearest rows: an exact one must be among them")


@dataclass
class _Measured:
    """Measures stores over the same vectors; the true neighbours are computed once, if at all."""

    vectors: Vectors
    queries: Vectors

    def recall_at_10(self, store: VectorStore) -> float:
        return recall_against(self._truth, store, self.queries)

    @cached_property
    def _truth(self) -> Vectors:
        return BruteForceStore(self.vectors).search(self.queries, 10)[0]


def recall_against(truth: Vectors, store: VectorStore, queries: Vectors) -> float:
    """Return the share of the k nearest rows that a store finds.

    Args:
        truth: the oracle's scores ``(Q, k)``; with them, any row that is as near as the k-th nearest counts as found.
        store: what is measured.
        queries: ``(Q, D)``.
    """
    found, _ = store.search(queries, truth.shape[1])
    return float(np.mean(found >= truth[:, -1:] - _ROUNDING))


def sample_queries(own: Vectors, other: Vectors, count: int = SAMPLED_QUERIES, seed: int = 0) -> Vectors:
    """Return up to ``count`` vectors to ask an index: half of its own, half of the other side's, as searches do."""
    random = np.random.default_rng(seed)
    halves = [
        side[np.sort(random.choice(len(side), min(len(side), count // 2), replace=False))] for side in (own, other)
    ]
    return np.ascontiguousarray(np.concatenate(halves))
