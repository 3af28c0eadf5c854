"""``linear-mapping``: frozen image vectors and frozen sentence vectors, each by one linear map into a common space.

The score of an image x and a sentence y is the dot product of Ux and Vy (Kiros et al. 2015, "Skip-Thought Vectors").
Both are brought to unit length, so that an index by inner product serves and a long sentence outweighs no short one.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from models.backbones.frozen import IMAGENET_LITE, FrozenTower, MeanOverPlaces, load_backbone
from models.backbones.lite_pair import FEATURES
from models.cards import EncoderCard
from models.checkpoint import load_into, read_weights
from models.encoders.compiled import CompiledDualEncoder
from models.encoders.unit_linear import UnitLinear
from models.inference.compile import compile_module
from models.inference.execution import Execution
from models.names import DEFAULT_MODEL
from models.shipped import weights_folder
from models.text.minilm import MAX_TOKENS, MINILM, SENTENCE, TOKENISER, MiniLM, load_minilm
from models.text.tokeniser import Tokeniser

DIMENSION = 512
TOKENISER_OF = DEFAULT_MODEL
"""The model whose folder has MiniLM's tokeniser; it ships once."""


class LinearMapping(nn.Module):
    """Both maps, U ``(512, 2560)`` and V ``(512, 384)``.

    Args:
        image_noise: in training, on the standardised image vectors.
        text_noise: in training, on the standardised sentence vectors.
    """

    def __init__(self, image_noise: float = 0.0, text_noise: float = 0.0) -> None:
        super().__init__()
        self.image = UnitLinear(FEATURES, DIMENSION, image_noise)
        self.text = UnitLinear(SENTENCE, DIMENSION, text_noise)


class SentenceTower(nn.Module):
    """Token ids and mask ``(B, T)`` to ``(B, 512)``: MiniLM and V."""

    def __init__(self, sentences: MiniLM, head: UnitLinear) -> None:
        super().__init__()
        self.sentences, self.head = sentences, head

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Embed sentences."""
        return self.head(self.sentences(ids, mask))  # type: ignore[no-any-return]


def load_image_tower(card: EncoderCard, folder: Path) -> FrozenTower:
    """Load the image half, to explain it; raises as ``load_encoder``."""
    return _image_tower(card, _load_maps(card, folder))


def load_encoder(card: EncoderCard, folder: Path, execution: Execution) -> CompiledDualEncoder:
    """Load shipped weights and compile both towers.

    Raises:
        CheckpointError: missing or damaged, not of this architecture, or over other parts than it was trained over.
    """
    maps = _load_maps(card, folder)
    image, text = _image_tower(card, maps), SentenceTower(load_minilm(card.parts.get(MINILM)), maps.text).eval()
    tokenise = Tokeniser(weights_folder(TOKENISER_OF) / TOKENISER, MAX_TOKENS)
    side = card.preprocessing.size
    words = [torch.from_numpy(array) for array in tokenise(["a dog", "a dog runs"])]
    pixels = torch.zeros(1, side, side, 3, dtype=torch.uint8)
    return CompiledDualEncoder(
        card,
        compile_module(image, [pixels], [(0,)], execution),
        compile_module(text, words, [(0, 1), (0, 1)], execution),
        tokenise,
    )


def _image_tower(card: EncoderCard, maps: LinearMapping) -> FrozenTower:
    backbone = load_backbone(IMAGENET_LITE, card.parts.get(IMAGENET_LITE))
    return FrozenTower(backbone, nn.Sequential(MeanOverPlaces(), maps.image)).eval()


def _load_maps(card: EncoderCard, folder: Path) -> LinearMapping:
    maps = LinearMapping()
    load_into(maps, read_weights(folder, card), card)
    return maps.eval()
