r"""``lstm-similarity``: an LSTM that reads the image first, then the words, and scores their similarity.

After an untitled report without author on LSTM image-sentence similarity (``docs/systems.md``, 000): the image's
vector, of as many dimensions as a word's, is the first input of an LSTM with ReLU in place of tanh (as excitation
back-propagation requires); a linear map of its last output, and a sigmoid, give the similarity. The stored feature of
an image is its vector.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.backbones.lite_pair import FEATURES
from models.cards import MatcherCard
from models.checkpoint import load_into, read_weights
from models.matchers.frozen_pass import FrozenMatcher, TorchHead
from models.matchers.image_vector import ImageVector
from models.matchers.source import MatcherSource, VectorHead
from models.matchers.word_scorer import WordScorer
from models.text.word_vectors import DIMENSION, WORD_VECTORS, load_word_vectors

HIDDEN = 128
"""Units of the LSTM; the report does not state its number."""
IMAGE_HIDDEN = 512
"""Units of the fully connected layer in place of those of VGG16."""
_FORGET_BIAS = 3.0
"""Initial bias of the forget gate (Jozefowicz et al. 2015), so that the image, which is read first, is not forgotten:
with bias 0, a gate of 1/2, 11 words would leave 1/2000 of it."""
MAX_WORDS = 16
"""Of a sentence; further words, of one caption in ten, are cut, for each costs a step."""


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
        words: vectors of the vocabulary's numbers, ``(V, 300)``; frozen, and no part of the state. They are scaled
            to a standard deviation of 1, that of the image's vector.
        features: of the backbone.
        dropout: in training, see ``ImageVector``.
        noise: the same.
    """

    words: Tensor

    def __init__(self, words: Tensor, features: int = FEATURES, dropout: float = 0.0, noise: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("words", words / words.std(), persistent=False)
        self.image_vector = ImageVector(features, IMAGE_HIDDEN, DIMENSION, dropout, noise)
        self.lstm = ReluLstm(DIMENSION, HIDDEN)
        self.output = nn.Linear(HIDDEN, 1)

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
        with torch.autocast(output.device.type, enabled=False):  # float32 keeps close scores apart
            logits: Tensor = self.output(output.float()).squeeze(-1)
        return logits


def load_vector_head(source: MatcherSource) -> VectorHead:
    """Load the projection of the frozen backbone's vectors to image vectors."""
    return TorchHead(_load(source.card, source.folder).image_vector, source.card)


def load_matcher(source: MatcherSource) -> FrozenMatcher:
    """Load the network; it scores with torch, for its loop over words has no fixed length."""
    card, execution = source.card, source.execution
    model = _load(card, source.folder)
    vocabulary = load_word_vectors(card.parts[WORD_VECTORS]).vocabulary
    scorer = WordScorer(model, vocabulary, MAX_WORDS, execution)
    head = TorchHead(model.image_vector, card)
    return FrozenMatcher(card, head, scorer, execution)


def _load(card: MatcherCard, folder: Path) -> LstmSimilarity:
    model = LstmSimilarity(load_word_vectors(card.parts[WORD_VECTORS]).matrix)
    load_into(model, read_weights(folder, card), card)
    return model.eval()
