"""BLEU of a set, by hand."""

import math

import pytest

pytest.importorskip("sacrebleu")
from lab.metrics.bleu import corpus_bleu


def test_a_caption_that_somebody_wrote_scores_one():
    words = ["a", "dog", "runs", "on", "grass"]
    assert corpus_bleu([words], [[words, ["a", "cat"]]]) == pytest.approx({f"bleu-{n}": 1.0 for n in (1, 2, 3, 4)})


def test_the_classic_example_is_clipped():
    # Papineni et al.: "the" seven times, of which a reference has at most two
    captions, references = [["the"] * 7], [[words_of("the cat is on the mat"), words_of("there is a cat on the mat")]]
    assert corpus_bleu(captions, references)["bleu-1"] == pytest.approx(2 / 7)
    assert corpus_bleu(captions, references)["bleu-2"] == 0.0


def test_precisions_are_of_the_set_and_short_captions_are_penalised():
    captions = [["a", "dog"], ["a", "man", "sits"]]
    references = [[["a", "dog", "runs", "now"], ["the", "dog", "is", "here"]], [["a", "man", "stands", "here"]]]
    figures = corpus_bleu(captions, references)
    # 4 of 5 words, 2 of 3 pairs; 5 words against 8
    assert figures["bleu-1"] == pytest.approx(math.exp(1 - 8 / 5) * 4 / 5)
    assert figures["bleu-2"] == pytest.approx(math.exp(1 - 8 / 5) * math.sqrt(4 / 5 * 2 / 3))


def test_images_may_have_different_numbers_of_references():
    captions, references = [["a", "dog"], ["a", "cat"]], [[["a", "dog"]], [["the", "cat"], ["a", "cat"]]]
    assert corpus_bleu(captions, references)["bleu-2"] == pytest.approx(1.0)


def words_of(text):
    return text.split()
