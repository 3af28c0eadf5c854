"""The trained part that makes a small vector of what a frozen backbone says of a photograph."""

from __future__ import annotations

from torch import Tensor, nn

from models.backbones.standardised import Standardised


class ImageVector(Standardised):
    """Two fully connected layers: ``(B, F)`` features to ``(B, D)``; they stand for those of the documents' networks.

    ``v = B relu(A (x - mean) / std)``

    Args:
        inputs: F, features of the backbone.
        hidden: width of the layer between.
        dimension: D, of what is kept of an image.
        dropout: share of the hidden units dropped in training.
        noise: see ``Standardised``.
    """

    def __init__(self, inputs: int, hidden: int, dimension: int, dropout: float = 0.0, noise: float = 0.0) -> None:
        super().__init__(inputs, noise)
        self.layers = nn.Sequential(
            nn.Linear(inputs, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, dimension)
        )
        for layer in (self.layers[0], self.layers[3]):
            start_at_scale(layer)

    def forward(self, features: Tensor) -> Tensor:
        """Make vectors of features."""
        vectors: Tensor = self.layers(self.standardised(features))
        return vectors


def start_at_scale(layer: nn.Module) -> None:
    """Draw a linear layer's first weights so that ReLUs keep the scale of what they are given (He et al. 2015).

    Torch's own are smaller: behind four layers a sentence and an image would hardly be heard over the biases.
    """
    assert isinstance(layer, nn.Linear)  # noqa: S101 - what modules hold is typed as any module
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
