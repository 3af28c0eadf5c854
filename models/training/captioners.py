"""Trains the captioners over what the frozen backbone says of the captioned photographs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from models.backbones.frozen import IMAGENET_LITE
from models.backbones.lite_pair import FEATURES, INPUT
from models.captioning.decoding import Greedy
from models.captioning.show_and_tell import ShowAndTell
from models.checkpoint import read_captioner_card, write_checkpoint
from models.data.captioned import DEV_SETS, TRAIN_SETS, CaptionedImages
from models.metrics.cider import CiderD
from models.registry import part_card
from models.runtime.one_thread import one_thread
from models.text.vocabulary import END, Vocabulary, split_words
from models.text.word_vectors import WORD_VECTORS, load_word_vectors
from models.training.captioned_batches import Batch, CaptionedRows
from models.training.frozen import frozen_vectors
from models.training.job import Job
from models.training.loop import Group, Schedule
from models.training.precision import mixed_precision
from models.training.stage import run_stage
from models.types import CaptionerCard

CAPTIONS = 5
"""Of an image in a batch: they share its features."""
INT8_ROWS = 64
_DECODED_TOGETHER = 256


@dataclass(frozen=True)
class Recipe:
    """Every choice of a run; the defaults made the shipped ``show-and-tell``."""

    backbone: str = IMAGENET_LITE
    views: int = 6
    passes: int = 8
    images: int = 32
    rate: float = 1e-3
    weight_decay: float = 0.02
    average: float = 0.995
    dropout: float = 0.4
    noise: float = 0.5
    label_smoothing: float = 0.1
    max_words: int = 25
    seed: int = 1


def ship(job: Job, recipe: Recipe | None = None) -> CaptionerCard:
    """Train the captioner of the job's name and write its folder."""
    recipe = recipe or Recipe()
    torch.manual_seed(recipe.seed)
    vocabulary = load_word_vectors().vocabulary
    train = CaptionedRows(
        [_features(job, TRAIN_SETS, view, recipe) for view in range(recipe.views)], job.load(*TRAIN_SETS)
    )
    dev = [_Dev(vocabulary, data, frozen_vectors(job, data, 0, recipe.backbone)) for data in job.load(*DEV_SETS)]
    network = ShowAndTell(FEATURES, len(vocabulary), recipe.dropout, recipe.noise)
    network.image.standardise_to(torch.from_numpy(train.views[0]).float())

    def loss(batch: Batch) -> Tensor:
        texts = [train.texts[caption] for captions in batch.captions for caption in captions]
        numbers, mask = map(torch.from_numpy, vocabulary.encode(texts, max_words=recipe.max_words, ends=True))
        features = batch.rows.float().repeat(len(batch.captions), 1)
        with mixed_precision():
            hidden = network(features, numbers[:, :-1])
            known = (mask[:, 1:] == 1) & (numbers[:, 1:] >= END)
            scores = network.words.scores(hidden[known])
        return F.cross_entropy(scores.float(), numbers[:, 1:][known] - END, label_smoothing=recipe.label_smoothing)

    run_stage(
        job,
        "captioner",
        recipe,
        network,
        loss,
        [Group(list(network.parameters()), recipe.rate)],
        lambda seed: train.batches(recipe.images, CAPTIONS, seed),
        train.steps(recipe.images),
        Schedule(recipe.passes, 200, recipe.weight_decay, average=recipe.average),
        lambda: float(np.mean([split.score(network) for split in dev])),
    )
    card: dict[str, Any] = {
        "kind": "captioner",
        **job.card(recipe),
        "description": "d",
        "architecture": "show_and_tell",
        "parts": {name: part_card(name).weights_sha256 for name in (recipe.backbone, WORD_VECTORS)},
        "preprocessing": asdict(INPUT),
    }
    write_checkpoint(job.output, network.state_dict(), card, int8_rows=INT8_ROWS)
    return read_captioner_card(job.output)


def _features(job: Job, names: tuple[str, ...], view: int, recipe: Recipe) -> NDArray[np.float16]:
    return np.concatenate([frozen_vectors(job, data, view, recipe.backbone) for data in job.load(*names)])


class _Dev:
    """A dev split: features, and the references to measure captions by."""

    def __init__(self, vocabulary: Vocabulary, data: CaptionedImages, features: NDArray[np.float16]) -> None:
        self._vocabulary, self._features = vocabulary, torch.from_numpy(features)
        self._cider = CiderD([[split_words(text) for text in own] for own in data.captions])

    @torch.no_grad()
    def score(self, network: ShowAndTell) -> float:
        """Return the CIDEr-D of greedy captions, of 10 the tenth."""
        with one_thread():
            sentences = [
                sentence
                for rows in self._features.split(_DECODED_TOGETHER)
                for sentence in Greedy().decode(network.step, network.begin(network.image(rows.float())))
            ]
        captions = [[self._vocabulary.word(number) for number in sentence.numbers] for sentence in sentences]
        return self._cider.mean(captions) / 10
