"""An array is computed once, also where two trainings compute the same at a time."""

from pathlib import Path

import numpy as np

from lab.training.cached_array import cached_array


def test_two_that_compute_the_same_at_once_both_have_it(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "one.npy"

    def compute() -> np.ndarray:
        np.testing.assert_array_equal(cached_array(file, lambda: np.arange(3)), np.arange(3))  # the other is faster
        return np.arange(3)

    np.testing.assert_array_equal(cached_array(file, compute), np.arange(3))
    assert [one.name for one in file.parent.iterdir()] == ["one.npy"]
