"""Words that are encoded ahead are those that are weighed, once."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from toy_encoder import ToyEncoder
from toy_match import toy_match

from models.composition import Term
from models.explain.words import word_saliency
from models.explain.words_ahead import WordsAhead
from models.types import Vectors

TEXTS = ["red blue light", None, "green"]


class Counting:
    """Encodes, and keeps what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def __call__(self, texts: Sequence[str], like: str) -> Vectors:
        self.asked.append([*texts, f"of {like}"])
        return ToyEncoder().encode_texts(texts)


def test_what_is_left_of_each_text_is_encoded_at_once_and_all_of_it() -> None:
    encode = Counting()
    with ThreadPoolExecutor(1) as threads:
        ahead = WordsAhead(encode, TEXTS, threads)
        vectors = ahead(["red light", "blue light"], "red blue light")
    assert encode.asked == [["blue light", "red light", "red blue", "of red blue light"]]
    np.testing.assert_array_equal(vectors, ToyEncoder().encode_texts(["red light", "blue light"]))


def test_other_texts_are_encoded_when_they_are_asked_for() -> None:
    encode = Counting()
    with ThreadPoolExecutor(1) as threads:
        ahead = WordsAhead(encode, [None, "red"], threads)
        np.testing.assert_array_equal(ahead(["blue"], "red"), ToyEncoder().encode_texts(["blue"]))
    assert encode.asked == [["blue", "of red"]]


def test_words_are_weighed_by_nothing_else() -> None:
    encode, plain = Counting(), ToyEncoder().encode_texts
    vectors = plain(["red blue light", "green"])
    terms = [Term("red blue light", vectors[0], text="red blue light"), Term("-green", vectors[1], -0.5, "green")]
    with ThreadPoolExecutor(1) as threads:
        ahead = WordsAhead(encode, [term.text for term in terms], threads)
        found = word_saliency(replace(toy_match(terms, plain(["red"])[0]), encode_left=ahead))
    assert len(encode.asked) == 1
    assert found == word_saliency(toy_match(terms, plain(["red"])[0], None, plain))
