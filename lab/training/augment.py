"""Views of a training photograph: the whole of it, its mirror image, and random crops in other light."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageEnhance

from models.cards import Preprocessing
from models.imaging.transforms import fit_square
from models.types import Pixels

_AREA = (0.45, 1.0)
"""Share of the photograph that a crop keeps."""
_ASPECT = (3 / 4, 4 / 3)
"""Of a crop, beside the photograph's own; the squash to a square then distorts as other shapes of picture would."""
_LIGHT = (0.75, 1.25)
"""Factors of brightness, contrast and saturation."""


def training_view(pixels: Pixels, view: int, seed: int, preprocessing: Preprocessing) -> Pixels:
    """Prepare one view of ``(H, W, 3)`` pixels as the model's ``(S, S, 3)``.

    Args:
        pixels: the photograph.
        view: 0 is the whole, 1 its mirror image, every further one a random crop (Szegedy et al. 2015), by halves
            mirrored, in random light.
        seed: of the randomness; the same seed and view give the same pixels.
        preprocessing: of the model.
    """
    if view < 2:
        whole = fit_square(pixels, preprocessing)
        return np.ascontiguousarray(whole[:, ::-1]) if view else whole
    random = np.random.default_rng((seed, view))
    crop = Image.fromarray(fit_square(random_crop(pixels, random), preprocessing))
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        crop = enhance(crop).enhance(random.uniform(*_LIGHT))
    square = np.asarray(crop)
    return np.ascontiguousarray(square[:, ::-1] if random.random() < 0.5 else square)


def random_crop(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """Cut a part of ``(H, W, 3)`` pixels: 45 to 100 % of the area, at most 4:3 wider or narrower than the whole."""
    area = random.uniform(*_AREA)
    aspect = math.exp(random.uniform(math.log(_ASPECT[0]), math.log(_ASPECT[1])))
    height, width = pixels.shape[:2]
    rows = max(1, round(height * min(1.0, math.sqrt(area / aspect))))
    columns = max(1, round(width * min(1.0, math.sqrt(area * aspect))))
    top, left = random.integers(height - rows + 1), random.integers(width - columns + 1)
    return pixels[top : top + rows, left : left + columns]
