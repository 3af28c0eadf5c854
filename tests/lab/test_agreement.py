"""Agreement with people, by hand, and by slow oracles."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from toy_encoder import ToyEncoder
from toy_matcher import WEIGHT, ToyMatcher, quarters

from lab.data.judgements import Rating, Triplet
from lab.evaluation.agreement import evaluate_agreement
from lab.metrics.agreement import agreement_with_users, inter_user_agreement, random_agreement
from models.errors import InputError


def _slow_inter_user(votes: np.ndarray) -> float:
    """Leave each user out in turn and compare them with those who remain, as section 3 says it."""
    scores = []
    for triplet in votes:
        users = [choice for choice, count in enumerate(triplet) for _ in range(count)]
        for user, choice in enumerate(users):
            remaining = users[:user] + users[user + 1 :]
            deciding = [other for other in remaining if other != 2]
            if choice == 2 or not deciding:
                continue
            same = sum(other == choice for other in deciding) / len(deciding)
            scores.append(len(deciding) / len(remaining) * same)
    return float(np.mean(scores)) if scores else float("nan")


@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=8))
def test_inter_user_agreement_agrees_with_the_oracle(counts: list[tuple[int, int, int]]) -> None:
    votes = np.array(counts)
    assert inter_user_agreement(votes) == pytest.approx(_slow_inter_user(votes), nan_ok=True)


def test_agreement_by_hand() -> None:
    votes = np.array([(3, 1, 0), (1, 2, 1), (2, 0, 2), (0, 0, 5)])  # nobody chose in the last
    right, wrong = np.array([1.0, 0, 1, 1]), np.array([0.0, 1, 0, 0])
    assert agreement_with_users(votes, right, wrong) == pytest.approx((3 / 4 + 2 / 4 + 2 / 4) / 3)
    assert agreement_with_users(votes, wrong, right) == pytest.approx((1 / 4 + 1 / 4 + 0) / 3)
    assert random_agreement(votes) == pytest.approx((4 / 8 + 3 / 8 + 2 / 8) / 3)
    # the choices of 4, 3 and 2 users, each with their share among the 3 others
    assert inter_user_agreement(votes) == pytest.approx((3 * 2 / 3 + 0 + 0 + 2 * 1 / 3 + 2 * 1 / 3) / 9)


@pytest.mark.parametrize("score", [0.5, np.nan])
def test_a_model_that_scores_both_alike_agrees_with_nobody(score: float) -> None:
    assert agreement_with_users(np.array([(3, 3, 0)]), np.array([score]), np.array([score])) == 0


def test_votes_of_nobody_are_no_agreement() -> None:
    nobody = np.array([(0, 0, 3), (0, 0, 0)])
    assert np.isnan(inter_user_agreement(nobody))
    assert np.isnan(agreement_with_users(nobody, np.zeros(2), np.ones(2)))


@pytest.fixture
def colours(tmp_path: Path) -> Path:
    for name, colour in {
        "red": (255, 0, 0),
        "orange": (255, 128, 0),
        "green": (0, 255, 0),
        "lime": (64, 255, 0),
    }.items():
        Image.new("RGB", (12, 12), colour).save(tmp_path / f"{name}.png")
    (tmp_path / "unnamed.png").write_bytes(b"not an image, but not judged either")
    return tmp_path


def test_only_the_images_named_are_encoded_each_once(colours: Path) -> None:
    encoder = ToyEncoder()
    triplets = [
        Triplet("red.png", "orange.png", "green.png", (4, 0, 0)),  # the model agrees
        Triplet("red.png", "green.png", "orange.png", (1, 1, 2)),
    ]
    figures = evaluate_agreement(encoder, triplets, colours)
    assert encoder.images_encoded == 3
    assert figures == {
        "agreement": pytest.approx((1 + 1 / 4) / 2),
        "inter_user_agreement": pytest.approx(4 / 6),
        "random_agreement": pytest.approx((1 / 2 + 1 / 4) / 2),
        "triplets": 2,
    }


def _slow_taus(x: list[float], y: list[float], classes: int) -> tuple[float, float]:
    """Count concordant and discordant pairs: Kendall's tau-b, and Stuart's tau-c with the smaller number of classes."""
    signs = [np.sign(x[i] - x[j]) * np.sign(y[i] - y[j]) for i, j in combinations(range(len(x)), 2)]
    untied = [sum(a != b for a, b in combinations(values, 2)) for values in (x, y)]
    return sum(signs) / np.sqrt(untied[0] * untied[1]), sum(signs) * 2 * classes / (len(x) ** 2 * (classes - 1))


def test_taus_agree_with_pairs_counted_by_hand(colours: Path) -> None:
    judged = [("red", "red", 4), ("red", "green", 1), ("green", "green", 3), ("orange", "red", 3), ("lime", "red", 2)]
    judged += [("lime", "red", 1), ("orange", "green", 1)]
    ratings = [Rating(f"{image}.png", caption, score) for image, caption, score in judged]
    encoder = ToyEncoder()
    scores = []
    for image, caption, _ in judged:
        pixels = encoder.prepare(np.asarray(Image.open(colours / f"{image}.png")))
        scores.append(float((encoder.encode_images(pixels[None])[0] * encoder.encode_texts([caption])[0]).sum()))
    figures = evaluate_agreement(encoder, ratings, colours)
    tau_b, tau_c = _slow_taus(scores, [score for _, _, score in judged], classes=4)
    assert figures == {"tau_b": pytest.approx(tau_b), "tau_c": pytest.approx(tau_c), "pairs": 7}


def test_judgements_that_say_nothing_are_refused(colours: Path) -> None:
    with pytest.raises(InputError, match="of 1 triplets none"):
        evaluate_agreement(ToyEncoder(), [Triplet("red.png", "lime.png", "green.png", (0, 0, 3))], colours)
    with pytest.raises(InputError, match="2 points"):
        evaluate_agreement(ToyEncoder(), 2 * [Rating("red.png", "red", 3)], colours)
    alone = evaluate_agreement(ToyEncoder(), [Triplet("red.png", "lime.png", "green.png", (1, 0, 0))], colours)
    assert alone["inter_user_agreement"] is None


def test_a_matcher_adds_its_weighted_score_to_ratings_and_has_none_for_triplets(colours: Path) -> None:
    # half red, half blue is magenta to the encoder, and less red than amber; the matcher sees both halves
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[:, :4, 0], picture[:, 4:, 2] = 255, 255
    Image.fromarray(picture).save(colours / "two.png")
    Image.new("RGB", (8, 8), (255, 200, 0)).save(colours / "amber.png")
    judged = [("two", "red", 4), ("amber", "red", 3), ("green", "red", 1), ("green", "green", 4)]
    ratings = [Rating(f"{image}.png", caption, score) for image, caption, score in judged]
    encoder, matcher = ToyEncoder(), ToyMatcher()
    scores = []
    for image, caption, _ in judged:
        pixels = encoder.prepare(np.asarray(Image.open(colours / f"{image}.png")))[None]
        first = float((encoder.encode_images(pixels)[0] * encoder.encode_texts([caption])[0]).sum())
        scores.append(first + WEIGHT * float(matcher.score(caption, quarters(pixels))[0]))
    tau_b, tau_c = _slow_taus(scores, [score for _, _, score in judged], classes=3)
    figures = evaluate_agreement(encoder, ratings, colours, matcher=matcher)
    assert figures == {"tau_b": pytest.approx(tau_b), "tau_c": pytest.approx(tau_c), "pairs": 4}
    assert figures != evaluate_agreement(encoder, ratings, colours)
    with pytest.raises(InputError, match="no score for triplets"):
        evaluate_agreement(encoder, [Triplet("red.png", "lime.png", "green.png", (1, 0, 0))], colours, matcher=matcher)
