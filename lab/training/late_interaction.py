"""Trains ``late-interaction``: token and region heads over the shipped ``semblance-base``, which stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lab.data.captioned import DEV_SETS, TRAIN_SETS, CaptionedImages, load_split
from lab.losses.info_nce import InfoNCE
from lab.training.captioned_batches import Batch, CaptionedRows
from lab.training.features import cached_features
from lab.training.loop import Group, Schedule, fit
from lab.training.precision import mixed_precision
from lab.training.recipe import digest_of
from lab.training.reporter import Reporter
from models.backbones.lite_pair import INPUT
from models.encoders.two_tower_module import ImageTower, load_two_tower
from models.inference.compiler import Compiler, compile_module
from models.matchers.late_interaction_module import FEATURE_SHAPE, LateInteraction, interact, pool_regions
from models.shipped import encoder_card, weights_folder
from models.text.tokeniser import MAX_TOKENS, TOKENISER, Tokeniser

ENCODER = "semblance-base"
WEIGHTS_TRIED = tuple(round(0.1 * step, 1) for step in range(16))
DEPTH = 50


@dataclass(frozen=True)
class Recipe:
    """Every choice of a run; the defaults made the shipped weights."""

    views: int = 2
    passes: int = 6
    rate: float = 1e-3
    batch: int = 256
    weight_decay: float = 0.05
    dropout: float = 0.3
    average: float = 0.98
    seed: int = 1


class _Pair(nn.Module):
    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.heads = LateInteraction(recipe.dropout)
        self.contrast = InfoNCE(0.05)


@dataclass(frozen=True)
class _Dev:
    """A dev split: its photographs' regions, and the dual encoder's scores of every caption, ``(M, N)``."""

    photographs: CaptionedRows
    scores: Tensor


class Training:
    """One run; a killed one goes on from the files in its work folder.

    Args:
        data_root: folder of the captioned photographs.
        work: keeps features and the state of the run.
        recipe: the choices.
        reporter: is told how it goes.
    """

    def __init__(self, data_root: Path, work: Path, recipe: Recipe, reporter: Reporter) -> None:
        torch.manual_seed(recipe.seed)
        self._work, self._recipe, self._reporter = work, recipe, reporter
        folder = weights_folder(ENCODER)
        self._card = encoder_card(ENCODER)
        self._towers = load_two_tower(self._card, folder).requires_grad_(False)
        self._tokenise = Tokeniser(folder / TOKENISER, MAX_TOKENS)
        self._pair = _Pair(recipe)
        self._train = self._prepare([load_split(name, data_root) for name in TRAIN_SETS], recipe.views)
        self._dev = [self._prepare_dev(load_split(name, data_root)) for name in DEV_SETS]

    def run(self) -> tuple[LateInteraction, float]:
        """Train; return the heads of the best pass on dev, and the best weight of their score."""
        recipe, heads = self._recipe, self._pair.heads
        fit(
            self._pair,
            self._loss,
            [Group(list(self._pair.parameters()), recipe.rate)],
            lambda number: self._train.batches(recipe.batch, captions=1, seed=recipe.seed * 1000 + number),
            steps_per_pass=self._train.steps(recipe.batch),
            schedule=Schedule(recipe.passes, 50, recipe.weight_decay, average=recipe.average),
            evaluate=lambda: self._choose_weight()[0],
            state_file=self._work / f"heads-{digest_of((recipe, self._card.weights_sha256))}.safetensors",
            seed=recipe.seed,
            on_step=lambda done, total, value: self._reporter.step("heads", done, total, value),
            on_pass=lambda report: self._reporter.one_pass("heads", report),
        )
        return heads, self._choose_weight()[1]

    def _loss(self, batch: Batch) -> Tensor:
        regions = self._embed_regions(batch.rows)
        tokens = self._tokens([self._train.texts[caption] for caption in batch.captions[0]])
        with mixed_precision():
            scores = interact(tokens, regions)
        value: Tensor = self._pair.contrast.of_scores(scores.float())
        return value

    def _embed_regions(self, rows: Tensor) -> Tensor:
        regions: Tensor = self._pair.heads.image.regions(rows.float().reshape(len(rows), FEATURE_SHAPE[0], -1))
        return regions

    def _tokens(self, texts: Sequence[str]) -> Tensor:
        ids, mask = map(torch.from_numpy, self._tokenise(texts))
        with torch.no_grad(), mixed_precision():
            states = self._towers.text.tokens(ids, mask)
        tokens: Tensor = self._pair.heads.text(states.float(), mask)
        return tokens

    @torch.no_grad()
    def _choose_weight(self) -> tuple[float, float]:
        """Return the best mean of R@1, R@5 and R@10, text to image, that any weight brings, and that weight."""
        recalls = np.mean([self._recalls(dev) for dev in self._dev], axis=0)
        best = int(recalls.argmax())
        return float(recalls[best]), WEIGHTS_TRIED[best]

    def _recalls(self, dev: _Dev) -> NDArray[np.float64]:
        rows = torch.from_numpy(dev.photographs.views[0])
        regions = self._embed_regions(rows)
        ranks: list[NDArray[np.int64]] = []
        for captions in torch.split(torch.arange(len(dev.photographs.texts)), 64):
            tokens = self._tokens([dev.photographs.texts[caption] for caption in captions])
            with mixed_precision():
                late = interact(tokens, regions).float()
            own = torch.tensor([dev.photographs.image_of_caption[caption] for caption in captions])
            ranks.append(_reranked(dev.scores[captions], late, own))
        found = np.concatenate(ranks, axis=1)
        means: NDArray[np.float64] = np.mean([(found <= cutoff).mean(axis=1) for cutoff in (1, 5, 10)], axis=0)
        return means

    def _prepare(self, parts: Sequence[CaptionedImages], views: int) -> CaptionedRows:
        rows = [np.concatenate([self._regions(part, view) for part in parts]) for view in range(views)]
        return CaptionedRows(rows, parts)

    def _prepare_dev(self, data: CaptionedImages) -> _Dev:
        from lab.evaluation.encoded import encode_captioned
        from models.encoders.two_tower import load_encoder

        folder = weights_folder(ENCODER)
        encoder = load_encoder(self._card, folder, Compiler())
        encoded = encode_captioned(encoder, data)
        return _Dev(self._prepare([data], views=1), torch.from_numpy(encoded.captions @ encoded.images.T))

    def _regions(self, data: CaptionedImages, view: int) -> NDArray[np.float16]:
        example = torch.zeros(2, INPUT.size, INPUT.size, 3, dtype=torch.uint8)
        return cached_features(
            data.files,
            INPUT,
            compile_module(_PooledRegions(self._towers.image), [example], [(0,)]),
            identity=f"regions of {self._card.weights_sha256}",
            cache=self._work / "features",
            view=view,
            on_progress=lambda done, total: self._reporter.features(f"{data.name}, view {view}", done, total),
        )


class _PooledRegions(nn.Module):
    def __init__(self, tower: ImageTower) -> None:
        super().__init__()
        self.tower = tower.eval()

    def forward(self, pixels: Tensor) -> Tensor:
        return pool_regions(self.tower.maps(pixels)).flatten(1)


def _reranked(scores: Tensor, late: Tensor, own: Tensor) -> NDArray[np.int64]:
    """Return the rank of each caption's own image for each weight tried, ``(W, B)``, the best ``DEPTH`` re-ranked."""
    mine = own.unsqueeze(1)
    before = (scores >= scores.gather(1, mine)).sum(dim=1)
    edge = scores.topk(DEPTH, dim=1).values[:, -1:]
    ranks = []
    for weight in WEIGHTS_TRIED:
        fused = (scores + weight * late).masked_fill(scores < edge, -torch.inf)
        ranks.append(torch.where(before <= DEPTH, (fused >= fused.gather(1, mine)).sum(dim=1), before))
    return torch.stack(ranks).numpy()
