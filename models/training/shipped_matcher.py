"""The last step of a matcher's training: write it, load it as the service does, measure and weigh it, card it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from models.backbones.frozen import IMAGENET_LITE
from models.backbones.lite_pair import INPUT
from models.checkpoint import read_matcher_card, write_checkpoint
from models.data.captioned import DEV_SETS, CaptionedImages, load_split
from models.evaluation.encoded import encode_captioned
from models.evaluation.matched import MatchedSet
from models.evaluation.pairwise import evaluate_pairwise
from models.evaluation.retrieval import evaluate_score_retrieval
from models.matchers.frozen_pass import VectorHead
from models.registry import DEFAULT_MODEL, load_encoder, part_card
from models.runtime.base import RuntimeName
from models.text.word_vectors import WORD_VECTORS
from models.training.features import cached_array
from models.training.frozen import frozen_vectors
from models.training.job import Job
from models.training.reranking_weight import choose_weight
from models.types import Matcher, MatcherCard

_INT8_ROWS = 64


class MatcherModule(Protocol):
    """An architecture's module, over a frozen backbone."""

    def load_matcher(
        self, card: MatcherCard, folder: Path, *, runtime: RuntimeName, device: str, threads: int | None
    ) -> Matcher:
        """Load the matcher of a folder."""
        ...

    def load_vector_head(self, card: MatcherCard, folder: Path) -> VectorHead:
        """Load what makes its features of the backbone's vectors."""
        ...


Scores = Callable[[MatchedSet], NDArray[np.float32]]


def kept_scores(job: Job, matched: MatchedSet, compute: Scores | None = None) -> NDArray[np.float32]:
    """Score every caption with every image, ``(M, N)``, once for these weights: it can take minutes."""
    name = matched.data.name

    def score() -> NDArray[np.float32]:
        if compute:
            return compute(matched)
        return matched.scores(lambda done, total: job.reporter.step(f"scores of {name}", done, total, 0.0))

    return cached_array(scores_file(job.work_root, matched.matcher.card, name), score)


def scores_file(work_root: Path, card: MatcherCard, data: str) -> Path:
    """Return where a matcher's scores on a set are kept."""
    return work_root / "scores" / f"{card.weights_sha256}-{data}.npy"


def ship_matcher(
    job: Job,
    tensors: Mapping[str, Tensor],
    card: Mapping[str, Any],
    architecture: MatcherModule,
    compute: Scores | None = None,
) -> MatcherCard:
    """Write a folder that ships, and measure what was written on both dev splits.

    Args:
        job: the order; its output becomes ``weights.safetensors`` and ``card.json``.
        tensors: the trained state, without what the parts of the card hold.
        card: ``job.card(recipe)`` and what the architecture adds; parts, quality and weight are filled in here.
        architecture: loads what was written.
        compute: how a dev split is scored, if not by the matcher's own ``score``.
    """
    fields: dict[str, Any] = {
        "kind": "matcher",
        **card,
        "encoder": DEFAULT_MODEL,
        "weight": 1.0,
        "options": {"backbone": IMAGENET_LITE, **card.get("options", {})},
        "parts": {name: part_card(name).weights_sha256 for name in (IMAGENET_LITE, WORD_VECTORS)},
        "preprocessing": asdict(INPUT),
        "quality": {},
    }
    write_checkpoint(job.output, tensors, fields, int8_rows=_INT8_ROWS)
    written = read_matcher_card(job.output)
    matcher = architecture.load_matcher(written, job.output, runtime="auto", device="cpu", threads=None)
    head = architecture.load_vector_head(written, job.output)
    sets = [load_split(name, job.data_root) for name in DEV_SETS]
    matched = [MatchedSet(matcher, data, head(frozen_vectors(job, data).astype(np.float32))) for data in sets]
    scores = [kept_scores(job, one, compute) for one in matched]
    for one, found in zip(matched, scores, strict=True):
        figures = {**evaluate_score_retrieval(found, one.image_of_caption), "pairwise": evaluate_pairwise(one)}
        fields["quality"][one.data.name] = figures
    owns = [one.image_of_caption for one in matched]
    weight, before, after = choose_weight([_first_scores(data) for data in sets], scores, owns)
    fields["weight"] = weight
    fields["training"] = {**fields["training"], "dev_mean_recall_before_and_after_reranking": [before, after]}
    write_checkpoint(job.output, tensors, fields, int8_rows=_INT8_ROWS)
    return read_matcher_card(job.output)


def _first_scores(data: CaptionedImages) -> NDArray[np.float32]:
    encoded = encode_captioned(load_encoder(DEFAULT_MODEL), data)
    scores: NDArray[np.float32] = encoded.captions @ encoded.images.T
    return scores
