"""Trains ``semblance-base``: heads over frozen features first, then the last blocks and MiniLM together with the heads.

What the first blocks say of each photograph, and of its mirror image and crops, never changes: it is computed once and
kept. Stage one trains the heads over frozen features of both sides within minutes; starting stage two from trained
heads keeps their first, wild gradients out of the layers below. Last, the class block takes the names of ImageNet's
classes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from lab.data.captioned import DEV_SETS, TRAIN_SETS, CaptionedImages, load_split
from lab.evaluation.frequent_words import frequent_words
from lab.losses.info_nce import InfoNCE
from lab.losses.shared_positives import shared_positives
from lab.pretrained import efficientnet_lite_weights, imagenet_classes, minilm_folder, minilm_weights
from lab.training.captioned_batches import Batch, CaptionedRows
from lab.training.dev_recall import mean_recall
from lab.training.features import cached_array, cached_features
from lab.training.loop import Group, Schedule, fit
from lab.training.precision import mixed_precision
from lab.training.recipe import digest_of
from lab.training.reporter import Reporter
from models.backbones.lite_pair import BACKBONES, FEATURES, INPUT
from models.encoders.heads import ResidualHead
from models.encoders.two_tower_module import HIDDEN, LEARNED, TwoTower, bareness_of
from models.inference.compiler import compile_module
from models.inference.execution import Execution, RuntimeName
from models.text.minilm import SENTENCE
from models.text.tokeniser import MAX_TOKENS, TOKENISER, Tokeniser

_TUNED_FROM = {"lite0": (12, 192, 7), "lite2": (16, 208, 9)}
"""Of each backbone: the first block that is tuned, and channels and side of the map that goes into it."""


_WORD_PIECES = 4, 8
"""Up to how many word pieces a text is for the head of words alone, and from how many on not at all."""


@dataclass(frozen=True)
class Recipe:
    """Every choice of a run; the defaults made the shipped weights (``docs/experiments.md`` tells why)."""

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


class Pair(nn.Module):
    """What is trained: the towers, the loss's temperature, and a head for bare words that does not ship.

    The words teach the layers below their heads what images share. With a head of their own they do not pull at the
    sentences' one, which serves both better afterwards: ``docs/experiments.md``.
    """

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.towers = TwoTower(recipe.dropout, recipe.image_noise, recipe.text_noise)
        self.word_head = ResidualHead(SENTENCE, LEARNED, HIDDEN, recipe.dropout, recipe.text_noise)
        self.contrast = InfoNCE(0.05)

    def texts(self, pooled: Tensor, bareness: Tensor) -> Tensor:
        """Embed MiniLM's vectors, ``(B, 512)``; the barer a text, the more by the head of words."""
        mixed = torch.lerp(self.towers.text.head(pooled), self.word_head(pooled), bareness)
        return F.normalize(mixed, dim=1)


@dataclass(frozen=True)
class Sentences:
    """M sentences and what is known of them before any training.

    Attributes:
        texts: the sentences.
        frozen: ``(M, 384)``, MiniLM's own vectors.
        bareness: ``(M, 1)``, see ``bareness_of``.
    """

    texts: Sequence[str]
    frozen: Tensor
    bareness: Tensor


class Prepared(NamedTuple):
    """Captioned photographs with what is known of their captions."""

    photographs: CaptionedRows
    sentences: Sentences


class Embedding(Protocol):
    """One stage's way from kept features and sentences to the learned block of the vectors."""

    def images(self, rows: Tensor) -> Tensor:
        """Embed ``(B, R)`` rows of frozen features as ``(B, 512)``."""
        ...

    def texts(self, sentences: Sentences, rows: NDArray[np.int64]) -> Tensor:
        """Embed some of the sentences, ``(B, 512)``."""
        ...


class FrozenEmbedding:
    """Heads over frozen features."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair

    def images(self, rows: Tensor) -> Tensor:
        """Embed pooled features."""
        return self._pair.towers.image.head(rows[:, :FEATURES].float())  # type: ignore[no-any-return]

    def texts(self, sentences: Sentences, rows: NDArray[np.int64]) -> Tensor:
        """Embed MiniLM's own vectors."""
        return self._pair.texts(sentences.frozen[rows], sentences.bareness[rows])


class TunedEmbedding:
    """The last blocks over frozen maps, and all of MiniLM, in bfloat16 where the processor has it."""

    def __init__(self, pair: Pair, tokenise: Tokeniser) -> None:
        self._pair, self._towers, self._tokenise = pair, pair.towers, tokenise
        pair.towers.image.backbones.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def images(self, rows: Tensor) -> Tensor:
        """Embed the maps behind the pooled features."""
        image, start, maps = self._towers.image, FEATURES, []
        with mixed_precision():
            for name, (block, channels, side) in _TUNED_FROM.items():
                flat = rows[:, start : start + channels * side * side].float()
                lower = flat.reshape(-1, side, side, channels).permute(0, 3, 1, 2)
                maps.append(image.backbones[name].upper(lower, block).float())  # type: ignore[operator]
                start += flat.shape[1]
        return image.head(image.pool(maps))  # type: ignore[no-any-return]

    def texts(self, sentences: Sentences, rows: NDArray[np.int64]) -> Tensor:
        """Embed sentences, those of a length together: little padding."""
        order = np.argsort([len(sentences.texts[row]) for row in rows])
        parts = []
        for part in np.array_split(order, max(1, len(order) // 64)):
            ids, mask = map(torch.from_numpy, self._tokenise([sentences.texts[row] for row in rows[part]]))
            with mixed_precision():
                parts.append(self._towers.text.pooled(ids, mask).float())
        pooled = torch.cat(parts)[torch.from_numpy(np.argsort(order))]
        return self._pair.texts(pooled, sentences.bareness[rows])


class Training:
    """One run: prepares the data, trains both stages; a killed run goes on from the files in its work folder.

    Args:
        data_root: folder of the captioned photographs.
        work: keeps features and the state of the run.
        recipe: the choices.
        reporter: is told how it goes.
        runtime: computes the frozen features.
    """

    def __init__(
        self, data_root: Path, work: Path, recipe: Recipe, reporter: Reporter, runtime: RuntimeName = "auto"
    ) -> None:
        torch.manual_seed(recipe.seed)
        self._work, self._recipe, self._reporter, self._runtime = work, recipe, reporter, runtime
        self._tokenise = Tokeniser(minilm_folder() / TOKENISER, MAX_TOKENS)
        self._pair = Pair(recipe)
        self._towers = self._pair.towers
        self._load_released()
        train = [load_split(name, data_root) for name in TRAIN_SETS]
        self._train = self._prepare(train, recipe.views)
        self._dev = [self._prepare([load_split(name, data_root)], views=1) for name in DEV_SETS]
        words = frequent_words([captions for part in train for captions in part.captions], recipe.vocabulary)
        self._words, self._present = self._sentences(words.texts), torch.from_numpy(words.present)

    def run(self) -> TwoTower:
        """Train and return the towers of the best pass on dev."""
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
        tuned = TunedEmbedding(self._pair, self._tokenise)
        self._stage("tune", tuned, groups, recipe.tune_batch, recipe.tune_passes)
        towers.name_classes(torch.from_numpy(self._pool_texts(imagenet_classes())))
        return towers

    def _stage(self, stage: str, embedding: Embedding, groups: list[Group], size: int, passes: int) -> None:
        recipe = self._recipe
        if not passes:
            return

        def loss(batch: Batch) -> Tensor:
            images = embedding.images(batch.rows)
            texts = embedding.texts(self._train.sentences, batch.captions.ravel())
            pairs = texts.reshape(*batch.captions.shape, -1)
            contrast = torch.stack([self._pair.contrast(images, sentences) for sentences in pairs]).mean()
            present = self._present[batch.images]
            words = np.flatnonzero(present.any(dim=0).numpy())
            words = np.random.default_rng(batch.seed).permutation(words)[: recipe.words]
            vectors = embedding.texts(self._words, words)
            named = shared_positives(images, vectors, present[:, words], self._pair.contrast.scale)
            return contrast + recipe.word_weight * named

        @torch.no_grad()
        def score() -> float:
            return float(np.mean([_recall(dev, embedding) for dev in self._dev]))

        for parameter in self._pair.parameters():
            parameter.requires_grad_(False)
        for group in groups:
            for parameter in group.parameters:
                parameter.requires_grad_(True)
        fit(
            self._pair,
            loss,
            groups,
            lambda number: self._train.photographs.batches(size, recipe.captions, seed=recipe.seed * 1000 + number),
            steps_per_pass=self._train.photographs.steps(size),
            schedule=Schedule(passes, 50, recipe.weight_decay, average=recipe.average),
            evaluate=score,
            state_file=self._work / f"{stage}-{digest_of(recipe)}.safetensors",
            seed=recipe.seed,
            on_step=lambda done, total, value: self._reporter.step(stage, done, total, value),
            on_pass=lambda report: self._reporter.one_pass(stage, report),
        )

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
        for name, (block, _, _) in _TUNED_FROM.items():
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
            compile_module(_FrozenImages(self._towers), [example], [(0,)], Execution(self._runtime)),
            identity=f"pooled and {_TUNED_FROM}",
            cache=self._work / "features",
            view=view,
            on_progress=lambda done, total: self._reporter.features(f"{data.name}, view {view}", done, total),
        )

    def _sentences(self, texts: Sequence[str]) -> Sentences:
        key = hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]
        frozen = cached_array(self._work / "features" / f"minilm-{key}.npy", lambda: self._pool_texts(texts))
        masks = (torch.from_numpy(self._tokenise([text])[1]) for text in texts)
        bareness = torch.cat([bareness_of(mask, *_WORD_PIECES) for mask in masks])
        return Sentences(texts, torch.from_numpy(frozen).float(), bareness)

    def _pool_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return MiniLM's vectors as it is now, ``(M, 384)``."""
        examples = list(map(torch.from_numpy, self._tokenise(["a dog", "a dog runs"])))
        pooled = compile_module(_PooledTexts(self._towers), examples, [(0, 1), (0, 1)], Execution(self._runtime))
        order = np.argsort([len(text) for text in texts])  # sentences of a length together: little padding
        vectors = np.empty((len(texts), self._towers.text.head.mean.numel()), np.float32)
        for rows in np.array_split(order, len(order) // 128 + 1):
            vectors[rows] = pooled(*self._tokenise([texts[row] for row in rows]))
        return vectors


class _FrozenImages(nn.Module):
    """Pixels to one flat row: the pooled features, and the map that goes into each backbone's first tuned block."""

    def __init__(self, towers: TwoTower) -> None:
        super().__init__()
        self.tower = towers.image.eval()

    def forward(self, pixels: Tensor) -> Tensor:
        lower, maps = [], []
        for (name, (block, _, _)), x in zip(_TUNED_FROM.items(), self.tower.inputs(pixels), strict=True):
            backbone = self.tower.backbones[name]
            lower.append(backbone.lower(x, block))  # type: ignore[operator]
            maps.append(backbone.upper(lower[-1], block))  # type: ignore[operator]
        return torch.cat([self.tower.pool(maps), *(x.permute(0, 2, 3, 1).flatten(1) for x in lower)], dim=1)


class _PooledTexts(nn.Module):
    def __init__(self, towers: TwoTower) -> None:
        super().__init__()
        self.tower = towers.text.eval()

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        return self.tower.pooled(ids, mask)


def _recall(dev: Prepared, embedding: Embedding) -> float:
    photographs, rows = dev.photographs, np.arange(len(dev.sentences.texts))
    parts = np.array_split(photographs.views[0], len(photographs) // 64 + 1)
    images = [embedding.images(torch.from_numpy(part)) for part in parts]
    texts = [embedding.texts(dev.sentences, part) for part in np.array_split(rows, len(rows) // 512 + 1)]
    return mean_recall(torch.cat(images), torch.cat(texts), photographs.image_of_caption)
