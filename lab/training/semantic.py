"""Trains ``semantic-v``, ``semantic-vt`` and ``wsabie``: the projection of regions and of tf-idf, over cached regions.

A. Gordo, D. Larlus, CVPR 2017. The members differ by their losses alone. Where the paper tunes a whole ResNet-101,
the convolutions are frozen here and all else is trained: the projection in R-MAC and W.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lab.data.captioned import DEV_SETS, TRAIN_SETS, CaptionedImages
from lab.evaluation.relevance import TfidfRelevance
from lab.evaluation.semantic import inner_products, measure
from lab.losses.triplet import triplet_loss
from lab.training.hard_triplets import Sides, Triplets, draw_pool, mine, nearest
from lab.training.job import Job
from lab.training.loop import Group, Schedule
from lab.training.precision import mixed_precision
from lab.training.regions import cached_regions
from lab.training.shipped_encoder import ship_encoder
from lab.training.stage import run_stage
from models.backbones.frozen import IMAGENET_LITE
from models.backbones.lite_maps import LiteMaps
from models.cards import EncoderCard
from models.encoders.semantic import load_encoder
from models.encoders.semantic_module import BACKBONES, DIMENSION, INPUT, Semantic
from models.shipped import part_card
from models.text.stem_bags import STEM_BAGS, load_stem_bags

BY_IMAGE, TEXTS_OF_IMAGE, IMAGES_OF_TEXT = ("image", "image"), ("image", "text"), ("text", "image")
"""Equations (1), (2) and (3) of the paper."""

LOSSES: dict[str, tuple[Sides, ...]] = {
    "semantic-v": (BY_IMAGE,),
    "semantic-vt": (BY_IMAGE, TEXTS_OF_IMAGE, IMAGES_OF_TEXT),
    "wsabie": (TEXTS_OF_IMAGE,),
}

_BLOCK = 256
_WHITENING_SAMPLE = 4_000


@dataclass(frozen=True)
class Recipe:
    """Every choice of a run; those of ``recipe_of`` made the shipped weights."""

    backbones: tuple[str, ...] = BACKBONES
    neighbours: int = 32
    queries: int = 500
    relevant: int = 9
    hardest: int = 100
    updates: int = 64
    batch: int = 64
    minings_a_pass: int = 4
    passes: int = 6
    margin: float = 0.2
    rate: float = 3e-3
    text_rate: float = 3e-3
    noise: float = 0.0
    average: float = 0.98
    ridge: float = 1.0
    seed: int = 1


def recipe_of(model: str) -> Recipe:
    """Return the member's choices: the margin is chosen on dev, each loss's own."""
    return Recipe(margin=0.3) if model == "semantic-vt" else Recipe()


def ship(job: Job, recipe: Recipe | None = None) -> EncoderCard:
    """Train the member of the job's name and write its folder."""
    recipe = recipe or job.recipe(recipe_of(job.model))
    run = Training(job, recipe, LOSSES[job.model])
    untrained = run.areas()
    trained = run.train()
    card: dict[str, Any] = {
        **job.card(recipe),
        "description": _DESCRIPTIONS[job.model] + _COMMON,
        "architecture": "semantic",
        "options": {"backbones": list(recipe.backbones)},
        "parts": {name: part_card(name).weights_sha256 for name in (IMAGENET_LITE, STEM_BAGS)},
        "dimension": DIMENSION,
        "preprocessing": asdict(INPUT),
    }
    card["training"]["ndcg_area_on_dev"] = {"untrained": untrained, "trained": run.areas()}
    return ship_encoder(job, trained.state_dict(), card, load_encoder)


class Training:
    """One run; a killed one goes on from the job's folder.

    Args:
        job: the training job.
        recipe: the choices.
        losses: what is summed.
    """

    def __init__(self, job: Job, recipe: Recipe, losses: Sequence[Sides]) -> None:
        torch.manual_seed(recipe.seed)
        self._job, self._recipe, self._losses = job, recipe, losses
        parts = job.load(*TRAIN_SETS)
        self._regions = torch.cat([self._read(data) for data in parts])
        bags = load_stem_bags()
        self._bags = torch.from_numpy(bags([captions for data in parts for captions in data.captions]))
        self._neighbours = nearest(self._bags.numpy(), recipe.neighbours)
        channels = LiteMaps(recipe.backbones).channels
        self.model = Semantic(channels, len(recipe.backbones), len(bags), recipe.noise)
        sample = torch.from_numpy(np.random.default_rng(recipe.seed).permutation(len(self._regions)))
        self.model.image.whiten(self._regions[sample[:_WHITENING_SAMPLE]].flatten(0, 1))
        self._fit_text()
        self._dev = {data.name: (self._read(data), TfidfRelevance(data.captions)) for data in job.load(*DEV_SETS)}

    def train(self) -> Semantic:
        """Train; return the model of the best pass on dev."""
        recipe, model = self._recipe, self.model
        groups = [Group(list(model.image.parameters()), recipe.rate)]
        reads_text = any("text" in sides for sides in self._losses)
        if reads_text:
            groups.append(Group(list(model.text.parameters()), recipe.text_rate))
        run_stage(
            self._job,
            "projection",
            recipe,
            model,
            self._loss,
            groups,
            self._batches,
            recipe.minings_a_pass * recipe.updates,
            Schedule(recipe.passes, weight_decay=0.0, average=recipe.average),  # without decay AdamW is Adam
            self.score,
        )
        if not reads_text:
            self._fit_text()
        return model

    def areas(self) -> dict[str, float]:
        """Return the area under NDCG for queries by image, of each dev split."""
        areas = {}
        for name, (regions, relevance) in self._dev.items():
            vectors = self._embed(regions).numpy()
            curves = measure(inner_products(vectors, vectors), relevance, np.arange(len(vectors)))
            areas[name] = float(curves.ndcg.mean())
        return areas

    def score(self) -> float:
        """Return the mean of these areas."""
        return float(np.mean(list(self.areas().values())))

    def _batches(self, seed: int) -> Iterator[Triplets]:
        """Mine with the model as it is by then, draw, and mine again."""
        recipe, random = self._recipe, np.random.default_rng(seed)
        for _ in range(recipe.minings_a_pass):
            pool = draw_pool(self._neighbours, recipe.queries, recipe.relevant, random)
            vectors = partial(self._vectors, pool.images)
            found = mine(pool, vectors, self._losses, recipe.margin, recipe.hardest)
            wanted = recipe.updates * recipe.batch
            if not len(found):
                continue  # every relevant image of this pool leads by the margin: nothing to learn
            drawn = random.choice(len(found), wanted, replace=len(found) < wanted)
            for start in range(0, len(drawn), recipe.batch):
                yield found[drawn[start : start + recipe.batch]]

    def _loss(self, batch: Triplets) -> Tensor:
        images, places = np.unique([batch.queries, batch.positives, batch.negatives], return_inverse=True)
        vectors: dict[str, Tensor] = {}
        with mixed_precision():
            vectors["image"] = self.model.image(self._regions[images].float())
        vectors["text"] = self.model.text(self._bags[images])
        query, positive, negative = torch.from_numpy(places.reshape(3, -1))
        total = torch.zeros(())
        for asking, ranked in self._losses:
            asked, ordered = vectors[asking].float(), vectors[ranked].float()
            total = total + triplet_loss(asked[query], ordered[positive], ordered[negative], self._recipe.margin)
        return total

    @torch.no_grad()
    def _vectors(self, images: NDArray[np.int64], side: str) -> Tensor:
        if side == "text":
            return self.model.text(self._bags[images])  # type: ignore[no-any-return]
        self.model.eval()
        vectors = self._embed(self._regions[images])
        self.model.train()
        return vectors

    @torch.no_grad()
    def _embed(self, regions: Tensor) -> Tensor:
        with mixed_precision():
            return torch.cat([self.model.image(block.float()).float() for block in torch.split(regions, _BLOCK)])

    @torch.no_grad()
    def _fit_text(self) -> None:
        """Set W to the ridge regression of the training images' vectors on their tf-idf."""
        gram = self._bags.T @ self._bags + self._recipe.ridge * torch.eye(self._bags.shape[1])
        self.model.text.weight.copy_(torch.linalg.solve(gram, self._bags.T @ self._embed(self._regions)))

    def _read(self, data: CaptionedImages) -> Tensor:
        return torch.from_numpy(cached_regions(self._job, data, self._recipe.backbones))


_COMMON = (
    " R-MAC over three levels of regions at two scales (288 and 224 pixels) of frozen EfficientNet-Lite0 and Lite2 "
    "(ResNet-101 in the paper), projected to 512 dimensions from PCA whitening on; tf-idf of Snowball stems on the "
    "text side. Only the projections are trained, on squashed square photographs; others keep their aspect ratio. "
    "English only."
)
_DESCRIPTIONS = {
    "semantic-v": "Gordo & Larlus 2017, trained on images alone, equation (1); its text side is a ridge regression of "
    "the finished image vectors on tf-idf, an addition to the paper.",
    "semantic-vt": "Gordo & Larlus 2017, images and captions trained jointly, equations (1) to (3).",
    "wsabie": "The WSABIE-like baseline of Gordo & Larlus 2017, equation (2).",
}
