"""Trains ``semblance-base``: heads over frozen features first, then the sentence encoder together with the heads.

The convolutions stay frozen, so their features (of each picture and its mirror image) are computed once. Stage one
trains both heads over frozen features of both sides within minutes; starting stage two from trained heads keeps their
first, wild gradients out of MiniLM.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.data.captioned import CaptionedImages, join, load_split
from models.dual.two_tower import INPUT, MAX_TOKENS, TOKENISER, ImageTower, TextTower, TwoTower
from models.evaluation.retrieval import retrieval_ranks
from models.losses.info_nce import InfoNCE
from models.runtime.base import RuntimeName, compile_module
from models.text.tokeniser import Tokeniser
from models.training.features import cached_array, cached_features
from models.training.loop import Group, PassReport, Schedule, fit
from models.training.pretrained import efficientnet_lite_weights, minilm_folder, minilm_weights

TRAIN_SETS = ("flickr8k-train", "coco-train")
DEV_SETS = ("flickr8k-dev", "coco-dev")


@dataclass(frozen=True)
class Recipe:
    """Every choice of a run; the defaults made the shipped weights (``docs/experiments.md`` tells why)."""

    head_passes: int = 25
    head_rate: float = 1e-3
    head_batch: int = 512
    text_passes: int = 0
    text_rate: float = 5e-5
    text_head_rate: float = 3e-4
    text_batch: int = 256
    weight_decay: float = 0.1
    dropout: float = 0.3
    noise: float = 0.7
    seed: int = 1

    @property
    def digest(self) -> str:
        """Tells this run's files from those of another recipe."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:12]


class Reporter(Protocol):
    """Is told how a run goes on."""

    def features(self, part: str, done: int, total: int) -> None:
        """Tell how far the frozen features of a split are."""

    def step(self, stage: str, done: int, total: int, loss: float) -> None:
        """Tell what a step brought."""

    def one_pass(self, stage: str, report: PassReport) -> None:
        """Tell what a pass brought."""


class Pair(nn.Module):
    """What is trained: the towers and the loss's temperature."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.towers = TwoTower(recipe.dropout, recipe.noise)
        self.contrast = InfoNCE()


class Prepared:
    """One set, ready to train or measure on.

    Attributes:
        features: ``(V, N, F)``, of V views of each of N images.
        captions: M sentences.
        image_of_caption: for each sentence its image.
        frozen_texts: ``(M, 384)``, MiniLM's own vectors of the sentences.
    """

    def __init__(self, data: CaptionedImages, features: NDArray[np.float16]) -> None:
        self.features = torch.from_numpy(features).float()
        self.captions, self.image_of_caption = data.flat_captions()
        owners = np.array(self.image_of_caption)
        self.captions_of_image = [np.flatnonzero(owners == image) for image in range(len(data))]
        self.frozen_texts = torch.empty(0)

    def batches(self, size: int, seed: int) -> Iterator[tuple[Tensor, NDArray[np.int64]]]:
        """Shuffle the images; give each a random view and a random sentence of its own. No image twice in a pass."""
        random = np.random.default_rng(seed)
        order = random.permutation(len(self.captions_of_image))
        for start in range(0, len(order) - size + 1, size):
            images = order[start : start + size]
            views = random.integers(len(self.features), size=size)
            captions = np.array([random.choice(self.captions_of_image[image]) for image in images])
            yield self.features[views, images], captions


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
        for name, backbone in self._towers.image.backbones.items():
            backbone.load_released(efficientnet_lite_weights(name))  # type: ignore[operator]
        self._towers.image.backbones.requires_grad_(False)
        self._towers.text.bert.load_state_dict(minilm_weights())
        self._train = self._prepare([load_split(name, data_root) for name in TRAIN_SETS], mirrored=True)
        self._dev = [self._prepare([load_split(name, data_root)], mirrored=False) for name in DEV_SETS]

    def run(self) -> TwoTower:
        """Train and return the towers of the best pass on dev."""
        self._towers.image.head.standardise_to(self._train.features[0])
        self._towers.text.head.standardise_to(self._train.frozen_texts)
        recipe, heads = self._recipe, self._head_parameters()
        self._stage("heads", [Group(heads, recipe.head_rate)], recipe.head_batch, recipe.head_passes)
        bert = list(self._towers.text.bert.parameters())
        groups = [Group(bert, recipe.text_rate), Group(heads, recipe.text_head_rate)]
        self._stage("text", groups, recipe.text_batch, recipe.text_passes)
        return self._towers

    def _stage(self, stage: str, groups: list[Group], batch_size: int, passes: int) -> None:
        texts = self._texts_by_head if stage == "heads" else self._texts_by_tower

        def loss(batch: tuple[Tensor, NDArray[np.int64]]) -> Tensor:
            features, captions = batch
            value: Tensor = self._pair.contrast(self._towers.image.head(features), texts(self._train, captions))
            return value

        @torch.no_grad()
        def score() -> float:
            return float(np.mean([self._recalls(dev, texts) for dev in self._dev]))

        if not passes:
            return
        fit(
            self._pair,
            loss,
            groups,
            lambda number: self._train.batches(batch_size, seed=self._recipe.seed * 1000 + number),
            steps_per_pass=len(self._train.captions_of_image) // batch_size,
            schedule=Schedule(passes, weight_decay=self._recipe.weight_decay),
            evaluate=score,
            state_file=self._work / f"{stage}-{self._recipe.digest}.safetensors",
            seed=self._recipe.seed,
            on_step=lambda done, total, value: self._reporter.step(stage, done, total, value),
            on_pass=lambda report: self._reporter.one_pass(stage, report),
        )

    def _texts_by_head(self, part: Prepared, captions: NDArray[np.int64]) -> Tensor:
        return self._towers.text.head(part.frozen_texts[captions])  # type: ignore[no-any-return]

    def _texts_by_tower(self, part: Prepared, captions: NDArray[np.int64]) -> Tensor:
        return self._towers.text(*map(torch.from_numpy, self._tokenise([part.captions[c] for c in captions])))  # type: ignore[no-any-return]

    def _recalls(self, dev: Prepared, texts: Any) -> list[float]:
        """Return R@1, R@5 and R@10 both ways; their mean over the dev sets is the figure that chooses."""
        images = self._towers.image.head(dev.features[0]).numpy()
        rows = np.arange(len(dev.captions))
        vectors = np.concatenate([texts(dev, part).numpy() for part in np.array_split(rows, len(rows) // 128 + 1)])
        summaries = retrieval_ranks(images, vectors, dev.image_of_caption)
        return [recall for summary in summaries for recall in summary.recall.values()]

    def _head_parameters(self) -> list[nn.Parameter]:
        modules = (self._towers.image.head, self._towers.text.head, self._pair.contrast)
        return [parameter for module in modules for parameter in module.parameters()]

    def _prepare(self, parts: Sequence[CaptionedImages], mirrored: bool) -> Prepared:
        flips = (False, True) if mirrored else (False,)
        views = [np.concatenate([self._image_features(part, flip) for part in parts]) for flip in flips]
        prepared = Prepared(join(parts, "all"), np.stack(views))
        prepared.frozen_texts = self._frozen_texts(prepared.captions)
        return prepared

    def _image_features(self, data: CaptionedImages, mirrored: bool) -> NDArray[np.float16]:
        example = torch.zeros(2, INPUT.size, INPUT.size, 3, dtype=torch.uint8)
        return cached_features(
            data.files,
            INPUT,
            compile_module(_PooledImages(self._towers.image), [example], [(0,)], runtime=self._runtime),
            identity="pooled lite0@224 lite2@260",
            cache=self._work / "features",
            mirrored=mirrored,
            on_progress=lambda done, total: self._reporter.features(data.name, done, total),
        )

    def _frozen_texts(self, captions: Sequence[str]) -> Tensor:
        key = hashlib.sha256("\n".join(captions).encode()).hexdigest()[:16]
        file = self._work / "features" / f"minilm-{key}.npy"
        return torch.from_numpy(cached_array(file, lambda: self._embed_frozen(captions))).float()

    def _embed_frozen(self, captions: Sequence[str]) -> NDArray[np.float16]:
        examples = list(map(torch.from_numpy, self._tokenise(["a dog", "a dog runs"])))
        pooled = compile_module(_PooledTexts(self._towers.text), examples, [(0, 1), (0, 1)], runtime=self._runtime)
        order = np.argsort([len(caption) for caption in captions])  # sentences of a length together: little padding
        vectors = np.empty((len(captions), self._towers.text.head.mean.numel()), np.float32)
        for rows in np.array_split(order, len(order) // 128 + 1):
            vectors[rows] = pooled(*self._tokenise([captions[row] for row in rows]))
        return vectors.astype(np.float16)


class _PooledImages(nn.Module):
    def __init__(self, tower: ImageTower) -> None:
        super().__init__()
        self.tower = tower.eval()

    def forward(self, pixels: Tensor) -> Tensor:
        return self.tower.pool(self.tower.maps(pixels))


class _PooledTexts(nn.Module):
    def __init__(self, tower: TextTower) -> None:
        super().__init__()
        self.tower = tower.eval()

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        return self.tower.pooled(ids, mask)
