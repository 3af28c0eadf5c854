"""Trains ``single-network-standard`` and ``single-network``: the projection of one frozen network, and words' colours.

Tuning the convolutions, too, is out of reach of two processor cores: their photographs would have to pass them at every
step. As they stay, the features of photographs are computed once, and each step costs the text images' alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from lab.data.captioned import DEV_SETS, TRAIN_SETS, CaptionedImages
from lab.losses.identity import IdentityLoss
from lab.training.dev_recall import mean_recall
from lab.training.frozen import frozen_vectors
from lab.training.identity_batches import IdentityBatch, IdentityBatches, padded
from lab.training.job import Job
from lab.training.loop import Group, Schedule
from lab.training.shipped_encoder import ship_encoder
from lab.training.stage import run_stage
from lab.training.text_pages import NO_WORD, text_pages
from lab.training.word_colours import WordColours
from models.backbones.efficientnet_lite import CHANNELS, ConvNorm
from models.backbones.frozen import IMAGENET_LITE
from models.cards import EncoderCard
from models.encoders.single_network import load_encoder
from models.encoders.single_network_module import DIMENSION, INPUT, SingleNetwork, new_network, packed
from models.shipped import part_card
from models.text.shipped_vocabulary import WORD_VECTORS
from models.text.text_image import COLUMNS, MAX_ROWS, PITCH, SUPERPIXEL, SUPERPIXELS, VALUES, TextImages, rows_of
from models.text.word_vectors import load_word_vectors

STANDARD = "single-network-standard"
_PLAIN = "one photograph with a text image of one of its five captions at a time"
_MORE = (
    "two views of a photograph, each with a text image of one of its captions at a time, which loses a tenth of its "
    "words (Nawaz et al. crop text images), with noise on the features"
)
_AT_ONCE = 128
"""Text images, where no gradient is needed."""
_PAGES = 8
"""Of a group of text images there are a multiple of so many: every new shape makes a processor prepare anew."""


@dataclass(frozen=True)
class Recipe:
    """Every choice of a run; with ``recipe_of`` they made the shipped weights.

    Attributes:
        views: of each photograph, see ``training_view``.
        word_loss: share of its words that a text image loses; one at least stays.
        batch: photographs, and text images.
        others: further photographs whose identities a text image must be told from.
        rate: of the map from words' vectors to colours.
        shift_rate: of each word's own shift of its colours.
        project_rate: of the projection.
        scale: see ``IdentityLoss``, as the next two.
        noise: see ``Standardised``.
    """

    views: int = 1
    word_loss: float = 0.0
    sets: tuple[str, ...] = ("flickr8k-train",)
    dev: tuple[str, ...] = ("flickr8k-dev",)
    passes: int = 25
    batch: int = 96
    others: int = 1500
    rate: float = 3e-3
    shift_rate: float = 1.5e-2
    project_rate: float = 2e-3
    scale: float = 20.0
    centre_weight: float = 0.5
    centre_rate: float = 0.5
    noise: float = 0.0
    warmup_steps: int = 10
    average: float = 0.98
    seed: int = 1


def recipe_of(model: str) -> Recipe:
    """Return a configuration of Nawaz et al. 2018: the plain one, or the one with more images of each kind."""
    if model == STANDARD:
        return Recipe()
    return Recipe(views=2, word_loss=0.1, noise=0.3, sets=TRAIN_SETS, dev=DEV_SETS, passes=24)


class Training:
    """One run.

    Args:
        job: the training job.
        recipe: the choices.
    """

    def __init__(self, job: Job, recipe: Recipe) -> None:
        torch.manual_seed(recipe.seed)
        self._job, self._recipe = job, recipe
        words = load_word_vectors()
        self._numbers = TextImages(words.vocabulary, np.empty((0, VALUES), np.uint8)).numbers
        self.colours = WordColours(words.matrix)
        self.network = without_batch_norm(new_network())
        self.network.project.standardise.noise = recipe.noise
        parts, dev = job.load(*recipe.sets), job.load(*recipe.dev)
        self._captions = [[self._numbers(text) for text in own] for part in parts for own in part.captions]
        self._photographs = torch.stack([self._read(parts, view) for view in range(recipe.views)])
        self._dev_photographs = self._read(dev, 0).float()
        self._dev_sentences = [self._numbers(own[0]) for part in dev for own in part.captions]
        self.network.project.standardise.standardise_to(self._photographs[0].float())

    def run(self) -> None:
        """Train colours and projection in place; what is kept is the best pass on dev."""
        recipe, project = self._recipe, self.network.project
        with torch.no_grad():
            starts = project.eval()(self._photographs[0].float())
        loss = IdentityLoss(starts, recipe.scale, recipe.centre_weight, recipe.centre_rate)
        batches = IdentityBatches(self._captions, recipe.batch, recipe.others, recipe.views, recipe.word_loss)
        run_stage(
            self._job,
            "colours",
            recipe,
            nn.ModuleDict({"colours": self.colours, "project": project, "loss": loss}),
            lambda batch: self._loss(loss, batch),
            [
                Group([self.colours.map], recipe.rate),
                Group([self.colours.shifts], recipe.shift_rate),
                Group(list(project.parameters()), recipe.project_rate),
            ],
            batches,
            len(batches),
            Schedule(recipe.passes, recipe.warmup_steps, weight_decay=0.0, average=recipe.average),
            self._recall,
        )

    def _loss(self, loss: IdentityLoss, batch: IdentityBatch) -> Tensor:
        project, photographs = self.network.project, self._photographs[batch.view]
        own, others = (project(photographs[rows].float()) for rows in (batch.photographs, batch.others))
        texts = project(self._text_features(batch.sentences))
        identities, further = torch.from_numpy(batch.photographs), torch.from_numpy(batch.others)
        value: Tensor = loss(own, texts, identities, others, further)
        return value

    def _text_features(self, numbers: NDArray[np.int64]) -> Tensor:
        """Draw sentences, each with as many rows as it needs, and return what the network sees, ``(N, 1280)``."""
        values, need = self.colours(), np.array([rows_of(words) for words in (numbers != NO_WORD).sum(axis=1)])
        groups = [(rows, np.flatnonzero(need == rows)) for rows in np.unique(need)]
        features = torch.cat([self._seen(numbers[places, : COLUMNS * rows], values) for rows, places in groups])
        return features[torch.from_numpy(np.argsort(np.concatenate([places for _, places in groups])))]

    def _seen(self, numbers: NDArray[np.int64], values: Tensor) -> Tensor:
        more = F.pad(torch.from_numpy(numbers), (0, 0, 0, -len(numbers) % _PAGES), value=NO_WORD)
        return self.network.features(text_pages(more, values))[: len(numbers)]

    @torch.no_grad()
    def _recall(self) -> float:
        """Return the mean recall of dev's photographs and of the first caption of each."""
        numbers = np.array_split(padded(self._dev_sentences, MAX_ROWS), len(self._dev_sentences) // _AT_ONCE + 1)
        texts = torch.cat([self.network.project(self._text_features(some)) for some in numbers])
        return mean_recall(self.network.project(self._dev_photographs), texts, range(len(texts)))

    def _read(self, parts: Sequence[CaptionedImages], view: int) -> Tensor:
        """Return the last map's mean of a view of each photograph: of the frozen pair's that of its smaller network."""
        vectors = [frozen_vectors(self._job, part, view)[:, :CHANNELS] for part in parts]
        return torch.from_numpy(np.concatenate(vectors))


def without_batch_norm(network: SingleNetwork) -> SingleNetwork:
    """Let the convolutions do what batch norm does behind them in evaluation: a step less forwards and backwards."""
    for layer in network.backbone.modules():
        if isinstance(layer, ConvNorm):
            layer[0], layer[1] = fuse_conv_bn_eval(layer[0], layer[1]), nn.Identity()  # type: ignore[type-var, arg-type]
    return network


def ship(job: Job, recipe: Recipe | None = None) -> EncoderCard:
    """Train, write the folder and measure what was written on both dev splits."""
    recipe = recipe or job.recipe(recipe_of(job.model))
    training = Training(job, recipe)
    training.run()
    card = {
        **job.card(recipe),
        "description": f"One network for photographs and for sentences drawn as images, after Nawaz et al. 2018: "
        f"{_PLAIN if recipe.views == 1 else _MORE}. Both kinds of image go through the same weights from the pixels to "
        "the vector, a projection of the mean over the last map. Where theirs is InceptionResNet-V1 at 256 pixels, "
        "tuned as a whole, this is EfficientNet-Lite0 at 224 (text images at their own size) with ImageNet's weights: "
        "of a network only the projection is trained. Trained besides are the colours of the words, where the "
        "document has a fixed encoding: a linear map of the words' vectors, which starts as their principal "
        f"components, and a shift of each word. A word is {SUPERPIXELS} x {SUPERPIXELS} superpixels of {SUPERPIXEL} "
        f"pixels in a frame whose brightness tells its place, {COLUMNS} words in a row of {COLUMNS * PITCH} pixels, "
        "and an image is as high as its words need. Added to the centre loss: unit length, and softmaxes over "
        "identities between the two kinds of image. Trained on "
        f"{' and '.join(recipe.sets)} (theirs: Flickr30k and COCO).",
        "architecture": "single_network",
        "dimension": DIMENSION,
        "preprocessing": asdict(INPUT),
        "parts": {name: part_card(name).weights_sha256 for name in (IMAGENET_LITE, WORD_VECTORS)},
    }  # fmt: skip
    return ship_encoder(job, packed(training.network, training.colours.pixel_values()), card, load_encoder)
