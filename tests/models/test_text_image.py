"""Text images hold every word of a sentence, where and in the colours that its vector says."""

import numpy as np
import pytest

from models.text.text_image import (
    BLANK,
    COLUMNS,
    FRAME,
    FRAMES,
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


def _values() -> np.ndarray:
    values = np.random.default_rng(0).integers(0, 256, (RESERVED + len(WORDS), VALUES)).astype(np.uint8)
    values[:RESERVED] = BLANK
    return values


def _read(image: np.ndarray, place: int) -> np.ndarray:
    """Return the values of the word in a place, ``(75,)``, by the middle pixel of each superpixel."""
    row, column = divmod(place, COLUMNS)
    top, left = row * PITCH + FRAME + SUPERPIXEL // 2, column * PITCH + FRAME + SUPERPIXEL // 2
    return image[top : top + SIDE : SUPERPIXEL, left : left + SIDE : SUPERPIXEL].ravel()


def test_a_picture_by_hand() -> None:
    values = _values()
    images, rows = TextImages(Vocabulary(WORDS), values)(["a b"])
    assert images.shape == (1, MIN_ROWS * PITCH, COLUMNS * PITCH, 3)
    assert rows.tolist() == [MIN_ROWS]
    expected = np.full(images.shape[1:], BLANK, np.uint8)
    for place, number in enumerate((RESERVED, RESERVED + 1)):
        expected[:PITCH, place * PITCH : (place + 1) * PITCH] = FRAMES[place]
        for y in range(SUPERPIXELS):
            for x in range(SUPERPIXELS):
                colour = values[number, 3 * (y * SUPERPIXELS + x) :][:3]
                for dy in range(SUPERPIXEL):
                    for dx in range(SUPERPIXEL):
                        left = place * PITCH + FRAME + x * SUPERPIXEL + dx
                        expected[FRAME + y * SUPERPIXEL + dy, left] = colour
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


def test_the_same_words_in_another_order_differ_in_more_than_their_places() -> None:
    drawn = TextImages(Vocabulary(WORDS), _values())
    images, _ = drawn(["a b", "b a"])
    one, other = images[0, :PITCH, :PITCH], images[1, :PITCH, PITCH : 2 * PITCH]  # the word a, first and second
    np.testing.assert_array_equal(one[FRAME:-FRAME, FRAME:-FRAME], other[FRAME:-FRAME, FRAME:-FRAME])
    assert (one[0] == FRAMES[0]).all()
    assert (other[0] == FRAMES[1]).all()
    assert (np.diff(FRAMES.astype(int)) > 0).all()
    assert (FRAMES[0], FRAMES[-1]) == (0, 255)
