r"""How near a vector is to everything that is asked, so that what is near to all is not taken for what is meant.

Among many dimensions some points, the hubs, are near far more queries than others are (Radovanovic, Nanopoulos and
Ivanovic, "Hubs in Space", JMLR 2010). To take from each score how near the point is to a bank of queries mends most of
it: the inverted softmax of Smith et al. (ICLR 2017), for images and sentences Bogolin et al., "Cross Modal Retrieval
with Querybank Normalisation" (CVPR 2022). Here the bank is known before anything is indexed, so that the correction
lies in the vectors, and a search stays one inner product:

.. math:: \langle [m_i, -a h_i, r_i, 0], [m_t, c, -a' h_t, r_t] \rangle \approx
          \langle m_i, m_t \rangle - c a h_i - C a' h_t

for an image i and a sentence t; r makes all vectors equally long, so that their inner product is a cosine (Bachrach et
al., "Speeding Up the Xbox Recommender System", RecSys 2014). A query that is no sentence has 0 in c's place: many
images show what it names, and those nearest to all queries show things best. Images compared with images, and texts
with texts, have much the same product in all these places.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

CENTRES = 1024
COORDINATES = 3
_SHARPNESS = 20.0
"""Of the exponential; of 5 to 30 those from 20 on find most on both dev sets (``docs/experiments.md``)."""
_LENGTH = 0.5
"""C, of the coordinates of every vector."""
_ASKED = 0.2
"""c; were it larger, sentences would be nearer to sentences than to names, and names to names."""
_OF_IMAGE, _OF_TEXT = 0.4 / _ASKED, 0.2 / _LENGTH
"""a and a'. With more, searches that the bank is like gain a little, and those that it is unlike lose as much; more of
the second prefers captions of other colours, for what is seldom said is near nothing."""
_MOST = 0.4
"""Of a coordinate; a picture that nothing is near to should not be found by everything."""


class Hubness(nn.Module):
    r"""Unit vectors ``(B, D)`` to ``(B, 1)``: ``h(v) = 1/s log sum_k p_k exp(s <c_k, v>)``, less its mean.

    The centres c_k stand for a bank of queries, a share p_k of it each; they are means of unit vectors, and shorter.

    Args:
        dimension: D.
    """

    centres: Tensor
    log_shares: Tensor
    mean: Tensor

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.register_buffer("centres", torch.zeros(CENTRES, dimension))
        self.register_buffer("log_shares", torch.full((CENTRES,), 1 / CENTRES).log())
        self.register_buffer("mean", torch.zeros(1))

    def forward(self, vectors: Tensor) -> Tensor:
        """Compute h; it is 0 as long as there is no bank."""
        logits = _SHARPNESS * vectors @ self.centres.T + self.log_shares
        return logits.logsumexp(dim=1, keepdim=True) / _SHARPNESS - self.mean

    @torch.no_grad()
    def take(self, centres: Tensor, shares: Tensor, like: Tensor) -> None:
        """Take a bank.

        Args:
            centres: ``(1024, D)``.
            shares: ``(1024,)``, above 0; they add up to 1.
            like: ``(N, D)``, vectors of the kind whose hubness is asked for; theirs is 0 in the mean.
        """
        self.centres.copy_(centres)
        self.log_shares.copy_(shares.log())
        self.mean.zero_()
        self.mean.copy_(self(like).mean())


def hubness_of_image(hubness: Tensor) -> Tensor:
    """Return the coordinates ``(B, 3)``, of length C, of images whose hubness is ``(B, 1)``."""
    own = (-_OF_IMAGE * hubness).clamp(-_MOST, _MOST)
    return torch.cat([own, _rest(own), torch.zeros_like(own)], dim=1)


def hubness_of_text(hubness: Tensor, sentence: Tensor) -> Tensor:
    """Return the coordinates ``(B, 3)``, of length C, of texts.

    Args:
        hubness: ``(B, 1)``.
        sentence: ``(B, 1)``, how much each is a sentence, 0..1.
    """
    coordinates = torch.cat([_ASKED * sentence, (-_OF_TEXT * hubness).clamp(-_MOST, _MOST)], dim=1)
    return torch.cat([coordinates, _rest(coordinates)], dim=1)


def _rest(coordinates: Tensor) -> Tensor:
    """Return what ``(B, N)`` coordinates lack of the length C, ``(B, 1)``."""
    return (_LENGTH**2 - coordinates.square().sum(dim=1, keepdim=True)).sqrt()
