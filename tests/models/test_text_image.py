"""Text images hold every word of a sentence, where and in the colours that its vector says."""

import numpy as np
import pytest
import torch

from lab.training.word_colours import pixel_values
from models.text.text_image import (
    BLANK,
    COLUMNS,
    MAX_ROWS,
    MAX_WORDS,
    MIN_ROWS,
    PITCH,
    SUPERPIXEL,
    SUPERPIXELS,
    VALUES,
    TextImages,
    rows_of,
)
from models.text.vocabulary import RESERVED, Vocabulary

WORDS = tuple("abcdefgh")
SIDE = SUPERPIXELS * SUPERPIXEL
GUTTER = (PITCH - SIDE) // 2


def _values() -> np.ndarray:
    values = np.random.default_rng(0).integers(0, 256, (RESERVED + len(WORDS), VALUES)).astype(np.uint8)
    values[:RESERVED] = BLANK
    return values


def _read(image: np.ndarray, place: int) -> np.ndarray:
    """Return the values of the word in a place, ``(75,)``, by the middle pixel of each superpixel."""
    row, column = divmod(place, COLUMNS)
    top, left = row * PITCH + GUTTER + SUPERPIXEL // 2, column * PITCH + GUTTER + SUPERPIXEL // 2
    return image[top : top + SIDE : SUPERPIXEL, left : left + SIDE : SUPERPIXEL].ravel()


def test_values_by_hand() -> None:
    # two components of four words: (±3, 0) and (0, ±1), in a basis turned by 45 degrees; their deviation is sqrt(2.5)
    turned = torch.tensor([[1.0, 1.0], [1.0, -1.0]]) / 2**0.5
    components = torch.tensor([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    vectors = torch.cat([torch.zeros(RESERVED, 2), components @ turned + torch.tensor([5.0, 7.0])])
    got = pixel_values(vectors, 2)
    assert (got[:RESERVED] == BLANK).all()
    deviation = (20 / 8) ** 0.5
    large, small = round(127 * 3 / (3 * deviation)), round(127 * 1 / (3 * deviation))
    first, second = got[RESERVED:, 0].astype(int) - BLANK, got[RESERVED:, 1].astype(int) - BLANK
    assert sorted(first) == [-large, 0, 0, large]
    assert sorted(second) == [-small, 0, 0, small]
    assert first[2] == first[3] == second[0] == second[1] == 0


def test_values_far_from_the_mean_are_clipped() -> None:
    vectors = torch.zeros(RESERVED + 100, 1)
    vectors[RESERVED] = 1.0
    assert pixel_values(vectors, 1)[RESERVED, 0] == 255


def test_signs_do_not_depend_on_the_decomposition() -> None:
    torch.manual_seed(0)
    vectors = torch.randn(40, 6)
    components = pixel_values(vectors, 6)[RESERVED:].astype(int) - BLANK
    largest = (-components.min(axis=0)).clip(max=BLANK - 1)  # both are clipped where both are large
    assert (components.max(axis=0) >= largest).all()


def test_a_picture_by_hand() -> None:
    values = _values()
    images, rows = TextImages(Vocabulary(WORDS), values)(["a b"])
    assert images.shape == (1, MIN_ROWS * PITCH, COLUMNS * PITCH, 3)
    assert rows.tolist() == [MIN_ROWS]
    expected = np.full(images.shape[1:], BLANK, np.uint8)
    for place, number in enumerate((RESERVED, RESERVED + 1)):
        for y in range(SUPERPIXELS):
            for x in range(SUPERPIXELS):
                colour = values[number, 3 * (y * SUPERPIXELS + x) :][:3]
                for dy in range(SUPERPIXEL):
                    for dx in range(SUPERPIXEL):
                        left = place * PITCH + GUTTER + x * SUPERPIXEL + dx
                        expected[GUTTER + y * SUPERPIXEL + dy, left] = colour
    np.testing.assert_array_equal(images[0], expected)


@pytest.mark.parametrize("count", [1, COLUMNS, COLUMNS + 1, 13, 17, MAX_WORDS])
def test_no_word_is_lost(count: int) -> None:
    values, random = _values(), np.random.default_rng(count)
    words = random.choice(WORDS, count)
    images, rows = TextImages(Vocabulary(WORDS), values)(["a", " ".join(words)])
    assert PITCH * rows[1] == images.shape[1]
    for place, word in enumerate(words):
        np.testing.assert_array_equal(_read(images[1], place), values[RESERVED + WORDS.index(word)])
    if count < COLUMNS * rows[1]:
        assert (_read(images[1], count) == BLANK).all()


def test_unknown_words_take_no_place_and_words_beyond_the_last_row_are_cut() -> None:
    drawn = TextImages(Vocabulary(WORDS), _values())
    images, rows = drawn(["a qqq b", "a b", " ".join(["a"] * (MAX_WORDS + 3)), " ".join(["a"] * MAX_WORDS)])
    np.testing.assert_array_equal(images[0], images[1])
    np.testing.assert_array_equal(images[2], images[3])
    assert rows.tolist() == [MIN_ROWS, MIN_ROWS, MAX_ROWS, MAX_ROWS]


def test_a_sentence_without_a_known_word_is_blank() -> None:
    drawn = TextImages(Vocabulary(WORDS), _values())
    images, rows = drawn(["", "qqq"])
    assert (images == BLANK).all()
    assert rows.tolist() == [MIN_ROWS] * 2
    assert drawn([])[0].shape == (0, MIN_ROWS * PITCH, COLUMNS * PITCH, 3)


def test_rows_are_as_many_as_the_words_need() -> None:
    assert [rows_of(words) for words in (0, 12, 13, 16, 17, 36, 99)] == [3, 3, 4, 4, 5, 9, 9]


def test_words_beyond_a_full_image_are_told_and_unknown_ones_take_no_place() -> None:
    draw = TextImages(Vocabulary(WORDS), _values())
    assert draw.words_read("a z " * MAX_WORDS) is None
    assert draw.words_read("a z " * MAX_WORDS + "b") == 2 * MAX_WORDS
