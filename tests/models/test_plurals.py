"""A bare plural is read as both forms, and what only looks like one as it is."""

from collections.abc import Sequence

import numpy as np
import pytest

from models.text.plurals import encode_plurals, singulars
from models.types import Vectors

VECTORS = {
    "giraffe": (1.0, 0.0),
    "giraffes": (0.8, 0.6),  # a cosine of .8 with its singular
    "shorts": (0.0, 1.0),
    "short": (1.0, 0.0),
    "house": (0.96, 0.28),
    "hous": (0.8, 0.6),
    "houses": (1.0, 0.0),
}


def encode(texts: Sequence[str]) -> Vectors:
    return np.array([VECTORS.get(text, (0.6, -0.8)) for text in texts], np.float32).reshape(-1, 2)


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("Giraffes.", ["giraffe", "giraff"]),
        ("boxes", ["boxe", "box"]),
        ("ponies", ["ponie", "poni", "pony"]),
        ("grass", []),
        ("bus", []),
        ("giraffe", []),
        ("two giraffes", []),
        ("747s", []),
        ("", []),
    ],
)
def test_what_a_word_may_be_the_plural_of(word: str, found: list[str]) -> None:
    assert singulars(word) == found


def test_a_plural_becomes_the_mean_of_both_forms() -> None:
    mean = np.array([1.8, 0.6]) / np.hypot(1.8, 0.6)
    np.testing.assert_allclose(encode_plurals(encode, ["giraffe", "giraffes"]), [(1, 0), mean], rtol=1e-6)


def test_the_nearest_of_several_singulars_is_taken() -> None:
    mean = np.array([1.96, 0.28]) / np.hypot(1.96, 0.28)
    np.testing.assert_allclose(encode_plurals(encode, ["houses"])[0], mean, rtol=1e-6)


def test_what_means_something_else_without_its_ending_stays() -> None:
    np.testing.assert_array_equal(encode_plurals(encode, ["shorts"]), [(0, 1)])
    assert encode_plurals(encode, []).shape == (0, 2)
