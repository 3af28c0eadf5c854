"""Trains the m-CNNs over the frozen backbone's features (see ``models.matchers.multimodal_cnn``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lab.data.captioned import DEV_SETS, TRAIN_SETS
from lab.evaluation.matched import MatchedSet
from lab.losses.info_nce import InfoNCE
from lab.losses.score_ranking import ScoreRanking
from lab.training.captioned_batches import Batch, CaptionedRows
from lab.training.dev_recall import mean_recall_of_scores
from lab.training.frozen import frozen_vectors
from lab.training.frozen_rows import frozen_rows
from lab.training.job import Job
from lab.training.loop import Group, Schedule
from lab.training.precision import mixed_precision
from lab.training.shipped_matcher import kept_scores, ship_matcher
from lab.training.stage import run_stage
from models.cards import MatcherCard
from models.library import InstalledModels
from models.matchers import ensemble, multimodal_cnn
from models.matchers.multimodal_cnn_module import IMAGE, MAX_WORDS, MERGES, ImageSentenceCnn, Merge, merge_named
from models.shipped import matcher_card
from models.text.packed_words import pack_words
from models.text.word_vectors import load_word_vectors

_DEV_IMAGES = 300
"""Of each dev set, that decide between the passes; ranking all would take as long as a pass."""
_AT_ONCE = 16
"""Sentences scored at a time on dev."""

Scorer = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Numbers and mask of the words, and image vectors, to scores, see ``MultimodalCnn``."""


@dataclass(frozen=True)
class Stage:
    """One of the two courses of a training: how many passes, of which batches, at which peak rate."""

    name: str
    passes: int
    batch: int
    rate: float


@dataclass(frozen=True)
class Recipe:
    """Every choice of a run; the defaults made the shipped weights."""

    views: int = 6
    captions: int = 1
    contrast_passes: int = 25
    contrast_batch: int = 256
    contrast_rate: float = 2e-3
    temperature: float = 0.05
    ranking_passes: int = 1
    ranking_batch: int = 64
    ranking_rate: float = 1e-4
    margin: float = 0.2
    hardest: int = 4
    dropout: float = 0.1
    ranking_dropout: float = 0.4
    noise: float = 0.5
    weight_decay: float = 0.05
    average: float = 0.98
    seed: int = 1


class Training:
    """One run; a killed one goes on from the files in its work folder."""

    def __init__(self, job: Job, merge: Merge, recipe: Recipe) -> None:
        torch.manual_seed(recipe.seed)
        self._job, self._recipe = job, recipe
        self._train = frozen_rows(job, TRAIN_SETS, recipe.views)
        self._dev = [
            CaptionedRows([frozen_vectors(job, data)[:_DEV_IMAGES]], [data.first(_DEV_IMAGES)])
            for data in job.load(*DEV_SETS)
        ]
        words = load_word_vectors()
        self._vocabulary = words.vocabulary
        features = self._train.views[0].shape[1]
        self._pair = ImageSentenceCnn(merge, len(words.matrix), features, recipe.dropout, recipe.noise)
        self._pair.matching.words.weight.data.copy_(words.matrix / words.matrix.std())
        self._pair.image_vector.standardise_to(torch.from_numpy(self._train.views[0]).float())

    def run(self) -> ImageSentenceCnn:
        """Train what agrees by contrast, then all by ranking; return the network of the best pass on dev.

        Against the hardest sentences from the start, every score soon is the same. After the contrast the training
        pairs fit so well that with no more dropped the perceptron learns little that holds for others.
        """
        recipe, matching = self._recipe, self._pair.matching
        contrast, ranking = InfoNCE(recipe.temperature), ScoreRanking(recipe.margin, recipe.hardest)
        first = Stage("contrast", recipe.contrast_passes, recipe.contrast_batch, recipe.contrast_rate)
        self._train_stage(first, matching.agree, contrast.of_scores, contrast)
        for module in matching.modules():
            if isinstance(module, nn.Dropout):
                module.p = recipe.ranking_dropout
        second = Stage("ranking", recipe.ranking_passes, recipe.ranking_batch, recipe.ranking_rate)
        self._train_stage(second, matching, ranking, ranking)
        return self._pair

    def _train_stage(self, stage: Stage, score: Scorer, loss: Callable[[Tensor], Tensor], learned: nn.Module) -> None:
        recipe, module = self._recipe, nn.ModuleList([self._pair, learned])

        def loss_of(batch: Batch) -> Tensor:
            with mixed_precision():
                images = self._pair.image_vector(batch.rows.float())
                scores = [score(*self._numbers(self._texts(captions)), images) for captions in batch.captions]
            return torch.stack([loss(one) for one in scores]).mean()

        run_stage(
            self._job,
            stage.name,
            recipe,
            module,
            loss_of,
            [Group(list(module.parameters()), stage.rate)],
            lambda seed: self._train.batches(stage.batch, recipe.captions, seed),
            self._train.steps(stage.batch),
            Schedule(stage.passes, 50, recipe.weight_decay, average=recipe.average),
            lambda: self._measure(score),
        )

    def _texts(self, captions: NDArray[np.int64]) -> list[str]:
        return [self._train.texts[caption] for caption in captions]

    def _numbers(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        numbers, mask = self._vocabulary.encode(texts, max_words=MAX_WORDS)
        return torch.from_numpy(numbers), torch.from_numpy(mask)

    def _measure(self, score: Scorer) -> float:
        return float(np.mean([self._recall(dev, score) for dev in self._dev]))

    @torch.no_grad()
    def _recall(self, dev: CaptionedRows, score: Scorer) -> float:
        with mixed_precision():
            images = self._pair.image_vector(torch.from_numpy(dev.views[0]).float())
            order = np.argsort([len(text) for text in dev.texts])  # like lengths together: little padding
            scores = np.empty((len(dev.texts), len(dev)), np.float32)
            for start in range(0, len(order), _AT_ONCE):
                some = order[start : start + _AT_ONCE]
                scores[some] = score(*self._numbers([dev.texts[i] for i in some]), images).numpy()
        return mean_recall_of_scores(scores, dev.image_of_caption)


def ship(job: Job, recipe: Recipe | None = None) -> MatcherCard:
    """Train the member that the job names and write its folder; by default with the choices of the shipped weights."""
    recipe = recipe or job.recipe(Recipe())
    merge = merge_named(job.model.removeprefix("mcnn-"))
    trained = Training(job, merge, recipe).run()
    card = {
        **job.card(recipe),
        "description": f"The m-CNN of Ma et al. 2015 whose image enters at the {merge.name} level: convolutions over a "
        "sentence's words, and a score that is the sum of a perceptron's and of a cosine, that of the sentence's units "
        "where the image enters and of the image. Unlike the paper's, whose perceptron alone scores: here the cosine "
        f"does nearly all of the work, and is trained first, by {recipe.contrast_passes} passes of InfoNCE over "
        f"batches of {recipe.contrast_batch}, before {recipe.ranking_passes} of the ranking loss; "
        "image features of frozen EfficientNet-Lites in place of a tuned VGG (two fully connected layers over them are "
        "tuned), word2vec of the captions themselves, AdamW, sentences cut at 24 words, trained on Flickr8k and COCO.",
        "architecture": "multimodal_cnn",
        "options": {"merge": merge.name},
        "feature_shape": [IMAGE],
    }
    return ship_matcher(job, trained.state_dict(), card, multimodal_cnn)


@dataclass(frozen=True)
class EnsembleRecipe:
    """Of the ensemble: how many training images its members' spreads are taken of."""

    images: int = 100
    seed: int = 1


def ship_ensemble(job: Job, recipe: EnsembleRecipe | None = None) -> MatcherCard:
    """Weigh the shipped members by how widely their scores spread over training pairs, and write the folder."""
    recipe = recipe or job.recipe(EnsembleRecipe())
    members = [matcher_card(f"mcnn-{merge.name}") for merge in MERGES]
    data = job.load(TRAIN_SETS[0])[0]
    vectors, some = frozen_vectors(job, data)[: recipe.images].astype(np.float32), data.first(recipe.images)
    library, spreads = InstalledModels(), []
    for member in members:
        matched = MatchedSet(library.matcher(member.name), some, library.vector_head(member.name)(vectors))
        spreads.append(float(matched.scores().std()))
    card = {
        **job.card(recipe),
        "description": "The sum of the four m-CNNs' scores (Ma et al. 2015), each divided by its spread over training "
        "pairs; its features are those of its members, and its weights theirs.",
        "architecture": "ensemble",
        "options": {"members": [member.name for member in members]},
        "feature_shape": [len(members), IMAGE],
    }

    def summed(matched: MatchedSet) -> NDArray[np.float32]:
        """What the ensemble's own ``score`` gives, of the scores that the members' trainings have kept."""
        total = np.zeros((len(matched.image_of_caption), matched.image_count), np.float32)
        for number, (member, spread) in enumerate(zip(members, spreads, strict=True)):
            one = MatchedSet(library.matcher(member.name), matched.data, matched.features[:, number])
            total += kept_scores(job, one) / np.float32(spread)
        return total

    return ship_matcher(job, pack_ensemble(members, spreads), card, ensemble, summed)


def pack_ensemble(members: Sequence[MatcherCard], spreads: Sequence[float]) -> dict[str, Tensor]:
    """Return what the file of weights holds."""
    return {
        "spreads": torch.tensor(spreads, dtype=torch.float32),
        "members": pack_words([f"{card.name} {card.weights_sha256}" for card in members]),
    }
