"""The trained projection of a frozen backbone's features to the vector that a matcher stores."""

from __future__ import annotations

from torch import Tensor, nn

from models.backbones.standardised import Standardised


class ImageVector(Standardised):
    """Two fully connected layers, ``(B, F)`` features to ``(B, D)``, in place of those of the published networks' VGG.

    ``v = B relu(A (x - mean) / std)``

    Args:
        inputs: F, features of the backbone.
        hidden: width of the hidden layer.
        dimension: D, of the vector.
        dropout: in training, fraction of the hidden units dropped.
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
        """Project features."""
        vectors: Tensor = self.layers(self.standardised(features))
        return vectors


def start_at_scale(layer: nn.Module) -> None:
    """Initialise a linear layer so that ReLU layers keep the scale of their inputs (He et al. 2015).

    Torch's own weights are smaller: after four layers the inputs would be small beside the biases.
    """
    assert isinstance(layer, nn.Linear)  # noqa: S101 - what modules hold is typed as any module
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
