"""The loss of words that several images share."""

import numpy as np
import torch

from lab.losses.shared_positives import shared_positives


def _oracle(images: np.ndarray, words: np.ndarray, present: np.ndarray, scale: float) -> float:
    def log_softmax(row: np.ndarray) -> np.ndarray:
        return row - np.log(np.exp(row).sum())

    logits = scale * images @ words.T
    by_word = [-log_softmax(logits[:, k])[present[:, k]].mean() for k in range(len(words))]
    by_image = [-log_softmax(row)[own].mean() for row, own in zip(logits, present, strict=True) if own.any()]
    return (np.mean(by_word) + np.mean(by_image)) / 2


def test_it_equals_the_mean_over_positives_computed_one_by_one() -> None:
    random = np.random.default_rng(0)
    images, words = random.normal(size=(6, 4)), random.normal(size=(3, 4))
    present = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 1], [1, 0, 1], [0, 0, 0]], bool)
    found = shared_positives(*map(torch.from_numpy, (images, words, present)), torch.tensor(2.0))
    np.testing.assert_allclose(found.item(), _oracle(images, words, present, 2.0), rtol=1e-6)


def test_each_word_on_its_own_images_alone_costs_least() -> None:
    axes = torch.eye(3)
    present = torch.eye(3, dtype=torch.bool)
    right = shared_positives(axes, axes, present, torch.tensor(50.0))
    wrong = shared_positives(axes, axes[[1, 2, 0]], present, torch.tensor(50.0))
    assert right < 1e-6 < wrong
