"""``single-network`` and ``single-network-standard``: one network embeds photographs and sentences drawn as images.

S. Nawaz et al., "Revisiting Cross Modal Retrieval" (2018): no tower of its own reads the sentences. A text image (see
``models.text.text_image``) goes through the same convolutions and the same projection as a photograph. The distance is
Euclidean; of unit vectors it ranks as the inner product does.
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
from models.text.text_image import COLOURS, COLUMNS, PITCH

BACKBONE = "lite0"
EARLY_BLOCK = 5
"""What goes into this block still tells the colours of text images; the last map hardly does."""
_EARLY_STRIDE = 8
_EARLY_CHANNELS = 40
_ALONG = PITCH // _EARLY_STRIDE
FEATURES = _EARLY_CHANNELS * _ALONG**2 + CHANNELS
"""Of an image, before the projection."""
DIMENSION = 128

INPUT = Preprocessing(size=BACKBONES[BACKBONE], fit="squash", resample="bicubic", mean=MEAN, std=STD)


class SingleNetwork(nn.Module):
    """``(B, H, W, 3)`` uint8 pixels, of photographs or of text images, to ``(B, 128)`` unit vectors.

    What the projection reads are two depths of one network (a hypercolumn, Hariharan et al. 2015): the mean over the
    places of the last map, and the means over all squares of 32 pixels of an early map's 4 x 4 places in each.

    Args:
        backbone: EfficientNet-Lite0, frozen.
    """

    def __init__(self, backbone: EfficientNetLite) -> None:
        super().__init__()
        self.backbone = backbone.eval().requires_grad_(False)
        self.project = UnitLinear(FEATURES, DIMENSION)

    def maps(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the early map ``(B, 40, H/8, W/8)`` and the last, ``(B, 1280, H/32, W/32)``."""
        early = self.backbone.lower((pixels.permute(0, 3, 1, 2).float() / 255 - MEAN[0]) / STD[0], EARLY_BLOCK)
        return early, self.backbone.upper(early, EARLY_BLOCK)

    def features(self, early: Tensor, last: Tensor) -> Tensor:
        """Average both maps, ``(B, 1920)``."""
        shifts = [(row, column) for row in range(_ALONG) for column in range(_ALONG)]
        places = [early[:, :, row::_ALONG, column::_ALONG].mean(dim=(2, 3)) for row, column in shifts]
        return torch.cat([*places, last.mean(dim=(2, 3))], dim=1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Embed pixels."""
        return self.project(self.features(*self.maps(pixels)))  # type: ignore[no-any-return]

    def trace(self, pixels: Tensor) -> tuple[list[Tensor], Tensor]:
        """Run on pixels; also return the last map as a leaf that gradients reach."""
        with torch.no_grad():
            early, last = self.maps(pixels)
        leaf = last.requires_grad_()
        return [leaf], self.project(self.features(early, leaf))


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


def page_graph(network: SingleNetwork) -> Graph:
    """Return the network for text images of any height."""
    return Graph(network, [torch.zeros(2, 3 * PITCH, COLUMNS * PITCH, 3, dtype=torch.uint8)], [(0, 1)])
