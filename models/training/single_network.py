"""Trains ``single-network-standard`` and ``single-network``: the last blocks of one network, on two kinds of image.

The maps that frozen blocks make of a photograph, and of its mirror image, are computed once and kept; those of text
images on the way, for captions lose some of their words anew each time in ``single-network``.

Training begins with what both kinds of image are to say: the mean of their caption's word vectors. The projection
starts where a linear map of ImageNet's features predicts it best, and the network learns to predict it better, before
it learns to tell identities apart; of six thousand identities alone it would learn to read words too slowly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from models.backbones.efficientnet_lite import CHANNELS
from models.backbones.frozen import IMAGENET_LITE
from models.data.captioned import CaptionedImages
from models.dual.single_network import (
    BACKBONE,
    DIMENSION,
    INPUT,
    TUNED_FROM,
    SingleNetwork,
    load_encoder,
    new_network,
    packed,
)
from models.losses.centre import CentreLoss
from models.registry import part_card
from models.runtime.base import Runner, compile_module
from models.text.text_image import BLANK, COLUMNS, PITCH, TextImages, pixel_values
from models.text.word_vectors import WORD_VECTORS, WordVectors, load_word_vectors
from models.training.captioned_batches import Batch, CaptionedRows
from models.training.dev_recall import mean_recall
from models.training.features import cached_features
from models.training.job import Job
from models.training.loop import Group, Schedule
from models.training.precision import mixed_precision
from models.training.shipped_encoder import ship_encoder
from models.training.stage import run_stage
from models.types import ModelCard

STANDARD = "single-network-standard"
_SHOWN = {
    1: "one photograph with five text images",
    2: "a photograph and its mirror image with ten text images, two of each caption, which lose a fifth of their words "
    "(the document crops text images)",
}
_MAP = 112, 14
"""Channels and side of a photograph's map that goes into the tuned blocks."""
_MULTIPLE = 16
"""In training, text images go through the network in batches of so many or a multiple, the last ones blank: for every
other number the processor's kernels would be made anew."""
_PADDED_FROM = 5
"""In training, text images of so many rows and more are padded to one height: few they are, and a pass costs most by
its number of batches."""


@dataclass(frozen=True)
class Recipe:
    """Every choice of a run; with ``config_of`` they made the shipped weights.

    Attributes:
        photographs: views of each in a batch, 2 with its mirror image.
        texts: text images of each.
        word_loss: share of the words that a text image loses, at least one stays.
        batch: photographs, their views and text images apart.
        scale: of the cosines in the softmax over image identities.
        centre_weight: of the centre loss (the mean over the batch's images) beside the softmax.
        centre_rate: see ``CentreLoss``.
        word_texts: text images of each photograph in the passes that predict words.
    """

    photographs: int = 1
    texts: int = 5
    word_loss: float = 0.0
    sets: tuple[str, ...] = ("flickr8k-train",)
    dev: tuple[str, ...] = ("flickr8k-dev",)
    word_passes: int = 3
    word_texts: int = 2
    passes: int = 1
    rate: float = 1e-3
    batch: int = 45
    scale: float = 20.0
    centre_weight: float = 0.5
    centre_rate: float = 0.5
    average: float = 0.98
    seed: int = 1


def recipe_of(model: str) -> Recipe:
    """Return the document's configuration: the plain one, or the second one with twice as many images of each kind."""
    return Recipe() if model == STANDARD else Recipe(photographs=2, texts=10, word_loss=0.2)


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


class TextMaps:
    """Text images of captions, as the maps that go into the tuned blocks.

    Args:
        network: whose frozen blocks make them.
        images: draws.
    """

    def __init__(self, network: SingleNetwork, images: TextImages) -> None:
        self._images = images
        page = torch.zeros(2, 3 * PITCH, COLUMNS * PITCH, 3, dtype=torch.uint8)
        self._lower: Runner = compile_module(_Lower(network), [page], [(0, 1)])

    def groups(self, sentences: Sequence[Sequence[int]]) -> Iterator[tuple[NDArray[np.int64], Tensor]]:
        """Yield some rows of ``sentences`` (word numbers), those of a height at once, and their maps.

        The maps ``(G, 112, h, w)`` are more than the rows: those behind them are of blank images.
        """
        images, rows = self._images.draw(sentences)
        for height in np.unique(np.minimum(rows, _PADDED_FROM)):
            chosen = np.flatnonzero(np.minimum(rows, _PADDED_FROM) == height)
            pages = images[chosen, : PITCH * rows[chosen].max()]
            blank = np.full((-len(pages) % _MULTIPLE, *pages.shape[1:]), BLANK, np.uint8)
            yield chosen, torch.from_numpy(self._lower(np.concatenate([pages, blank])))


class Training:
    """One run.

    Args:
        job: the order.
        recipe: the choices.
    """

    def __init__(self, job: Job, recipe: Recipe) -> None:
        torch.manual_seed(recipe.seed)
        self._job, self._recipe = job, recipe
        self._words: WordVectors = load_word_vectors()
        self.colours = pixel_values(self._words.matrix)
        self.network = new_network()
        self._images = TextImages(self._words.vocabulary, self.colours)
        self._maps = TextMaps(self.network, self._images)
        parts, dev = job.load(*recipe.sets), job.load(*recipe.dev)
        views = [self._photograph_maps(parts, view) for view in range(recipe.photographs)]
        self._photographs = CaptionedRows(views, parts)
        self._dev = CaptionedRows([self._photograph_maps(dev, 0)], dev)
        self._captions = [self._images.numbers(text) for text in self._photographs.texts]

    def run(self) -> SingleNetwork:
        """Train and return the network of the best pass on dev."""
        recipe, network = self._recipe, self.network
        network.backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        network.backbone.requires_grad_(False)
        tuned = network.tuned().requires_grad_(True)
        of_captions, of_photographs = self._start()

        def distance_to_words(batch: Batch) -> Tensor:
            vectors, images, captions = self._shown(batch)
            targets = torch.cat([of_photographs[images[: len(images) - len(captions)]], of_captions[captions]])
            return 1 - (vectors * targets).sum(dim=1).mean()

        self._train("words", tuned, distance_to_words, recipe.word_passes, recipe.word_texts)
        loss = IdentityLoss(self._photograph_vectors(), recipe)

        def identity_loss(batch: Batch) -> Tensor:
            vectors, images, _ = self._shown(batch)
            return loss(vectors, images)  # type: ignore[no-any-return]

        whole = nn.ModuleDict({"network": tuned, "loss": loss})
        self._train("identities", whole, identity_loss, recipe.passes, recipe.texts)
        return network.eval()

    def _train(self, name: str, module: nn.Module, loss: Callable[[Batch], Tensor], passes: int, texts: int) -> None:
        recipe, photographs = self._recipe, self._photographs
        run_stage(
            self._job,
            name,
            recipe,
            module,
            loss,
            [Group(list(module.parameters()), recipe.rate)],
            lambda seed: photographs.batches(recipe.batch, texts, seed),
            photographs.steps(recipe.batch),
            Schedule(passes, 20, weight_decay=0.0, average=recipe.average),
            self._recall,
        )

    def _shown(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Embed a batch's photographs, then its text images.

        Returns:
            Vectors ``(B + C, 128)``, the image of each ``(B + C,)``, and the captions of the text images, ``(C,)``.
        """
        random = np.random.default_rng(batch.seed)
        shown = [batch.rows] if self._recipe.photographs == 1 else self._views(batch.images)
        vectors = [self._embed(torch.cat([_as_maps(rows) for rows in shown]))]
        images, captions = [np.tile(batch.images, len(shown))], []
        numbers, owners = batch.captions.ravel(), np.tile(batch.images, len(batch.captions))
        sentences = [self._lossy(self._captions[caption], random) for caption in numbers]
        for chosen, maps in self._maps.groups(sentences):
            vectors.append(self._embed(maps)[: len(chosen)])
            images.append(owners[chosen])
            captions.append(numbers[chosen])
        return torch.cat(vectors), torch.from_numpy(np.concatenate(images)), torch.from_numpy(np.concatenate(captions))

    def _embed(self, maps: Tensor) -> Tensor:
        """Embed maps that go into the tuned blocks."""
        with mixed_precision():
            last = self.network.feature_map(maps.contiguous(memory_format=torch.channels_last))
        return self.network.embed(last.float())

    def _views(self, images: NDArray[np.int64]) -> list[Tensor]:
        return [torch.from_numpy(view[images]) for view in self._photographs.views]

    def _lossy(self, numbers: list[int], random: np.random.Generator) -> list[int]:
        """Lose some of the words."""
        if not self._recipe.word_loss or len(numbers) < 2:
            return numbers
        kept = random.random(len(numbers)) >= self._recipe.word_loss
        kept[random.integers(len(numbers))] = True
        return [number for number, keep in zip(numbers, kept, strict=True) if keep]

    @torch.no_grad()
    def _start(self) -> tuple[Tensor, Tensor]:
        """Let the projection predict the words of the captions, from photographs and text images alike.

        Returns:
            What a text image of each caption, ``(C, 128)``, and each photograph, ``(N, 128)``, is to be embedded as.
        """
        self.network.eval()
        words = mean_words(self._captions, self._words.matrix)
        owners = torch.tensor(self._photographs.image_of_caption)
        of_photographs = _means(words, owners)
        first = np.unique(owners.numpy(), return_index=True)[1]  # a caption of each photograph
        sentences = [self._captions[caption] for caption in first]
        photographs = [self._pooled(_as_maps(torch.from_numpy(rows))) for rows in _chunks(self._photographs.views[0])]
        texts = torch.empty(len(sentences), CHANNELS)
        for start in range(0, len(sentences), 256):
            for chosen, maps in self._maps.groups(sentences[start : start + 256]):
                texts[start + torch.from_numpy(chosen)] = self._pooled(maps)[: len(chosen)]
        features = torch.cat([*photographs, texts])
        project = self.network.project
        project.standardise.standardise_to(features)
        targets = torch.cat([of_photographs, words[first]])
        found, directions = predicting_map(project.standardise(features), targets, DIMENSION)
        project.map.weight.copy_(found)
        of_captions = (words - words.mean(dim=0)) @ directions.T
        return F.normalize(of_captions, dim=1), F.normalize(_means(of_captions, owners), dim=1)

    @torch.no_grad()
    def _photograph_vectors(self) -> Tensor:
        self.network.eval()
        rows = _chunks(self._photographs.views[0])
        return torch.cat([self._embed(_as_maps(torch.from_numpy(some))) for some in rows])

    def _pooled(self, maps: Tensor) -> Tensor:
        with mixed_precision():
            last = self.network.feature_map(maps)
        return last.float().mean(dim=(2, 3))

    @torch.no_grad()
    def _recall(self) -> float:
        images = torch.cat([self._embed(_as_maps(torch.from_numpy(rows))) for rows in _chunks(self._dev.views[0])])
        vectors = torch.empty(len(self._dev.texts), DIMENSION)
        numbers = [self._images.numbers(text) for text in self._dev.texts]
        for start in range(0, len(numbers), 256):
            for chosen, maps in self._maps.groups(numbers[start : start + 256]):
                vectors[start + torch.from_numpy(chosen)] = self._embed(maps)[: len(chosen)]
        return mean_recall(images, vectors, self._dev.image_of_caption)

    def _photograph_maps(self, parts: Sequence[CaptionedImages], view: int) -> NDArray[np.float16]:
        """Return the maps that go into the tuned blocks, flat, ``(N, 112 * 14 * 14)``."""
        return np.concatenate([self._cached(part, view) for part in parts])

    def _cached(self, data: CaptionedImages, view: int) -> NDArray[np.float16]:
        return cached_features(
            data.files,
            INPUT,
            lambda pixels: self._lower(pixels).reshape(len(pixels), -1),
            identity=f"{BACKBONE} below block {TUNED_FROM}, {part_card(IMAGENET_LITE).weights_sha256}",
            cache=self._job.features,
            view=view,
            on_progress=lambda done, total: self._job.reporter.features(f"{data.name}, view {view}", done, total),
        )

    @cached_property
    def _lower(self) -> Runner:
        """Compiled once, and not at all where the maps are there."""
        return compile_module(
            _Lower(self.network), [torch.zeros(2, INPUT.size, INPUT.size, 3, dtype=torch.uint8)], [(0,)]
        )


class _Lower(nn.Module):
    """Pixels to the map that goes into the tuned blocks."""

    def __init__(self, network: SingleNetwork) -> None:
        super().__init__()
        self.network = network.eval()

    def forward(self, pixels: Tensor) -> Tensor:
        return self.network.lower(pixels)


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


def predicting_map(features: Tensor, targets: Tensor, rank: int, ridge: float = 0.1) -> tuple[Tensor, Tensor]:
    """Return the map ``(rank, F)`` through which standardised features predict targets best (reduced-rank regression).

    And the directions ``(rank, T)`` of the targets that it predicts.

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
    missing = rank - len(found)
    return F.pad(found, (0, 0, 0, missing)), F.pad(directions, (0, 0, 0, missing))


def _means(vectors: Tensor, owners: Tensor) -> Tensor:
    """Return the mean of each owner's vectors."""
    sums = vectors.new_zeros(int(owners.max()) + 1, vectors.shape[1]).index_add_(0, owners, vectors)
    return sums / torch.bincount(owners)[:, None]


def _as_maps(rows: Tensor) -> Tensor:
    """Bring flat rows to ``(B, 112, 14, 14)``."""
    channels, side = _MAP
    return rows.float().reshape(-1, channels, side, side).contiguous(memory_format=torch.channels_last)


def _chunks(rows: NDArray[np.float16]) -> list[NDArray[np.float16]]:
    return np.array_split(rows, len(rows) // 64 + 1)


def ship(job: Job, recipe: Recipe | None = None) -> ModelCard:
    """Train, write the folder and measure what was written on both dev splits."""
    recipe = recipe or recipe_of(job.model)
    training = Training(job, recipe)
    network = training.run()
    card = {
        **job.card(recipe),
        "description": f"One network for photographs and for sentences drawn as images, after Nawaz et al. 2018: "
        f"{_SHOWN[recipe.photographs]}. Where theirs is InceptionResNet-V1 at 256 pixels, this is EfficientNet-Lite0 "
        f"at 224, tuned from block {TUNED_FROM} on, the blocks below as ImageNet taught them; first it learns to "
        "predict the mean of the captions' word vectors, from both kinds of image, then the document's loss. Text "
        "images hold the 75 principal components of each word's vector in 5 x 5 superpixels of 6 pixels, 4 words in a "
        "row (128 pixels), and are as high as they must be. Added to the centre loss: a softmax over image identities, "
        "and unit length. A batch has 45 photographs with all their images. Trained on Flickr8k (theirs: Flickr30k and "
        "COCO).",
        "architecture": "single_network",
        "dimension": DIMENSION,
        "preprocessing": asdict(INPUT),
        "parts": {name: part_card(name).weights_sha256 for name in (IMAGENET_LITE, WORD_VECTORS)},
    }  # fmt: skip
    return ship_encoder(job, packed(network, training.colours), card, load_encoder)
