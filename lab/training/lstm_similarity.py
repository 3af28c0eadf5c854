"""Trains ``lstm-similarity`` as its report describes (see ``models.matchers.lstm_similarity``)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from lab.data.captioned import DEV_SETS, TRAIN_SETS
from lab.training.captioned_batches import Batch, CaptionedRows
from lab.training.frozen_rows import frozen_rows
from lab.training.job import Job
from lab.training.loop import Group, StepDecay, momentum_descent
from lab.training.precision import mixed_precision
from lab.training.shipped_matcher import ship_matcher
from lab.training.stage import run_stage
from models.cards import MatcherCard
from models.matchers import lstm_similarity
from models.matchers.lstm_similarity_module import MAX_WORDS, LstmSimilarity
from models.text.word_vectors import DIMENSION, load_word_vectors

_AT_ONCE = 640
"""Pairs scored at a time on dev."""


@dataclass(frozen=True)
class Recipe:
    """Every choice of a run; the defaults made the shipped weights.

    ``iterations``, ``batch``, ``rate``, ``decay`` and ``every`` are the report's.
    """

    views: int = 6
    iterations: int = 40_000
    iterations_a_pass: int = 2_000
    batch: int = 128
    rate: float = 1e-3
    momentum: float = 0.9
    decay: float = 0.96
    every: int = 4096
    dropout: float = 0.1
    noise: float = 0.5
    max_gradient_norm: float = 5.0
    average: float = 0.999
    dev_samples: int = 6400
    seed: int = 1


@dataclass(frozen=True)
class DevPairs:
    """Captions of a dev set, each with its own image and with another one.

    Attributes:
        texts: the captions, as long ones together.
        rows: the images' features.
        own: for each caption the row of its image.
        other: the same of another image.
    """

    texts: list[str]
    rows: Tensor
    own: NDArray[np.int64]
    other: NDArray[np.int64]


class Training:
    """One run; a killed one goes on from the files in its work folder."""

    def __init__(self, job: Job, recipe: Recipe) -> None:
        torch.manual_seed(recipe.seed)
        self._job, self._recipe = job, recipe
        self._train = frozen_rows(job, TRAIN_SETS, recipe.views)
        self._dev = [draw_pairs(frozen_rows(job, [name]), recipe.dev_samples, recipe.seed) for name in DEV_SETS]
        words = load_word_vectors()
        self._vocabulary = words.vocabulary
        self._model = LstmSimilarity(words.matrix, self._train.views[0].shape[1], recipe.dropout, recipe.noise)
        self._model.image_vector.standardise_to(torch.from_numpy(self._train.views[0]).float())

    def run(self) -> LstmSimilarity:
        """Train; return the network of the best pass on dev."""
        recipe = self._recipe
        run_stage(
            self._job,
            "similarity",
            recipe,
            self._model,
            self._loss,
            [Group(list(self._model.parameters()), recipe.rate)],
            self._batches,
            recipe.iterations_a_pass,
            StepDecay(
                recipe.iterations // recipe.iterations_a_pass,
                weight_decay=0.0,
                max_gradient_norm=recipe.max_gradient_norm,
                average=recipe.average,
                decay=recipe.decay,
                every=recipe.every,
            ),
            self._measure,
            momentum_descent(recipe.momentum),
        )
        return self._model

    def _batches(self, seed: int) -> Iterator[Batch]:
        """Draw images as often as a pass has iterations, with all of them once before any comes again."""
        left = self._recipe.iterations_a_pass
        random = np.random.default_rng(seed)
        while left:
            for batch in self._train.batches(self._recipe.batch, captions=1, seed=int(random.integers(2**31))):
                if left:
                    left -= 1
                    yield batch

    def _loss(self, batch: Batch) -> Tensor:
        captions, similar = half_mismatched(batch.captions[0])
        with mixed_precision():
            vectors = self._model.image_vector(batch.rows.float())
            logits = self._model(*self._numbers([self._train.texts[caption] for caption in captions]), vectors)
        return F.binary_cross_entropy_with_logits(logits, similar)

    def _numbers(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        numbers, mask = self._vocabulary.encode(texts, max_words=MAX_WORDS)
        return torch.from_numpy(numbers), torch.from_numpy(mask)

    def _measure(self) -> float:
        return float(np.mean([self._accuracy(pairs) for pairs in self._dev]))

    @torch.no_grad()
    def _accuracy(self, pairs: DevPairs) -> float:
        correct = 0
        with mixed_precision():
            vectors = self._model.image_vector(pairs.rows)
            for start in range(0, len(pairs.texts), _AT_ONCE):
                some = slice(start, start + _AT_ONCE)
                numbers = self._numbers(pairs.texts[some])
                own, other = (self._model(*numbers, vectors[rows[some]]) for rows in (pairs.own, pairs.other))
                correct += int((own > other).sum())
        return correct / len(pairs.texts)


def half_mismatched(captions: NDArray[np.int64]) -> tuple[NDArray[np.int64], Tensor]:
    """Give the images of a batch's second half each other's captions; return the captions, and 1 for those kept."""
    half = len(captions) // 2
    mixed = np.concatenate([captions[:half], np.roll(captions[half:], 1)])
    similar = torch.zeros(len(captions))
    similar[:half] = 1
    return mixed, similar


def draw_pairs(rows: CaptionedRows, samples: int, seed: int) -> DevPairs:
    """Draw captions, each with its own image and another one, as ``semblance evaluate pairwise`` does."""
    random = np.random.default_rng(seed)
    captions = random.integers(len(rows.texts), size=samples)
    own = np.array(rows.image_of_caption)[captions]
    other = (own + random.integers(1, len(rows), size=samples)) % len(rows)
    order = np.argsort([len(rows.texts[caption]) for caption in captions], kind="stable")  # little padding
    texts = [rows.texts[caption] for caption in captions[order]]
    return DevPairs(texts, torch.from_numpy(rows.views[0]).float(), own[order], other[order])


def ship(job: Job, recipe: Recipe | None = None) -> MatcherCard:
    """Train and write the folder; by default with the choices of the shipped weights."""
    recipe = recipe or job.recipe(Recipe())
    trained = Training(job, recipe).run()
    card = {
        **job.card(recipe),
        "description": "The LSTM (ReLU in place of tanh) of an untitled report on LSTM image-sentence similarity. It "
        "reads the image's vector and then the words, and outputs their similarity; cross-entropy, half of a batch "
        "mismatched. Unlike the report's: image features of frozen EfficientNet-Lites in place of VGG16 (two fully "
        "connected layers over them are tuned), word2vec of the captions in place of GloVe, Flickr8k and COCO "
        "photographs in other views with noise on their features, a running average of the weights, and momentum of "
        "0.9: without it the report's learning rate learns little in its 40,000 iterations. Which words a sentence has "
        "counts for nearly all of its similarity, their order for little.",
        "architecture": "lstm_similarity",
        "feature_shape": [DIMENSION],
    }
    return ship_matcher(job, trained.state_dict(), card, lstm_similarity)
