"""Chooses the index of a vector set by measured recall: the fastest that misses next to nothing.

Small sets are searched exactly. Larger ones get inverted lists whose probes are doubled until recall@10 against the
brute-force oracle is high enough; if that takes a good part of all lists, the set is searched exactly after all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from indexer.store.base import VectorStore
from indexer.store.brute_force import BruteForceStore
from indexer.store.faiss_flat import FlatStore
from indexer.store.faiss_ivf import IvfStore
from models.types import Vectors

EXACT_UP_TO_ROWS = 50_000
RECALL_WANTED = 0.98
SAMPLED_QUERIES = 256

_FIRST_PROBES = 8
_PROBED_SHARE_AT_MOST = 0.25  # of the lists: beyond it the index saves too little to be worth what it misses
_ROUNDING = 1e-5  # rows whose scores differ by less are equally near


@dataclass(frozen=True)
class ChosenIndex:
    """An index and the share of true neighbours that it found among the sampled queries' ten nearest."""

    store: FlatStore | IvfStore
    recall_at_10: float


def choose_index(
    vectors: Vectors, queries: Vectors, *, exact_up_to_rows: int = EXACT_UP_TO_ROWS, seed: int = 0
) -> ChosenIndex:
    """Build the index for ``(N, D)`` vectors that will be asked for queries like ``(Q, D)``."""
    if len(vectors) > exact_up_to_rows and len(queries):
        lists = 2 ** round(math.log2(4 * math.sqrt(len(vectors))))
        store = IvfStore.build(vectors, lists=lists, probes=_FIRST_PROBES, seed=seed)
        truth, _ = BruteForceStore(vectors).search(queries, 10)
        while store.probes <= lists * _PROBED_SHARE_AT_MOST:
            recall = recall_against(truth, store, queries)
            if recall >= RECALL_WANTED:
                return ChosenIndex(store, recall)
            store = store.with_probes(2 * store.probes)
    return ChosenIndex(FlatStore.build(vectors), 1.0)


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
