r"""A second reading of sentences, by the words and phrases that they have: convolutions over word vectors.

After Kim, "Convolutional Neural Networks for Sentence Classification" (EMNLP 2014): filters as wide as one word piece
and as three slide over a sentence, and of each the largest answer counts, wherever it is:

.. math:: f_k = \max_t \langle w_k, [e_{t-1}, e_t, e_{t+1}] \rangle + b_k, \qquad \mathrm{unit}(P f)

with the word vectors e of the sentence encoder beside it. A Transformer and these filters err on different sentences:
together they find more than either, as two members of an ensemble do. The image's side is one linear map.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_WIDTHS = 1, 3
"""Of the filters, in word pieces; odd, so that each piece has as many answers."""
_FILTERS = 1024
"""Of each width."""
_NEVER = -1e4


class PhraseReader(nn.Module):
    """Vectors of word pieces ``(B, T, W)`` and their mask ``(B, T)`` to unit vectors ``(B, D)``.

    Attributes:
        deviation: standard deviation of the vectors' values, by which they are divided.

    Args:
        width: W.
        dimension: D.
        dropout: in training, share of the filters' answers dropped.
    """

    deviation: Tensor

    def __init__(self, width: int, dimension: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("deviation", torch.ones(1))
        self.filters = nn.ModuleList(nn.Conv1d(width, _FILTERS, size, padding=size // 2) for size in _WIDTHS)
        self.drop = nn.Dropout(dropout)
        self.project = nn.Linear(_FILTERS * len(_WIDTHS), dimension, bias=False)

    def forward(self, pieces: Tensor, mask: Tensor) -> Tensor:
        """Read sentences; how much padding is behind one does not matter."""
        real = mask.unsqueeze(1)
        words = pieces.transpose(1, 2) / self.deviation * real
        answers = [each(words).masked_fill(real == 0, _NEVER).amax(dim=2) for each in self.filters]
        return F.normalize(self.project(self.drop(torch.cat(answers, dim=1))), dim=1)
