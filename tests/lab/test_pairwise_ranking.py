"""The pairwise ranking loss is its formula, written out as loops."""

import numpy as np
import torch

from lab.losses.pairwise_ranking import pairwise_ranking, pairwise_ranking_in_batch


def _slow(own: np.ndarray, sentences: np.ndarray, images: np.ndarray, margin: float) -> float:
    total = 0.0
    for pair, score in enumerate(own):
        for other in sentences[pair]:
            total += max(0.0, margin - score + other)
        for other in images[pair]:
            total += max(0.0, margin - score + other)
    return total / len(own)


def test_given_negatives_by_loops() -> None:
    random = np.random.default_rng(0)
    own, sentences, images = random.normal(size=5), random.normal(size=(5, 3)), random.normal(size=(5, 3))
    for margin in (0.1, 0.7, 2.0):
        value = pairwise_ranking(*map(torch.from_numpy, (own, sentences, images)), margin)
        assert np.isclose(value.item(), _slow(own, sentences, images, margin))


def test_the_others_of_a_batch_by_loops() -> None:
    scores = np.random.default_rng(1).normal(size=(6, 6))
    others = [[i for i in range(6) if i != pair] for pair in range(6)]
    sentences = np.array([[scores[pair, other] for other in others[pair]] for pair in range(6)])
    images = np.array([[scores[other, pair] for other in others[pair]] for pair in range(6)])
    value = pairwise_ranking_in_batch(torch.from_numpy(scores), 0.5)
    assert np.isclose(value.item(), _slow(scores.diagonal(), sentences, images, 0.5))


def test_a_temperature_weighs_each_ways_negatives_by_their_scores() -> None:
    random = np.random.default_rng(2)
    own, sentences, images = random.normal(size=5), random.normal(size=(5, 3)), random.normal(size=(5, 3))
    total = 0.0
    for pair, score in enumerate(own):
        for others in (sentences[pair], images[pair]):
            weights = [np.exp(other / 0.3) for other in others]
            for weight, other in zip(weights, others, strict=True):
                total += weight / sum(weights) * max(0.0, 0.5 - score + other)
    value = pairwise_ranking(*map(torch.from_numpy, (own, sentences, images)), 0.5, temperature=0.3)
    assert np.isclose(value.item(), total / 5)


def test_the_temperature_leads_from_the_mean_to_the_hardest_alone() -> None:
    scores = torch.from_numpy(np.random.default_rng(3).normal(size=(6, 6)))
    alike, hardest = (pairwise_ranking_in_batch(scores, 0.5, temperature).item() for temperature in (1e6, 1e-3))
    assert np.isclose(alike, pairwise_ranking_in_batch(scores, 0.5).item() / 5, rtol=1e-4)
    others = scores.clone().fill_diagonal_(-torch.inf)
    hinges = [(0.5 - scores.diagonal() + others.amax(dim=way)).relu().mean() for way in (0, 1)]
    assert np.isclose(hardest, sum(hinges).item())


def test_no_gradient_flows_through_the_weights() -> None:
    own, sentences, images = torch.tensor([0.0]), torch.tensor([[0.2, 0.4]], requires_grad=True), torch.zeros(1, 1)
    pairwise_ranking(own, sentences, images, 0.1, temperature=0.1).backward()
    weights = np.exp([2, 4]) / np.exp([2, 4]).sum()
    np.testing.assert_allclose(sentences.grad, weights[None], rtol=1e-5)


def test_two_pairs_by_hand() -> None:
    scores = torch.tensor([[0.9, 0.5], [0.8, 0.6]], requires_grad=True)
    # image 1: 0.2 - 0.9 + 0.5 < 0; image 2: 0.2 - 0.6 + 0.8 = 0.4; sentence 1: 0.2 - 0.9 + 0.8 = 0.1;
    # sentence 2: 0.2 - 0.6 + 0.5 = 0.1; the mean of two pairs is 0.6 / 2
    value = pairwise_ranking_in_batch(scores, 0.2)
    assert np.isclose(value.item(), 0.3)
    value.backward()
    # each violated term pulls its own pair up and its negative down by half
    np.testing.assert_allclose(scores.grad, [[-0.5, 0.5], [1.0, -1.0]])


def test_pairs_beyond_the_margin_cost_nothing() -> None:
    assert pairwise_ranking_in_batch(torch.eye(4), 0.9).item() == 0
