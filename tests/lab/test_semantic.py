"""Semantic retrieval agrees with a slow oracle, and its bounds are where they must be."""

import math
from dataclasses import replace

import numpy as np
import pytest
from made_up_set import made_up_set, unit
from scipy.stats import pearsonr

from lab.evaluation.relevance import TfidfRelevance
from lab.evaluation.semantic import evaluate_semantic, measure
from models.errors import InputError

SET = made_up_set(30)
RELEVANCE = TfidfRelevance(SET.data.captions)
EVERY = RELEVANCE(np.arange(30))


def _slow_curves(queries: list[tuple[int, np.ndarray]], r: int) -> tuple[float, float]:
    """Return NDCG@r and PCC@r, averaged over queries of an image to leave out and a vector."""
    ndcgs, pccs = [], []
    for own, vector in queries:
        others = [other for other in range(30) if other != own]
        scores = {other: float(vector @ SET.images[other]) for other in others}
        top = sorted(others, key=lambda other: (-scores[other], EVERY[own, other]))[:r]
        gains = [float(EVERY[own, other]) for other in top]
        best = sorted((float(EVERY[own, other]) for other in others), reverse=True)[:r]
        discounts = [1 / math.log2(place + 2) for place in range(r)]
        ndcgs.append(np.dot(gains, discounts) / np.dot(best, discounts))
        constant = len(set(gains)) == 1
        pccs.append(0 if constant else pearsonr([scores[other] for other in top], gains).statistic)
    return float(np.mean(ndcgs)), float(np.mean(pccs))


@pytest.mark.parametrize("r", [5, 29])
def test_the_models_curves_agree_with_the_oracle(r: int) -> None:
    rows = evaluate_semantic(SET, RELEVANCE)["queries"]
    by_image = list(enumerate(SET.images))
    by_both = [(own, unit(SET.images[own] + SET.captions[caption])) for caption, own in enumerate(SET.image_of_caption)]
    for kind, queries in (("image", by_image), ("image+text", by_both)):
        found = rows[kind]["toy"]
        assert (found["ndcg"][r - 1], found["pcc"][r - 1]) == pytest.approx(_slow_curves(queries, r), abs=1e-5)


def test_relevance_is_between_nothing_and_identity() -> None:
    assert EVERY.min() >= 0
    np.testing.assert_allclose(np.diag(EVERY), 1, atol=1e-6)
    np.testing.assert_allclose(EVERY, EVERY.T, atol=1e-6)


def test_the_oracle_is_perfect_and_chance_is_not() -> None:
    figures = evaluate_semantic(SET, RELEVANCE)
    assert figures["ranks"] == list(range(1, 30))
    for rows in figures["queries"].values():
        oracle, random = rows["tf-idf (oracle)"], rows["random"]
        assert oracle["ndcg"] == pytest.approx([1] * 29)
        assert oracle["pcc"][-1] == pytest.approx(1)
        assert random["pcc_area"] == pytest.approx(0, abs=0.1)
        assert random["ndcg_area"] < 0.95 * oracle["ndcg_area"]
        assert random["ndcg_area"] == pytest.approx(np.mean(random["ndcg"]))
        assert random["pcc_area"] == pytest.approx(np.mean(random["pcc"][1:]))


def test_gain_is_over_the_imagenet_row_where_there_is_one() -> None:
    same = evaluate_semantic(SET, RELEVANCE, imagenet=SET.images)
    assert same["queries"]["image"]["imagenet features"] == same["queries"]["image"]["toy"]
    assert same["gain_over_imagenet_features"] == 0
    worse = evaluate_semantic(SET, RELEVANCE, imagenet=-SET.images)
    areas = {row: curves["ndcg_area"] for row, curves in worse["queries"]["image"].items()}
    assert worse["gain_over_imagenet_features"] == pytest.approx(areas["toy"] / areas["imagenet features"] - 1)
    without = evaluate_semantic(SET, RELEVANCE)
    assert "imagenet features" not in without["queries"]["image"]
    assert "gain_over_imagenet_features" not in without


def test_a_model_that_scores_everything_alike_gets_the_worst_order() -> None:
    everyone = np.arange(30)
    alike = measure(lambda rows: np.ones((len(rows), 30)), RELEVANCE, everyone)
    worst = measure(lambda rows: -EVERY[rows], RELEVANCE, everyone)
    np.testing.assert_allclose(alike.ndcg, worst.ndcg)
    assert not alike.pcc.any()


def test_curves_end_at_128() -> None:
    large = made_up_set(140)
    figures = evaluate_semantic(large, TfidfRelevance(large.data.captions))
    assert figures["ranks"] == list(range(1, 129))
    assert len(figures["queries"]["image"]["toy"]["ndcg"]) == 128


def test_two_images_are_too_few() -> None:
    two = made_up_set(2)
    with pytest.raises(InputError, match="2 images"):
        evaluate_semantic(two, TfidfRelevance(two.data.captions))


def test_other_proxies_rank_as_a_model_would() -> None:
    words = [tuple(word for caption in own for word in caption.split()) for own in SET.data.captions]
    other = TfidfRelevance([own[:1] for own in words], "first words")
    row = evaluate_semantic(SET, RELEVANCE, others=[other])["queries"]["image"]["first words"]
    expected = measure(lambda rows: other(rows), RELEVANCE, np.arange(30))
    assert row["ndcg"] == pytest.approx(expected.ndcg.tolist())


def test_a_part_of_the_images_can_query() -> None:
    rows = evaluate_semantic(SET, RELEVANCE, queries=3)["queries"]
    asking = [0, 14, 29]
    by_both = [
        (own, unit(SET.images[own] + SET.captions[caption]))
        for caption, own in enumerate(SET.image_of_caption)
        if own in asking
    ]
    for kind, queries in (("image", [(own, SET.images[own]) for own in asking]), ("image+text", by_both)):
        found = rows[kind]["toy"]
        assert (found["ndcg"][4], found["pcc"][4]) == pytest.approx(_slow_curves(queries, 5), abs=1e-5)


def test_a_model_is_compared_with_another_query_by_query() -> None:
    other = replace(SET, model="other", images=SET.images[::-1].copy())
    figures = evaluate_semantic(SET, RELEVANCE, versus=[other])
    rows, found = figures["queries"]["image"], figures["versus"]["other"]
    assert found["ndcg_area"] == pytest.approx(rows["toy"]["ndcg_area"] - rows["other"]["ndcg_area"])
    low, high = found["interval"]
    assert low < found["ndcg_area"] < high
    alike = evaluate_semantic(SET, RELEVANCE, versus=[replace(SET, model="other")])["versus"]["other"]
    assert (alike["ndcg_area"], alike["interval"]) == (0, (0, 0))
