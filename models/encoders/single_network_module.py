"""``single-network`` and ``single-network-standard``: one network embeds photographs and sentences drawn as images.

S. Nawaz et al., "Revisiting Cross Modal Retrieval" (2018): no tower of its own reads the sentences. A text image (see
``models.text.text_image``) goes the same way as a photograph, from pixels to the vector, through the same weights. The
convolutions stay as ImageNet taught them: what learns is the projection of what they see, and in which colours words
are drawn, so that the network sees in a word what it sees in photographs of the thing. The distance is Euclidean; of
unit vectors it ranks as the inner product does.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.backbones.efficientnet_lite import CHANNELS, MEAN, STD, EfficientNetLite
from models.backbones.frozen import IMAGENET_LITE, load_backbone
from models.backbones.lite_pair import BACKBONES
from models.cards import EncoderCard, Preprocessing
from models.checkpoint import load_into, read_weights
from models.encoders.unit_linear import UnitLinear
from models.inference.graph import Graph
from models.text.text_image import COLOURS, COLUMNS, MIN_ROWS, PITCH

BACKBONE = "lite0"
DIMENSION = 128

INPUT = Preprocessing(size=BACKBONES[BACKBONE], fit="squash", resample="bicubic", mean=MEAN, std=STD)


class SingleNetwork(nn.Module):
    """``(B, H, W, 3)`` pixels 0 to 255, of photographs or of text images, to ``(B, 128)`` unit vectors.

    The projection reads the mean over the places of the last map, whatever the image is of.

    Args:
        backbone: EfficientNet-Lite0, frozen.
    """

    def __init__(self, backbone: EfficientNetLite) -> None:
        super().__init__()
        self.backbone = backbone.eval().requires_grad_(False)
        self.project = UnitLinear(CHANNELS, DIMENSION)

    def map(self, pixels: Tensor) -> Tensor:
        """Compute the last map, ``(B, 1280, H/32, W/32)``, rounded up."""
        return self.backbone((pixels.permute(0, 3, 1, 2).float() / 255 - MEAN[0]) / STD[0])  # type: ignore[no-any-return]

    def features(self, pixels: Tensor) -> Tensor:
        """Average the last map over its places, ``(B, 1280)``."""
        return self.map(pixels).mean(dim=(2, 3))

    def forward(self, pixels: Tensor) -> Tensor:
        """Embed pixels."""
        return self.project(self.features(pixels))  # type: ignore[no-any-return]

    def trace(self, pixels: Tensor) -> tuple[list[Tensor], Tensor]:
        """Run on pixels; also return the last map as a leaf that gradients reach."""
        with torch.no_grad():
            last = self.map(pixels)
        leaf = last.requires_grad_()
        return [leaf], self.project(leaf.mean(dim=(2, 3)))


def new_network(expected_sha256: str | None = None) -> SingleNetwork:
    """Return the network with ImageNet's weights and an untrained projection.

    Raises:
        CheckpointError: missing, damaged, or other shared weights than expected.
    """
    backbone = load_backbone(IMAGENET_LITE, expected_sha256).backbones[BACKBONE]
    return SingleNetwork(backbone)  # type: ignore[arg-type]


def packed(network: SingleNetwork, colours: NDArray[np.uint8]) -> dict[str, Tensor]:
    """Return what ships: the projection, and the colours of the words' squares."""
    return {COLOURS: torch.from_numpy(colours), **network.project.state_dict()}


def load_network(card: EncoderCard, folder: Path) -> SingleNetwork:
    """Load the network.

    Raises:
        CheckpointError: missing or damaged, not of this architecture, or trained over other parts.
    """
    stored, network = read_weights(folder, card), new_network(card.parts.get(IMAGENET_LITE))
    stored.pop(COLOURS, None)
    load_into(network.project, stored, card)
    return network.eval().requires_grad_(False)


def photograph_graph(card: EncoderCard, network: SingleNetwork) -> Graph:
    """Return the network for photographs."""
    side = card.preprocessing.size
    return Graph(network, [torch.zeros(1, side, side, 3, dtype=torch.uint8)], [(0,)])


def page_graph(network: SingleNetwork, odd: bool) -> Graph:
    """Return the network for text images of any odd, or any even, number of rows.

    A trace holds the padding of its convolutions, which differs between them: at half the stride a row is one place.
    """
    rows = MIN_ROWS + (odd != MIN_ROWS % 2)
    return Graph(network, [torch.zeros(2, rows * PITCH, COLUMNS * PITCH, 3, dtype=torch.uint8)], [(0, 1)])
