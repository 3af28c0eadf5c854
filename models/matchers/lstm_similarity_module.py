r"""``lstm-similarity``: an LSTM that reads the image first, then the words, and tells how alike they are.

The model of an untitled report on LSTM image-sentence similarity: the image's vector, of as many dimensions as a
word's, is the first input of an LSTM whose tanh are ReLUs (so that excitation back-propagation can follow it); its last
output becomes a scalar, and by a sigmoid a similarity. What is kept of an image is its vector.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.backbones.lite_pair import FEATURES
from models.cards import MatcherCard
from models.checkpoint import foreign_weights, load_into, read_weights
from models.inference.graph import Graph
from models.matchers.image_vector import ImageVector
from models.matchers.word_scorer import MAX_WORDS as _MAX_WORDS
from models.text.shipped_vocabulary import WORD_VECTORS
from models.text.word_vectors import DIMENSION, load_word_vectors

MAX_WORDS = _MAX_WORDS["lstm_similarity"]
_FORGET_BIAS = 3.0
"""With which training starts: the image, which comes first, must last to the end (Jozefowicz et al. 2015); with 0, a
gate of a half, 11 words would leave a two-thousandth of it."""


class ReluLstm(nn.Module):
    r"""An LSTM (Hochreiter and Schmidhuber 1997) with ReLU in place of tanh.

    .. math:: c_t = \sigma(f_t) c_{t-1} + \sigma(i_t) \mathrm{relu}(g_t), \qquad h_t = \sigma(o_t) \mathrm{relu}(c_t)

    where :math:`(i, f, o, g) = W x_t + U h_{t-1} + b`.
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.from_input = nn.Linear(inputs, 4 * hidden)
        self.from_state = nn.Linear(hidden, 4 * hidden, bias=False)
        with torch.no_grad():
            self.from_input.bias[hidden : 2 * hidden] = _FORGET_BIAS

    def start(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Take a first input ``(..., D)``; return output and cell, each ``(..., H)``."""
        return self._turn(self.from_input(x), None)

    def step(self, projected: Tensor, output: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        """Take one further input, ``from_input`` of it ``(..., 4 H)``; an axis of length 1 is one input for all."""
        return self._turn(projected + self.from_state(output), cell)

    def _turn(self, gates: Tensor, cell: Tensor | None) -> tuple[Tensor, Tensor]:
        i, f, o = gates[..., : 3 * self.hidden].sigmoid().chunk(3, dim=-1)
        new = i * F.relu(gates[..., 3 * self.hidden :])
        cell = new if cell is None else torch.addcmul(new, f, cell)
        return o * F.relu(cell), cell


class LstmSimilarity(nn.Module):
    """Sentences and their images to logits of the similarity.

    Args:
        words: vectors of the vocabulary's numbers, ``(V, 300)``; they stay as they are and are no part of the state.
            They are brought to a standard deviation of 1, that of the image's vector.
        hidden: units of the LSTM; the document does not say how many it had.
        image_hidden: of the fully connected layers that stand for those of VGG16.
        features: of the backbone.
        dropout: in training, see ``ImageVector``.
        noise: the same.
    """

    words: Tensor

    def __init__(
        self,
        words: Tensor,
        hidden: int = 128,
        image_hidden: int = 512,
        features: int = FEATURES,
        dropout: float = 0.0,
        noise: float = 0.0,
    ) -> None:
        super().__init__()
        self.register_buffer("words", words / words.std(), persistent=False)
        self.image_vector = ImageVector(features, image_hidden, DIMENSION, dropout, noise)
        self.lstm = ReluLstm(DIMENSION, hidden)
        self.output = nn.Linear(hidden, 1)

    def forward(self, numbers: Tensor, mask: Tensor, images: Tensor) -> Tensor:
        """Return the logits ``(B,)`` of B images with a sentence each, or with one sentence for all.

        Args:
            numbers: of the words, ``(B, T)`` or ``(1, T)``.
            mask: 1 where there is a word.
            images: vectors ``(B, 300)``; or ``(B, K, 300)``, K for each sentence, and the logits are ``(B, K)``.
        """
        output, cell = self.lstm.start(images)
        projected = self.lstm.from_input(self.words[numbers])
        if images.ndim == 3:
            projected = projected.unsqueeze(2)
        outputs = []
        for one in projected.unbind(dim=1):
            output, cell = self.lstm.step(one, output, cell)
            outputs.append(output)
        last = (mask.sum(dim=1) - 1).clamp(min=0).expand(len(images))
        output = torch.stack(outputs)[last, torch.arange(len(images), device=images.device)]
        with torch.autocast(output.device.type, enabled=False):  # scores a hair apart must stay apart
            logits: Tensor = self.output(output.float()).squeeze(-1)
        return logits


class PaddedSentence(nn.Module):
    """The network for one sentence that is padded to a fixed length, and M images: ``forward`` without what traces fix.

    Args:
        model: the network.
    """

    def __init__(self, model: LstmSimilarity) -> None:
        super().__init__()
        self.model = model

    def forward(self, numbers: Tensor, mask: Tensor, images: Tensor) -> Tensor:
        """Return the logits ``(M,)`` of numbers and mask ``(1, T)`` and vectors ``(M, 300)``."""
        lstm = self.model.lstm
        output, cell = lstm.start(images)
        last = torch.zeros_like(output)
        ends = mask - F.pad(mask[:, 1:], (0, 1))  # 1 at the last word
        ends = torch.cat([ends[:, :1] + (mask.sum(dim=1, keepdim=True) == 0), ends[:, 1:]], dim=1)
        for place, projected in enumerate(lstm.from_input(self.model.words[numbers]).unbind(dim=1)):
            output, cell = lstm.step(projected, output, cell)
            last = last + ends[:, place : place + 1] * output
        return self.model.output(last).squeeze(-1)  # type: ignore[no-any-return]


def head_graph(card: MatcherCard, folder: Path) -> Graph:
    """Return what makes the image's vector of the frozen backbone's."""
    return Graph(load_network(card, folder).image_vector.eval(), [torch.zeros(2, FEATURES)], [(0,)])


def score_graph(card: MatcherCard, folder: Path) -> Graph:
    """Return what scores one padded sentence with M images."""
    words = torch.zeros(1, MAX_WORDS, dtype=torch.int64)
    return Graph(
        PaddedSentence(load_network(card, folder)).eval(), [words, words, torch.zeros(2, DIMENSION)], [(), (), (0,)]
    )


def load_network(card: MatcherCard, folder: Path) -> LstmSimilarity:
    """Load the network.

    Raises:
        CheckpointError: missing or damaged, or not of this architecture.
    """
    stored = read_weights(folder, card)
    try:
        hidden, image_hidden = stored["output.weight"].shape[1], len(stored["image_vector.layers.0.weight"])
    except KeyError:
        raise foreign_weights(card) from None
    model = LstmSimilarity(load_word_vectors(card.parts[WORD_VECTORS]).matrix, hidden, image_hidden)
    load_into(model, stored, card)
    return model.eval()
