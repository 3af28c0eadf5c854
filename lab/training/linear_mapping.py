"""Trains ``linear-mapping``: two matrices over frozen image vectors and frozen sentence vectors."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from lab.data.captioned import DEV_SETS, TRAIN_SETS
from lab.data.sentences import minilm_vectors
from lab.losses.pairwise_ranking import pairwise_ranking_in_batch
from lab.training.cached_array import cached_array
from lab.training.captioned_batches import Batch, CaptionedRows
from lab.training.dev_recall import mean_recall
from lab.training.frozen_rows import frozen_rows
from lab.training.job import Job
from lab.training.loop import Group, Schedule
from lab.training.shipped_encoder import ship_encoder
from lab.training.stage import run_stage
from models.backbones.frozen import IMAGENET_LITE
from models.backbones.lite_pair import INPUT
from models.cards import EncoderCard
from models.encoders.linear_mapping import load_encoder
from models.encoders.linear_mapping_module import DIMENSION, LinearMapping
from models.shipped import part_card
from models.text.minilm import MINILM
from models.text.normalise import FORM


@dataclass(frozen=True)
class Recipe:
    """Every choice of a run; the defaults made the shipped weights."""

    views: int = 6
    passes: int = 15
    rate: float = 1e-3
    batch: int = 512
    captions: int = 2
    margin: float = 0.2
    weight_decay: float = 0.5
    image_noise: float = 0.6
    text_noise: float = 0.4
    average: float = 0.98
    seed: int = 1


def ship(job: Job, recipe: Recipe | None = None) -> EncoderCard:
    """Train, write the folder and measure what was written on both dev splits."""
    recipe = recipe or job.recipe(Recipe())
    maps = train(job, recipe)
    card = {
        **job.card(recipe),
        "description": "Two linear maps, of frozen ImageNet features (EfficientNet-Lite0 and Lite2) and of frozen "
        "MiniLM sentence vectors, after Kiros et al. 2015 (Skip-Thought Vectors). Where theirs are VGG19 and "
        "skip-thought vectors, trained on COCO, this is trained on Flickr8k and COCO; both sides are standardised "
        "before the maps and brought to unit length behind them, so that the dot product is a cosine. Negatives are "
        "the other pairs of the batch.",
        "architecture": "linear_mapping",
        "dimension": DIMENSION,
        "preprocessing": asdict(INPUT),
        "parts": {name: part_card(name).weights_sha256 for name in (IMAGENET_LITE, MINILM)},
    }
    return ship_encoder(job, maps.state_dict(), card, load_encoder)


def train(job: Job, recipe: Recipe) -> LinearMapping:
    """Return the maps of the best pass on dev."""
    torch.manual_seed(recipe.seed)
    photographs = frozen_rows(job, TRAIN_SETS, recipe.views)
    sentences = frozen_sentences(job, photographs.texts)
    dev = [(rows, frozen_sentences(job, rows.texts)) for rows in (frozen_rows(job, [name]) for name in DEV_SETS)]
    maps = LinearMapping(recipe.image_noise, recipe.text_noise)
    maps.image.standardise.standardise_to(torch.from_numpy(photographs.views[0]).float())
    maps.text.standardise.standardise_to(sentences)

    def loss(batch: Batch) -> Tensor:
        images = maps.image(batch.rows.float())
        values = [
            pairwise_ranking_in_batch(images @ maps.text(sentences[captions]).T, recipe.margin)
            for captions in batch.captions
        ]
        return torch.stack(values).mean()

    @torch.no_grad()
    def recall(rows: CaptionedRows, texts: Tensor) -> float:
        images = maps.image(torch.from_numpy(rows.views[0]).float())
        return mean_recall(images, maps.text(texts), rows.image_of_caption)

    run_stage(
        job,
        "maps",
        recipe,
        maps,
        loss,
        [Group(list(maps.parameters()), recipe.rate)],
        lambda seed: photographs.batches(recipe.batch, recipe.captions, seed),
        photographs.steps(recipe.batch),
        Schedule(recipe.passes, 50, recipe.weight_decay, average=recipe.average),
        lambda: float(np.mean([recall(rows, texts) for rows, texts in dev])),
    )
    return maps


def frozen_sentences(job: Job, texts: list[str]) -> Tensor:
    """Return the shipped MiniLM's vectors of M sentences, ``(M, 384)``, from the job's cache where they are there."""
    identity = "\n".join([part_card(MINILM).weights_sha256, str(FORM), *texts])
    key = hashlib.sha256(identity.encode()).hexdigest()[:16]
    compute = partial(minilm_vectors, texts, partial(job.reporter.features, "sentences"))
    return torch.from_numpy(cached_array(job.features / f"{MINILM}-{key}.npy", compute))
