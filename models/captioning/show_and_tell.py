r"""Show and Tell (Vinyals, Toshev, Bengio and Erhan, CVPR 2015): an LSTM whose first input is the image.

.. math::
    x_{-1} = W_{img}\, \mathrm{CNN}(I), \qquad x_t = E s_t, \qquad p_{t+1} = \mathrm{softmax}(E\, \mathrm{LSTM}(x_t))

trained to maximise the sum of the words' log-probabilities. The network may read the features of any frozen backbone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models.backbones.lite_pair import FEATURES
from models.captioning.decoding import States
from models.captioning.image_embedding import ImageEmbedding
from models.captioning.runner import NetworkCaptioner, compile_captioner, load_weights
from models.captioning.words import TiedWords
from models.cards import CaptionerCard
from models.inference.compiler import Compiler
from models.text.shipped_vocabulary import WORD_VECTORS, load_vocabulary

DIMENSION = 512
"""Dimension of word vectors, of the embedded image and of the LSTM's state."""


class ShowAndTell(nn.Module):
    """Image vectors ``(B, C)`` and words to the next words.

    Args:
        channels: C, of the frozen backbone.
        numbers: V, of the vocabulary.
        dropout: in training, fraction dropped of the LSTM's inputs and outputs.
        noise: see ``ImageEmbedding``.
    """

    def __init__(self, channels: int, numbers: int, dropout: float = 0.0, noise: float = 0.0) -> None:
        super().__init__()
        self.image = ImageEmbedding(channels, DIMENSION, noise)
        self.words = TiedWords(numbers, DIMENSION)
        self.lstm = nn.LSTM(DIMENSION, DIMENSION, batch_first=True)
        self.drop = nn.Dropout(dropout)

    def forward(self, features: Tensor, words: Tensor) -> tuple[Tensor, None]:
        """Compute what each word of S sentences for each image is predicted from.

        Args:
            features: ``(B, C)``.
            words: ``(S, B, T)``.

        Returns:
            the vector that each next word is predicted from, ``(S * B, T, D)``, and no attention.
        """
        first = self.image(features.repeat(len(words), 1)).unsqueeze(1)
        hidden, _ = self.lstm(self.drop(torch.cat([first, self.words.embed(words.flatten(0, 1))], dim=1)))
        return self.drop(hidden[:, 1:]), None

    def begin(self, embedded: Tensor) -> States:
        """Read embedded images ``(B, D)``; return the initial states, ``(B, D)`` each."""
        nothing = torch.zeros_like(embedded)
        return self._cell(embedded, (nothing, nothing))

    def step(self, states: States, words: Tensor) -> tuple[Tensor, States]:
        """Read the last words ``(R,)``; return the log-probabilities of the next, ``(R, V)``, and the states."""
        after = self._cell(self.words.embed(words), states)
        return self.words.log_probabilities(after[0]), after

    def _cell(self, inputs: Tensor, states: States) -> States:
        """Do one step of the LSTM; as ``nn.LSTM`` does, without what it prepares for whole sequences."""
        lstm: Any = self.lstm
        return torch.lstm_cell(inputs, states, lstm.weight_ih_l0, lstm.weight_hh_l0, lstm.bias_ih_l0, lstm.bias_hh_l0)


def load_network(card: CaptionerCard, folder: Path) -> ShowAndTell:
    """Load the network with its weights, in evaluation mode and without gradients.

    Its ``image`` brings the frozen backbone's mean features ``(B, 2560)`` into the space of its words, ``(B, 512)``.

    Raises:
        CheckpointError: missing, damaged or not of this architecture.
    """
    network = ShowAndTell(FEATURES, len(load_vocabulary(card.parts[WORD_VECTORS])))
    return load_weights(network, card, folder)


def load_captioner(card: CaptionerCard, folder: Path, compiler: Compiler) -> NetworkCaptioner:
    """Load the network, put it on its frozen backbone and compile the image's part."""
    network = load_network(card, folder)
    head = _MeanEmbedding(network.image)
    return compile_captioner(card, head, network, compiler=compiler)


class _MeanEmbedding(nn.Module):
    """Feature map ``(B, C, h, w)`` to ``(B, D)``."""

    def __init__(self, embedding: ImageEmbedding) -> None:
        super().__init__()
        self.embedding = embedding

    def forward(self, feature_map: Tensor) -> Tensor:
        return self.embedding(feature_map.mean(dim=(2, 3)))  # type: ignore[no-any-return]
