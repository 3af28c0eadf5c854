"""The course of an m-CNN's training (see ``models.matchers.multimodal_cnn``), on any device.

What is trained is kept, and ``multimodal_cnn.ship`` packs it, on another machine if need be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lab.data.captioned import DEV_SETS, TRAIN_SETS
from lab.losses.info_nce import InfoNCE
from lab.losses.score_ranking import ScoreRanking
from lab.training.captioned_batches import Batch
from lab.training.dev_recall import mean_recall_of_scores
from lab.training.frozen_rows import frozen_rows
from lab.training.job import Job
from lab.training.loop import Group, Schedule
from lab.training.multimodal_cnn_scores import ScoredPairs
from lab.training.numbered_sentences import NumberedSentences, with_unknown
from lab.training.precision import mixed_precision
from lab.training.stage import run_stage
from lab.training.trained import Trained, trained
from models.errors import InputError
from models.matchers.multimodal_cnn_module import MAX_WORDS, ImageSentenceCnn, Merge, merge_named
from models.text.word_vectors import load_word_vectors

_DEV_IMAGES = 300
"""Of each dev set, that decide between the passes; on a CPU, ranking all would take as long as a pass."""


@dataclass(frozen=True)
class Recipe:
    """Every choice of a run; the defaults made the shipped ``mcnn-word`` and ``-phrase-short``; cards tell all.

    Attributes:
        dev_every: passes between two measurements on dev, which divides the passes of both stages or exceeds them.
    """

    views: int = 6
    captions: int = 1
    batch: int = 256
    contrast_passes: int = 30
    contrast_rate: float = 2e-3
    ranking_passes: int = 2
    ranking_rate: float = 1e-4
    margin: float = 1.0
    hardest: int = 4
    dev_every: int = 5
    dropout: float = 0.1
    word_dropout: float = 0.0
    noise: float = 0.6
    smoothing: float = 0.0
    weight_decay: float = 0.3
    average: float = 0.98
    seed: int = 1


@dataclass(frozen=True)
class Stage:
    """One of the two courses of a training: how many passes, at which peak rate."""

    name: str
    passes: int
    rate: float


class TrainingPairs:
    """The training photographs in several views, and their captions' words on the device that trains."""

    def __init__(self, job: Job, recipe: Recipe) -> None:
        self.rows = frozen_rows(job, TRAIN_SETS, recipe.views)
        self.sentences = NumberedSentences(load_word_vectors().vocabulary, self.rows.texts, MAX_WORDS, job.device)


class Training:
    """One run; a killed one goes on from the files in its work folder."""

    def __init__(self, job: Job, merge: Merge, recipe: Recipe, pairs: TrainingPairs) -> None:
        torch.manual_seed(recipe.seed)
        self._job, self._recipe, self._pairs = job, recipe, pairs
        self._dev = [ScoredPairs(job, name, _DEV_IMAGES) for name in DEV_SETS]
        matrix, rows = load_word_vectors().matrix, pairs.rows.views[0]
        self._pair = ImageSentenceCnn(merge, len(matrix), rows.shape[1], recipe.dropout, recipe.noise)
        self._pair.matching.words.weight.data.copy_(matrix / matrix.std())
        self._pair.image_vector.standardise_to(torch.from_numpy(rows).float())
        self._pair.to(job.device)

    def run(self) -> ImageSentenceCnn:
        """Train by contrast, then by ranking; return the network of the best pass on dev.

        Against the hardest sentences from the start, every score soon is the same.
        """
        recipe = self._recipe
        contrast = InfoNCE(temperature=1.0, smoothing=recipe.smoothing).to(self._job.device)
        self._train_stage(Stage("contrast", recipe.contrast_passes, recipe.contrast_rate), contrast.of_scores, contrast)
        self._take_scale(contrast)
        ranking = ScoreRanking(recipe.margin, recipe.hardest)
        self._train_stage(Stage("ranking", recipe.ranking_passes, recipe.ranking_rate), ranking, ranking)
        return self._pair

    @torch.no_grad()
    def _take_scale(self, contrast: InfoNCE) -> None:
        """Multiply the scores by the learned scale: the margin of the ranking is measured by it."""
        output = self._pair.matching.output
        output.weight.mul_(contrast.scale)
        output.bias.mul_(contrast.scale)

    def _train_stage(self, stage: Stage, loss: Callable[[Tensor], Tensor], learned: nn.Module) -> None:
        if not stage.passes:
            return
        recipe, module = self._recipe, nn.ModuleList([self._pair, learned])
        every = min(recipe.dev_every, stage.passes)
        if stage.passes % every:
            raise InputError(f"{stage.name}_passes={stage.passes} is no multiple of dev_every={recipe.dev_every}")

        def loss_of(batch: Batch) -> Tensor:
            with mixed_precision(self._job.device):
                images = self._pair.image_vector(batch.rows.to(self._job.device).float())
                scores = [self._pair.matching(*self._words(captions), images) for captions in batch.captions]
            return torch.stack([loss(one) for one in scores]).mean()

        run_stage(
            self._job,
            stage.name,
            recipe,
            module,
            loss_of,
            [Group(list(module.parameters()), stage.rate)],
            lambda seed: self._batches(seed, every),
            self._pairs.rows.steps(recipe.batch) * every,
            Schedule(stage.passes // every, 50, recipe.weight_decay, average=recipe.average),
            self._measure,
        )

    def _batches(self, seed: int, passes: int) -> Iterator[Batch]:
        for number in range(passes):
            yield from self._pairs.rows.batches(self._recipe.batch, self._recipe.captions, seed * passes + number)

    def _words(self, captions: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        numbers, mask = self._pairs.sentences[captions]
        return with_unknown(numbers, mask, self._recipe.word_dropout), mask

    def _measure(self) -> float:
        return float(np.mean([mean_recall_of_scores(d.scores(self._pair), d.image_of_caption) for d in self._dev]))


def trained_network(job: Job, recipe: Recipe, pairs: Callable[[], TrainingPairs]) -> tuple[ImageSentenceCnn, Trained]:
    """Return the trained network of the member that the job names, on the job's device, and how it was made."""
    merge = member_of(job)
    found = trained(job, recipe, lambda: (Training(job, merge, recipe, pairs()).run(), {}))
    pair = ImageSentenceCnn(merge, len(found.state["matching.words.weight"]), len(found.state["image_vector.mean"]))
    pair.load_state_dict(found.state)
    return pair.eval().to(job.device), found


def member_of(job: Job) -> Merge:
    """Return where the image meets the sentence in the member that the job names."""
    return merge_named(job.model.removeprefix("mcnn-"))
