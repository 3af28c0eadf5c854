"""Mining finds the triplets that loops over all of them find."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from lab.training.hard_triplets import Pool, draw_pool, mine, nearest

IMAGES, QUERIES, RELEVANT, HARDEST, MARGIN = 40, 6, 3, 4, 0.3
BY_IMAGE, TEXTS_OF_IMAGE, IMAGES_OF_TEXT = ("image", "image"), ("image", "text"), ("text", "image")


def _unit(seed: int) -> np.ndarray:
    return F.normalize(torch.randn(IMAGES, 5, generator=torch.Generator().manual_seed(seed)), dim=1).numpy()


def _pool() -> tuple[np.ndarray, Pool]:
    neighbours = nearest(_unit(0), 8, block=16)
    return neighbours, draw_pool(neighbours, QUERIES, RELEVANT, np.random.default_rng(1))


def test_nearest_are_the_others_of_largest_inner_product() -> None:
    vectors = _unit(0)
    for own, found in enumerate(nearest(vectors, 8, block=16)):
        scores = {other: float(vectors[own] @ vectors[other]) for other in range(IMAGES) if other != own}
        assert set(found) == set(sorted(scores, key=scores.__getitem__)[-8:])


def test_a_pool_holds_the_queries_first_and_their_relevant_images() -> None:
    neighbours, pool = _pool()
    assert len(set(pool.images)) == len(pool.images)
    for row, query in enumerate(pool.images[:QUERIES]):
        positives = pool.images[pool.positives[row]]
        assert len(set(positives)) == RELEVANT
        assert set(positives) <= set(neighbours[query])
        irrelevant = set(pool.images[pool.irrelevant[row]])
        assert irrelevant == set(pool.images) - set(neighbours[query]) - {query}


@pytest.mark.parametrize("losses", [(BY_IMAGE,), (TEXTS_OF_IMAGE,), (BY_IMAGE, TEXTS_OF_IMAGE, IMAGES_OF_TEXT)])
def test_the_hardest_triplets_are_those_of_a_loop(losses: tuple[tuple[str, str], ...]) -> None:
    neighbours, pool = _pool()
    sides = {"image": _unit(2), "text": _unit(3)}
    found = mine(pool, lambda side: torch.from_numpy(sides[side][pool.images]), losses, MARGIN, HARDEST)
    expected = set()
    for row, query in enumerate(pool.images[:QUERIES]):
        for positive in pool.images[pool.positives[row]]:
            costs = {}
            for negative in set(pool.images) - set(neighbours[query]) - {query}:
                costs[negative] = sum(
                    max(0.0, MARGIN - sides[a][query] @ sides[b][positive] + sides[a][query] @ sides[b][negative]) / 2
                    for a, b in losses
                )
            worst = sorted(costs, key=costs.__getitem__, reverse=True)[:HARDEST]
            expected |= {(query, positive, negative) for negative in worst if costs[negative] > 0}
    assert set(zip(found.queries, found.positives, found.negatives, strict=True)) == expected
    assert len(found) == len(expected)
