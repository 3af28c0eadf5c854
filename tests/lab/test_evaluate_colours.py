"""Captions with other colours, and how often the true one is preferred."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from lab.data.captioned import CaptionedImages
from lab.evaluation.colours import COLOURS, Altered, evaluate_colours, exchanged, replaced
from lab.evaluation.encoded import EncodedSet
from models.errors import InputError

CAPTIONS = [
    "A black dog on a white rug.",
    "a black and white dog",  # one thing of two colours
    "a red car, a red bus and a blue one",  # three
    "Blue sky over a brown field",
    "a dog",
]


def test_colours_of_two_things_are_exchanged_and_those_of_one_are_not() -> None:
    assert exchanged(CAPTIONS) == [
        Altered(0, "A white dog on a black rug."),
        Altered(3, "brown sky over a Blue field"),
    ]


def test_a_replacing_colour_is_in_no_caption_of_the_image() -> None:
    captions = ["a black dog", "a grey dog and a white cat", "a red car"]
    for seed in range(20):
        altered = replaced(captions, [0, 0, 1], np.random.default_rng(seed))
        assert [each.row for each in altered] == [0, 1, 2]
        first, second, third = (each.text.split()[1] for each in altered)
        assert {first, second} <= set(COLOURS) - {"black", "grey", "gray", "white"}
        assert third in set(COLOURS) - {"red"}


def _set(captions: Sequence[str]) -> EncodedSet:
    """Each caption of an image of its own, with which it scores .5."""
    count = len(captions)
    data = CaptionedImages("made up", tuple(Path(f"{i}.jpg") for i in range(count)), tuple((c,) for c in captions))
    images = np.eye(count, dtype=np.float32)
    return EncodedSet("toy", data, images, images / 2, np.arange(count))


def test_the_true_caption_must_score_higher_and_a_tie_is_wrong() -> None:
    scores = {"A white dog on a black rug.": 0.4, "brown sky over a Blue field": 0.5}

    def encode(texts: Sequence[str]) -> np.ndarray:
        return np.stack([np.full(5, scores.get(text, 0.0), np.float32) for text in texts])

    figures = evaluate_colours(_set(CAPTIONS), encode)
    assert figures["exchanged"]["captions"] == 2
    assert figures["exchanged"]["preferred"] == 0.5
    assert figures["replaced"]["captions"] == 4
    assert figures["replaced"]["preferred"] == 1.0
    low, high = figures["exchanged"]["interval"]
    assert 0 < low < 0.5 < high < 1


def test_captions_without_colours_are_an_error() -> None:
    with pytest.raises(InputError, match="exchanged or replaced"):
        evaluate_colours(_set(["a dog", "a cat"]), lambda texts: np.zeros((len(texts), 2), np.float32))
