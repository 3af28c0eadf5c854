"""Queries of two words: which are drawn, and what of the best ten images is right."""

from collections.abc import Sequence

import numpy as np
import pytest
from made_up_set import made_up_set

from lab.data.captioned import CaptionedImages
from lab.evaluation.encoded import EncodedSet
from lab.evaluation.two_words import common_pairs, evaluate_two_words
from models.errors import InputError

CAPTIONS = (
    ("a dog on a couch", "the dogs sleep"),
    ("the couch with a dog", "a dog on the couch"),
    ("dogs run", "a couch"),  # no caption has both, yet the image shows both
    ("a dog", "the dog sleeps"),
)


def _set(images: int = 12) -> EncodedSet:
    captions = (*CAPTIONS, *[("grass",)] * (images - len(CAPTIONS)))
    data = CaptionedImages("made up", tuple(made_up_set(images).data.files), captions)
    none = np.empty((0, images), np.float32)
    return EncodedSet("toy", data, np.eye(images, dtype=np.float32), none, np.empty(0, np.int64))


def test_pairs_stand_in_one_caption_and_are_asked_in_its_order_and_commonest_forms() -> None:
    asked = common_pairs(CAPTIONS, 2)
    assert asked.texts == ["dog couch", "dog sleep"]  # two images each; "dog" more often than "dogs"
    assert asked.right.tolist() == [[True, True, True, False], [True, False, False, True]]
    assert common_pairs(CAPTIONS, 9).texts == ["dog couch", "dog sleep", "dog run"]


def test_right_images_among_the_best_ten_are_counted_by_hand() -> None:
    best = {"dog couch": [0, 1, *range(3, 11)], "dog sleep": [1, 2, *range(4, 12)], "dog run": [2, *range(3, 12)]}

    def encode(texts: Sequence[str]) -> np.ndarray:
        scores = np.zeros((len(texts), 12), np.float32)
        for row, text in enumerate(texts):
            scores[row, best[text]] = 1
        return scores

    figures = evaluate_two_words(_set(), encode, count=3)
    assert figures["pairs"] == 3
    assert figures["precision"] == pytest.approx((0.2 + 0 + 0.1) / 3)
    assert figures["possible"] == pytest.approx((0.3 + 0.2 + 0.1) / 3)
    assert figures["least"] == {"dog sleep": 0, "dog run": 0.1, "dog couch": 0.2}


def test_too_few_images_and_captions_of_one_word_are_errors() -> None:
    with pytest.raises(InputError, match="10 images"):
        evaluate_two_words(_set(10), lambda texts: np.zeros((len(texts), 10), np.float32))
    alone = CaptionedImages("alone", tuple(made_up_set(12).data.files), (("a dog",),) * 12)
    none = np.empty((0, 12), np.float32)
    encoded = EncodedSet("toy", alone, np.eye(12, dtype=np.float32), none, np.empty(0, np.int64))
    with pytest.raises(InputError, match="two different content words"):
        evaluate_two_words(encoded, lambda texts: np.zeros((len(texts), 12), np.float32))
