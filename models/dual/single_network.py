"""``single-network`` and ``single-network-standard``: one network embeds photographs and sentences drawn as images.

S. Nawaz et al., "Revisiting Cross Modal Retrieval" (2018): no tower of its own reads the sentences. A text image (see
``models.text.text_image``) goes through the same convolutions and the same projection as a photograph. The distance is
Euclidean; of unit vectors it ranks as the inner product does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.backbones.efficientnet_lite import CHANNELS, MEAN, STD, EfficientNetLite
from models.backbones.frozen import IMAGENET_LITE, load_backbone
from models.backbones.lite_pair import BACKBONES
from models.checkpoint import read_weights
from models.dual.encoder import CompiledDualEncoder
from models.dual.unit_linear import UnitLinear
from models.errors import CheckpointError
from models.runtime.base import Runner, RuntimeName, compile_module
from models.text.text_image import COLUMNS, PITCH, TextImages
from models.text.word_vectors import WORD_VECTORS, load_word_vectors
from models.types import ModelCard, Preprocessing

BACKBONE = "lite0"
TUNED_FROM = 11
"""The first block that is tuned; those below stay ImageNet's."""
DIMENSION = 128
_COLOURS = "colours"

INPUT = Preprocessing(size=BACKBONES[BACKBONE], fit="squash", resample="bicubic", mean=MEAN, std=STD)


class SingleNetwork(nn.Module):
    """``(B, H, W, 3)`` uint8 pixels, of photographs or of text images, to ``(B, 128)`` unit vectors.

    Args:
        backbone: EfficientNet-Lite0; its batch norm keeps its statistics, in training too.
    """

    def __init__(self, backbone: EfficientNetLite) -> None:
        super().__init__()
        self.backbone = backbone
        self.project = UnitLinear(CHANNELS, DIMENSION)

    def lower(self, pixels: Tensor) -> Tensor:
        """Compute the map that goes into the tuned blocks, ``(B, 112, H/16, W/16)``."""
        return self.backbone.lower((pixels.permute(0, 3, 1, 2).float() / 255 - MEAN[0]) / STD[0], TUNED_FROM)

    def feature_map(self, lower: Tensor) -> Tensor:
        """Compute the last map, ``(B, 1280, H/32, W/32)``."""
        return self.backbone.upper(lower, TUNED_FROM)

    def embed(self, feature_map: Tensor) -> Tensor:
        """Average over the places and project."""
        return self.project(feature_map.mean(dim=(2, 3)))  # type: ignore[no-any-return]

    def forward(self, pixels: Tensor) -> Tensor:
        """Embed pixels."""
        return self.embed(self.feature_map(self.lower(pixels)))

    def trace(self, pixels: Tensor) -> tuple[list[Tensor], Tensor]:
        """Run on pixels; also return the feature map as a leaf that gradients reach."""
        with torch.no_grad():
            feature_map = self.feature_map(self.lower(pixels))
        leaf = feature_map.requires_grad_()
        return [leaf], self.embed(leaf)

    def train(self, mode: bool = True) -> Self:
        """Set the mode; of photographs and text images at once, a batch's own statistics would describe neither."""
        super().train(mode)
        self.backbone.eval()
        return self

    def tuned(self) -> nn.ModuleDict:
        """Return what is trained."""
        return nn.ModuleDict(
            {"blocks": self.backbone.blocks[TUNED_FROM:], "head": self.backbone.head, "project": self.project}
        )


class ByRows:
    """Runs text images, each cut to the rows that it needs: a sentence's vector depends on no other in its batch.

    Args:
        network: compiled for images of any height.
    """

    def __init__(self, network: Runner) -> None:
        self._network = network

    def __call__(self, *inputs: NDArray[Any]) -> NDArray[np.float32]:
        """Embed images ``(N, H, W, 3)`` that need rows ``(N,)``, as ``(N, 128)``."""
        images, rows = inputs
        vectors = np.empty((len(images), DIMENSION), np.float32)
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
    """Return what ships, the colours of the words' squares included.

    Kernels become matrices ``(outputs, rest)``, which are stored at a byte a value.
    """
    tuned = network.tuned().state_dict()
    kernels = {name: value.flatten(1) if value.ndim > 2 else value for name, value in tuned.items()}
    return {_COLOURS: torch.from_numpy(colours), **kernels}


def load_image_tower(card: ModelCard, folder: Path) -> SingleNetwork:
    """Load the network, to explain it; raises as ``load_encoder``."""
    return _load(card, folder)[0]


def load_encoder(
    card: ModelCard, folder: Path, *, runtime: RuntimeName, device: str, threads: int | None
) -> CompiledDualEncoder:
    """Load shipped weights and compile the network twice: for photographs, and for text images of any height.

    Raises:
        CheckpointError: missing or damaged, not of this architecture, or tuned over other parts.
    """
    network, colours = _load(card, folder)
    side = card.preprocessing.size
    photograph = torch.zeros(1, side, side, 3, dtype=torch.uint8)
    page = torch.zeros(2, 3 * PITCH, COLUMNS * PITCH, 3, dtype=torch.uint8)
    return CompiledDualEncoder(
        card,
        compile_module(network, [photograph], [(0,)], runtime=runtime, device=device, threads=threads),
        ByRows(compile_module(network, [page], [(0, 1)], runtime=runtime, device=device, threads=threads)),
        TextImages(load_word_vectors(card.parts.get(WORD_VECTORS)).vocabulary, colours),
    )


def _load(card: ModelCard, folder: Path) -> tuple[SingleNetwork, NDArray[np.uint8]]:
    stored, network = read_weights(folder, card), new_network(card.parts.get(IMAGENET_LITE))
    tuned = network.tuned()
    shapes = {name: value.shape for name, value in tuned.state_dict().items()}
    try:
        colours = stored.pop(_COLOURS).numpy()
        tuned.load_state_dict({name: value.reshape(shapes[name]) for name, value in stored.items()})
    except (KeyError, RuntimeError) as error:  # torch's word for names or shapes that do not fit
        raise CheckpointError(f"the weights of {card.name!r} are not of this architecture") from error
    return network.eval().requires_grad_(False), colours
