"""The last stage of ``semblance-base``: a head for queries of a word or two, over both towers, which stay as they are.

A sentence is about one photograph, and the contrast of sentences teaches a head to tell it from all others. ``dog
couch`` is about many: here each word, and each pair of words that captions have, must pick out of a batch all
photographs whose captions have it. Only the vectors of short queries change; those of photographs do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from lab.data.captioned import DEV_SETS, TRAIN_SETS
from lab.evaluation.frequent_words import frequent_words
from lab.evaluation.two_words import common_pairs
from lab.losses.info_nce import InfoNCE
from lab.losses.shared_positives import shared_positives
from lab.pretrained import imagenet_classes
from lab.training.captioned_batches import Batch, CaptionedRows
from lab.training.job import Job
from lab.training.loop import Group, Schedule
from lab.training.stage import run_stage
from lab.training.tower_vectors import ReadTexts, digest_of_weights, image_vectors
from models.encoders.heads import ResidualHead
from models.encoders.two_tower_module import HIDDEN, LEARNED, TwoTower
from models.text.minilm import SENTENCE

_DEV_QUERIES = 200, 80
"""Words and pairs that are asked for on a dev split."""
_TOP = 10


@dataclass(frozen=True)
class ShortRecipe:
    """The choices of this stage."""

    passes: int = 10
    rate: float = 1e-3
    batch: int = 1024
    words: int = 2000
    pairs: int = 10_000
    texts: int = 512
    kept: float = 3.0
    """Weight of the names' distance, in 0..2, from where the head of sentences puts them."""
    image_noise: float = 0.3
    text_noise: float = 0.3
    dropout: float = 0.3
    weight_decay: float = 0.05
    average: float = 0.98
    seed: int = 1


class _Queries(NamedTuple):
    """T words and pairs: what is read of them ``(T, READ)``, and whether each of N images shows them, ``(N, T)``."""

    read: Tensor
    shown: Tensor
    words: int
    """The first so many are single words."""


class _Trained(nn.Module):
    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head, self.contrast = head, InfoNCE(0.05)


class ShortQueries:
    """One run; a killed one goes on from the job's folder.

    Args:
        job: the training job.
        recipe: the choices.
        towers: trained but for ``text.short``, which begins as the head of sentences.
        read_texts: reads texts with the towers' weights.
    """

    def __init__(self, job: Job, recipe: ShortRecipe, towers: TwoTower, read_texts: ReadTexts) -> None:
        torch.manual_seed(recipe.seed)
        self._job, self._recipe, self._towers = job, recipe, towers.requires_grad_(False)
        head = ResidualHead(SENTENCE, LEARNED, HIDDEN, recipe.dropout, recipe.text_noise)
        head.load_state_dict(towers.text.head.state_dict())
        self._trained = _Trained(head)
        self._identity = digest_of_weights(towers, without="text.short.")
        train = job.load(*TRAIN_SETS)
        vectors = np.concatenate([image_vectors(job, towers, data) for data in train])
        self._photographs = CaptionedRows([vectors], train)
        self._deviation = torch.from_numpy(vectors).float().std(dim=0)
        prepare = partial(_prepare, read_texts=read_texts)
        captions = [own for data in train for own in data.captions]
        self._queries = prepare(captions, recipe.words, recipe.pairs)
        self._names = torch.from_numpy(read_texts(imagenet_classes()))[:, :SENTENCE]
        dev = job.load(*DEV_SETS)
        self._dev = [
            (prepare(data.captions, *_DEV_QUERIES), torch.from_numpy(image_vectors(job, towers, data)).float())
            for data in dev
        ]

    def run(self) -> None:
        """Train; give the towers the head of the best pass on dev."""
        recipe = self._recipe
        run_stage(
            self._job,
            "short-queries",
            recipe,
            self._trained,
            self._loss,
            [Group(list(self._trained.parameters()), recipe.rate)],
            lambda seed: self._photographs.batches(recipe.batch, captions=1, seed=seed),
            self._photographs.steps(recipe.batch),
            Schedule(recipe.passes, 20, recipe.weight_decay, average=recipe.average),
            self._precision,
            trained_over=self._identity,
        )
        self._towers.text.short.load_state_dict(self._trained.head.state_dict())

    def _loss(self, batch: Batch) -> Tensor:
        shown = self._queries.shown[batch.images]
        chosen = self._draw(shown.any(dim=0).numpy(), np.random.default_rng(batch.seed))
        noise = self._recipe.image_noise * self._deviation * torch.randn(batch.rows.shape)
        images = F.normalize(batch.rows.float() + noise, dim=1)
        texts = self._embed(self._queries.read[chosen])
        named = shared_positives(images, texts, shown[:, chosen], self._trained.contrast.scale)
        names = self._towers.text.head(self._names), self._trained.head(self._names)
        return named + self._recipe.kept * (1 - F.cosine_similarity(*names).mean())

    def _draw(self, there: NDArray[np.bool_], random: np.random.Generator) -> NDArray[np.int64]:
        """Draw words and pairs, as many of each, of those that an image of the batch shows."""
        split = self._queries.words
        sorts = np.flatnonzero(there[:split]), split + np.flatnonzero(there[split:])
        return np.concatenate([random.permutation(rows)[: self._recipe.texts // 2] for rows in sorts])

    def _embed(self, read: Tensor) -> Tensor:
        return self._towers.text.join(self._trained.head(read[:, :SENTENCE]), read, torch.ones(len(read), 1))

    @torch.no_grad()
    def _precision(self) -> float:
        """Return the mean precision at ten of the words and of the pairs of both dev splits."""
        precisions = []
        for queries, images in self._dev:
            best = (self._embed(queries.read) @ images.T).topk(min(_TOP, len(images)), dim=1).indices
            right = queries.shown.T.gather(1, best).float().mean(dim=1)
            precisions += [right[: queries.words].mean(), right[queries.words :].mean()]
        return float(np.mean(precisions))


def _prepare(captions: Sequence[Sequence[str]], words: int, pairs: int, read_texts: ReadTexts) -> _Queries:
    single, double = frequent_words(captions, words), common_pairs(captions, pairs)
    shown = torch.from_numpy(np.concatenate([single.present, double.right.T], axis=1))
    read = torch.from_numpy(read_texts([*single.texts, *double.texts]))
    return _Queries(read, shown, len(single.texts))
