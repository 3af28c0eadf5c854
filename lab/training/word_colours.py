"""The colours of words in text images, learned: a linear map of the words' vectors, and each word's own shift."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.text.text_image import BLANK, VALUES
from models.text.vocabulary import RESERVED

_RANGE = BLANK - 1
"""From gray to full colour."""
_DEVIATIONS = 3.0
"""So many standard deviations of a principal component are of full colour at the start, were it not for the tanh."""


class WordColours(nn.Module):
    r"""Vectors of V words to pixel values, ``128 + 127 tanh(A x + s)``, s a word's own; rounded outside training.

    A starts as the map to the first principal components, all scaled by one factor, so that what is alike looks alike;
    where there are fewer components than values, further directions are random. The own shifts start at 0.

    Args:
        vectors: ``(V, D)``; reserved numbers, which stand for no word, stay blank.
        values: of a word.
    """

    vectors: Tensor

    def __init__(self, vectors: Tensor, values: int = VALUES) -> None:
        super().__init__()
        words = vectors - vectors[RESERVED:].mean(dim=0)
        words[:RESERVED] = 0
        self.register_buffer("vectors", words / words[RESERVED:].std(), persistent=False)
        directions = torch.linalg.svd(self.vectors[RESERVED:], full_matrices=False).Vh[:values]
        more = torch.randn(values - len(directions), vectors.shape[1]) / vectors.shape[1] ** 0.5
        directions = torch.cat([directions, more])
        spread = (self.vectors[RESERVED:] @ directions.T).std()
        self.map = nn.Parameter(directions / (_DEVIATIONS * spread))
        self.shifts = nn.Parameter(torch.zeros(len(vectors), values))

    def forward(self) -> Tensor:
        """Return the pixel values of all words, ``(V, values)``."""
        coloured = BLANK + _RANGE * torch.tanh(self.vectors @ self.map.T + self.shifts)
        return coloured if self.training else coloured.round()

    @torch.no_grad()
    def pixel_values(self) -> NDArray[np.uint8]:
        """Return what ships."""
        values: NDArray[np.uint8] = self.eval()().byte().numpy()
        return values
