"""Trains ``lstm-similarity`` as its report describes (see ``models.matchers.lstm_similarity``)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from lab.data.captioned import DEV_SETS, TRAIN_SETS
from lab.training.captioned_batches import Batch, CaptionedRows
from lab.training.frozen_rows import frozen_rows
from lab.training.job import Job
from lab.training.loop import Group, StepDecay, adamw, momentum_descent
from lab.training.numbered_sentences import NumberedSentences, with_unknown
from lab.training.precision import mixed_precision
from lab.training.shipped_matcher import ship_matcher
from lab.training.stage import run_stage
from lab.training.trained import trained
from models.cards import MatcherCard
from models.matchers import lstm_similarity
from models.matchers.lstm_similarity_module import MAX_WORDS, LstmSimilarity
from models.text.word_vectors import DIMENSION, load_word_vectors

_AT_ONCE = 640
"""Pairs scored at a time on dev."""


@dataclass(frozen=True)
class Recipe:
    """Every choice of a run; the defaults made the shipped weights.

    The report has ``momentum=0.0`` over ``iterations=40_000`` of ``batch=128``, ``decay=0.96`` and ``every=4096``.

    Attributes:
        hidden: units of the LSTM.
        image_hidden: of the fully connected layers over the image's features.
        shuffled: share of the mismatched captions that are the image's own with their words in another order.
        word_dropout: share of words that are replaced by the unknown word.
        momentum: of gradient descent; none is Adam's (Kingma and Ba 2015).
    """

    hidden: int = 256
    image_hidden: int = 512
    views: int = 6
    iterations: int = 4_000
    iterations_a_pass: int = 1_000
    batch: int = 256
    rate: float = 1e-3
    momentum: float | None = None
    decay: float = 0.7
    every: int = 500
    shuffled: float = 0.1
    word_dropout: float = 0.0
    dropout: float = 0.5
    noise: float = 0.8
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
        words = load_word_vectors()
        numbered = partial(NumberedSentences, words.vocabulary, max_words=MAX_WORDS, device=job.device)
        self._sentences = numbered(texts=self._train.texts)
        pairs = [draw_pairs(frozen_rows(job, [name]), recipe.dev_samples, recipe.seed) for name in DEV_SETS]
        self._dev = [(drawn, drawn.rows.to(job.device), numbered(texts=drawn.texts)) for drawn in pairs]
        features = self._train.views[0].shape[1]
        self._model = LstmSimilarity(
            words.matrix, recipe.hidden, recipe.image_hidden, features, recipe.dropout, recipe.noise
        )
        self._model.image_vector.standardise_to(torch.from_numpy(self._train.views[0]).float())
        self._model.to(job.device)

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
            adamw if recipe.momentum is None else momentum_descent(recipe.momentum),
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
        own, device = batch.captions[0], self._job.device
        shuffled = round(self._recipe.shuffled * len(own) / 2)
        captions, similar = half_mismatched(own, shuffled)
        numbers, mask = self._sentences[captions]
        if shuffled:
            numbers = torch.cat([numbers[:-shuffled], in_another_order(numbers[-shuffled:], mask[-shuffled:])])
        numbers = with_unknown(numbers, mask, self._recipe.word_dropout)
        with mixed_precision(device):
            logits = self._model(numbers, mask, self._model.image_vector(batch.rows.to(device).float()))
        return F.binary_cross_entropy_with_logits(logits, similar.to(device))

    def _measure(self) -> float:
        return float(np.mean([self._accuracy(*dev) for dev in self._dev]))

    @torch.no_grad()
    def _accuracy(self, pairs: DevPairs, rows: Tensor, sentences: NumberedSentences) -> float:
        correct = 0
        with mixed_precision(self._job.device):
            vectors = self._model.image_vector(rows)
            for some in np.array_split(np.arange(len(sentences)), len(sentences) // _AT_ONCE + 1):
                numbers = sentences[some]
                own, other = (self._model(*numbers, vectors[rows[some]]) for rows in (pairs.own, pairs.other))
                correct += int((own > other).sum())
        return correct / len(sentences)


def half_mismatched(captions: NDArray[np.int64], kept: int = 0) -> tuple[NDArray[np.int64], Tensor]:
    """Give the images of a batch's second half each other's captions; return the captions, and 1 for the first half.

    Args:
        captions: of the batch's images.
        kept: so many of the last images keep their own captions, whose words are to be put into another order.
    """
    half, end = len(captions) // 2, len(captions) - kept
    mixed = np.concatenate([captions[:half], np.roll(captions[half:end], 1), captions[end:]])
    similar = torch.zeros(len(captions))
    similar[:half] = 1
    return mixed, similar


def in_another_order(numbers: Tensor, mask: Tensor) -> Tensor:
    """Shuffle the words of each sentence; numbers and mask are ``(B, T)``."""
    order = torch.rand(numbers.shape, device=numbers.device).masked_fill(mask == 0, 2.0).argsort(dim=1)
    return numbers.gather(1, order)


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
    found = trained(job, recipe, lambda: (Training(job, recipe).run(), {}))
    card = {
        **found.card(job, recipe),
        "description": "The LSTM (ReLU in place of tanh) of an untitled report on LSTM image-sentence similarity. It "
        "reads the image's vector and then the words, and outputs their similarity; cross-entropy, half of a batch "
        "mismatched. Unlike the report's: image features of frozen EfficientNet-Lites in place of VGG16 (two fully "
        "connected layers over them are tuned), word2vec of the captions in place of GloVe, Flickr8k and COCO "
        "photographs in other views with noise on their features, dropout of half, a running average of the weights, "
        "and Adam over 4,000 iterations of 256: plain gradient descent learns little in the report's 40,000 of 128. A "
        "tenth of the mismatched captions are the image's own with their words in another order, so that order counts.",
        "architecture": "lstm_similarity",
        "feature_shape": [DIMENSION],
    }
    return ship_matcher(job, found.state, card, lstm_similarity)
