"""The phrases of ``semblance-base``: a second reader of sentences, over the features of both towers as they are.

Trained apart from MiniLM, and by another loss, it errs on other sentences; that is what it is for. It learns in more
dimensions than ship: in few it learns badly, and of many the principal ones hold nearly all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lab.data.captioned import DEV_SETS, TRAIN_SETS
from lab.losses.pairwise_ranking import pairwise_ranking_in_batch
from lab.training.captioned_batches import Batch, CaptionedRows
from lab.training.dev_recall import mean_recall
from lab.training.job import Job
from lab.training.loop import Group, Schedule
from lab.training.precision import mixed_precision
from lab.training.stage import run_stage
from lab.training.tower_vectors import digest_of_weights, pooled_features
from models.backbones.lite_pair import FEATURES
from models.encoders.phrases import PhraseReader
from models.encoders.two_tower_module import PHRASES, TwoTower
from models.encoders.unit_linear import UnitLinear
from models.text.minilm import SENTENCE
from models.text.tokeniser import Tokeniser

_MASK_TOKEN, _FIRST_WORD = 103, 1000
"""MiniLM's ``[MASK]``, and its first id that is no special token."""


@dataclass(frozen=True)
class PhraseRecipe:
    """The choices of this stage.

    Attributes:
        dimension: in which they are learned.
        margin, temperature: see ``pairwise_ranking``.
        word_dropout: share of word pieces that are replaced by ``[MASK]`` in training.
    """

    views: int = 4
    passes: int = 16
    rate: float = 5e-4
    batch: int = 256
    dimension: int = 512
    margin: float = 0.1
    temperature: float = 0.05
    weight_decay: float = 0.05
    image_noise: float = 0.6
    word_dropout: float = 0.1
    dropout: float = 0.2
    average: float = 0.98
    seed: int = 1


@dataclass(frozen=True)
class _Captioned:
    """Photographs in some views with their captions, as word pieces ``(M, T)`` and mask."""

    photographs: CaptionedRows
    ids: NDArray[np.int64]
    mask: NDArray[np.int64]


class _Trained(nn.Module):
    def __init__(self, recipe: PhraseRecipe) -> None:
        super().__init__()
        self.image = UnitLinear(FEATURES, recipe.dimension, recipe.image_noise)
        self.text = PhraseReader(SENTENCE, recipe.dimension, recipe.dropout)


class Phrases:
    """One run; a killed one goes on from the job's folder.

    Args:
        job: the training job.
        recipe: the choices.
        towers: trained but for the phrases.
        tokenise: of the text tower.
    """

    def __init__(self, job: Job, recipe: PhraseRecipe, towers: TwoTower, tokenise: Tokeniser) -> None:
        torch.manual_seed(recipe.seed)
        self._job, self._recipe, self._towers, self._tokenise = job, recipe, towers.requires_grad_(False), tokenise
        self._pieces = towers.text.bert.embeddings.word_embeddings
        self._identity = digest_of_weights(towers.image.backbones) + digest_of_weights(self._pieces)
        self._train = self._prepare(TRAIN_SETS, recipe.views)
        self._dev = [self._prepare([name], views=1) for name in DEV_SETS]
        self._trained = _Trained(recipe)
        self._trained.image.standardise.standardise_to(torch.from_numpy(self._train.photographs.views[0]).float())
        self._trained.text.deviation.fill_(self._pieces.weight.std())

    def run(self) -> None:
        """Train; give the towers the principal dimensions of the phrases of the best pass on dev."""
        recipe, photographs = self._recipe, self._train.photographs
        run_stage(
            self._job,
            "phrases",
            recipe,
            self._trained,
            self._loss,
            [Group(list(self._trained.parameters()), recipe.rate)],
            lambda seed: photographs.batches(recipe.batch, captions=1, seed=seed),
            photographs.steps(recipe.batch),
            Schedule(recipe.passes, 100, recipe.weight_decay, average=recipe.average),
            self._mean_recall,
            trained_over=self._identity,
        )
        self._reduce()
        self._towers.image.phrases.load_state_dict(self._trained.image.state_dict())
        self._towers.text.phrases.load_state_dict(self._trained.text.state_dict())

    def _loss(self, batch: Batch) -> Tensor:
        scores = self._trained.image(batch.rows.float()) @ self._read(self._train, batch.captions[0]).T
        return pairwise_ranking_in_batch(scores, self._recipe.margin, self._recipe.temperature)

    @torch.no_grad()
    def _reduce(self) -> None:
        """Project both maps to the principal dimensions of all training photographs, and as many captions."""
        firsts = np.unique(self._train.photographs.image_of_caption, return_index=True)[1]
        vectors = torch.cat([self._embed(self._train), self._read_all(self._train, firsts)])
        basis = torch.linalg.eigh(vectors.T @ vectors).eigenvectors[:, -PHRASES:].T  # by ascending eigenvalues
        for layer in (self._trained.image.map, self._trained.text.project):
            layer.weight = nn.Parameter(basis @ layer.weight)

    def _read(self, captioned: _Captioned, captions: NDArray[np.int64]) -> Tensor:
        """Read some of the captions, as long as the longest of them, ``(B, D)``."""
        longest = int(captioned.mask[captions].sum(axis=1).max())
        ids, mask = (torch.from_numpy(array[captions, :longest]) for array in (captioned.ids, captioned.mask))
        if self._trained.training:
            dropped = (torch.rand(ids.shape) < self._recipe.word_dropout) & (ids >= _FIRST_WORD)
            ids = ids.masked_fill(dropped, _MASK_TOKEN)
        with mixed_precision():
            read: Tensor = self._trained.text(self._pieces(ids), mask)
        return read.float()

    @torch.no_grad()
    def _mean_recall(self) -> float:
        return float(np.mean([self._recall(dev) for dev in self._dev]))

    def _recall(self, dev: _Captioned) -> float:
        texts = self._read_all(dev, np.arange(len(dev.ids)))
        return mean_recall(self._embed(dev), texts, dev.photographs.image_of_caption)

    def _embed(self, captioned: _Captioned) -> Tensor:
        images: Tensor = self._trained.image(torch.from_numpy(captioned.photographs.views[0]).float())
        return images

    def _read_all(self, captioned: _Captioned, captions: NDArray[np.int64]) -> Tensor:
        return torch.cat([self._read(captioned, some) for some in np.array_split(captions, len(captions) // 512 + 1)])

    def _prepare(self, sets: Sequence[str], views: int) -> _Captioned:
        parts = self._job.load(*sets)
        rows = [
            np.concatenate([pooled_features(self._job, self._towers, part, view) for part in parts])
            for view in range(views)
        ]
        photographs = CaptionedRows(rows, parts)
        return _Captioned(photographs, *self._tokenise(photographs.texts))
