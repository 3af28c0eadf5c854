"""The study of proxies: triplets of neighbours, votes of captions that are held apart, and who agrees with them."""

import json
from pathlib import Path

import numpy as np
import pytest

from lab.data.captioned import CaptionedImages
from lab.evaluation.proxy_study import InnerProducts, Triplets, evaluate_proxies, judged_triplets, split_captions
from models.errors import InputError

WORDS = ["dog", "cat", "sea", "sky"]


def encode(texts: list[str]) -> np.ndarray:
    """Each of the words is a direction; a sentence is the unit sum of its words'."""
    sums = np.array([[text.split().count(word) for word in WORDS] for text in texts], np.float32)
    return np.asarray(sums / np.linalg.norm(sums, axis=1, keepdims=True))


def data(*captions: tuple[str, ...]) -> CaptionedImages:
    return CaptionedImages("made up", tuple(Path(f"{row}.jpg") for row in range(len(captions))), captions)


def test_the_last_captions_are_held_apart() -> None:
    known, voting = split_captions(data(("a", "b", "c", "d", "e"), ("f", "g", "h")))
    assert known.captions == (("a", "b", "c"), ("f",))
    assert voting.captions == (("d", "e"), ("g", "h"))
    with pytest.raises(InputError, match=r"1 images have fewer than 3 captions, such as 1\.jpg"):
        split_captions(data(("a", "b", "c"), ("f", "g")))


def test_triplets_are_of_neighbours_and_each_caption_votes() -> None:
    voting = data(("dog", "dog sea"), ("dog", "sky"), ("cat", "cat sky"), ("sea", "sea"))
    features = np.array([[1, 0, 0.3], [0.9, 0, 0], [0.8, 0, 0], [0.7, 0, 0]], np.float32)
    found = judged_triplets(voting, features, encode, 40)
    assert found.images.shape == found.votes.shape == (40, 3)
    assert all(len({*row}) == 3 for row in found.images.tolist())
    expected = {
        (0, 1, 2): (2, 0, 0),  # "dog" and "dog sea" are nearer to "dog" than to cats
        (0, 2, 1): (0, 2, 0),
        (0, 1, 3): (1, 0, 1),  # "dog" is, and "dog sea" is as near to "sea"
        (1, 2, 3): (1, 0, 1),  # "sky" is nearer to "cat sky"; "dog" to neither
    }
    seen = {tuple(row): tuple(votes) for row, votes in zip(found.images.tolist(), found.votes.tolist(), strict=True)}
    assert [seen.get(triplet, votes) for triplet, votes in expected.items()] == list(expected.values())
    assert expected.keys() & seen.keys()


def test_neighbours_are_the_nearest() -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(80, 4)).astype(np.float32)
    found = judged_triplets(data(*[("dog", "cat")] * 80), features, encode, 200)
    for query, *pair in found.images.tolist():
        order = np.argsort(-(features @ features[query]), kind="stable")
        assert {*pair} <= {*order[order != query][:50].tolist()}


def test_agreement_counts_the_votes_for_what_scores_higher() -> None:
    votes = np.array([[2, 0, 0], [1, 1, 0], [0, 1, 1], [0, 0, 2]])
    triplets = Triplets(np.array([[0, 1, 2], [0, 2, 1], [1, 0, 2], [2, 0, 1]]), votes)
    near = np.array([[1, 0.9, 0.1], [0.9, 1, 0.2], [0.1, 0.2, 1]], np.float32)
    figures = evaluate_proxies(
        triplets, [_Table("good", near), _Table("bad", -near), InnerProducts("vectors", np.eye(3, dtype=np.float32))]
    )
    assert figures["triplets"] == 3  # the last has no vote for an image
    assert figures["queries"] == 2
    agreement = {name: own["agreement"] for name, own in figures["measures"].items()}
    assert agreement == pytest.approx({"good": (1 + 0.5 + 0) / 3, "bad": (0 + 0.5 + 0.5) / 3, "vectors": 0})
    assert figures["differences"]["from"] == "good"
    assert figures["differences"]["by"]["bad"]["difference"] == pytest.approx(-0.5 / 3)
    low, high = figures["measures"]["good"]["interval"]
    assert 0 <= low <= 0.5 <= high <= 1
    assert figures["random"] == pytest.approx((0.5 + 0.5 + 0.25) / 3)
    json.dumps(figures)


def test_nobody_s_vote_is_an_error() -> None:
    with pytest.raises(InputError, match="no caption prefers"):
        evaluate_proxies(Triplets(np.array([[0, 1, 2]]), np.array([[0, 0, 2]])), [_Table("any", np.eye(3))])
    with pytest.raises(InputError, match="at least 3"):
        judged_triplets(data(("dog", "cat")), np.ones((1, 2), np.float32), encode, 1)


class _Table:
    """Relevances from a table."""

    def __init__(self, name: str, table: np.ndarray) -> None:
        self.name, self._table = name, table

    def __call__(self, images: np.ndarray) -> np.ndarray:
        return self._table[images]
