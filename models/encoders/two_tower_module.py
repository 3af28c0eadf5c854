"""``semblance-base``: an image tower of two EfficientNet-Lites and a MiniLM text tower on one unit sphere.

The two backbones see the picture at two resolutions; their errors differ, and two small towers beat one of the same
cost. Two-tower training by a symmetric contrastive loss follows Radford et al. 2021 (CLIP).

A vector has four blocks: what captioned photographs taught (``LEARNED`` dimensions), what ImageNet's classes say (see
``models.encoders.classes``), what captions taught a second reader of their words (see ``models.encoders.phrases``), and
how near it is to all that is asked (see ``models.encoders.hubness``). How much all but the first count is up to the
query, and lies in its vector: classes much for a bare noun and little for a sentence; phrases and hubness for a
sentence, which is about one photograph, and not for a noun, which is about many. All are one vector and one inner
product to all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.backbones.lite_pair import FEATURES, INPUT, LitePair
from models.cards import EncoderCard
from models.checkpoint import load_into, read_weights
from models.encoders.classes import CLASSES, ClassMixture, NameSpace
from models.encoders.heads import ResidualHead
from models.encoders.hubness import COORDINATES, Hubness, hubness_of_image, hubness_of_text
from models.encoders.phrases import PhraseReader
from models.encoders.unit_linear import UnitLinear
from models.inference.graph import Graph
from models.text.minilm import SENTENCE, MiniLM, token_examples

LEARNED = 512
_CLASSES = 125
PHRASES = 128
MEANING = LEARNED + _CLASSES + PHRASES
"""Of the first three blocks."""
DIMENSION = MEANING + COORDINATES
LINEAR = LEARNED + CLASSES + PHRASES
"""Of what an image's linear layers give."""
READ = SENTENCE + PHRASES
"""Of what is read of a text before its length counts: MiniLM's vector and the phrases'."""
HIDDEN = 1024

_BARE_PIECES, _SENTENCE_PIECES = 4, 6
"""Up to how many word pieces a query is a bare name, and from how many on a sentence; in between it is some of both."""
_CLASS_WEIGHT_IMAGE, _CLASS_WEIGHT_SENTENCE, _CLASS_WEIGHT_BARE = 0.5, 0.2, 1.0
"""What the class block weighs beside the learned one in an image's vector, a sentence's and a bare name's."""
_PHRASES_WEIGHT = 0.6
"""What the block of phrases weighs beside the learned one, in an image's vector and a sentence's; in a bare name's
nothing."""

_HEAD, _SHORT = "text.head.", "text.short."


class ImageTower(LitePair):
    """``(B, 260, 260, 3)`` uint8 pixels to ``(B, 768)`` unit vectors."""

    def __init__(self, dropout: float = 0.0, noise: float = 0.0) -> None:
        super().__init__()
        self.head = ResidualHead(FEATURES, LEARNED, HIDDEN, dropout, noise)
        self.classes = ClassMixture(FEATURES, _CLASSES)
        self.phrases = UnitLinear(FEATURES, PHRASES)
        self.hubness = Hubness(MEANING)

    def train(self, mode: bool = True) -> ImageTower:
        """Set the mode; the backbones' batch norms stay with ImageNet's statistics, for small sets are poor in them."""
        super().train(mode)
        self.backbones.eval()
        return self

    def embed(self, maps: list[Tensor]) -> Tensor:
        """Embed feature maps."""
        return self.vectors(self.linear(self.pool(maps)))

    def linear(self, features: Tensor) -> Tensor:
        """Apply the first, linear layers to pooled features ``(B, 2560)``, ``(B, LINEAR)``.

        Of a sum of features it is the sum of what each adds, so that it need not be computed for every sum anew.
        """
        projected = self.head.project(self.head.standardised(features))
        return torch.cat([projected, self.classes.classifier(features), self.phrases.linear(features)], dim=1)

    def vectors(self, linear: Tensor) -> Tensor:
        """Embed what the linear layers gave."""
        projected, logits, phrases = linear[:, :LEARNED], linear[:, LEARNED:-PHRASES], linear[:, -PHRASES:]
        blocks = [
            self.head.refined(projected),
            _CLASS_WEIGHT_IMAGE * self.classes.mixture(logits),
            _PHRASES_WEIGHT * F.normalize(phrases, dim=1),
        ]
        meaning = F.normalize(torch.cat(blocks, dim=1), dim=1)
        return F.normalize(torch.cat([meaning, hubness_of_image(self.hubness(meaning))], dim=1), dim=1)

    def trace(self, pixels: Tensor) -> tuple[list[Tensor], Tensor]:
        """Embed pixels; also return the feature maps as leaves that gradients reach."""
        with torch.no_grad():
            maps = self.maps(pixels)
        leaves = [feature_map.requires_grad_() for feature_map in maps]
        return leaves, self.embed(leaves)

    def forward(self, pixels: Tensor) -> Tensor:
        """Embed pixels."""
        return self.embed(self.maps(pixels))


class FeatureTower(nn.Module):
    """``(B, 260, 260, 3)`` uint8 pixels to vectors with the flat features of matchers behind them, ``(B, 768 + …)``.

    Args:
        tower: gives the vectors.
        heads: each maps the tower's feature maps to one matcher's features, ``(B, *feature_shape)``.
    """

    def __init__(self, tower: ImageTower, heads: Sequence[nn.Module]) -> None:
        super().__init__()
        self.tower, self.heads = tower, nn.ModuleList(heads)

    def forward(self, pixels: Tensor) -> Tensor:
        """Run the backbones once for all."""
        maps = self.tower.maps(pixels)
        return torch.cat([self.tower.embed(maps), *(head(maps).flatten(1) for head in self.heads)], dim=1)


class TextTower(MiniLM):
    """Token ids and mask ``(B, T)`` to ``(B, 768)`` unit vectors: MiniLM, mean over tokens, one of two heads; phrases.

    One head is for sentences, which are about one photograph; the other for a word or two, which many photographs show.
    """

    def __init__(self, dropout: float = 0.0, noise: float = 0.0) -> None:
        super().__init__()
        self.head = ResidualHead(SENTENCE, LEARNED, HIDDEN, dropout, noise)
        self.short = ResidualHead(SENTENCE, LEARNED, HIDDEN, dropout, noise)
        self.names = NameSpace(SENTENCE, _CLASSES)
        self.phrases = PhraseReader(SENTENCE, PHRASES)
        self.hubness = Hubness(MEANING)

    def forward(self, ids: Tensor, mask: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Embed sentences and shorter queries.

        Args:
            ids: ``(B, T)``.
            mask: the same.
            lengths: how many tokens tell a bare name from a sentence, ``(B,)``; None for those that there are.
        """
        tokens = mask.sum(dim=1) if lengths is None else lengths
        return self.vectors(self.read(ids, mask), tokens)

    def read(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return MiniLM's vectors and the phrases' side by side, ``(B, READ)``: all but what hangs on the length."""
        return torch.cat([self.pooled(ids, mask), self.phrases(self.bert.embeddings.word_embeddings(ids), mask)], dim=1)

    def vectors(self, read: Tensor, tokens: Tensor) -> Tensor:
        """Embed what was read, ``(B, READ)``, of texts of so many tokens, ``(B,)``."""
        pooled, bareness = read[:, :SENTENCE], bareness_by(tokens, _BARE_PIECES, _SENTENCE_PIECES)
        sentence = self.head(pooled)
        return self.join(sentence + bareness * (self.short(pooled) - sentence), read, bareness)

    def join(self, learned: Tensor, read: Tensor, bareness: Tensor) -> Tensor:
        """Put all blocks together: ``(B, 512)`` by the heads, and what was read for the class names and the phrases.

        Args:
            learned: of any length above 0.
            read: ``(B, READ)``.
            bareness: ``(B, 1)``, see ``bareness_of``.
        """
        pooled, phrases = read[:, :SENTENCE], read[:, SENTENCE:]
        weight = _CLASS_WEIGHT_SENTENCE + (_CLASS_WEIGHT_BARE - _CLASS_WEIGHT_SENTENCE) * bareness
        blocks = [
            F.normalize(learned, dim=1),
            weight * self.names(pooled),
            _PHRASES_WEIGHT * (1 - bareness) * phrases,
        ]
        meaning = F.normalize(torch.cat(blocks, dim=1), dim=1)
        hubness = hubness_of_text(self.hubness(meaning), 1 - bareness)
        return F.normalize(torch.cat([meaning, hubness], dim=1), dim=1)


def bareness_of(mask: Tensor, bare: int, sentence: int) -> Tensor:
    """Return how much a bare name, and not a sentence, each of ``(B, T)`` rows of tokens is, 1 to 0, ``(B, 1)``.

    Up to ``bare`` word pieces it is a bare name, from ``sentence`` on a sentence.
    """
    return bareness_by(mask.sum(dim=1), bare, sentence)


def bareness_by(tokens: Tensor, bare: int, sentence: int) -> Tensor:
    """As ``bareness_of``, of the numbers of tokens ``(B,)``."""
    pieces = tokens.unsqueeze(1).float() - 2  # without [CLS] and [SEP]
    return ((sentence - pieces) / (sentence - bare)).clamp(0, 1)


class TwoTower(nn.Module):
    """Both towers."""

    def __init__(self, dropout: float = 0.0, image_noise: float = 0.0, text_noise: float = 0.0) -> None:
        super().__init__()
        self.image = ImageTower(dropout, image_noise)
        self.text = TextTower(dropout, text_noise)

    @torch.no_grad()
    def name_classes(self, vectors: Tensor) -> None:
        """Take MiniLM's vectors ``(1000, 384)`` of the class names, in the classifier's order."""
        self.text.names.span(vectors)
        self.image.classes.names.copy_(self.text.names(vectors))


def load_two_tower(card: EncoderCard, folder: Path) -> TwoTower:
    """Load shipped weights; without a head of short queries among them that of sentences is for both.

    Raises:
        CheckpointError: missing or damaged, or not of this architecture.
    """
    towers, tensors = TwoTower(), read_weights(folder, card)
    heads = {name.removeprefix(_HEAD): value for name, value in tensors.items() if name.startswith(_HEAD)}
    load_into(towers, {**{_SHORT + name: value for name, value in heads.items()}, **tensors}, card)
    return towers.eval()


def image_graph(towers: TwoTower, feature_heads: Sequence[nn.Module]) -> Graph:
    """Return the image tower, with the features of matchers behind the vectors (see ``FeatureTower``)."""
    pixels = torch.zeros(1, INPUT.size, INPUT.size, 3, dtype=torch.uint8)
    return Graph(FeatureTower(towers.image, feature_heads).eval(), [pixels], [(0,)])


def text_graph(towers: TwoTower) -> Graph:
    """Return the text tower, which also takes the lengths by which it reads sentences."""
    return Graph(towers.text, [*token_examples(), torch.tensor([4, 5])], [(0, 1), (0, 1), (0,)])
