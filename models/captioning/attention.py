r"""Show, Attend and Tell (Xu et al., ICML 2015), with soft attention, computed anew for each word.

For the L places :math:`a_i` of a frozen feature map and the t-th word

.. math::
    \alpha_{ti} = \mathrm{softmax}_i\, v^\top \tanh(K a_i + Q h_{t-1}), \qquad
    z_t = \sigma(g^\top h_{t-1} + b) \sum_i \alpha_{ti} a_i

and the next word's logits are :math:`E (L_y E y_{t-1} + L_h h_t + L_z z_t)` with :math:`h_t` the state of an LSTM that
reads :math:`[E y_{t-1}; z_t]`; its initial state is computed from the mean of the places. Trained with the doubly
stochastic penalty (see ``lab.losses.doubly_stochastic``).
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from models.backbones.frozen import SIDE
from models.backbones.lite_pair import FEATURES
from models.captioning.decoding import States
from models.captioning.image_embedding import ImageEmbedding
from models.captioning.runner import NetworkCaptioner, compile_captioner, load_weights
from models.captioning.words import TiedWords
from models.cards import CaptionerCard
from models.inference.compiler import Compiler
from models.text.shipped_vocabulary import WORD_VECTORS, load_vocabulary
from models.text.vocabulary import START

DIMENSION = 512
"""Dimension of word vectors, of embedded places and of the LSTM's state."""
KEYS = 128
"""Dimension of the space in which attention compares the LSTM's state with the places."""


class ShowAttendTell(nn.Module):
    """Places ``(B, L, C)`` and words to the next words.

    Args:
        channels: C, of the frozen backbone.
        numbers: V, of the vocabulary.
        dropout: in training, fraction dropped of the LSTM's inputs and of the vectors that words are predicted from.
        noise: see ``ImageEmbedding``.
    """

    def __init__(self, channels: int, numbers: int, dropout: float = 0.0, noise: float = 0.0) -> None:
        super().__init__()
        self.image = ImageEmbedding(channels, DIMENSION, noise)
        self.words = TiedWords(numbers, DIMENSION)
        self.first = nn.Linear(DIMENSION, 2 * DIMENSION)
        self.key = nn.Linear(DIMENSION, KEYS, bias=False)
        self.query = nn.Linear(DIMENSION, KEYS)
        self.weigh = nn.Linear(KEYS, 1, bias=False)
        self.gate = nn.Linear(DIMENSION, 1)
        self.cell = nn.LSTMCell(2 * DIMENSION, DIMENSION)
        self.combine = nn.Linear(3 * DIMENSION, DIMENSION)
        self.drop = nn.Dropout(dropout)

    def forward(self, features: Tensor, words: Tensor) -> tuple[Tensor, Tensor]:
        """Compute what each word of S sentences for each image is predicted from.

        Args:
            features: ``(B, L, C)``.
            words: ``(S, B, T)``, S sentences for each image.

        Returns:
            the vector that each next word is predicted from, ``(S * B, T, D)``, and its attention, ``(S * B, T, L)``.
        """
        sentences, images, _ = words.shape
        places = self.image(features)
        keys = self.key(places)
        hidden, cell = (state.repeat(sentences, 1) for state in self._first_states(places))
        embedded = self.words.embed(words.flatten(0, 1))
        outputs, looks = [], []
        for word in self.drop(embedded).unbind(dim=1):
            # sentences of one image share its places: (B, S, ...) here, (S * B, ...) elsewhere
            asked = hidden.reshape(sentences, images, -1).transpose(0, 1)
            look = self._look(keys, asked)
            seen = (look @ places).transpose(0, 1).flatten(0, 1)
            seen = self.gate(hidden).sigmoid() * seen
            hidden, cell = self.cell(torch.cat([word, self.drop(seen)], dim=1), (hidden, cell))
            outputs.append(self.drop(self.combine(torch.cat([word, self.drop(hidden), seen], dim=1))))
            looks.append(look.transpose(0, 1).flatten(0, 1))
        return torch.stack(outputs, dim=1), torch.stack(looks, dim=1)

    def begin(self, places: Tensor) -> States:
        """Return the initial states for embedded places ``(B, L, D)``."""
        return (*self._first_states(places), places, self.key(places))

    def step(self, states: States, words: Tensor) -> tuple[Tensor, States]:
        """Read the last words ``(R,)``; return the log-probabilities of the next, ``(R, V)``, and the states."""
        hidden, cell, places, keys = states
        word = self.words.embed(words)
        look = self._look(keys, hidden.unsqueeze(1))
        seen = self.gate(hidden).sigmoid() * (look @ places).squeeze(1)
        hidden, cell = self.cell(torch.cat([word, seen], dim=1), (hidden, cell))
        output = self.combine(torch.cat([word, hidden, seen], dim=1))
        return self.words.log_probabilities(output), (hidden, cell, places, keys)

    def attend(self, places: Tensor, words: Tensor) -> Tensor:
        """Return the attention for each of ``(B, T)`` words, ``(B, T, h, w)``."""
        hidden, cell, _, keys = self.begin(places)
        before = torch.cat([torch.full_like(words[:, :1], START), words[:, :-1]], dim=1)
        looks = []
        for word in self.words.embed(before).unbind(dim=1):
            look = self._look(keys, hidden.unsqueeze(1))
            seen = self.gate(hidden).sigmoid() * (look @ places).squeeze(1)
            hidden, cell = self.cell(torch.cat([word, seen], dim=1), (hidden, cell))
            looks.append(look)
        return torch.cat(looks, dim=1).reshape(*words.shape, SIDE, SIDE)

    def _first_states(self, places: Tensor) -> tuple[Tensor, Tensor]:
        hidden, cell = self.first(places.mean(dim=1)).tanh().chunk(2, dim=1)
        return hidden, cell

    def _look(self, keys: Tensor, hidden: Tensor) -> Tensor:
        """Return the attention weights ``(B, S, L)`` of S states ``(B, S, D)`` over keys ``(B, L, K)``."""
        energies: Tensor = self.weigh((keys.unsqueeze(1) + self.query(hidden).unsqueeze(2)).tanh()).squeeze(3)
        return energies.softmax(dim=2)


def load_captioner(card: CaptionerCard, folder: Path, compiler: Compiler) -> NetworkCaptioner:
    """Load the network, put it on its frozen backbone and compile the image's part."""
    network = ShowAttendTell(FEATURES, len(load_vocabulary(card.parts[WORD_VECTORS])))
    load_weights(network, card, folder)
    head = _Places(network.image)
    return compile_captioner(card, head, network, network.attend, compiler=compiler)


class _Places(nn.Module):
    """Feature map ``(B, C, h, w)`` to ``(B, h * w, D)``."""

    def __init__(self, embedding: ImageEmbedding) -> None:
        super().__init__()
        self.embedding = embedding

    def forward(self, feature_map: Tensor) -> Tensor:
        return self.embedding(feature_map.flatten(2).transpose(1, 2))  # type: ignore[no-any-return]
