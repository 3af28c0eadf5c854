"""Brings pixels to a model's square input, as its preprocessing says."""

import numpy as np
from PIL import Image

from models.cards import Preprocessing
from models.imaging.patches import mark_corner, patch_sides
from models.types import Pixels

INSIDE_STEP = 32
"""What both sides of a picture fitted ``inside`` are multiples of, in pixels: the stride of convolutional backbones, to
which the aspect ratio is therefore kept."""

_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def fit_square(pixels: Pixels, preprocessing: Preprocessing) -> Pixels:
    """Scale ``(H, W, 3)`` pixels to ``(S, S, 3)``.

    ``squash`` scales each side on its own; ``crop`` scales the shorter side and cuts the middle, rounding as the image
    processors of transformers do; ``inside`` scales the longer side, rounds the shorter one to a multiple of
    ``INSIDE_STEP`` and puts the picture in the upper left corner. Around such a picture all values are 0, within it
    none is: ``picture_box`` finds it again. ``patches`` puts it there, too, with sides that ``patch_sides`` gives.
    """
    size = preprocessing.size
    height, width = pixels.shape[:2]
    if preprocessing.fit == "squash":
        return _resize(pixels, size, size, preprocessing)
    if preprocessing.fit == "inside":
        rows, columns = inside_sides(height, width, size)
        square = np.zeros((size, size, 3), np.uint8)
        square[:rows, :columns] = np.maximum(_resize(pixels, rows, columns, preprocessing), 1)
        return square
    if preprocessing.fit == "patches":
        return place_patches(pixels, preprocessing)
    shorter = min(height, width)
    scaled = _resize(pixels, int(size * height / shorter), int(size * width / shorter), preprocessing)
    top, left = (scaled.shape[0] - size) // 2, (scaled.shape[1] - size) // 2
    return np.ascontiguousarray(scaled[top : top + size, left : left + size])


def place_patches(pixels: Pixels, preprocessing: Preprocessing) -> Pixels:
    """Scale ``(H, W, 3)`` pixels to a whole number of patches, in the upper left corner of an ``(S, S, 3)`` square."""
    assert preprocessing.patch and preprocessing.max_patches  # noqa: S101 - of this fit
    height, width = pixels.shape[:2]
    rows, columns = patch_sides(height, width, preprocessing.patch, preprocessing.max_patches)
    square = np.zeros((preprocessing.size, preprocessing.size, 3), np.uint8)
    square[:rows, :columns] = _resize(pixels, rows, columns, preprocessing)
    mark_corner(square, rows, columns)
    return square


def inside_sides(height: int, width: int, longer_side: int) -> tuple[int, int]:
    """Return the sides scaled to another longer one, both rounded to multiples of ``INSIDE_STEP``, at least one."""
    scale = longer_side / max(height, width)
    rows, columns = (max(1, round(side * scale / INSIDE_STEP)) * INSIDE_STEP for side in (height, width))
    return rows, columns


def picture_box(square: Pixels) -> tuple[int, int, int, int]:
    """Return where the picture lies in a square that it was fitted ``inside``: top, left, rows, columns in pixels.

    A square without any picture is taken whole.
    """
    drawn = square.max(axis=2) > 0
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    if not len(rows):
        return 0, 0, *square.shape[:2]
    return int(rows[0]), int(columns[0]), int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1


def _resize(pixels: Pixels, height: int, width: int, preprocessing: Preprocessing) -> Pixels:
    if pixels.shape[:2] == (height, width):
        return np.ascontiguousarray(pixels)
    return np.array(Image.fromarray(pixels).resize((width, height), _FILTERS[preprocessing.resample]))
