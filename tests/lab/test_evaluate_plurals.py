"""Singular and plural: the nouns of a set, and how many images both find."""

from collections.abc import Sequence

import numpy as np
import pytest
from made_up_set import made_up_set

from lab.data.captioned import CaptionedImages
from lab.evaluation.encoded import EncodedSet
from lab.evaluation.plurals import countable_nouns, evaluate_plurals, plural_of
from models.errors import InputError

CAPTIONS = (
    ("a dog on a bench", "the dog"),
    ("two dogs near dogs", "benches and a red bench"),
    ("a bench in a box", "benches"),
    ("the boxes of a green", "greens, greens"),
)


def _set() -> EncodedSet:
    """Twelve images, each one its own direction; eight of them show grass."""
    captions = (*CAPTIONS, *[("grass", "grass")] * 8)
    data = CaptionedImages("made up", tuple(made_up_set(12).data.files), captions)
    return EncodedSet("toy", data, np.eye(12, dtype=np.float32), np.empty((0, 12), np.float32), np.empty(0, np.int64))


def test_nouns_stand_behind_an_article_and_have_a_plural() -> None:
    assert countable_nouns(CAPTIONS) == ["bench", "dog"]  # a box and a green are once


@pytest.mark.parametrize(("noun", "plural"), [("dog", "dogs"), ("box", "boxes"), ("city", "cities"), ("boy", "boys")])
def test_plurals_are_regular(noun: str, plural: str) -> None:
    assert plural_of(noun) == plural


def test_shared_images_and_those_that_show_the_noun_are_counted_by_hand() -> None:
    ascending = list(range(12))
    orders = {"bench": ascending, "benches": ascending, "dog": ascending, "dogs": ascending[::-1]}

    def encode(words: Sequence[str]) -> np.ndarray:
        scores = np.zeros((len(words), 12), np.float32)
        for row, word in enumerate(words):
            scores[row, orders[word]] = -np.arange(12)
        return scores

    figures = evaluate_plurals(_set(), encode)
    assert figures["nouns"] == 2
    assert figures["overlap"] == (1.0 + 0.8) / 2  # of twelve images the first ten and the last ten share eight
    assert figures["least"] == {"dog": 0.8, "bench": 1.0}
    assert figures["precision_singular"] == pytest.approx((3 + 2) / 10 / 2)  # benches in 3 images, dogs in 2
    assert figures["precision_plural"] == pytest.approx((3 + 0) / 10 / 2)


def test_too_few_images_and_captions_without_nouns_are_errors() -> None:
    with pytest.raises(InputError, match="10 images"):
        evaluate_plurals(made_up_set(10), lambda words: np.zeros((len(words), 6), np.float32))
    with pytest.raises(InputError, match="no noun"):
        evaluate_plurals(made_up_set(12), lambda words: np.zeros((len(words), 6), np.float32))
