"""Squares, thumbnails and overlays show the right part of the picture."""

import io

import numpy as np
from PIL import Image

from models.cards import Preprocessing
from models.imaging.overlay import overlay_png
from models.imaging.photograph import Photograph
from models.imaging.thumbnail import thumbnail_webp
from models.imaging.transforms import fit_square, picture_box


def _preprocessing(fit: str) -> Preprocessing:
    return Preprocessing(8, fit, "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))  # type: ignore[arg-type]


def _stripes() -> np.ndarray:
    """A wide picture: a red left quarter, a green middle, a blue right quarter."""
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:, :8, 0], pixels[:, 8:24, 1], pixels[:, 24:, 2] = 255, 255, 255
    return pixels


def test_squash_keeps_all_of_the_picture() -> None:
    square = fit_square(_stripes(), _preprocessing("squash"))
    assert square.shape == (8, 8, 3)
    assert square[4, 0, 0] > 200
    assert square[4, 7, 2] > 200


def test_crop_keeps_the_middle() -> None:
    square = fit_square(_stripes(), _preprocessing("crop"))
    assert square.shape == (8, 8, 3)
    assert (square[:, 1:7].argmax(axis=2) == 1).all()


def test_visible_region_is_the_middle_for_crop_and_everything_for_squash() -> None:
    assert _preprocessing("squash").visible_region(32, 16) == (0, 0, 1, 1)
    assert _preprocessing("crop").visible_region(32, 16) == (0.25, 0, 0.75, 1)


def _inside(size: int = 128) -> Preprocessing:
    return Preprocessing(size, "inside", "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def test_inside_keeps_the_aspect_ratio_and_all_of_the_picture() -> None:
    square = fit_square(np.repeat(np.repeat(_stripes(), 8, axis=0), 8, axis=1), _inside())  # 256 x 128 to 128 x 64
    assert square.shape == (128, 128, 3)
    assert (square[64:] == 0).all()
    assert (square[:64, 4:28].argmax(axis=2) == 0).all()
    assert (square[:64, 100:124].argmax(axis=2) == 2).all()
    assert _inside().visible_region(32, 16) == (0, 0, 1, 1)


def test_a_wide_screen_picture_is_as_wide_as_before_within_half_a_stride() -> None:
    square = fit_square(np.full((90, 160, 3), 200, np.uint8), _inside(288))
    assert picture_box(square) == (0, 0, 160, 288)  # 162 exactly


def test_a_picture_is_found_again_even_where_it_is_black() -> None:
    black = fit_square(np.zeros((40, 90, 3), np.uint8), _inside())
    assert picture_box(black) == (0, 0, 64, 128)
    assert picture_box(np.ascontiguousarray(black[::-1])) == (64, 0, 64, 128)
    assert black.max() == 1
    assert picture_box(np.zeros((8, 8, 3), np.uint8)) == (0, 0, 8, 8)


def test_another_preprocessing_has_another_digest() -> None:
    assert _preprocessing("crop").digest != _preprocessing("squash").digest
    assert _preprocessing("crop").digest == _preprocessing("crop").digest


def test_thumbnail_keeps_the_aspect_ratio_and_never_enlarges() -> None:
    photograph = Photograph(_stripes(), 32, 16, "PNG")
    assert Image.open(io.BytesIO(thumbnail_webp(photograph, 16))).size == (16, 8)
    assert Image.open(io.BytesIO(thumbnail_webp(photograph, 100))).size == (32, 16)


def test_overlay_paints_only_where_it_is_hot() -> None:
    grey = Photograph(np.full((40, 80, 3), 128, np.uint8), 80, 40, "PNG")
    heat = np.zeros((4, 4), np.float32)
    heat[:, 0] = 1
    painted = np.asarray(Image.open(io.BytesIO(overlay_png(grey, heat))))
    assert painted.shape == (40, 80, 3)
    assert (painted[:, 60:] == 128).all()
    assert np.abs(painted[20, 4].astype(int) - 128).max() > 60


def test_overlay_stays_inside_the_region_that_the_model_saw() -> None:
    grey = Photograph(np.full((40, 80, 3), 128, np.uint8), 80, 40, "PNG")
    painted = np.asarray(Image.open(io.BytesIO(overlay_png(grey, np.ones((2, 2), np.float32), (0.25, 0, 0.75, 1)))))
    assert (painted[:, :20] == 128).all()
    assert (painted[:, 60:] == 128).all()
    assert (painted[:, 20:60] != 128).any()
