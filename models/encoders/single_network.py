"""``single-network`` and ``single-network-standard``: one network embeds photographs and sentences drawn as images.

S. Nawaz et al., "Revisiting Cross Modal Retrieval" (2018): sentences have no tower of their own. A text image (see
``models.text.text_image``) goes through the same convolutions and the same projection as a photograph. The distance is
Euclidean; of unit vectors it ranks as the inner product does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.backbones.efficientnet_lite import CHANNELS, MEAN, STD, EfficientNetLite
from models.backbones.frozen import IMAGENET_LITE, load_backbone
from models.backbones.lite_pair import BACKBONES
from models.cards import EncoderCard, Preprocessing
from models.checkpoint import foreign_weights, load_into, read_weights
from models.encoders.compiled import CompiledDualEncoder
from models.encoders.unit_linear import UnitLinear
from models.inference.compile import Runner, compile_module
from models.inference.execution import Execution
from models.text.text_image import COLUMNS, PITCH, TextImages
from models.text.word_vectors import WORD_VECTORS, load_word_vectors

BACKBONE = "lite0"
EARLY_BLOCK = 5
"""What goes into this block still tells the colours of text images; the last map hardly does."""
_EARLY_STRIDE = 8
_EARLY_CHANNELS = 40
_ALONG = PITCH // _EARLY_STRIDE
FEATURES = _EARLY_CHANNELS * _ALONG**2 + CHANNELS
"""Of an image, before the projection."""
DIMENSION = 128
_COLOURS = "colours"

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


class ByRows:
    """Runs text images, each cut to the rows that it needs: a sentence's vector depends on no other in its batch.

    Args:
        network: compiled for images of any height.
        width: of what it makes of an image.
    """

    def __init__(self, network: Runner, width: int = DIMENSION) -> None:
        self._network, self._width = network, width

    def __call__(self, *inputs: NDArray[Any]) -> NDArray[np.float32]:
        """Embed images ``(N, H, W, 3)`` that need rows ``(N,)``, as ``(N, width)``."""
        images, rows = inputs
        vectors = np.empty((len(images), self._width), np.float32)
        for count in np.unique(rows):
            chosen = np.flatnonzero(rows == count)
            vectors[chosen] = self._network(images[chosen, : PITCH * count])
        return vectors


def new_network(expected_sha256: str | None = None) -> SingleNetwork:
    """Return the network with ImageNet's weights and an untrained projection.

    Raises:
        CheckpointError: missing, damaged, or other shared weights than expected.
    """
    backbone = load_backbone(IMAGENET_LITE, expected_sha256).backbones[BACKBONE]
    return SingleNetwork(backbone)  # type: ignore[arg-type]


def packed(network: SingleNetwork, colours: NDArray[np.uint8]) -> dict[str, Tensor]:
    """Return what ships: the projection, and the colours of the words' squares."""
    return {_COLOURS: torch.from_numpy(colours), **network.project.state_dict()}


def load_image_tower(card: EncoderCard, folder: Path) -> SingleNetwork:
    """Load the network, to explain it; raises as ``load_encoder``."""
    return _load(card, folder)[0]


def load_encoder(card: EncoderCard, folder: Path, execution: Execution) -> CompiledDualEncoder:
    """Load shipped weights and compile the network twice: for photographs, and for text images of any height.

    Raises:
        CheckpointError: missing or damaged, not of this architecture, or trained over other parts.
    """
    network, colours = _load(card, folder)
    side = card.preprocessing.size
    photograph = torch.zeros(1, side, side, 3, dtype=torch.uint8)
    page = torch.zeros(2, 3 * PITCH, COLUMNS * PITCH, 3, dtype=torch.uint8)
    return CompiledDualEncoder(
        card,
        compile_module(network, [photograph], [(0,)], execution),
        ByRows(compile_module(network, [page], [(0, 1)], execution)),
        TextImages(load_word_vectors(card.parts.get(WORD_VECTORS)).vocabulary, colours),
    )


def _load(card: EncoderCard, folder: Path) -> tuple[SingleNetwork, NDArray[np.uint8]]:
    stored, network = read_weights(folder, card), new_network(card.parts.get(IMAGENET_LITE))
    if _COLOURS not in stored:
        raise foreign_weights(card)
    colours = stored.pop(_COLOURS).numpy()
    load_into(network.project, stored, card)
    return network.eval().requires_grad_(False), colours
