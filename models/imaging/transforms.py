"""Brings pixels to a model's square input, as its preprocessing says."""

import numpy as np
from PIL import Image

from models.types import Pixels, Preprocessing

_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def fit_square(pixels: Pixels, preprocessing: Preprocessing) -> Pixels:
    """Scale ``(H, W, 3)`` pixels to ``(S, S, 3)``.

    ``squash`` scales each side on its own; ``crop`` scales the shorter side and cuts the middle.
    """
    size = preprocessing.size
    height, width = pixels.shape[:2]
    box = (0, 0, width, height)
    if preprocessing.fit == "crop":
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
    elif (height, width) == (size, size):
        return np.ascontiguousarray(pixels)
    return np.array(Image.fromarray(pixels).resize((size, size), _FILTERS[preprocessing.resample], box=box))
