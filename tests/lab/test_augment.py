"""Views of a training photograph."""

import numpy as np

from lab.training.augment import random_crop, training_view
from models.cards import Preprocessing
from models.imaging.transforms import fit_square

SQUARE = Preprocessing(32, "squash", "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
PIXELS = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def test_the_first_views_are_the_whole_picture_and_its_mirror_image() -> None:
    whole = fit_square(PIXELS, SQUARE)
    np.testing.assert_array_equal(training_view(PIXELS, 0, 7, SQUARE), whole)
    np.testing.assert_array_equal(training_view(PIXELS, 1, 7, SQUARE), whole[:, ::-1])


def test_a_crop_depends_on_seed_and_view_and_on_nothing_else() -> None:
    crop = training_view(PIXELS, 2, 7, SQUARE)
    np.testing.assert_array_equal(crop, training_view(PIXELS, 2, 7, SQUARE))
    assert not np.array_equal(crop, training_view(PIXELS, 2, 8, SQUARE))
    assert not np.array_equal(crop, training_view(PIXELS, 3, 7, SQUARE))


def test_a_crop_keeps_about_half_of_the_picture_or_more() -> None:
    random = np.random.default_rng(0)
    picture = np.zeros((300, 400, 3), np.uint8)
    shapes = [random_crop(picture, random).shape for _ in range(200)]
    shares = [rows * columns / (300 * 400) for rows, columns, _ in shapes]
    assert min(shares) > 0.37  # 45 %, less where a side would be longer than the picture's
    assert max(shares) > 0.9
    aspects = [(columns / rows) / (4 / 3) for rows, columns, _ in shapes]
    assert 0.74 < min(aspects) < 0.85
    assert 1.2 < max(aspects) < 1.35


def test_a_single_pixel_is_a_picture_too() -> None:
    assert training_view(PIXELS[:1, :1], 4, 0, SQUARE).shape == (32, 32, 3)
