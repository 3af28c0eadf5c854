"""The word vectors of a captioner: the same ones embed the previous word and score the next."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.text.vocabulary import END


class TiedWords(nn.Module):
    """A vector for each number, as input and (Press and Wolf 2017, "Using the output embedding") as output.

    Only ``END`` and words can come next: the numbers before ``END`` have no probability.

    Args:
        numbers: V, of the vocabulary, the reserved ones included.
        dimension: D.
    """

    def __init__(self, numbers: int, dimension: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.randn(numbers, dimension) * dimension**-0.5)
        self.bias = nn.Parameter(torch.zeros(numbers))

    def embed(self, numbers: Tensor) -> Tensor:
        """Look up ``(...)`` numbers, ``(..., D)``, scaled to a length of about the root of D."""
        return F.embedding(numbers, self.vectors) * math.sqrt(self.vectors.shape[1])

    def scores(self, hidden: Tensor) -> Tensor:
        """Return unnormalised log-probabilities of ``END`` and all behind it, ``(..., D)`` to ``(..., V - END)``."""
        return F.linear(hidden, self.vectors[END:], self.bias[END:])

    def log_probabilities(self, hidden: Tensor) -> Tensor:
        """Return the log-probability of every number, ``(R, D)`` to ``(R, V)``."""
        return F.pad(self.scores(hidden).log_softmax(dim=-1), (END, 0), value=-torch.inf)
