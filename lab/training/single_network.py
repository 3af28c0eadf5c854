"""Trains ``single-network-standard`` and ``single-network``: one projection of one network's features.

The features of photographs and of text images are computed once. The projection starts where a linear map of
both predicts the mean word vector of the captions best; of six thousand identities alone it would learn slowly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from lab.data.captioned import CaptionedImages
from lab.losses.centre import CentreLoss
from lab.training.dev_recall import mean_recall
from lab.training.features import cached_features
from lab.training.job import Job
from lab.training.loop import Group, Schedule
from lab.training.reporter import Reporter
from lab.training.shipped_encoder import ship_encoder
from lab.training.stage import run_stage
from lab.training.word_colours import pixel_values
from models.backbones.frozen import IMAGENET_LITE
from models.cards import EncoderCard
from models.encoders.single_network import ByRows, load_encoder
from models.encoders.single_network_module import (
    BACKBONE,
    DIMENSION,
    EARLY_BLOCK,
    FEATURES,
    INPUT,
    SingleNetwork,
    new_network,
    packed,
)
from models.inference.compiler import compile_module
from models.inference.runner import Runner
from models.shipped import part_card
from models.text.shipped_vocabulary import WORD_VECTORS
from models.text.text_image import COLUMNS, PITCH, TextImages
from models.text.word_vectors import load_word_vectors

STANDARD = "single-network-standard"
_PLAIN = "one photograph with five text images"
_MORE = (
    "a photograph, its mirror image and crops with ten text images, two of each caption, one of which loses a fifth of "
    "its words (Nawaz et al. crop text images), with noise on the features"
)
_TEXTS_AT_ONCE = 256


@dataclass(frozen=True)
class Recipe:
    """Every choice of a run; with ``recipe_of`` they made the shipped weights.

    Attributes:
        photographs: views of each, see ``training_view``.
        texts: text images of each, its captions in turn.
        word_loss: share of the words that a text image beyond the first of each caption loses, at least one stays.
        batch: photographs, their views and text images apart.
        scale: of the cosines in the softmax over image identities.
        centre_weight: of the centre loss (the mean over the batch's images) beside the softmax.
        centre_rate: see ``CentreLoss``.
        noise: see ``Standardised``.
    """

    photographs: int = 1
    texts: int = 5
    word_loss: float = 0.0
    sets: tuple[str, ...] = ("flickr8k-train",)
    dev: tuple[str, ...] = ("flickr8k-dev",)
    passes: int = 12
    rate: float = 1e-3
    batch: int = 45
    scale: float = 20.0
    centre_weight: float = 0.5
    centre_rate: float = 0.5
    noise: float = 0.0
    average: float = 0.98
    seed: int = 1


def recipe_of(model: str) -> Recipe:
    """Return a configuration of Nawaz et al. 2018: the plain one, or the one with more images of each kind."""
    return Recipe() if model == STANDARD else Recipe(photographs=6, texts=10, word_loss=0.2, noise=0.5)


class IdentityLoss(nn.Module):
    """Softmax over image identities beside the centre loss; both start from the vectors of the photographs.

    The logits are the scaled cosines of a vector with one learned direction for each identity. Of the centre loss alone
    everything in one point would be the minimum.

    Args:
        starts: ``(N, 128)`` unit vectors.
        recipe: weights and scale.
    """

    def __init__(self, starts: Tensor, recipe: Recipe) -> None:
        super().__init__()
        self.directions = nn.Parameter(starts.clone())
        self.centres = CentreLoss(len(starts), starts.shape[1], recipe.centre_rate)
        self.centres.centres.copy_(starts)
        self._recipe = recipe

    def forward(self, vectors: Tensor, identities: Tensor) -> Tensor:
        """Return the loss of ``(B, 128)`` vectors of the identities ``(B,)``, averaged over them."""
        logits: Tensor = self._recipe.scale * vectors @ F.normalize(self.directions, dim=1).T
        centre: Tensor = self.centres(vectors, identities) / len(vectors)
        softmax: Tensor = F.cross_entropy(logits, identities)
        return softmax + self._recipe.centre_weight * centre


@dataclass(frozen=True)
class Shown:
    """Images of a batch: features ``(B, 1920)`` and identities ``(B,)``."""

    features: Tensor
    identities: Tensor


class FeatureReader:
    """Both kinds of image to features of the one network, ``(N, 1920)`` float16.

    Args:
        network: whose features.
        images: draws.
    """

    def __init__(self, network: SingleNetwork, images: TextImages) -> None:
        self._images = images
        page = torch.zeros(2, 3 * PITCH, COLUMNS * PITCH, 3, dtype=torch.uint8)
        self._network = _Features(network).eval()
        self._pages = ByRows(compile_module(self._network, [page], [(0, 1)]), FEATURES)

    def photographs(self, job: Job, data: CaptionedImages, view: int) -> NDArray[np.float16]:
        """Read a view of each photograph."""
        return cached_features(
            data.files,
            INPUT,
            lambda pixels: self._photographs(pixels),
            identity=f"{BACKBONE} before block {EARLY_BLOCK} and last, {part_card(IMAGENET_LITE).weights_sha256}",
            cache=job.features,
            view=view,
            on_progress=lambda done, total: job.reporter.features(f"{data.name}, view {view}", done, total),
        )

    def sentences(self, numbers: Sequence[Sequence[int]], reporter: Reporter, what: str) -> NDArray[np.float16]:
        """Draw sentences of word numbers and read the images."""
        features = np.empty((len(numbers), FEATURES), np.float16)
        for start in range(0, len(numbers), _TEXTS_AT_ONCE):
            end = min(start + _TEXTS_AT_ONCE, len(numbers))
            features[start:end] = self._pages(*self._images.draw(numbers[start:end]))
            reporter.features(what, end, len(numbers))
        return features

    @cached_property
    def _photographs(self) -> Runner:
        """Compiled once, and not at all where the features are there."""
        example = torch.zeros(2, INPUT.size, INPUT.size, 3, dtype=torch.uint8)
        return compile_module(self._network, [example], [(0,)])


class _Features(nn.Module):
    """Pixels to features."""

    def __init__(self, network: SingleNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        return self.network.features(*self.network.maps(pixels))


class Training:
    """One run.

    Args:
        job: the training job.
        recipe: the choices.
    """

    def __init__(self, job: Job, recipe: Recipe) -> None:
        torch.manual_seed(recipe.seed)
        self._job, self._recipe = job, recipe
        self._words = load_word_vectors()
        self.colours = pixel_values(self._words.matrix)
        self.network = new_network()
        self.network.project.standardise.noise = recipe.noise
        images = TextImages(self._words.vocabulary, self.colours)
        reader = FeatureReader(self.network, images)
        parts, dev = job.load(*recipe.sets), job.load(*recipe.dev)
        self._captions = [[images.numbers(text) for text in one] for part in parts for one in part.captions]
        self._photographs = np.stack(
            [
                np.concatenate([reader.photographs(job, part, view) for part in parts])
                for view in range(recipe.photographs)
            ]
        )
        self._texts = np.stack(
            [
                reader.sentences(self._turn(turn), job.reporter, f"text images, {turn + 1}")
                for turn in range(recipe.texts)
            ]
        )
        self._dev_photographs = np.concatenate([reader.photographs(job, part, 0) for part in dev])
        numbers = [[images.numbers(text) for text in one] for part in dev for one in part.captions]
        self._dev_texts = reader.sentences(
            [sentence for own in numbers for sentence in own], job.reporter, "text images of dev"
        )
        self._dev_owners = [image for image, own in enumerate(numbers) for _ in own]

    def run(self) -> SingleNetwork:
        """Train and return the network of the best pass on dev."""
        recipe, project = self._recipe, self.network.project
        self._start()
        loss = IdentityLoss(self._embed(self._photographs[0]), recipe)
        whole = nn.ModuleDict({"project": project, "loss": loss})
        run_stage(
            self._job,
            "projection",
            recipe,
            whole,
            lambda shown: loss(project(shown.features), shown.identities),
            [Group(list(whole.parameters()), recipe.rate)],
            self._batches,
            len(self._captions) // recipe.batch,
            Schedule(recipe.passes, 100, weight_decay=0.0, average=recipe.average),
            self._recall,
        )
        return self.network.eval()

    def _batches(self, seed: int) -> Iterator[Shown]:
        random, size = np.random.default_rng(seed), self._recipe.batch
        order = random.permutation(len(self._captions))
        for start in range(0, len(order) - size + 1, size):
            some = order[start : start + size]
            both = np.concatenate([self._photographs[:, some], self._texts[:, some]])
            yield Shown(torch.from_numpy(both).float().flatten(0, 1), torch.from_numpy(np.tile(some, len(both))))

    def _turn(self, turn: int) -> list[list[int]]:
        """Return of each photograph the caption of that turn, with fewer words when the captions come round again."""
        random = np.random.default_rng((self._recipe.seed, turn))
        chosen = []
        for captions in self._captions:
            again, which = divmod(turn, len(captions))
            chosen.append(lossy(captions[which], self._recipe.word_loss if again else 0.0, random))
        return chosen

    @torch.no_grad()
    def _start(self) -> None:
        """Let the projection predict the words of the captions, from photographs and text images alike.

        From features with the recipe's noise, as in training.
        """
        words = mean_words([caption for own in self._captions for caption in own], self._words.matrix)
        counts = torch.tensor([len(own) for own in self._captions])
        owners = torch.arange(len(counts)).repeat_interleave(counts)
        of_photographs = torch.zeros(len(counts), words.shape[1]).index_add_(0, owners, words) / counts[:, None]
        first = counts.cumsum(0) - counts  # a caption of each photograph
        features = torch.from_numpy(np.concatenate([self._photographs[0], self._texts[0]])).float()
        project = self.network.project
        project.standardise.standardise_to(features)
        standardised = project.standardise.standardised(features)
        found = predicting_map(standardised, torch.cat([of_photographs, words[first]]), DIMENSION)
        project.map.weight.copy_(found / (standardised @ found.T).std())  # else the optimiser's first steps undo it

    @torch.no_grad()
    def _embed(self, features: NDArray[np.float16]) -> Tensor:
        self.network.eval()
        return self.network.project(torch.from_numpy(features).float())  # type: ignore[no-any-return]

    def _recall(self) -> float:
        return mean_recall(self._embed(self._dev_photographs), self._embed(self._dev_texts), self._dev_owners)


def lossy(numbers: list[int], share: float, random: np.random.Generator) -> list[int]:
    """Lose a share of the words, at least one stays."""
    if not share or len(numbers) < 2:
        return numbers
    kept = random.random(len(numbers)) >= share
    kept[random.integers(len(numbers))] = True
    return [number for number, keep in zip(numbers, kept, strict=True) if keep]


def mean_words(captions: Sequence[Sequence[int]], vectors: Tensor) -> Tensor:
    """Return each caption's mean of word vectors ``(V, D)``, a word w weighted by ``a / (a + p(w))``.

    Arora et al., "A Simple but Tough-to-Beat Baseline for Sentence Embeddings", ICLR 2017, with a = 0.001: frequent
    words say little.
    """
    counts = np.bincount([number for caption in captions for number in caption], minlength=len(vectors))
    weights = torch.from_numpy(1e-3 / (1e-3 + counts / max(1, counts.sum()))).float()[:, None]
    weighted = weights * vectors
    means = [
        weighted[list(caption)].mean(dim=0) if len(caption) else vectors.new_zeros(vectors.shape[1])
        for caption in captions
    ]
    return torch.stack(means)


def predicting_map(features: Tensor, targets: Tensor, rank: int, ridge: float = 0.1) -> Tensor:
    """Return the map ``(rank, F)`` through which standardised features predict targets best (reduced-rank regression).

    The ridge regression of ``(N, T)`` targets on ``(N, F)`` features, followed by the principal directions of what it
    predicts (Izenman 1975). Where T is less than the rank the rest of the map is zero.

    Args:
        features: of mean 0 and standard deviation 1.
        targets: of any mean.
        rank: number of directions.
        ridge: added to the diagonal, as a share of N.
    """
    count, width = features.shape
    gram = features.T @ features + ridge * count * torch.eye(width)
    weights = torch.linalg.solve(gram, features.T @ (targets - targets.mean(dim=0)))
    directions = torch.linalg.svd(features @ weights, full_matrices=False).Vh[:rank]
    found = (weights @ directions.T).T
    return F.pad(found, (0, 0, 0, rank - len(found)))


def ship(job: Job, recipe: Recipe | None = None) -> EncoderCard:
    """Train, write the folder and measure what was written on both dev splits."""
    recipe = recipe or job.recipe(recipe_of(job.model))
    training = Training(job, recipe)
    network = training.run()
    card = {
        **job.card(recipe),
        "description": f"One network for photographs and for sentences drawn as images, after Nawaz et al. 2018: "
        f"{_PLAIN if recipe.photographs == 1 else _MORE}. Where theirs is InceptionResNet-V1 at 256 pixels, this is "
        f"EfficientNet-Lite0 at 224, frozen, of which an early map (before block {EARLY_BLOCK}) and the last one are "
        "projected: only the projection is trained. So two networks share what lies below the early map alone, and the "
        "order of a sentence's words counts for little. It starts from a regression of captions' word vectors on the "
        "features of both kinds of image. Text images hold the 75 principal components of each word's vector in 5 x 5 "
        "superpixels of 6 pixels, 4 words in a row (128 pixels), and are as high as they must be. Added to the centre "
        "loss: a softmax over image identities, and unit length. A batch has 45 photographs with all their images. "
        "Trained on Flickr8k (theirs: Flickr30k and COCO).",
        "architecture": "single_network",
        "dimension": DIMENSION,
        "preprocessing": asdict(INPUT),
        "parts": {name: part_card(name).weights_sha256 for name in (IMAGENET_LITE, WORD_VECTORS)},
    }  # fmt: skip
    return ship_encoder(job, packed(network, training.colours), card, load_encoder)
