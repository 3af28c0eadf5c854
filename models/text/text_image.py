"""Sentences as images: each word's vector colours a square of superpixels, word after word in rows.

I. Gallo, S. Nawaz, A. Calefati, "Semantic Text Encoding for Text Classification Using Convolutional Neural Networks",
ICDAR 2017. Three values of a word's vector are the red, green and blue of one superpixel; the superpixels of a word
fill a square, row by row, and the squares fill the image as words fill a page. The vectors are first reduced to their
75 principal components: 5 x 5 superpixels, each large enough to survive the strides of a convolutional network.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.text.vocabulary import RESERVED, Vocabulary, split_words
from models.types import Pixels

SUPERPIXELS = 5
"""Along a side of a word's square."""
SUPERPIXEL = 6
"""Side of a superpixel, in pixels."""
VALUES = 3 * SUPERPIXELS**2
"""Of a word."""
PITCH = 32
"""From one word's square to the next, in pixels: the stride of convolutional backbones, so that every word lies alike
on their grid, and has one place of their last map. What a square leaves of it is a gutter."""
COLUMNS = 4
"""Words in a row."""
MIN_ROWS, MAX_ROWS = 3, 9
"""An image has as many rows as its words need, within these bounds: at most 36 words; further ones are cut."""
MAX_WORDS = COLUMNS * MAX_ROWS

COLOURS = "colours"
"""Name of the array of the words' colours beside the weights."""
BLANK = 128
"""Gray, of what no word covers: the colour of a vector of zeros."""


class TextImages:
    """Draws sentences.

    Args:
        vocabulary: of V numbers; words outside it take no place.
        values: of ``pixel_values``, ``(V, 75)`` uint8.
    """

    def __init__(self, vocabulary: Vocabulary, values: NDArray[np.uint8]) -> None:
        self._vocabulary = vocabulary
        self._squares = values.reshape(-1, SUPERPIXELS, SUPERPIXELS, 3)

    def __call__(self, texts: Sequence[str]) -> tuple[Pixels, NDArray[np.int64]]:
        """Draw N sentences, ``(N, H, W, 3)`` uint8, blank below the rows that each needs, and count those, ``(N,)``."""
        return self.draw([self.numbers(text) for text in texts])

    def numbers(self, text: str) -> list[int]:
        """Return the numbers of a sentence's known words, in its order."""
        numbers = (self._vocabulary.number(word) for word in split_words(text))
        return [number for number in numbers if number >= RESERVED]

    def words_read(self, text: str) -> int | None:
        """Return how many words of a sentence it reads until the image is full, None where it reads all of it."""
        known = [at for at, word in enumerate(split_words(text)) if self._vocabulary.number(word) >= RESERVED]
        return known[MAX_WORDS] if len(known) > MAX_WORDS else None

    def draw(self, sentences: Sequence[Sequence[int]]) -> tuple[Pixels, NDArray[np.int64]]:
        """Draw N sentences of word numbers, as above; a sentence without a word is blank."""
        rows = np.array([rows_of(len(numbers)) for numbers in sentences], np.int64)
        height, width = PITCH * int(rows.max(initial=MIN_ROWS)), PITCH * COLUMNS
        images = np.full((len(sentences), height, width, 3), BLANK, np.uint8)
        side = SUPERPIXELS * SUPERPIXEL
        for image, numbers in zip(images, sentences, strict=True):
            for place, number in enumerate(numbers[:MAX_WORDS]):
                top, left = (PITCH * index + (PITCH - side) // 2 for index in divmod(place, COLUMNS))
                square = self._squares[number].repeat(SUPERPIXEL, axis=0).repeat(SUPERPIXEL, axis=1)
                image[top : top + side, left : left + side] = square
        return images, rows


def rows_of(words: int) -> int:
    """Return how many rows so many words need."""
    return min(MAX_ROWS, max(MIN_ROWS, -(-words // COLUMNS)))
