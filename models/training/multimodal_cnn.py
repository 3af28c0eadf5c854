"""Trains the m-CNNs over the frozen backbone's features (see ``models.matchers.multimodal_cnn``)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.data.captioned import DEV_SETS, TRAIN_SETS, CaptionedImages
from models.losses.score_ranking import ScoreRanking
from models.matchers.multimodal_cnn import MAX_WORDS, ImageSentenceCnn, Merge, merge_named
from models.text.word_vectors import load_word_vectors
from models.training.captioned_batches import Batch, CaptionedRows
from models.training.dev_recall import mean_recall_of_scores
from models.training.frozen import frozen_vectors
from models.training.job import Job
from models.training.loop import Group, Schedule
from models.training.precision import mixed_precision
from models.training.stage import run_stage

_DEV_IMAGES = 500
"""Of each dev set, that decide between the passes; ranking all would take as long as a pass."""
_AT_ONCE = 16
"""Sentences scored at a time on dev."""


@dataclass(frozen=True)
class Recipe:
    """Every choice of a run; the defaults made the shipped weights."""

    views: int = 6
    passes: int = 8
    batch: int = 96
    rate: float = 1e-3
    word_rate: float = 3e-4
    margin: float = 0.2
    hardest: int = 5
    dropout: float = 0.3
    noise: float = 0.6
    weight_decay: float = 0.05
    average: float = 0.98
    seed: int = 1


class Training:
    """One run; a killed one goes on from the files in its work folder."""

    def __init__(self, job: Job, merge: Merge, recipe: Recipe) -> None:
        torch.manual_seed(recipe.seed)
        self._job, self._recipe = job, recipe
        self._train = self._prepare(job.load(*TRAIN_SETS), recipe.views)
        self._dev = [
            CaptionedRows([frozen_vectors(job, data)[:_DEV_IMAGES]], [data.first(_DEV_IMAGES)])
            for data in job.load(*DEV_SETS)
        ]
        self._ranking = ScoreRanking(recipe.margin, recipe.hardest)
        words = load_word_vectors()
        self._vocabulary = words.vocabulary
        features = self._train.views[0].shape[1]
        self._pair = ImageSentenceCnn(merge, len(words.matrix), features, recipe.dropout, recipe.noise)
        self._pair.matching.words.weight.data.copy_(words.matrix)
        self._pair.image_vector.standardise_to(torch.from_numpy(self._train.views[0]).float())

    def run(self) -> ImageSentenceCnn:
        """Train; return the network of the best pass on dev."""
        recipe, words = self._recipe, self._pair.matching.words.weight
        others = [parameter for parameter in self._pair.parameters() if parameter is not words]
        run_stage(
            self._job,
            "matching",
            recipe,
            self._pair,
            self._loss,
            [Group(others, recipe.rate), Group([words], recipe.word_rate)],
            lambda seed: self._train.batches(recipe.batch, captions=1, seed=seed),
            self._train.steps(recipe.batch),
            Schedule(recipe.passes, 50, recipe.weight_decay, average=recipe.average),
            self._measure,
        )
        return self._pair

    def _loss(self, batch: Batch) -> Tensor:
        texts = [self._train.texts[caption] for caption in batch.captions[0]]
        with mixed_precision():
            scores = self._pair.matching(*self._numbers(texts), self._pair.image_vector(batch.rows.float()))
        value: Tensor = self._ranking(scores)
        return value

    def _numbers(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        numbers, mask = self._vocabulary.encode(texts, max_words=MAX_WORDS)
        return torch.from_numpy(numbers), torch.from_numpy(mask)

    def _measure(self) -> float:
        return float(np.mean([self._recall(dev) for dev in self._dev]))

    @torch.no_grad()
    def _recall(self, dev: CaptionedRows) -> float:
        with mixed_precision():
            images = self._pair.image_vector(torch.from_numpy(dev.views[0]).float())
            order = np.argsort([len(text) for text in dev.texts])  # like lengths together: little padding
            scores = np.empty((len(dev.texts), len(dev)), np.float32)
            for start in range(0, len(order), _AT_ONCE):
                some = order[start : start + _AT_ONCE]
                scores[some] = self._pair.matching(*self._numbers([dev.texts[i] for i in some]), images).numpy()
        return mean_recall_of_scores(scores, dev.image_of_caption)

    def _prepare(self, parts: list[CaptionedImages], views: int) -> CaptionedRows:
        rows = [np.concatenate([frozen_vectors(self._job, part, view) for part in parts]) for view in range(views)]
        return CaptionedRows(rows, parts)
