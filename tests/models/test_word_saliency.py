"""What words add, and the exact parts of a score, of vectors that are computed by hand."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from toy_encoder import ToyEncoder
from toy_match import toy_match, vector
from toy_matcher import NAME, WEIGHT, ToyMatcher

from models.composition import Term, compose
from models.explain.breakdown import breakdown
from models.explain.words import leave_one_out, word_saliency
from models.types import Vectors

BOTH = np.sqrt(0.5)
SPACE = {"dog": (1, 0), "grass": (0, 1), "dog grass": (BOTH, BOTH), "cat": (0.6, 0.8)}
"""Texts of a space of two dimensions."""


def encode(texts: Sequence[str]) -> Vectors:
    return np.array([SPACE[text] for text in texts], np.float32).reshape(len(texts), 2)


def sentence(text: str, weight: float = 1.0, label: str | None = None) -> Term:
    return Term(label or text, encode([text])[0], weight, text)


def values(terms: Sequence[Term], found: Vectors) -> list[list[float]]:
    return [[word.value for word in term.words] for term in word_saliency(toy_match(terms, found, None, encode))]


class TestLeaveOneOut:
    """Words, in the text and out of it."""

    def test_a_word_is_worth_the_score_less_the_score_without_it(self) -> None:
        worth = {"dog": 0.5, "beach": 0.25, "no": -1.0}

        def score(texts: Sequence[str]) -> list[float]:
            return [sum(worth.get(word, 0.0) for word in text.split()) for text in texts]

        found = leave_one_out("no dog on the beach", score)
        assert [(w.word, w.value) for w in found] == [("no", -1), ("dog", 0.5), ("on", 0), ("the", 0), ("beach", 0.25)]
        assert all("no dog on the beach"[w.start : w.end] == w.word for w in found)

    def test_words_keep_inner_hyphens_and_apostrophes(self) -> None:
        found = leave_one_out("a t-shirt, the dog's!", lambda texts: [0.0] * len(texts))
        assert [w.word for w in found] == ["a", "t-shirt", "the", "dog's"]

    def test_what_is_left_has_single_spaces_and_nothing_is_left_of_one_word(self) -> None:
        asked: list[str] = []
        leave_one_out("a big  dog", lambda texts: asked.extend(texts) or [0.0] * len(texts))
        leave_one_out(" dog ", lambda texts: asked.extend(texts) or [0.0] * len(texts))
        assert asked == ["a big  dog", "big dog", "a dog", "a big", " dog ", ""]

    def test_a_text_without_words_has_no_saliency_and_is_not_scored(self) -> None:
        assert leave_one_out("?!", lambda texts: [1 / 0]) == []


class TestWordSaliency:
    """The words of composed queries."""

    def test_each_word_of_a_sentence(self) -> None:
        found = values([sentence("dog grass")], vector(1, 0))
        np.testing.assert_allclose(found, [[BOTH - 0, BOTH - 1]], atol=1e-6)  # without "dog" grass is left, 0

    def test_what_is_left_is_encoded_as_what_is_left_of_the_whole_where_the_encoder_can(self) -> None:
        asked: list[tuple[list[str], str]] = []

        def encode_left(texts: Sequence[str], like: str) -> Vectors:
            asked.append((list(texts), like))
            return encode(texts)

        match = replace(toy_match([sentence("dog grass")], vector(1, 0)), encode_left=encode_left)
        found = word_saliency(match)  # toy_match's own encoder would refuse
        np.testing.assert_allclose([word.value for word in found[0].words], [BOTH - 0, BOTH - 1], atol=1e-6)
        assert asked == [(["grass", "dog"], "dog grass")]

    def test_the_only_word_is_worth_the_whole_score(self) -> None:
        np.testing.assert_allclose(values([sentence("cat")], vector(1, 0)), [[0.6]], atol=1e-6)

    def test_a_word_of_one_term_is_left_out_beside_the_others(self) -> None:
        found = values([sentence("dog"), sentence("grass", -0.5, "-grass")], vector(1, 0))
        score = 1 / np.hypot(1, 0.5)
        without_dog = 0.0  # (0, -1) is left
        np.testing.assert_allclose(found, [[score - without_dog], [score - 1]], atol=1e-6)

    def test_terms_that_are_not_words_have_none(self) -> None:
        match = toy_match([Term("image", vector(0, 1)), sentence("dog", 1.4, "+dog")], vector(1, 0), None, encode)
        (only,) = word_saliency(match)
        assert only.label == "+dog"
        assert only.words[0].value == pytest.approx(1.4 / np.hypot(1, 1.4) - 0)

    def test_what_cancels_out_without_a_word_scores_nothing(self) -> None:
        """Left is (0, 2e-8), a rounding error: taken for a direction it would score 1."""
        almost = np.array([1, 2e-8], np.float32)
        terms = [Term("image", almost), Term("-image", vector(1, 0), -1.0), sentence("dog", 1.0, "+dog")]
        np.testing.assert_allclose(values(terms, vector(0, 1)), [[0]], atol=1e-6)

    def test_what_is_short_without_a_word_still_has_a_direction(self) -> None:
        """Left is (0, 1e-4)."""
        terms = [Term("image", vector(1, 1e-4)), Term("-image", vector(1, 0), -1.0), sentence("dog", 1.0, "+dog")]
        np.testing.assert_allclose(values(terms, vector(0, 1)), [[1e-4 - 1]], atol=1e-6)

    def test_a_text_of_no_words_is_a_term_without_words(self) -> None:
        found = word_saliency(toy_match([Term("?!", vector(1, 0), 1.0, "?!")], vector(1, 0), None, encode))
        assert [(term.label, term.words) for term in found] == [("?!", ())]


class TestBreakdown:
    """The exact parts."""

    def test_each_term_adds_its_weighted_cosine_over_the_length_of_the_sum(self) -> None:
        terms = [sentence("dog"), sentence("grass", -0.5, "-grass")]
        length = np.hypot(1, 0.5)
        parts = breakdown(toy_match(terms, vector(0.6, 0.8)))
        assert parts == (("dog", round(0.6 / length, 6)), ("-grass", round(-0.4 / length, 6)))

    def test_a_matcher_adds_its_weighted_score_of_the_first_term(self) -> None:
        red = ToyEncoder().encode_texts(["red"])[0]
        terms = [Term("red", red, 1.0, "red"), Term("+blue", ToyEncoder().encode_texts(["blue"])[0], 0.5, "blue")]
        features = {"another": np.zeros(3, np.float16), NAME: np.array([(0.6, 0.8, 0)] * 4, np.float16)}
        parts = breakdown(toy_match(terms, red, matcher=ToyMatcher(), features=features))
        plain = breakdown(toy_match(terms, red, features=features))
        assert parts[:-1] == plain
        assert parts[-1][0] == f"rerank: {NAME}"
        assert parts[-1][1] == pytest.approx(WEIGHT * 0.6, abs=1e-3)  # float16


def test_the_labels_of_a_query_are_those_of_its_terms() -> None:
    assert compose([sentence("dog"), sentence("cat", 0.5, "+cat")]).labels == ("dog", "+cat")
