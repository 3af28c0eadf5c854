"""Sentences as images: each word's vector colours a square of superpixels, word after word in rows.

I. Gallo, S. Nawaz, A. Calefati, "Semantic Text Encoding for Text Classification Using Convolutional Neural Networks",
ICDAR 2017. Three values of a word are the red, green and blue of one superpixel; the superpixels of a word fill a
square, row by row, and the squares fill the image as words fill a page. Around its square a word has a frame, which
tells its place in the sentence. In the document the values are the word's vector; here they are learned from it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.text.vocabulary import RESERVED, Vocabulary, split_words
from models.types import Pixels

SUPERPIXELS = 5
"""Along a side of a word's square."""
SUPERPIXEL = 2
"""Side of a superpixel, in pixels."""
VALUES = 3 * SUPERPIXELS**2
"""Of a word."""
PITCH = 16
"""From one word's square to the next, in pixels: half the stride of convolutional backbones, so that what they see in a
place of their last map are two words beside each other above two more. What a square leaves of it is its frame."""
FRAME = (PITCH - SUPERPIXELS * SUPERPIXEL) // 2
"""Width of a frame, in pixels."""
COLUMNS = 4
"""Words in a row."""
MIN_ROWS, MAX_ROWS = 3, 9
"""An image has as many rows as its words need, within these bounds: at most 36 words; further ones are cut."""
MAX_WORDS = COLUMNS * MAX_ROWS

FRAMES = (255 * np.arange(MAX_WORDS) // (MAX_WORDS - 1)).astype(np.uint8)
"""Of each place, from the black of a sentence's first word to the white of the last that an image holds. A mean over
the places of a network's last map forgets where they were, and rows break what stood side by side."""

COLOURS = "colours"
"""Name of the array of the words' colours beside the weights."""
BLANK = 128
"""Gray, of what no word covers: the colour of a vector of zeros."""


class TextImages:
    """Draws sentences.

    Args:
        vocabulary: of V numbers; words outside it take no place.
        values: of the words, ``(V, 75)`` uint8.
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
        inner = slice(FRAME, FRAME + SUPERPIXELS * SUPERPIXEL)
        for image, numbers in zip(images, sentences, strict=True):
            for place, number in enumerate(numbers[:MAX_WORDS]):
                top, left = (PITCH * index for index in divmod(place, COLUMNS))
                own = image[top : top + PITCH, left : left + PITCH]
                own[:] = FRAMES[place]
                own[inner, inner] = self._squares[number].repeat(SUPERPIXEL, axis=0).repeat(SUPERPIXEL, axis=1)
        return images, rows


def rows_of(words: int) -> int:
    """Return how many rows so many words need."""
    return min(MAX_ROWS, max(MIN_ROWS, -(-words // COLUMNS)))
