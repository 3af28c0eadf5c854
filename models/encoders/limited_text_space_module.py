"""Images in the space of sentences: ``limited-text-space``, ``limited-text-space-single`` and ``vse``.

Yu et al. 2017, "Learning a Limited Text Space for Cross-Media Retrieval". A gated recurrent unit reads the sentence.
The image's vector is a sum of linear maps (equation 5), and the members of the family differ by the maps:

- ``vse``: ``x W_vgg``, of the vector x of networks trained for classes (the baseline, Kiros et al. 2014);
- ``limited-text-space-single``: ``x_txt W_txt``, of the vector that a captioner starts its sentence from;
- ``limited-text-space``: both, ``x W_vgg`` of one network and ``x_txt W_txt`` of the captioner's, another one.

``x_txt = y W_img`` (equation 4) of the vector y of the captioner's network with its own W_img, which stays as it is. An
image's vector holds what both networks give, side by side, and each map reads its own columns. All is linear, so that
what ships is one matrix for each member.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.backbones.captioned import CAPTIONED_LITE, load_captioned
from models.backbones.efficientnet_lite import CHANNELS
from models.backbones.frozen import IMAGENET_LITE, Backbone, load_backbone
from models.backbones.lite_pair import FEATURES
from models.cards import EncoderCard
from models.checkpoint import foreign_weights, load_into, read_weights
from models.encoders.unit_linear import Standardise, UnitLinear
from models.inference.graph import Graph
from models.text.gru import GruSentenceEncoder
from models.text.vocabulary import END, RESERVED

DIMENSION = 1024
"""Of the space: the recurrent unit's state."""


class ImageMap(Protocol):
    """One term of an image's vector (an ``nn.Module``), linear in the standardised image vector."""

    def __call__(self, x: Tensor) -> Tensor:
        """Map ``(B, C)`` to ``(B, 1024)``."""
        ...

    def matrix(self, columns: int) -> Tensor:
        """Return it as ``(1024, C)``."""
        ...


class VisualMap(nn.Module):
    """``x W_vgg``; starts as Xavier's.

    x are the first columns of an image's vector.
    """

    def __init__(self) -> None:
        super().__init__()
        self.map = nn.Linear(FEATURES, DIMENSION, bias=False)
        nn.init.xavier_uniform_(self.map.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map."""
        return self.map(x[:, :FEATURES])  # type: ignore[no-any-return]

    def matrix(self, columns: int) -> Tensor:
        """Return W_vgg, and 0 for columns behind its own."""
        return F.pad(self.map.weight, (0, columns - FEATURES))


class TextSpaceMap(nn.Module):
    """``(y W_img) W_txt``; W_txt starts as Xavier's, W_img stays.

    Args:
        into_text_space: W_img of the captioner, ``(512, Y)``, for standardised image vectors, whose last columns are y.
    """

    into_text_space: Tensor

    def __init__(self, into_text_space: Tensor) -> None:
        super().__init__()
        self.register_buffer("into_text_space", into_text_space.clone())
        self.map = nn.Linear(len(into_text_space), DIMENSION, bias=False)
        nn.init.xavier_uniform_(self.map.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map."""
        return self.map(F.linear(x[:, -self.into_text_space.shape[1] :], self.into_text_space))  # type: ignore[no-any-return]

    def matrix(self, columns: int) -> Tensor:
        """Return the product of both, and 0 for columns before its own."""
        product = self.map.weight @ self.into_text_space
        return F.pad(product, (columns - product.shape[1], 0))


class Fusion(nn.Module):
    """The sum of one or two maps, at unit length: ``(B, C)`` image vectors to ``(B, 1024)``.

    Args:
        columns: C.
        maps: its terms.
        noise: see ``Standardised``.
    """

    def __init__(self, columns: int, maps: Sequence[ImageMap], noise: float = 0.0) -> None:
        super().__init__()
        self._columns = columns
        self.standardise = Standardise(columns, noise)
        self.maps = nn.ModuleList(maps)  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> Tensor:
        """Embed image vectors."""
        x = self.standardise(features)
        return F.normalize(torch.stack([each(x) for each in self.maps]).sum(dim=0), dim=1)

    @torch.no_grad()
    def as_one(self) -> UnitLinear:
        """Return the same as one matrix."""
        one = UnitLinear(self._columns, DIMENSION)
        one.standardise.load_state_dict(self.standardise.state_dict())
        one.map.weight.copy_(torch.stack([each.matrix(self._columns) for each in self.maps]).sum(dim=0))  # type: ignore[operator]
        return one


class TextSpace(nn.Module):
    """What ships of each member.

    Args:
        image: ``(B, C)`` image vectors to ``(B, 1024)``.
        text: sentences to ``(B, 1024)``.
    """

    def __init__(self, image: UnitLinear, text: GruSentenceEncoder) -> None:
        super().__init__()
        self.image, self.text = image, text


def load_space(card: EncoderCard, folder: Path) -> TextSpace:
    """Load shipped weights.

    Raises:
        CheckpointError: missing or damaged, not of this architecture, or trained over other parts.
    """
    state = read_weights(folder, card)
    if "text.words.weight" not in state:
        raise foreign_weights(card)
    numbers, width = state["text.words.weight"].shape
    columns = len(state["image.standardise.mean"])
    space = TextSpace(UnitLinear(columns, DIMENSION), GruSentenceEncoder(numbers, width, DIMENSION))
    load_into(space, state, card)
    return space.eval()


def load_image_backbone(card: EncoderCard, space: TextSpace) -> Backbone:
    """Load what a member's image vectors are of; raises as ``load_space``."""
    imagenet = card.parts.get(IMAGENET_LITE)
    if CAPTIONED_LITE not in card.parts:
        return load_backbone(IMAGENET_LITE, imagenet)
    beside = len(space.image.standardise.mean) > CHANNELS
    return load_captioned(imagenet, card.parts[CAPTIONED_LITE], beside_imagenet=beside)


def text_graph(space: TextSpace) -> Graph:
    """Return the recurrent unit, which loops over the words."""
    words = torch.tensor([[RESERVED, RESERVED, END]])
    return Graph(space.text, [words, torch.ones_like(words)], [(0, 1), (0, 1)], has_loop=True)
