"""R-MAC: a photograph's vector from the maxima over regions of its feature map, at several scales of the picture.

G. Tolias, R. Sicre, H. Jégou, "Particular Object Retrieval with Integral Max-Pooling of CNN Activations", ICLR 2016.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LEVELS = 3
_OVERLAP = 0.4
_MOST_ALONG = 7
"""Upper limit on the regions of the first level along the longer side."""

Region = tuple[int, int, int]
"""Top, left and side of a square of a feature map's places."""


def regions(rows: int, columns: int, levels: int = LEVELS) -> list[Region]:
    """Lay out the square regions of a feature map.

    On the first level they are as large as the shorter side, as many (``m``) along the longer one as overlap nearest to
    40 %; on level ``l`` the side is ``2 · shorter / (l + 1)``, ``l`` lie along the shorter side and ``l + m - 1`` along
    the longer one, evenly spread. A square map has 1 + 4 + 9.
    """
    shorter, longer = min(rows, columns), max(rows, columns)
    more = 0
    if longer > shorter:
        overlaps = [1 - (longer - shorter) / (count - 1) / shorter for count in range(2, _MOST_ALONG + 1)]
        more = 1 + min(range(len(overlaps)), key=lambda index: abs(overlaps[index] - _OVERLAP))
    found = []
    for level in range(1, levels + 1):
        side = max(1, 2 * shorter // (level + 1))
        along_rows, along_columns = level + more * (rows > columns), level + more * (columns > rows)
        tops, lefts = _spread(rows - side, along_rows), _spread(columns - side, along_columns)
        found += [(top, left, side) for top in tops for left in lefts]
    return found


def pool_regions(feature_map: Tensor, levels: int = LEVELS) -> Tensor:
    """Take each channel's maximum in each region: ``(B, C, h, w)`` to ``(B, R, C)``."""
    rows, columns = feature_map.shape[-2:]
    laid = regions(rows, columns, levels)
    maxima = [feature_map[:, :, top : top + side, left : left + side].amax(dim=(2, 3)) for top, left, side in laid]
    return torch.stack(maxima, dim=1)


class RegionAggregation(nn.Module):
    r"""Regions to one vector, ``(B, R, C)`` to ``(B, D)``.

    .. math:: \phi = \mathrm{unit}\Bigl(\sum_r \mathrm{unit}(P\,\mathrm{unit}(x_r) + b)\Bigr)

    ``P`` and ``b`` begin as PCA with whitening (see ``whiten``) and can be trained (Gordo et al., ECCV 2016).

    Args:
        channels: C; split into ``groups`` equal parts, each of which is scaled to unit length by itself.
        dimension: D.
        groups: how many backbones' channels are concatenated.
        noise: standard deviation, in training, of Gaussian noise on the projected regions, relative to their own.
    """

    def __init__(self, channels: int, dimension: int, groups: int = 1, noise: float = 0.0) -> None:
        super().__init__()
        self.project = nn.Linear(channels, dimension)
        self.groups, self.noise = groups, noise

    def forward(self, maxima: Tensor) -> Tensor:
        """Aggregate."""
        projected = self.project(self.normalise(maxima))
        if self.training and self.noise:
            # whitened regions have about unit length in all directions alike: so does the noise
            deviation = self.noise * projected.detach().std()
            projected = projected + deviation * torch.randn_like(projected)
        return F.normalize(F.normalize(projected, dim=-1).sum(dim=1), dim=-1)

    def normalise(self, maxima: Tensor) -> Tensor:
        """Scale each backbone's part of each region to unit length."""
        grouped = maxima.reshape(*maxima.shape[:-1], self.groups, -1)
        return F.normalize(grouped, dim=-1).flatten(-2)

    @torch.no_grad()
    def whiten(self, maxima: Tensor) -> None:
        """Set the projection to PCA with whitening, learned on a sample of regions ``(N, C)``.

        ``P = Λ^{-1/2} Uᵀ`` of the D directions of largest variance, ``b = -P · mean`` (Jégou and Chum, ECCV 2012).
        """
        sample = self.normalise(maxima.float())
        mean = sample.mean(dim=0)
        variances, directions = torch.linalg.eigh((sample - mean).T @ (sample - mean) / (len(sample) - 1))
        kept = slice(-self.project.out_features, None)
        scales = variances[kept].clamp(min=1e-9).rsqrt()
        self.project.weight.copy_((directions[:, kept] * scales).T)
        self.project.bias.copy_(-self.project.weight @ mean)


def _spread(room: int, count: int) -> Sequence[int]:
    return [0] if count == 1 else [int(index * room / (count - 1)) for index in range(count)]
