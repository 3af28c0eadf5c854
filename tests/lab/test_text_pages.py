"""What is drawn in training is, pixel for pixel, what is drawn for a query, and gradients reach the colours."""

import numpy as np
import pytest
import torch

from lab.training.identity_batches import padded
from lab.training.text_pages import text_pages
from models.text.text_image import BLANK, MAX_WORDS, SUPERPIXEL, VALUES, TextImages
from models.text.vocabulary import RESERVED, Vocabulary

WORDS = tuple("abcdefgh")


@pytest.mark.parametrize("words", [0, 1, 5, 12, 13, MAX_WORDS])
def test_pages_are_the_text_images(words: int) -> None:
    random = np.random.default_rng(words)
    values = random.integers(0, 256, (RESERVED + len(WORDS), VALUES)).astype(np.uint8)
    values[:RESERVED] = BLANK
    sentences = [random.integers(RESERVED, len(values), count).tolist() for count in (words, words // 2)]
    expected, rows = TextImages(Vocabulary(WORDS), values).draw(sentences)
    drawn = text_pages(torch.from_numpy(padded(sentences, int(rows.max()))), torch.from_numpy(values).float())
    np.testing.assert_array_equal(drawn.numpy(), expected)


def test_gradients_reach_the_colours_of_the_words_that_are_drawn() -> None:
    values = torch.full((6, VALUES), 100.0, requires_grad=True)
    text_pages(torch.from_numpy(padded([[4], [4, 5]], 3)), values).sum().backward()
    assert values.grad is not None
    assert values.grad[:, 0].tolist() == [0, 0, 0, 0, 2 * SUPERPIXEL**2, SUPERPIXEL**2]
