"""Trains ``limited-text-space``, its ``-single`` and ``vse`` over image vectors that stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from lab.data.captioned import DEV_SETS, TRAIN_SETS
from lab.losses.pairwise_ranking import pairwise_ranking_in_batch
from lab.training.captioned_batches import Batch, CaptionedRows
from lab.training.dev_recall import mean_recall
from lab.training.frozen_rows import frozen_rows
from lab.training.job import Job
from lab.training.loop import Group, Schedule
from lab.training.precision import mixed_precision
from lab.training.recurrence import last_states
from lab.training.shipped_encoder import ship_encoder
from lab.training.stage import run_stage
from lab.training.trained import trained
from models.backbones.captioned import CAPTIONED_LITE, INTO_TEXT_SPACE
from models.backbones.frozen import IMAGENET_LITE
from models.backbones.lite_pair import INPUT
from models.cards import EncoderCard
from models.checkpoint import load_part
from models.encoders.limited_text_space import WordNumbers, load_encoder
from models.encoders.limited_text_space_module import (
    DIMENSION,
    Fusion,
    ImageMap,
    TextSpace,
    TextSpaceMap,
    VisualMap,
)
from models.encoders.unit_linear import Standardise
from models.shipped import part_card
from models.text.gru import GruSentenceEncoder
from models.text.shipped_vocabulary import WORD_VECTORS
from models.text.vocabulary import END, UNKNOWN
from models.text.word_vectors import load_word_vectors


@dataclass(frozen=True)
class Recipe:
    """Every choice of a run; the defaults made the shipped weights.

    Attributes:
        captions: of an image in a batch.
        margin, temperature: see ``pairwise_ranking``; the paper has no temperature: all hinges weigh the same.
        sets_apart: draw each batch, and so the negatives, of one of the sets, or of both together.
        width, renewal: see ``GruSentenceEncoder`` and its ``start_from``.
        word_dropout: share of words that are replaced by the unknown word in training.
    """

    views: int = 6
    passes: int = 30
    rate: float = 5e-4
    batch: int = 256
    captions: int = 1
    margin: float = 0.1
    temperature: float | None = 0.05
    sets_apart: bool = True
    weight_decay: float = 0.05
    image_noise: float = 0.6
    word_dropout: float = 0.1
    dropout: float = 0.2
    average: float = 0.98
    width: int = 320
    renewal: float = 0.2
    seed: int = 1


class Pair(nn.Module):
    """What is trained: the image's fusion and the sentence's recurrent unit.

    Args:
        columns: see ``Fusion``.
        maps: terms of the fusion.
        vectors: ``(V, 300)``, initial word vectors.
        recipe: the choices.
    """

    def __init__(self, columns: int, maps: Sequence[ImageMap], vectors: Tensor, recipe: Recipe) -> None:
        super().__init__()
        self.image = Fusion(columns, maps, recipe.image_noise)
        self.text = GruSentenceEncoder(len(vectors), recipe.width, DIMENSION)
        self.text.start_from(vectors, recipe.renewal)
        self.dropout = nn.Dropout(recipe.dropout)
        self._word_dropout = recipe.word_dropout

    def texts(self, numbers: NDArray[np.int64], mask: NDArray[np.int64]) -> Tensor:
        """Embed ``(M, T)`` padded word numbers as ``(M, 1024)`` unit vectors."""
        device = self.text.candidate.weight.device
        words, real = (torch.from_numpy(array).to(device) for array in (numbers, mask))
        with mixed_precision(device.type):
            states = last_states(self.text, self._dropped(words), real)
        return F.normalize(self.dropout(states), dim=1)

    def _dropped(self, words: Tensor) -> Tensor:
        if not (self.training and self._word_dropout):
            return words
        drop = (torch.rand(words.shape, device=words.device) < self._word_dropout) & (words != END)
        return words.masked_fill(drop, UNKNOWN)


@dataclass(frozen=True)
class Member:
    """One model of the family.

    Attributes:
        backbones: whose image vectors it reads, side by side.
        maps: makes the terms of the fusion, of the standard deviations of those vectors.
        described: on its card.
    """

    backbones: Sequence[str]
    maps: Callable[[Tensor], Sequence[ImageMap]]
    described: str


MEMBERS = {
    "vse": Member([IMAGENET_LITE], lambda _: [VisualMap()], "The baseline: one linear map of the image vector."),
    "limited-text-space-single": Member(
        [CAPTIONED_LITE], lambda std: [captioner_map(std)], "One linear map of the image embedding of a captioner."
    ),
    "limited-text-space": Member(
        [IMAGENET_LITE, CAPTIONED_LITE],
        lambda std: [VisualMap(), captioner_map(std)],
        "A linear fusion of the vector of networks trained for classes with the image embedding of a captioner over "
        "its own network.",
    ),
}


def captioner_map(std: Tensor) -> TextSpaceMap:
    """Return the map that starts from W_img of the captioner which tuned ``captioned-lite``, ``(512, 1280)``.

    Args:
        std: by which image vectors are standardised here, ``(C,)``, in the last columns the captioner's network's; the
            captioner has its own.
    """
    part = load_part(CAPTIONED_LITE)
    weight, own = part[f"{INTO_TEXT_SPACE}weight"].float(), part[f"{INTO_TEXT_SPACE}std"]
    return TextSpaceMap(weight * (std[-len(own) :] / own))


def ship(job: Job, recipe: Recipe | None = None) -> EncoderCard:
    """Train the member of the job's name, write its folder and measure what was written on both dev splits."""
    recipe = recipe or job.recipe(Recipe())
    member = MEMBERS[job.model]
    found = trained(job, recipe, lambda: (train(job, recipe, member), {}))
    parts = dict.fromkeys((IMAGENET_LITE, *member.backbones, WORD_VECTORS))
    card = {
        **found.card(job, recipe),
        "description": _described(member, recipe),
        "architecture": "limited_text_space",
        "dimension": DIMENSION,
        "preprocessing": asdict(INPUT),
        "parts": {name: part_card(name).weights_sha256 for name in parts},
    }
    return ship_encoder(job, found.state, card, load_encoder)


def _described(member: Member, recipe: Recipe) -> str:
    hinges = "the plain sum of hinges"
    if recipe.temperature is not None:
        hinges = (
            "hinges weighted by how hard their negatives are (the paper's all weigh the same, and find less here: see "
            "the experiments)"
        )
    return (
        f"{member.described} Sentences by a GRU of 1,024 over learned word vectors, after Yu et al. 2017 (Learning a "
        "Limited Text Space for Cross-Media Retrieval). Where theirs are VGG and Inception, the networks here are "
        "EfficientNet-Lites: vse reads Lite0 and Lite2 with ImageNet's weights, limited-text-space these and beside "
        "them a Lite2 whose last blocks are tuned by a captioner's loss (captioned-lite), and its -single the latter "
        "alone; all three are trained in the same way. Trained on Flickr8k and COCO in "
        f"{recipe.views} views, with noise on the image vectors and words dropped. Negatives are the other pairs of "
        f"the batch, drawn anew in every pass; margin {recipe.margin}, {hinges}. The "
        "image's maps ship as their product, one matrix, and the word vectors in "
        f"{recipe.width} dimensions (a truncated singular value decomposition)."
    )


def train(job: Job, recipe: Recipe, member: Member) -> TextSpace:
    """Return what ships of the best pass on dev."""
    torch.manual_seed(recipe.seed)

    def rows_of(sets: Sequence[str], views: int) -> CaptionedRows:
        return frozen_rows(job, sets, views, member.backbones, recipe.sets_apart)

    photographs = rows_of(TRAIN_SETS, recipe.views)
    words = load_word_vectors()
    columns = photographs.views[0].shape[1]
    standardise = Standardise(columns)
    standardise.standardise_to(torch.from_numpy(photographs.views[0]).float())
    pair = Pair(columns, member.maps(standardise.std), words.matrix, recipe)
    pair.image.standardise.load_state_dict(standardise.state_dict())
    pair.to(job.device)
    number = WordNumbers(words.vocabulary)
    numbers, mask = number(photographs.texts)
    dev = [(rows, *number(rows.texts)) for rows in (rows_of([name], 1) for name in DEV_SETS)]

    def loss(batch: Batch) -> Tensor:
        images = pair.image(batch.rows.to(job.device).float())
        sentences = pair.texts(*(array[batch.captions.ravel()] for array in (numbers, mask)))
        turns = sentences.reshape(*batch.captions.shape, -1)
        each = [pairwise_ranking_in_batch(images @ turn.T, recipe.margin, recipe.temperature) for turn in turns]
        return torch.stack(each).mean()

    @torch.no_grad()
    def recall(rows: CaptionedRows, numbers: NDArray[np.int64], mask: NDArray[np.int64]) -> float:
        images = pair.image(torch.from_numpy(rows.views[0]).to(job.device).float())
        texts = torch.empty(len(numbers), DIMENSION)
        order = np.argsort(mask.sum(axis=1))  # sentences of a length together
        for some in np.array_split(order, len(order) // 256 + 1):
            texts[some] = pair.texts(numbers[some], mask[some]).cpu()
        return mean_recall(images.cpu(), texts, rows.image_of_caption)

    run_stage(
        job,
        "pair",
        recipe,
        pair,
        loss,
        [Group(list(pair.parameters()), recipe.rate)],
        lambda seed: photographs.batches(recipe.batch, recipe.captions, seed),
        photographs.steps(recipe.batch),
        Schedule(recipe.passes, 100, recipe.weight_decay, average=recipe.average),
        lambda: float(np.mean([recall(*each) for each in dev])),
    )
    pair.cpu()
    return TextSpace(pair.image.as_one(), pair.text)
