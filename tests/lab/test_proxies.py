"""The proxies of relevance agree with slow loops and with values computed by hand."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up_set import made_up_set

from lab.data.judgements import Rating, Triplet
from lab.evaluation.agreement import evaluate_proxy_agreement
from lab.evaluation.fisher_relevance import FisherRelevance
from lab.evaluation.fisher_vectors import DiagonalMixture, fisher_vector, fit_mixture
from lab.evaluation.meteor_relevance import MeteorRelevance, match_kernel
from lab.evaluation.proxies import PROXIES, build_proxy
from lab.evaluation.relevance import TfidfRelevance
from lab.metrics.meteor import meteor
from models.errors import InputError
from models.text.vocabulary import RESERVED, Vocabulary
from models.text.word_vectors import WordVectors

CAPTIONS = [
    ("A dog runs on the beach", "two dogs are running"),
    ("A dog is running along a beach", "dogs on sand", "a brown dog"),
    ("A girl climbs a red wall",),
]


def test_the_match_kernel_by_hand() -> None:
    scores = {("x1", "y1"): 0.2, ("x1", "y2"): 0.6, ("x1", "y3"): 0.1}
    scores |= {("x2", "y1"): 0.3, ("x2", "y2"): 0.5, ("x2", "y3"): 0.4}
    kernel = match_kernel(["x1", "x2"], ["y1", "y2", "y3"], lambda x, y: scores[x, y])
    assert kernel == pytest.approx(((0.6 + 0.5) + (0.3 + 0.6 + 0.4)) / 5)


def test_meteor_relevance_agrees_with_loops() -> None:
    found = MeteorRelevance(CAPTIONS)(np.array([1, 0]))
    for row, own in zip(found, (1, 0), strict=True):
        for value, theirs in zip(row, CAPTIONS, strict=True):
            total = sum(max(meteor(x, [y]) for y in theirs) for x in CAPTIONS[own])
            total += sum(max(meteor(x, [y]) for x in CAPTIONS[own]) for y in theirs)
            assert value == pytest.approx(total / (len(CAPTIONS[own]) + len(theirs)), abs=1e-6)
    assert found[1, 1] > found[1, 2]
    pairs = MeteorRelevance(CAPTIONS).pairs(np.array([1, 0, 0]), np.array([2, 2, 1]))
    np.testing.assert_allclose(pairs, [found[0, 2], found[1, 2], found[1, 1]], rtol=1e-6)


def test_meteor_relevance_asks_for_each_row_once(monkeypatch: pytest.MonkeyPatch) -> None:
    relevance = MeteorRelevance(CAPTIONS)
    first = relevance(np.array([0]))
    monkeypatch.setattr("lab.evaluation.meteor_relevance.match_kernel", None)
    np.testing.assert_array_equal(relevance(np.array([0, 0])), np.repeat(first, 2, axis=0))


def _mixture() -> DiagonalMixture:
    random = np.random.default_rng(0)
    return DiagonalMixture(np.array([0.2, 0.5, 0.3]), random.normal(size=(3, 2)), random.uniform(0.5, 2, (3, 2)))


def _slow_posteriors(word: np.ndarray, mixture: DiagonalMixture) -> list[float]:
    densities = []
    for weight, mean, variance in zip(mixture.weights, mixture.means, mixture.variances, strict=True):
        density = weight
        for x, m, v in zip(word, mean, variance, strict=True):
            density *= math.exp(-((x - m) ** 2) / (2 * v)) / math.sqrt(2 * math.pi * v)
        densities.append(density)
    return [density / sum(densities) for density in densities]


def test_fisher_vectors_agree_with_loops() -> None:
    mixture, words = _mixture(), np.random.default_rng(1).normal(size=(7, 2))
    by_mean, by_deviation = np.zeros((3, 2)), np.zeros((3, 2))
    for word in words:
        for k, posterior in enumerate(_slow_posteriors(word, mixture)):
            for d in range(2):
                z = (word[d] - mixture.means[k, d]) / math.sqrt(mixture.variances[k, d])
                by_mean[k, d] += posterior * z / (len(words) * math.sqrt(mixture.weights[k]))
                by_deviation[k, d] += posterior * (z**2 - 1) / (len(words) * math.sqrt(2 * mixture.weights[k]))
    rooted = [math.copysign(math.sqrt(abs(g)), g) for g in [*by_mean.ravel(), *by_deviation.ravel()]]
    length = math.sqrt(sum(g**2 for g in rooted))
    np.testing.assert_allclose(fisher_vector(words, mixture), np.array(rooted) / length, atol=1e-10)


def test_fisher_vectors_are_the_gradient_of_the_likelihood() -> None:
    mixture, words = _mixture(), torch.tensor(np.random.default_rng(2).normal(size=(5, 2)))
    means = torch.tensor(mixture.means, requires_grad=True)
    deviations = torch.tensor(np.sqrt(mixture.variances), requires_grad=True)
    normal = torch.distributions.Normal(means, deviations)
    logs = torch.tensor(mixture.weights).log() + normal.log_prob(words[:, None]).sum(dim=2)
    logs.logsumexp(dim=1).mean().backward()
    weights = torch.tensor(mixture.weights)[:, None]
    by_means = means.grad * deviations.detach() / weights.sqrt()  # by the square root of the Fisher information
    by_deviations = deviations.grad * deviations.detach() / (2 * weights).sqrt()
    gradient = torch.cat([by_means.ravel(), by_deviations.ravel()]).numpy()
    rooted = np.sign(gradient) * np.sqrt(np.abs(gradient))
    np.testing.assert_allclose(fisher_vector(words.numpy(), mixture), rooted / np.linalg.norm(rooted), atol=1e-10)


def test_a_text_without_words_has_no_fisher_vector() -> None:
    assert not fisher_vector(np.empty((0, 2)), _mixture()).any()


def test_a_mixture_finds_two_clouds() -> None:
    random = np.random.default_rng(0)
    clouds = np.concatenate([random.normal(-5, 1, (300, 2)), random.normal(5, 2, (100, 2))])
    mixture = fit_mixture(clouds, 2, seed=0)
    order = mixture.means[:, 0].argsort()
    np.testing.assert_allclose(mixture.weights[order], [0.75, 0.25], atol=0.01)
    np.testing.assert_allclose(mixture.means[order], [[-5, -5], [5, 5]], atol=0.5)
    np.testing.assert_allclose(mixture.variances[order], [[1, 1], [4, 4]], atol=1)


def test_fisher_relevance_compares_all_words_that_have_a_vector() -> None:
    words = ["dog", "puppy", "beach", "girl", "wall", "red"]
    matrix = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    vectors = WordVectors(Vocabulary(words), torch.cat([torch.zeros(RESERVED, 3), torch.from_numpy(matrix)]))
    captions = [("a dog", "Dog on beach"), ("the puppy", "on a beach"), ("red wall", "a girl, a girl")]
    numbers = [[0, 0, 2], [1, 2], [5, 4, 3, 3]]
    relevance = FisherRelevance(captions, vectors, components=1)(np.array([2, 0]))
    sample = matrix[[number for own in numbers for number in own]]
    mixture = DiagonalMixture(np.ones(1), sample.mean(axis=0)[None], sample.var(axis=0)[None] + 1e-4)
    gradients = [fisher_vector(matrix[own], mixture) for own in numbers]
    expected = [[max(0.0, float(a @ b)) for b in gradients] for a in (gradients[2], gradients[0])]
    np.testing.assert_allclose(relevance, expected, atol=1e-4)


def test_proxies_are_found_by_name() -> None:
    data = made_up_set(5).data
    every = np.arange(5)
    np.testing.assert_array_equal(build_proxy("tfidf", data)(every), TfidfRelevance(data.captions)(every))
    assert build_proxy("meteor", data)(every).shape == (5, 5)
    with pytest.raises(InputError, match=f"no proxy named 'bleu'; there are: {', '.join(PROXIES)}"):
        build_proxy("bleu", data)


def test_triplets_are_scored_by_the_captions_of_their_images(tmp_path: Path) -> None:
    captions = {"q.jpg#0": "a dog runs", "a.jpg#0": "a dog", "a.jpg#1": "it runs", "b.jpg#0": "a girl", "c.jpg#0": "x"}
    triplets = [Triplet("q.jpg", "a.jpg", "b.jpg", (3, 1, 0)), Triplet("q.jpg", "b.jpg", "a.jpg", (2, 1, 1))]
    figures = evaluate_proxy_agreement(lambda data: build_proxy("tfidf", data), triplets, tmp_path, captions)
    assert figures["agreement"] == pytest.approx((3 / 4 + 1 / 4) / 2)
    assert figures["triplets"] == 2
    with pytest.raises(InputError, match=r"1 images of the triplets have no caption, such as d\.jpg"):
        evaluate_proxy_agreement(
            lambda data: build_proxy("tfidf", data), [Triplet("q.jpg", "a.jpg", "d.jpg", (1, 0, 0))], tmp_path, captions
        )
    with pytest.raises(InputError, match="on triplets alone"):
        evaluate_proxy_agreement(lambda data: build_proxy("tfidf", data), [Rating("q.jpg", "x", 1)], tmp_path, captions)
