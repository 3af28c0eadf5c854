"""Bootstrap intervals agree with a slow oracle that writes every resample out."""

import numpy as np
import pytest

from lab.evaluation.encoded import EncodedSet
from lab.evaluation.retrieval import evaluate_retrieval
from lab.metrics.bootstrap import bootstrap_intervals
from lab.metrics.ranking import summarise_ranks


def _slow_intervals(ranks: np.ndarray, image_of_query: np.ndarray, seed: int, resamples: int) -> dict[str, list[float]]:
    """Draw how often each image comes, collect the ranks of its queries that often, summarise, sort, read off."""
    images = image_of_query.max() + 1
    values: dict[str, list[float]] = {}
    for times in np.random.default_rng(seed).multinomial(images, np.full(images, 1 / images), resamples):
        sample = [rank for rank, image in zip(ranks, image_of_query, strict=True) for _ in range(times[image])]
        for name, value in summarise_ranks(np.array(sample)).as_dict().items():
            values.setdefault(name, []).append(value)
    return {name: np.percentile(sorted(of), [2.5, 97.5]).tolist() for name, of in values.items()}


@pytest.mark.parametrize("seed", range(4))
def test_intervals_agree_with_the_oracle(seed: int) -> None:
    random = np.random.default_rng(100 + seed)
    image_of_query = random.permutation(np.repeat(np.arange(12), random.integers(1, 6, 12)))
    ranks = random.integers(1, 25, len(image_of_query))
    expected = _slow_intervals(ranks, image_of_query, seed, 230)
    intervals = bootstrap_intervals(ranks, image_of_query, seed=seed, resamples=230)
    assert intervals.keys() == expected.keys()
    for name, ends in intervals.items():
        assert ends == pytest.approx(expected[name]), name


def test_captions_of_an_image_stay_together() -> None:
    """Five captions an image that always agree tell no more than one."""
    ranks = np.where(np.arange(40) % 2, 1, 50)
    once = bootstrap_intervals(ranks, np.arange(40), seed=3)
    five_times = bootstrap_intervals(np.repeat(ranks, 5), np.repeat(np.arange(40), 5), seed=3)
    assert five_times["r@1"] == once["r@1"]
    low, high = once["r@1"]
    assert low == pytest.approx(0.5 - 1.96 * np.sqrt(0.25 / 40), abs=0.03)
    assert high == pytest.approx(0.5 + 1.96 * np.sqrt(0.25 / 40), abs=0.03)


def test_retrieval_tells_each_figure_with_an_interval_around_it() -> None:
    random = np.random.default_rng(0)
    images = random.normal(size=(60, 8)).astype(np.float32)
    image_of_caption = np.repeat(np.arange(60), 5)
    captions = (images[image_of_caption] + random.normal(size=(300, 8))).astype(np.float32)
    encoded = EncodedSet("random", None, images, captions, image_of_caption)  # type: ignore[arg-type]
    figures = evaluate_retrieval(encoded, seed=1)
    assert figures == evaluate_retrieval(encoded, seed=1)
    assert figures != evaluate_retrieval(encoded, seed=2)
    for direction in ("text_to_image", "image_to_text"):
        intervals = figures[direction].pop("intervals")
        assert intervals.keys() == figures[direction].keys() == {"r@1", "r@5", "r@10", "median_rank", "mean_rank"}
        for name, value in figures[direction].items():
            low, high = intervals[name]
            assert low <= value <= high
