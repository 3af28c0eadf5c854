"""Projects an image's features into the space of a captioner's word vectors."""

from __future__ import annotations

from torch import Tensor, nn

from models.backbones.standardised import Standardised


class ImageEmbedding(Standardised):
    """Standardise a frozen backbone's features and project them, ``(..., C)`` to ``(..., D)``.

    ``y = W (x - mean) / std + b``.

    Args:
        channels: C, of the backbone.
        dimension: D, of the captioner's words.
        noise: see ``Standardised``.
    """

    def __init__(self, channels: int, dimension: int, noise: float = 0.0) -> None:
        super().__init__(channels, noise)
        self.project = nn.Linear(channels, dimension)

    def forward(self, features: Tensor) -> Tensor:
        """Embed features."""
        return self.project(self.standardised(features))  # type: ignore[no-any-return]
