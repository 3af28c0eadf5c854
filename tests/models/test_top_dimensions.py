"""Few dimensions are explained, and none that no place of a picture has."""

import numpy as np

from models.explain.top_dimensions import top_dimensions

QUERY, IMAGE = np.arange(8, dtype=np.float32), np.ones(8, np.float32)


def test_the_five_that_add_most_are_kept() -> None:
    assert np.flatnonzero(top_dimensions(QUERY, IMAGE)).tolist() == [3, 4, 5, 6, 7]


def test_they_are_chosen_among_the_first_so_many() -> None:
    kept = top_dimensions(QUERY, IMAGE, among=6)
    assert kept.tolist() == [0, 1, 2, 3, 4, 5, 0, 0]
