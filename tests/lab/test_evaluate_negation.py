"""Sentences that deny something: how they are made, and what is measured of them."""

from collections.abc import Sequence

import numpy as np
import pytest
from made_up_set import made_up_set, unit

from lab.evaluation.frequent_words import frequent_words
from lab.evaluation.negation import caption_sentences, evaluate_negation, left_alone, word_sentences
from lab.evaluation.relevance import TfidfRelevance
from models.errors import InputError
from models.types import Vectors

DIRECTIONS = {"dog": 0, "beach": 1, "girl": 2, "red": 3, "jump": 4}


def encode(texts: Sequence[str]) -> Vectors:
    """Embed a text as the sum of its words' directions, whatever is denied: as a model that does not know ``no``."""
    vectors = [[float(word in text.split()) for word in DIRECTIONS] + [0.01] for text in texts]
    return unit(np.array(vectors))


def test_the_listed_sentences_that_deny_nothing_are_left_alone() -> None:
    assert left_alone() >= 0.95


def test_words_are_denied_where_some_images_of_the_other_have_them() -> None:
    captions = [["a dog on sand"]] * 6 + [["a dog"]] * 10 + [["sand"]] * 3
    asked = word_sentences(frequent_words(captions, 10))
    assert asked.texts == ["dog without sand", "dog with no sand"]  # too few images have sand and no dog
    assert asked.plain == ["dog", "dog"]
    assert asked.unwanted[0].tolist() == [True] * 6 + [False] * 10 + [True] * 3
    assert asked.gains[0].tolist() == [1.0] * 16 + [0.0] * 3


def test_captions_deny_what_their_best_images_have_and_their_own_lacks() -> None:
    encoded = made_up_set(40)
    words = frequent_words(encoded.data.captions, 5)
    asked = caption_sentences(encoded, words, TfidfRelevance(encoded.data.captions), np.random.default_rng(0))
    captions, images = encoded.data.flat_captions()
    for text, plain in zip(asked.texts, asked.plain, strict=True):
        denied = text.removeprefix(f"{plain} without ")
        own = [images[row] for row, caption in enumerate(captions) if caption == plain]
        assert any(denied not in " ".join(encoded.data.captions[image]) for image in own)


def test_a_subtracted_word_leaves_the_best_images_of_a_model_that_does_not_know_no() -> None:
    encoded = made_up_set(60)
    texts = [" ".join(captions) for captions in encoded.data.captions]
    seen = type(encoded)(
        "toy", encoded.data, encode(texts), encode(encoded.data.flat_captions()[0]), encoded.image_of_caption
    )
    figures = evaluate_negation(seen, encode, TfidfRelevance(encoded.data.captions))
    for kind in ("words", "captions"):
        assert figures[kind]["unwanted_on"] < figures[kind]["unwanted_plain"] <= figures[kind]["unwanted_off"]
    assert figures["left_alone"] == left_alone()


def test_too_few_images_are_an_error() -> None:
    encoded = made_up_set(10)
    with pytest.raises(InputError, match="10 images"):
        evaluate_negation(encoded, encode, TfidfRelevance(encoded.data.captions))
