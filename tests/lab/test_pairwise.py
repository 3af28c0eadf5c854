"""Pairwise accuracy counts what a person would count."""

import numpy as np
import pytest

from lab.evaluation.encoded import EncodedSet
from lab.evaluation.pairwise import evaluate_pairwise
from models.errors import InputError


def _set(images: np.ndarray, captions: np.ndarray) -> EncodedSet:
    owners = np.repeat(np.arange(len(images)), len(captions) // len(images))
    return EncodedSet("hand", None, images.astype(np.float32), captions.astype(np.float32), owners)  # type: ignore[arg-type]


def test_accuracy_is_near_the_share_of_all_pairs() -> None:
    random = np.random.default_rng(5)
    images = random.normal(size=(30, 4))
    encoded = _set(images, np.repeat(images, 5, axis=0) + random.normal(scale=2, size=(150, 4)))
    scores = encoded.captions @ encoded.images.T
    wins = [
        scores[caption, own] > scores[caption, other]
        for caption, own in enumerate(encoded.image_of_caption)
        for other in range(30)
        if other != own
    ]
    figures = evaluate_pairwise(encoded, samples=6400, seed=1)
    low, high = figures["interval"]
    assert figures["samples"] == 6400
    assert low < figures["accuracy"] < high
    assert figures["accuracy"] == pytest.approx(np.mean(wins), abs=0.02)
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(np.mean(wins) * (1 - np.mean(wins)) / 6400), rel=0.05)
    assert evaluate_pairwise(encoded, samples=6400, seed=1) == figures
    assert evaluate_pairwise(encoded, samples=6400, seed=2) != figures


def test_a_perfect_model_is_always_right() -> None:
    assert evaluate_pairwise(_set(np.eye(5), np.eye(5)), samples=200)["accuracy"] == 1


@pytest.mark.parametrize("value", [0.3, np.nan])
def test_a_tie_and_a_score_that_is_not_a_number_are_wrong(value: float) -> None:
    figures = evaluate_pairwise(_set(np.full((4, 512), value), np.full((8, 512), 0.1)), samples=200)
    assert figures["accuracy"] == 0
    assert figures["interval"][0] == 0


def test_one_image_has_no_other_to_compare_with() -> None:
    with pytest.raises(InputError, match="at least two images"):
        evaluate_pairwise(_set(np.ones((1, 2)), np.ones((5, 2))))
