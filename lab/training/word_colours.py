"""The colours of words in text images: the first principal components of their vectors, scaled to pixel values."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.text.text_image import BLANK, VALUES
from models.text.vocabulary import RESERVED

_DEVIATIONS = 3.0
"""Values so many standard deviations from 0 are black or of full colour."""


def pixel_values(vectors: Tensor, values: int = VALUES) -> NDArray[np.uint8]:
    """Scale the first principal components of word vectors ``(V, D)`` to 0..255, ``(V, values)``.

    All by one factor, so that what is alike stays alike: ``128 + 127 x / (3 s)``, rounded and clipped, with x a
    component and s the standard deviation of all of them. Of each component the largest value is positive. Reserved
    numbers, which stand for no word, are blank.
    """
    words = vectors[RESERVED:] - vectors[RESERVED:].mean(dim=0)
    directions = torch.linalg.svd(words, full_matrices=False).Vh[:values]
    components = (words @ directions.T).numpy()
    components = components * np.sign(np.take_along_axis(components, abs(components).argmax(axis=0)[None], axis=0))
    coloured = np.full((len(vectors), values), BLANK, np.uint8)
    coloured[RESERVED:] = (BLANK + (BLANK - 1) * components / (_DEVIATIONS * components.std())).round().clip(0, 255)
    return coloured
