"""R-MAC: a photograph's vector from the maxima over regions of its feature map, at several scales of the picture.

G. Tolias, R. Sicre, H. Jégou, "Particular Object Retrieval with Integral Max-Pooling of CNN Activations", ICLR 2016.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.backbones.region_layout import LEVELS, regions


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
