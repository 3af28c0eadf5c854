"""Trains ``limited-text-space``, its ``-single`` and ``vse`` over frozen image vectors."""

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
from models.backbones.frozen import IMAGENET_LITE
from models.backbones.lite_pair import INPUT
from models.captioning.show_and_tell import load_network
from models.cards import EncoderCard
from models.encoders.limited_text_space import WordNumbers, load_encoder
from models.encoders.limited_text_space_module import DIMENSION, Fusion, ImageMap, TextSpace, TextSpaceMap, VisualMap
from models.shipped import captioner_card, part_card, weights_folder
from models.text.gru import GruSentenceEncoder
from models.text.shipped_vocabulary import WORD_VECTORS
from models.text.vocabulary import END, UNKNOWN
from models.text.word_vectors import load_word_vectors

CAPTIONER = "show-and-tell"


@dataclass(frozen=True)
class Recipe:
    """Every choice of a run; the defaults made the shipped weights.

    Attributes:
        captions: of an image in a batch.
        margin, temperature: see ``pairwise_ranking``.
        width, renewal: see ``GruSentenceEncoder`` and its ``start_from``.
        word_dropout: share of words that are replaced by the unknown word in training.
    """

    views: int = 6
    passes: int = 15
    rate: float = 5e-4
    batch: int = 256
    captions: int = 1
    margin: float = 0.1
    temperature: float | None = 0.05
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
        maps: terms of the fusion.
        vectors: ``(V, 300)``, initial word vectors.
        recipe: the choices.
    """

    def __init__(self, maps: Sequence[ImageMap], vectors: Tensor, recipe: Recipe) -> None:
        super().__init__()
        self.image = Fusion(maps, recipe.image_noise)
        self.text = GruSentenceEncoder(len(vectors), recipe.width, DIMENSION)
        self.text.start_from(vectors, recipe.renewal)
        self.dropout = nn.Dropout(recipe.dropout)
        self._word_dropout = recipe.word_dropout

    def texts(self, numbers: NDArray[np.int64], mask: NDArray[np.int64]) -> Tensor:
        """Embed ``(M, T)`` padded word numbers as ``(M, 1024)`` unit vectors."""
        words, real = torch.from_numpy(numbers), torch.from_numpy(mask)
        with mixed_precision():
            states = last_states(self.text, self._dropped(words), real)
        return F.normalize(self.dropout(states), dim=1)

    def _dropped(self, words: Tensor) -> Tensor:
        if not (self.training and self._word_dropout):
            return words
        drop = (torch.rand(words.shape) < self._word_dropout) & (words != END)
        return words.masked_fill(drop, UNKNOWN)


MEMBERS: dict[str, tuple[Callable[[], Sequence[ImageMap]], str]] = {
    "vse": (lambda: [VisualMap()], "The baseline: one linear map of the image vector."),
    "limited-text-space-single": (
        lambda: [TextSpaceMap(captioner_map())],
        "One linear map of the image embedding of the captioner show-and-tell.",
    ),
    "limited-text-space": (
        lambda: [VisualMap(), TextSpaceMap(captioner_map())],
        "A linear fusion of the image vector with the image embedding of the captioner show-and-tell.",
    ),
}
"""Of each member the image maps that are trained, and their description on its card."""


def captioner_map() -> Tensor:
    """Return W_img of the shipped captioner, ``(512, 2560)``; both standardise image vectors in the same way."""
    network = load_network(captioner_card(CAPTIONER), weights_folder(CAPTIONER))
    return network.image.project.weight


def ship(job: Job, recipe: Recipe | None = None) -> EncoderCard:
    """Train the member of the job's name, write its folder and measure what was written on both dev splits."""
    recipe = recipe or job.recipe(Recipe())
    maps, of_maps = MEMBERS[job.model]
    space = train(job, recipe, maps())
    card = {
        **job.card(recipe),
        "description": f"{of_maps} Sentences by a GRU of 1,024 over learned word vectors, after Yu et al. 2017 "
        "(Learning a Limited Text Space for Cross-Media Retrieval). Where theirs are VGG and Inception, both image "
        "vectors here are of EfficientNet-Lite0 and Lite2, frozen and standardised, so that the three of this family "
        "(vse, limited-text-space and its -single) differ in what they start from and not in what they could learn; "
        "trained on Flickr8k and COCO in random views, with noise on the image vectors and words dropped. Negatives "
        "are the other pairs of the batch, "
        f"drawn anew in every pass; margin {recipe.margin}. The image's maps ship as their product, one matrix, and "
        f"the word vectors in {recipe.width} dimensions (a truncated singular value decomposition).",
        "architecture": "limited_text_space",
        "dimension": DIMENSION,
        "preprocessing": asdict(INPUT),
        "parts": {name: part_card(name).weights_sha256 for name in (IMAGENET_LITE, WORD_VECTORS)},
    }
    return ship_encoder(job, space.state_dict(), card, load_encoder)


def train(job: Job, recipe: Recipe, maps: Sequence[ImageMap]) -> TextSpace:
    """Return what ships of the best pass on dev."""
    torch.manual_seed(recipe.seed)
    photographs = frozen_rows(job, TRAIN_SETS, recipe.views)
    words = load_word_vectors()
    number = WordNumbers(words.vocabulary)
    pair = Pair(maps, words.matrix, recipe)
    pair.image.standardise.standardise_to(torch.from_numpy(photographs.views[0]).float())
    numbers, mask = number(photographs.texts)
    dev = [(rows, *number(rows.texts)) for rows in (frozen_rows(job, [name]) for name in DEV_SETS)]

    def loss(batch: Batch) -> Tensor:
        images = pair.image(batch.rows.float())
        sentences = pair.texts(*(array[batch.captions.ravel()] for array in (numbers, mask)))
        turns = sentences.reshape(*batch.captions.shape, -1)
        each = [pairwise_ranking_in_batch(images @ turn.T, recipe.margin, recipe.temperature) for turn in turns]
        return torch.stack(each).mean()

    @torch.no_grad()
    def recall(rows: CaptionedRows, numbers: NDArray[np.int64], mask: NDArray[np.int64]) -> float:
        images = pair.image(torch.from_numpy(rows.views[0]).float())
        texts = torch.empty(len(numbers), DIMENSION)
        order = np.argsort(mask.sum(axis=1))  # sentences of a length together
        for some in np.array_split(order, len(order) // 256 + 1):
            texts[some] = pair.texts(numbers[some], mask[some])
        return mean_recall(images, texts, rows.image_of_caption)

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
    return TextSpace(pair.image.as_one(), pair.text)
