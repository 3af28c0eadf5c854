"""``linear-mapping``: frozen image vectors and frozen sentence vectors, each by one linear map into a common space.

The score of an image x and a sentence y is the dot product of Ux and Vy (Kiros et al. 2015, "Skip-Thought Vectors").
Both are brought to unit length, so that an index by inner product serves and a long sentence outweighs no short one.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from models.backbones.lite_pair import FEATURES
from models.cards import EncoderCard
from models.checkpoint import load_into, read_weights
from models.encoders.unit_linear import UnitLinear
from models.inference.graph import Graph
from models.text.minilm import MINILM, SENTENCE, MiniLM, load_minilm, token_examples

DIMENSION = 512


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


def load_maps(card: EncoderCard, folder: Path) -> LinearMapping:
    """Load both maps; raises as ``models.encoders.linear_mapping.load_encoder``."""
    maps = LinearMapping()
    load_into(maps, read_weights(folder, card), card)
    return maps.eval()


def text_graph(card: EncoderCard, maps: LinearMapping) -> Graph:
    """Return the text half."""
    tower = SentenceTower(load_minilm(card.parts.get(MINILM)), maps.text).eval()
    return Graph(tower, token_examples(), [(0, 1), (0, 1)])
