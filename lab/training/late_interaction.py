"""Trains ``late-interaction``: token and region heads over the shipped ``semblance-base``, which stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lab.checkpoint import write_checkpoint
from lab.data.captioned import DEV_SETS, TRAIN_SETS, CaptionedImages
from lab.evaluation.encoded import encode_captioned
from lab.evaluation.reranking_weight import choose_weight
from lab.losses.info_nce import InfoNCE
from lab.training.captioned_batches import Batch, CaptionedRows
from lab.training.features import cached_features
from lab.training.job import Job
from lab.training.loop import Group, Schedule
from lab.training.precision import mixed_precision
from lab.training.shipped_matcher import dev_quality, dev_scores
from lab.training.stage import run_stage
from models.backbones.lite_pair import INPUT
from models.cards import MatcherCard, read_matcher_card
from models.encoders.two_tower import load_encoder
from models.encoders.two_tower_module import ImageTower, load_two_tower
from models.inference.cache_folder import cache_folder
from models.inference.compiler import Compiler, compile_module
from models.matchers.late_interaction import load_matcher
from models.matchers.late_interaction_module import FEATURE_SHAPE, LateInteraction, interact, pool_regions
from models.matchers.source import MatcherSource
from models.names import DEFAULT_MODEL
from models.shipped import encoder_card, weights_folder
from models.text.tokeniser import MAX_TOKENS, TOKENISER, Tokeniser

ENCODER = DEFAULT_MODEL
WEIGHTS_TRIED = tuple(round(0.1 * step, 1) for step in range(16))


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
    scores: NDArray[np.float32]


class Training:
    """One run; a killed one goes on from the job's folder.

    Args:
        job: the training job.
        recipe: the choices.
    """

    def __init__(self, job: Job, recipe: Recipe) -> None:
        torch.manual_seed(recipe.seed)
        self._job, self._recipe = job, recipe
        folder = weights_folder(ENCODER)
        self._card = encoder_card(ENCODER)
        self._towers = load_two_tower(self._card, folder).requires_grad_(False)
        self._tokenise = Tokeniser(folder / TOKENISER, MAX_TOKENS)
        self._pair = _Pair(recipe)
        self._train = self._prepare(job.load(*TRAIN_SETS), recipe.views)
        self._dev = [self._prepare_dev(data) for data in job.load(*DEV_SETS)]

    def run(self) -> tuple[LateInteraction, float]:
        """Train; return the heads of the best pass on dev, and the best weight of their score."""
        recipe = self._recipe
        run_stage(
            self._job,
            "heads",
            recipe,
            self._pair,
            self._loss,
            [Group(list(self._pair.parameters()), recipe.rate)],
            lambda seed: self._train.batches(recipe.batch, captions=1, seed=seed),
            self._train.steps(recipe.batch),
            Schedule(recipe.passes, 50, recipe.weight_decay, average=recipe.average),
            lambda: self._choose_weight()[1],
            trained_over=self._card.weights_sha256,
        )
        return self._pair.heads, self._choose_weight()[0]

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
        """Return the best weight, and the mean of R@1, R@5 and R@10, text to image, that it brings."""
        firsts = [dev.scores for dev in self._dev]
        seconds = [self._scores(dev.photographs) for dev in self._dev]
        owns = [np.array(dev.photographs.image_of_caption) for dev in self._dev]
        weight, _, recall = choose_weight(firsts, seconds, owns, WEIGHTS_TRIED)
        return weight, recall

    def _scores(self, photographs: CaptionedRows) -> NDArray[np.float32]:
        """Return the heads' scores of every caption with every photograph, ``(M, N)``."""
        regions = self._embed_regions(torch.from_numpy(photographs.views[0]))
        parts = []
        for start in range(0, len(photographs.texts), 64):
            tokens = self._tokens(photographs.texts[start : start + 64])
            with mixed_precision():
                parts.append(interact(tokens, regions).float().numpy())
        return np.concatenate(parts)

    def _prepare(self, parts: Sequence[CaptionedImages], views: int) -> CaptionedRows:
        rows = [np.concatenate([self._regions(part, view) for part in parts]) for view in range(views)]
        return CaptionedRows(rows, parts)

    def _prepare_dev(self, data: CaptionedImages) -> _Dev:
        encoded = encode_captioned(
            load_encoder(self._card, weights_folder(ENCODER), Compiler(cache=cache_folder())), data
        )
        return _Dev(self._prepare([data], views=1), encoded.captions @ encoded.images.T)

    def _regions(self, data: CaptionedImages, view: int) -> NDArray[np.float16]:
        example = torch.zeros(2, INPUT.size, INPUT.size, 3, dtype=torch.uint8)
        return cached_features(
            data.files,
            INPUT,
            compile_module(_PooledRegions(self._towers.image), [example], [(0,)]),
            identity=f"regions of {self._card.weights_sha256}",
            cache=self._job.features,
            view=view,
            on_progress=partial(self._job.reporter.features, f"{data.name}, view {view}"),
        )


class _PooledRegions(nn.Module):
    def __init__(self, tower: ImageTower) -> None:
        super().__init__()
        self.tower = tower.eval()

    def forward(self, pixels: Tensor) -> Tensor:
        return pool_regions(self.tower.maps(pixels)).flatten(1)


def ship(job: Job, recipe: Recipe | None = None) -> MatcherCard:
    """Train over the shipped ``semblance-base`` and write the folder; by default with the shipped weights' choices."""
    recipe = recipe or job.recipe(Recipe())
    heads, weight = Training(job, recipe).run()
    card: dict[str, Any] = {
        "kind": "matcher",
        **job.card(recipe),
        "description": "Re-ranks what semblance-base found: each word of a sentence looks for its own place among 25 "
        "regions of a photograph.",
        "architecture": "late_interaction",
        "encoder": ENCODER,
        "feature_shape": list(FEATURE_SHAPE),
        "weight": weight,
        "preprocessing": asdict(INPUT),
    }
    write_checkpoint(job.output, heads.state_dict(), card)
    matcher = load_matcher(MatcherSource(read_matcher_card(job.output), job.output))
    card["quality"] = dev_quality(dev_scores(matcher, job.data_root))
    write_checkpoint(job.output, heads.state_dict(), card)
    return read_matcher_card(job.output)
