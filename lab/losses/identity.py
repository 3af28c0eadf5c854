"""Identity loss: the images of one identity, of whatever kind, lie together and apart from all others."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lab.losses.centre import CentreLoss


class IdentityLoss(nn.Module):
    """Softmax over identities between the two kinds of image, beside the centre loss.

    A text image's identity is told by the vectors of the photographs, those of the batch and further ones; a
    photograph's by the vectors of the batch's text images. Logits are scaled cosines. Of the centre loss alone
    everything in one point would be the minimum.

    Args:
        starts: ``(N, D)`` unit vectors, where the centres start.
        scale: of the cosines.
        centre_weight: of the centre loss, the mean over the batch's images.
        centre_rate: see ``CentreLoss``.
    """

    def __init__(self, starts: Tensor, scale: float, centre_weight: float, centre_rate: float) -> None:
        super().__init__()
        self.centres = CentreLoss(len(starts), starts.shape[1], centre_rate)
        self.centres.centres.copy_(starts)
        self._scale, self._centre_weight = scale, centre_weight

    def forward(
        self, photographs: Tensor, texts: Tensor, identities: Tensor, others: Tensor, other_identities: Tensor
    ) -> Tensor:
        """Return the loss, a mean over images.

        Args:
            photographs: unit vectors ``(B, D)``.
            texts: the same, of a text image of each.
            identities: ``(B,)``, all different.
            others: of further photographs, ``(M, D)``.
            other_identities: ``(M,)``; those that are in the batch, too, do not count.
        """
        own = torch.arange(len(photographs), device=photographs.device)
        again = identities[:, None] == other_identities
        further = (self._scale * texts @ others.T).masked_fill(again, -torch.inf)
        of_texts = torch.cat([self._scale * texts @ photographs.T, further], dim=1)
        of_photographs = self._scale * photographs @ texts.T
        centre: Tensor = self.centres(torch.cat([photographs, texts]), identities.repeat(2)) / (2 * len(own))
        softmax = (F.cross_entropy(of_texts, own) + F.cross_entropy(of_photographs, own)) / 2
        return softmax + self._centre_weight * centre
