"""Brings pixels to a model's square input, as its preprocessing says."""

import numpy as np
from PIL import Image

from models.types import Pixels, Preprocessing

_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def fit_square(pixels: Pixels, preprocessing: Preprocessing) -> Pixels:
    """Scale ``(H, W, 3)`` pixels to ``(S, S, 3)``.

    ``squash`` scales each side on its own; ``crop`` scales the shorter side and cuts the middle, rounding as the image
    processors of transformers do.
    """
    size = preprocessing.size
    height, width = pixels.shape[:2]
    if preprocessing.fit == "squash":
        return _resize(pixels, size, size, preprocessing)
    shorter = min(height, width)
    scaled = _resize(pixels, int(size * height / shorter), int(size * width / shorter), preprocessing)
    top, left = (scaled.shape[0] - size) // 2, (scaled.shape[1] - size) // 2
    return np.ascontiguousarray(scaled[top : top + size, left : left + size])


def _resize(pixels: Pixels, height: int, width: int, preprocessing: Preprocessing) -> Pixels:
    if pixels.shape[:2] == (height, width):
        return np.ascontiguousarray(pixels)
    return np.array(Image.fromarray(pixels).resize((width, height), _FILTERS[preprocessing.resample]))
