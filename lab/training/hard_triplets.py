"""Hard triplets: photographs that the model ranks wrongly, mined from a new random pool every few updates.

A. Gordo, D. Larlus, CVPR 2017, section 6.1: 500 queries with 9 relevant images each make a pool of 5,000; of each pair
of query and relevant image the 100 triplets of largest loss are candidates. Relevant are the k = 32 nearest by tf-idf.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lab.losses.triplet import triplet_hinge

Sides = tuple[str, str]
"""The side, ``image`` or ``text``, of a loss's queries, and the side of what they rank."""


@dataclass(frozen=True)
class Triplets:
    """T triplets: for each the images that are its query, its positive and its negative, ``(T,)``."""

    queries: NDArray[np.int64]
    positives: NDArray[np.int64]
    negatives: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.queries)

    def __getitem__(self, rows: NDArray[np.int64]) -> Triplets:
        return Triplets(self.queries[rows], self.positives[rows], self.negatives[rows])


@dataclass(frozen=True)
class Pool:
    """Images of which triplets are mined.

    Attributes:
        images: ``(P,)``, different ones, the queries first.
        positives: ``(Q, R)``, of each of the first Q images the places in ``images`` of R relevant ones.
        irrelevant: ``(Q, P)`` bool, what may be a negative of each query.
    """

    images: NDArray[np.int64]
    positives: NDArray[np.int64]
    irrelevant: NDArray[np.bool_]


def nearest(vectors: NDArray[np.float32], count: int, block: int = 1024) -> NDArray[np.int64]:
    """Return for each of ``(N, V)`` unit vectors the ``count`` others of largest inner product, ``(N, count)``."""
    found = np.empty((len(vectors), count), np.int64)
    every = torch.from_numpy(vectors)
    for start in range(0, len(vectors), block):
        scores = every[start : start + block] @ every.T
        rows = torch.arange(len(scores))
        scores[rows, start + rows] = -torch.inf
        found[start : start + block] = scores.topk(count, dim=1).indices.numpy()
    return found


def draw_pool(neighbours: NDArray[np.int64], queries: int, relevant: int, random: np.random.Generator) -> Pool:
    """Draw a pool.

    Args:
        neighbours: ``(N, k)``, the relevant images of each of N.
        queries: Q of them query.
        relevant: so many neighbours of each query come along.
        random: what to draw with.
    """
    asked = random.choice(len(neighbours), queries, replace=False)
    chosen = np.stack([random.choice(neighbours[query], relevant, replace=False) for query in asked])
    images = np.array(list(dict.fromkeys([*asked.tolist(), *chosen.ravel().tolist()])))
    place = np.full(len(neighbours), -1)
    place[images] = np.arange(len(images))
    irrelevant = np.ones((queries, len(images)), bool)
    for row, query in enumerate(asked):
        known = place[neighbours[query]]
        irrelevant[row, known[known >= 0]] = False
        irrelevant[row, row] = False
    return Pool(images, place[chosen], irrelevant)


def mine(
    pool: Pool, vectors: Callable[[str], Tensor], losses: Sequence[Sides], margin: float, hardest: int
) -> Triplets:
    """Return the triplets of largest loss of each pair of query and positive, those without any loss left out.

    Args:
        pool: the images.
        vectors: side to the ``(P, D)`` unit vectors of the pool's images on that side.
        losses: the triplet losses that are summed.
        margin: of each.
        hardest: triplets kept for a pair, at most.
    """
    embedded = {side: vectors(side) for sides in losses for side in sides}
    count = len(pool.positives)
    scores = [embedded[asking][:count] @ embedded[ranked].T for asking, ranked in losses]
    excluded = torch.from_numpy(~pool.irrelevant)
    parts = []
    for turn, positives in enumerate(torch.from_numpy(pool.positives.T)):
        total = torch.zeros_like(scores[0])
        for each in scores:
            total += triplet_hinge(each.gather(1, positives[:, None]), each, margin)
        worst = total.masked_fill_(excluded, 0).topk(min(hardest, total.shape[1]), dim=1)
        rows, columns = torch.nonzero(worst.values > 0, as_tuple=True)
        negatives = worst.indices[rows, columns].numpy()
        parts.append((rows.numpy(), pool.positives[rows.numpy(), turn], negatives))
    query, positive, negative = (pool.images[np.concatenate(column)] for column in zip(*parts, strict=True))
    return Triplets(query, positive, negative)
