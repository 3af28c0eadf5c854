"""Fits the banks of ``semblance-base``'s hubness: what its towers make of all training sentences and photographs."""

from __future__ import annotations

from dataclasses import dataclass

import faiss
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from lab.data.captioned import TRAIN_SETS
from lab.training.job import Job
from lab.training.tower_vectors import ReadTexts, image_vectors
from models.encoders.hubness import CENTRES
from models.encoders.two_tower_module import MEANING, TwoTower
from models.text.tokeniser import Tokeniser

_TOGETHER = 1024


@dataclass(frozen=True)
class HubnessRecipe:
    """The choices of the clustering; those of the correction itself are in ``models.encoders.hubness``."""

    sets: tuple[str, ...] = TRAIN_SETS
    cluster_iterations: int = 10
    seed: int = 1


@torch.no_grad()
def fit_hubness(
    job: Job,
    recipe: HubnessRecipe,
    towers: TwoTower,
    tokenise: Tokeniser,
    read_texts: ReadTexts,
) -> None:
    """Give each tower a bank of the other's vectors.

    Args:
        job: the training job.
        recipe: the choices; other sets than those of training tell what the correction brings elsewhere.
        towers: trained in all else.
        tokenise: of the text tower.
        read_texts: reads texts with the towers' weights.
    """
    train = job.load(*recipe.sets)
    texts = [text for data in train for text in data.flat_captions()[0]]
    tokens = torch.tensor([int(tokenise([text])[1].sum()) for text in texts])
    read = torch.from_numpy(read_texts(texts))
    parts = zip(torch.split(read, _TOGETHER), torch.split(tokens, _TOGETHER), strict=True)
    vectors = [towers.text.vectors(*part) for part in parts]
    sentences = _meaning(torch.cat(vectors))
    images = _meaning(torch.from_numpy(np.concatenate([image_vectors(job, towers, data) for data in train])))
    towers.image.hubness.take(*_centres(sentences, recipe), images)
    towers.text.hubness.take(*_centres(images, recipe), sentences)


def _meaning(vectors: Tensor) -> Tensor:
    """Return vectors without what their hubness adds, as unit vectors."""
    return F.normalize(vectors[:, :MEANING].float(), dim=1)


def _centres(vectors: Tensor, recipe: HubnessRecipe) -> tuple[Tensor, Tensor]:
    """Cluster vectors ``(N, D)``; return the clusters' means ``(K, D)`` and shares ``(K,)``, all above 0."""
    vectors = vectors[torch.arange(max(len(vectors), CENTRES)) % len(vectors)]  # of fewer, some again
    means = faiss.Kmeans(
        vectors.shape[1], CENTRES, niter=recipe.cluster_iterations, seed=recipe.seed,
        min_points_per_centroid=1, max_points_per_centroid=len(vectors),
    )  # fmt: skip
    means.train(vectors.numpy())
    nearest = means.index.search(vectors.numpy(), 1)[1].ravel()
    counts = np.bincount(nearest, minlength=CENTRES).clip(min=1)
    return torch.from_numpy(means.centroids), torch.from_numpy(counts / counts.sum())
