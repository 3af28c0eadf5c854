"""Trains ``semblance-base`` in stages: heads, the last blocks with them, phrases, short queries, and hubness.

First the heads of images and sentences alone; then the backbones' last blocks and MiniLM with them; then, over both
towers as they are, the phrases (``phrases``) and the head of short queries (``short_queries``); at last the banks of
hubness (``hubness_banks``).

The output of the backbones' first blocks for each photograph, its mirror image and its crops never changes: it is
computed once and cached. The first stage takes minutes; without it, the large gradients of untrained heads would damage
the layers below in the second. After it the class block is set to the names of ImageNet's classes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lab.checkpoint import VOCABULARY_ROWS
from lab.data.captioned import DEV_SETS, TRAIN_SETS, CaptionedImages
from lab.evaluation.frequent_words import frequent_words
from lab.losses.shared_positives import shared_positives
from lab.pretrained import efficientnet_lite_weights, imagenet_classes, minilm_folder, minilm_weights
from lab.training.cached_array import cached_array
from lab.training.captioned_batches import Batch, CaptionedRows
from lab.training.dev_recall import mean_recall
from lab.training.features import cached_features
from lab.training.hubness_banks import HubnessRecipe, fit_hubness
from lab.training.job import Job
from lab.training.loop import Group, Schedule
from lab.training.phrases import PhraseRecipe, Phrases
from lab.training.semblance_towers import (
    TUNED_FROM,
    Embedding,
    FrozenEmbedding,
    FrozenImages,
    Pair,
    Sentences,
    TunedEmbedding,
)
from lab.training.shipped_encoder import ship_encoder
from lab.training.short_queries import ShortQueries, ShortRecipe
from lab.training.stage import run_stage
from lab.training.tower_vectors import read_texts
from models.backbones.lite_pair import BACKBONES, FEATURES, INPUT
from models.cards import EncoderCard
from models.encoders.two_tower import load_encoder
from models.encoders.two_tower_module import DIMENSION, TwoTower, bareness_of
from models.inference.compiler import compile_module
from models.text.minilm import SENTENCE
from models.text.tokeniser import MAX_TOKENS, TOKENISER, Tokeniser

_WORD_PIECES = 4, 8
"""Up to the first number of word pieces a text goes through the word head alone, from the second on not at all."""


@dataclass(frozen=True)
class Recipe:
    """Every choice of a run; the defaults made the shipped weights (``docs/experiments.md`` gives the reasons)."""

    views: int = 6
    head_passes: int = 10
    head_rate: float = 1e-3
    head_batch: int = 512
    tune_passes: int = 8
    tune_batch: int = 256
    convolution_rate: float = 2e-4
    text_rate: float = 5e-5
    tune_head_rate: float = 3e-4
    captions: int = 2
    vocabulary: int = 2000
    words: int = 128
    word_weight: float = 0.3
    weight_decay: float = 0.05
    dropout: float = 0.3
    image_noise: float = 0.5
    text_noise: float = 0.3
    average: float = 0.98
    seed: int = 1


class Prepared(NamedTuple):
    """Captioned photographs, and their captions."""

    photographs: CaptionedRows
    sentences: Sentences


class Training:
    """One run; a killed one goes on from the job's folder.

    Args:
        job: the training job.
        recipe: the choices.
    """

    def __init__(self, job: Job, recipe: Recipe) -> None:
        torch.manual_seed(recipe.seed)
        self._job, self._recipe = job, recipe
        self.tokenise = Tokeniser(minilm_folder() / TOKENISER, MAX_TOKENS)
        self._pair = Pair(recipe.dropout, recipe.image_noise, recipe.text_noise)
        self._towers = self._pair.towers
        self._load_released()
        train = job.load(*TRAIN_SETS)
        self._train = self._prepare(train, recipe.views)
        self._dev = [self._prepare([data], views=1) for data in job.load(*DEV_SETS)]
        words = frequent_words([captions for part in train for captions in part.captions], recipe.vocabulary)
        self._words, self._present = self._sentences(words.texts), torch.from_numpy(words.present)

    def run(self) -> TwoTower:
        """Train; return the towers of the best pass on dev."""
        towers, recipe = self._towers, self._recipe
        towers.image.head.standardise_to(torch.from_numpy(self._train.photographs.views[0][:, :FEATURES]).float())
        for head in (towers.text.head, self._pair.word_head):
            head.standardise_to(self._train.sentences.frozen)
        heads = [Group(self._head_parameters(), recipe.head_rate)]
        self._stage("heads", FrozenEmbedding(self._pair), heads, recipe.head_batch, recipe.head_passes)
        groups = [
            Group(self._tuned_convolutions(), recipe.convolution_rate),
            Group(list(towers.text.bert.parameters()), recipe.text_rate),
            Group(self._head_parameters(), recipe.tune_head_rate),
        ]
        tuned = TunedEmbedding(self._pair, self.tokenise)
        self._stage("tune", tuned, groups, recipe.tune_batch, recipe.tune_passes)
        towers.name_classes(torch.from_numpy(self.pool_texts(imagenet_classes())))
        return towers

    def _stage(self, name: str, embedding: Embedding, groups: list[Group], size: int, passes: int) -> None:
        recipe, photographs = self._recipe, self._train.photographs
        if not passes:
            return
        for parameter in self._pair.parameters():
            parameter.requires_grad_(False)
        for group in groups:
            for parameter in group.parameters:
                parameter.requires_grad_(True)
        run_stage(
            self._job,
            name,
            recipe,
            self._pair,
            partial(self._loss, embedding),
            groups,
            lambda seed: photographs.batches(size, recipe.captions, seed),
            photographs.steps(size),
            Schedule(passes, 50, recipe.weight_decay, average=recipe.average),
            partial(self._mean_recall, embedding),
        )

    def _loss(self, embedding: Embedding, batch: Batch) -> Tensor:
        """Return the contrastive loss of the captions, and the weighted one of the words that the images share."""
        images = embedding.images(batch.rows)
        texts = embedding.texts(self._train.sentences, batch.captions.ravel())
        pairs = texts.reshape(*batch.captions.shape, -1)
        contrast = torch.stack([self._pair.contrast(images, sentences) for sentences in pairs]).mean()
        present = self._present[batch.images]
        words = np.flatnonzero(present.any(dim=0).numpy())
        words = np.random.default_rng(batch.seed).permutation(words)[: self._recipe.words]
        vectors = embedding.texts(self._words, words)
        named = shared_positives(images, vectors, present[:, words], self._pair.contrast.scale)
        return contrast + self._recipe.word_weight * named

    @torch.no_grad()
    def _mean_recall(self, embedding: Embedding) -> float:
        return float(np.mean([_recall(dev, embedding) for dev in self._dev]))

    def _load_released(self) -> None:
        """Start from ImageNet's and MiniLM's weights; the class block reads both backbones' mean logits."""
        released = {name: efficientnet_lite_weights(name) for name in BACKBONES}
        for name, state in released.items():
            self._towers.image.backbones[name].load_released(state)  # type: ignore[operator]
        classifier = self._towers.image.classes.classifier
        with torch.no_grad():
            weights = torch.cat([state["_fc.weight"] for state in released.values()], dim=1)
            classifier.weight.copy_(weights / len(released))
            classifier.bias.copy_(torch.stack([state["_fc.bias"] for state in released.values()]).mean(dim=0))
        self._towers.text.bert.load_state_dict(minilm_weights())

    def _head_parameters(self) -> list[nn.Parameter]:
        pair, towers = self._pair, self._towers
        modules = (towers.image.head, towers.text.head, pair.word_head, pair.contrast)
        return [parameter for module in modules for parameter in module.parameters()]

    def _tuned_convolutions(self) -> list[nn.Parameter]:
        tuned = []
        for name, (block, _, _) in TUNED_FROM.items():
            backbone: nn.Module = self._towers.image.backbones[name]
            for module in (*backbone.blocks[block:], backbone.head):  # type: ignore[index]
                tuned += module.parameters()
        return tuned

    def _prepare(self, parts: Sequence[CaptionedImages], views: int) -> Prepared:
        rows = [np.concatenate([self._image_features(part, view) for part in parts]) for view in range(views)]
        photographs = CaptionedRows(rows, parts)
        return Prepared(photographs, self._sentences(photographs.texts))

    def _image_features(self, data: CaptionedImages, view: int) -> NDArray[np.float16]:
        example = torch.zeros(2, INPUT.size, INPUT.size, 3, dtype=torch.uint8)
        return cached_features(
            data.files,
            INPUT,
            compile_module(FrozenImages(self._towers), [example], [(0,)]),
            identity=f"pooled and {TUNED_FROM}",
            cache=self._job.features,
            view=view,
            on_progress=partial(self._job.reporter.features, f"{data.name}, view {view}"),
        )

    def _sentences(self, texts: Sequence[str]) -> Sentences:
        key = hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]
        frozen = cached_array(self._job.features / f"released-minilm-{key}.npy", lambda: self.pool_texts(texts))
        masks = (torch.from_numpy(self.tokenise([text])[1]) for text in texts)
        word_share = torch.cat([bareness_of(mask, *_WORD_PIECES) for mask in masks])
        return Sentences(texts, torch.from_numpy(frozen).float(), word_share)

    def pool_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return MiniLM's vectors with its present weights, ``(M, 384)``."""
        return read_texts(self._towers, self.tokenise, texts)[:, :SENTENCE]


def _recall(dev: Prepared, embedding: Embedding) -> float:
    photographs, rows = dev.photographs, np.arange(len(dev.sentences.texts))
    parts = np.array_split(photographs.views[0], len(photographs) // 64 + 1)
    images = [embedding.images(torch.from_numpy(part)) for part in parts]
    texts = [embedding.texts(dev.sentences, part) for part in np.array_split(rows, len(rows) // 512 + 1)]
    return mean_recall(torch.cat(images), torch.cat(texts), photographs.image_of_caption)


def ship(
    job: Job,
    recipe: Recipe | None = None,
    phrases: PhraseRecipe | None = None,
    short: ShortRecipe | None = None,
) -> EncoderCard:
    """Train, write the folder (weights, tokeniser, card) and measure what was written on both dev splits."""
    all_recipes = Recipe(), PhraseRecipe(), ShortRecipe(), HubnessRecipe()
    recipe = recipe or job.recipe(Recipe(), *all_recipes)
    phrases = phrases or job.recipe(PhraseRecipe(), *all_recipes)
    short = short or job.recipe(ShortRecipe(), *all_recipes)
    hubness = job.recipe(HubnessRecipe(), *all_recipes)
    training = Training(job, recipe)
    towers, tokenise = training.run(), training.tokenise
    Phrases(job, phrases, towers, tokenise).run()
    read = partial(read_texts, towers, tokenise)
    ShortQueries(job, short, towers, read).run()
    fit_hubness(job, hubness, towers, tokenise, read)
    stages = {"phrases": asdict(phrases), "short_queries": asdict(short), "hubness": asdict(hubness)}
    return ship_towers(job, towers, {**job.card(recipe)["training"], **stages})


def ship_towers(job: Job, towers: TwoTower, training: Mapping[str, Any]) -> EncoderCard:
    """Write the folder of trained towers and measure it.

    Args:
        job: its output becomes the folder.
        towers: to be written.
        training: how they were trained, for the card.
    """
    card: dict[str, Any] = {
        **job.card(Recipe()),
        "training": training,
        "description": "Two EfficientNet-Lites (Lite0 at 224 and Lite2 at 260 pixels) and a MiniLM-L6, tuned together "
        "on captioned photographs and joined on one unit sphere, with a block that knows ImageNet's classes by name "
        "and one for the words and phrases of captions, read by convolutions. English only. Trained on photographs "
        "that are licensed for research only.",
        "architecture": "two_tower",
        "dimension": DIMENSION,
        "preprocessing": asdict(INPUT),
    }
    tokeniser = minilm_folder() / TOKENISER
    return ship_encoder(job, towers.state_dict(), card, load_encoder, int8_rows=VOCABULARY_ROWS, files=[tokeniser])
