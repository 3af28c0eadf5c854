"""Deletion and insertion curves, against pictures of four pixels whose scores are known."""

import numpy as np
import pytest

from lab.metrics.perturbation import areas, fillings, perturbation_curves, removal_order
from models.types import Pixels

PICTURE = np.array([[[200] * 3, [0] * 3], [[0] * 3, [0] * 3]], np.uint8)
"""One bright pixel among four."""


def brightness_of_the_first(pictures: Pixels) -> np.ndarray:
    """Score a picture by its pixel at the top left alone, 0..1."""
    return pictures[:, 0, 0, 0] / 200


def test_the_pixels_go_in_the_order_of_the_map() -> None:
    values = np.array([[0.1, 0.4], [-0.3, 0.2]], np.float32)
    assert removal_order(values, 2, 2).tolist() == [[2, 0], [3, 1]]


def test_equal_places_go_from_the_top_left() -> None:
    assert removal_order(np.zeros((2, 2), np.float32), 2, 2).tolist() == [[0, 1], [2, 3]]


def test_the_mean_colour_fills_and_so_does_a_blur() -> None:
    mean, blurred = fillings(PICTURE)
    assert mean.tolist() == np.full((2, 2, 3), 50).tolist()
    assert blurred.shape == PICTURE.shape


def test_a_map_that_names_the_place_deletes_at_once_and_inserts_at_once() -> None:
    right = np.array([[1, 0], [0, 0]], np.float32)
    curves = perturbation_curves(PICTURE, right, brightness_of_the_first, steps=4)
    assert curves.deletion[0].tolist() == [1, 0.25, 0.25, 0.25, 0.25]  # 0.25: what the mean colour scores
    assert curves.insertion[0].tolist() == [0.25, 1, 1, 1, 1]


def test_a_map_that_names_it_last_keeps_it_to_the_end() -> None:
    wrong = np.array([[-1, 0], [0, 0]], np.float32)
    curves = perturbation_curves(PICTURE, wrong, brightness_of_the_first, steps=4)
    assert curves.deletion[0].tolist() == [1, 1, 1, 1, 0.25]
    assert curves.insertion[0].tolist() == [0.25, 0.25, 0.25, 0.25, 1]


def test_areas_are_mean_heights_by_trapezoids() -> None:
    found = areas(np.array([[1.0, 0.5, 0.5]]))
    assert found.raw == pytest.approx((0.75 + 0.5) / 2)
    assert found.normalised == pytest.approx((0.5 + 0) / 2)


def test_areas_of_several_fillings_are_averaged_each_scaled_by_itself() -> None:
    found = areas(np.array([[1.0, 0.0], [0.0, 0.2]]))
    assert found.raw == pytest.approx((0.5 + 0.1) / 2)
    assert found.normalised == pytest.approx(0.5)


def test_a_flat_curve_is_neither_good_nor_bad() -> None:
    assert areas(np.array([[0.3, 0.3, 0.3]])).normalised == 0.5
