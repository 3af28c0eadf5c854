"""The baseline compares means of word vectors, those of a caption that was written at index time."""

import numpy as np
import pytest
import torch

from models.captioning.decoding import BeamSearch
from models.captioning.show_and_tell import ShowAndTell
from models.matchers.caption_baseline import CosineOfMeans
from models.matchers.caption_means import CaptionMeans
from models.text.mean_vector import mean_vector
from models.text.vocabulary import RESERVED, Vocabulary

NAMES = ["dog", "cat", "runs", "grass"]
VECTORS = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 2], [1, 1, 0]])
WORDS, MATRIX = Vocabulary(NAMES), torch.cat([torch.zeros(RESERVED, 3), VECTORS]).numpy()


def test_a_mean_is_of_known_words_alone() -> None:
    numbers = [WORDS.number(word) for word in ("dog", "flies", "runs")]
    assert mean_vector(MATRIX, numbers).tolist() == [0.5, 0, 1]
    assert mean_vector(MATRIX, [1, 2, 3]).tolist() == [0, 0, 0]


def test_scores_are_cosines_and_nothing_known_scores_nothing() -> None:
    score = CosineOfMeans(WORDS, MATRIX)
    captions = np.array([[2, 0, 0], [0, 3, 0], [0, 0, 0]], np.float16)
    assert score("Dog, cat!", captions) == pytest.approx([np.sqrt(0.5), np.sqrt(0.5), 0])
    assert score("a whale", captions).tolist() == [0, 0, 0]
    assert score("dog", captions[:0]).shape == (0,)


def test_what_is_kept_is_the_mean_of_the_caption_that_the_captioner_writes() -> None:
    torch.manual_seed(3)
    captioner = ShowAndTell(channels=5, numbers=RESERVED + 4).eval()
    decoder, vectors = BeamSearch(2, max_words=5), torch.randn(3, 5)
    kept = CaptionMeans(captioner, MATRIX, decoder)(vectors.numpy())
    assert (kept.shape, kept.dtype) == ((3, 3), np.float16)
    with torch.inference_mode():
        sentences = decoder.decode(captioner.step, captioner.begin(captioner.image(vectors)))
    for row, sentence in zip(kept, sentences, strict=True):
        words = [VECTORS[number - RESERVED].numpy() for number in sentence.numbers]
        expected = np.mean(words, axis=0) if words else np.zeros(3)
        np.testing.assert_allclose(row.astype(float), expected, atol=1e-3)
