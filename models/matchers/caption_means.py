"""What ``caption-baseline`` keeps of an image: the mean of the words of a caption that is written for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.captioning.decoding import BeamSearch
from models.captioning.show_and_tell import ShowAndTell, load_network
from models.cards import MatcherCard
from models.checkpoint import read_arrays
from models.errors import CheckpointError
from models.inference.one_thread import one_thread
from models.names import DEFAULT_CAPTIONER
from models.shipped import captioner_card, weights_folder
from models.text.mean_vector import mean_vector
from models.text.packed_words import unpack_words
from models.text.shipped_vocabulary import WORD_VECTORS, load_word_matrix
from models.types import Features

CAPTIONER = DEFAULT_CAPTIONER


class CaptionMeans:
    """Writes a caption for each image and takes the mean of its words.

    Args:
        captioner: that writes, of the frozen backbone's vectors.
        matrix: the words' vectors, ``(V, 300)``.
        decoder: how a caption is taken out of the captioner.
    """

    def __init__(self, captioner: ShowAndTell, matrix: NDArray[np.float32], decoder: BeamSearch) -> None:
        self._captioner, self._matrix, self._decoder = captioner, matrix, decoder

    @torch.inference_mode()
    def __call__(self, vectors: NDArray[np.float32]) -> Features:
        """Map ``(N, C)`` to ``(N, 300)`` float16."""
        with one_thread():
            states = self._captioner.begin(self._captioner.image(torch.from_numpy(vectors)))
            sentences = self._decoder.decode(self._captioner.step, states)
        means = [mean_vector(self._matrix, list(sentence.numbers)) for sentence in sentences]
        return np.stack(means).astype(np.float16)


def load_caption_means(card: MatcherCard, folder: Path) -> CaptionMeans:
    """Load the captioner.

    Raises:
        CheckpointError: it has other weights than the one that the card was made with.
    """
    arrays = read_arrays(folder, card)
    captioner = captioner_card(CAPTIONER)
    if unpack_words(arrays["captioner"]) != [captioner.weights_sha256]:
        raise CheckpointError(f"{card.name!r} was made with another {CAPTIONER!r}; install semblance again")
    _, matrix = load_word_matrix(card.parts[WORD_VECTORS])
    network = load_network(captioner, weights_folder(CAPTIONER))
    return CaptionMeans(network, matrix, BeamSearch(int(arrays["beam_width"])))
