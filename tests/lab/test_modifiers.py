"""Lift and retention of signed words agree with a slow oracle."""

import math
from dataclasses import replace

import numpy as np
import pytest
from made_up_set import WORDS, made_up_set, unit

from lab.evaluation.encoded import EncodedSet
from lab.evaluation.modifiers import evaluate_modifiers
from lab.evaluation.relevance import TfidfRelevance
from models.errors import InputError

N, SET = 25, made_up_set(25, seed=3)
RELEVANCE = TfidfRelevance(SET.data.captions)
WORD_VECTORS = dict(zip(WORDS, unit(np.random.default_rng(7).normal(size=(len(WORDS), 6))), strict=True))


def _encode(texts: tuple[str, ...]) -> np.ndarray:
    return np.stack([WORD_VECTORS[text] for text in texts])


def _has(image: int, word: str) -> bool:
    return any(word in caption for caption in SET.data.captions[image])


def _slow(sign: int, weight: float) -> tuple[float, float, float]:
    """Return the share with the word in the top 10, NDCG@10 and the best possible share, over every word and query."""
    every = RELEVANCE(np.arange(N))
    shares, ndcgs, bests = [], [], []
    for word in WORDS:
        for query in (image for image in range(N) if _has(image, word) == (sign < 0)):
            others = [other for other in range(N) if other != query]
            composed = unit(SET.images[query].astype(float) + sign * weight * WORD_VECTORS[word])
            top = sorted(others, key=lambda other: -float(composed @ SET.images[other]))[:10]
            shares.append(sum(_has(other, word) for other in top) / 10)
            gains, best = [every[query, o] for o in top], sorted(every[query, others], reverse=True)[:10]
            discounts = [1 / math.log2(place + 2) for place in range(10)]
            ndcgs.append(np.dot(gains, discounts) / np.dot(best, discounts))
            having = sum(_has(other, word) for other in others)
            bests.append(min(10, having) / 10 if sign > 0 else max(0, 10 - (N - 1 - having)) / 10)
    return float(np.mean(shares)), float(np.mean(ndcgs)), float(np.mean(bests))


@pytest.mark.parametrize(("side", "sign"), [("plus", 1), ("minus", -1)])
def test_figures_agree_with_the_oracle(side: str, sign: int) -> None:
    found = evaluate_modifiers(SET, _encode, RELEVANCE, weights=(0.3, 1.5))[side]
    share, ndcg, best = _slow(sign, 0)
    assert found["before"] == pytest.approx(share)
    assert found["possible"] == pytest.approx(sign * (best - share))
    for column, weight in enumerate((0.3, 1.5)):
        after, ndcg_after, _ = _slow(sign, weight)
        assert found["lift"][column] == pytest.approx(sign * (after - share))
        assert found["retention"][column] == pytest.approx(ndcg_after / ndcg, rel=1e-5)


def test_the_default_weight_lifts_most_among_those_that_retain_enough() -> None:
    figures = evaluate_modifiers(SET, _encode, RELEVANCE)
    plus, column = figures["plus"], figures["weights"].index(figures["default_weight"])
    enough = [lift for lift, kept in zip(plus["lift"], plus["retention"], strict=True) if kept >= 0.7]
    assert plus["lift"][column] == max(enough)
    assert figures["at_default"]["plus"] == {"lift": plus["lift"][column], "retention": plus["retention"][column]}
    assert figures["at_default"]["minus"]["lift"] == figures["minus"]["lift"][column]


def test_a_model_whose_words_hit_does_all_that_is_possible() -> None:
    """Image vectors are the words of their captions, so that a heavy word decides the ranking alone."""
    words = [[float(_has(image, word)) for word in WORDS] for image in range(N)]
    axes = np.eye(len(WORDS), dtype=np.float32)
    ideal = EncodedSet("toy", SET.data, np.array(words, np.float32), SET.captions, SET.image_of_caption)
    figures = evaluate_modifiers(
        ideal, lambda texts: axes[[WORDS.index(t) for t in texts]], RELEVANCE, weights=(0.5, 100)
    )
    for side in ("plus", "minus"):
        assert figures[side]["possible"] > 0
        assert figures[side]["lift"][1] == pytest.approx(figures[side]["possible"])


def test_the_draw_follows_its_seed() -> None:
    runs = [evaluate_modifiers(SET, _encode, RELEVANCE, queries_per_word=3, seed=seed) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_a_set_without_ten_others_is_refused() -> None:
    small = made_up_set(10)
    with pytest.raises(InputError, match="10 images"):
        evaluate_modifiers(small, _encode, TfidfRelevance(small.data.captions))


def test_captions_that_are_all_alike_are_refused() -> None:
    alike = replace(SET, data=replace(SET.data, captions=(("a dog",),) * N))
    with pytest.raises(InputError, match="nothing to add"):
        evaluate_modifiers(alike, _encode, TfidfRelevance(alike.data.captions))
