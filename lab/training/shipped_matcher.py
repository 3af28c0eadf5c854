"""The last step of a matcher's training: write it, load it as the service does, measure it, choose its weight."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lab.checkpoint import write_checkpoint
from lab.data.captioned import DEV_SETS, CaptionedImages, load_split
from lab.data.pixels import Progress
from lab.evaluation.cached_models import CachedEncoder
from lab.evaluation.content_cache import ContentCache
from lab.evaluation.encoded import EncodedSet, encode_captioned
from lab.evaluation.matched import MatchedSet, match_captioned
from lab.evaluation.pairwise import evaluate_pairwise
from lab.evaluation.reranking_weight import choose_weight
from lab.evaluation.retrieval import evaluate_score_retrieval
from lab.training.cached_array import cached_array
from lab.training.frozen import frozen_vectors
from lab.training.job import Job
from models.backbones.frozen import IMAGENET_LITE
from models.backbones.lite_pair import INPUT
from models.cards import MatcherCard, read_matcher_card
from models.library import InstalledModels
from models.matchers.source import MatcherSource, VectorHead
from models.names import DEFAULT_MODEL
from models.protocols import Matcher
from models.shipped import part_card
from models.text.shipped_vocabulary import WORD_VECTORS

RERANKED = "dev_mean_recall_before_and_after_reranking"
"""What a card tells of its weight."""
_INT8_ROWS = 64


class MatcherModule(Protocol):
    """An architecture's module, over a frozen backbone."""

    def load_matcher(self, source: MatcherSource) -> Matcher:
        """Load the matcher of a folder."""
        ...

    def load_vector_head(self, source: MatcherSource) -> VectorHead:
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
    """Return the file of a matcher's scores on a set."""
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
        job: the training job; its output becomes ``weights.safetensors`` and ``card.json``.
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
    library = InstalledModels()
    source = MatcherSource(written, job.output, members=library)
    matcher, head = architecture.load_matcher(source), architecture.load_vector_head(source)
    sets = [load_split(name, job.data_root) for name in DEV_SETS]
    matched = [MatchedSet(matcher, data, head(frozen_vectors(job, data).astype(np.float32))) for data in sets]
    scores = [kept_scores(job, one, compute) for one in matched]
    for one, found in zip(matched, scores, strict=True):
        fields["quality"][one.data.name] = matcher_quality(one, found)
    owns = [one.image_of_caption for one in matched]
    weight, before, after = choose_weight([_first_scores(job, library, data) for data in sets], scores, owns)
    fields["weight"] = weight
    fields["training"] = {**fields["training"], RERANKED: [before, after]}
    write_checkpoint(job.output, tensors, fields, int8_rows=_INT8_ROWS)
    return read_matcher_card(job.output)


def matcher_quality(matched: MatchedSet, scores: NDArray[np.float32]) -> dict[str, Any]:
    """Return what a card says of a matcher on a set: how its own scores of all pairs ``(M, N)`` rank, and choose."""
    return {**evaluate_score_retrieval(scores, matched.image_of_caption), "pairwise": evaluate_pairwise(matched)}


Scored = Sequence[tuple[MatchedSet, NDArray[np.float32]]]
"""Sets, each with the scores of all its pairs, ``(M, N)``."""


def dev_scores(matcher: Matcher, data_root: Path | None = None, on_progress: Progress | None = None) -> Scored:
    """Score both dev splits by a matcher as it serves."""
    matched = [match_captioned(matcher, load_split(name, data_root), on_progress) for name in DEV_SETS]
    return [(one, one.scores(on_progress)) for one in matched]


def dev_quality(scored: Scored) -> dict[str, Any]:
    """Return what a card says of a matcher's scores of both dev splits."""
    return {matched.data.name: matcher_quality(matched, scores) for matched, scores in scored}


def dev_weight(scored: Scored) -> tuple[float, float, float]:
    """Choose the weight beside the default model's scores as they are today; see ``choose_weight``."""
    encoder = InstalledModels().encoder(DEFAULT_MODEL)
    firsts = [_scores(encode_captioned(encoder, matched.data)) for matched, _ in scored]
    return choose_weight(firsts, [scores for _, scores in scored], [matched.image_of_caption for matched, _ in scored])


def _first_scores(job: Job, library: InstalledModels, data: CaptionedImages) -> NDArray[np.float32]:
    cache = ContentCache(job.work_root / "encoded")
    return _scores(encode_captioned(CachedEncoder(library.encoder(DEFAULT_MODEL), cache, "cpu"), data))


def _scores(encoded: EncodedSet) -> NDArray[np.float32]:
    scores: NDArray[np.float32] = encoded.captions @ encoded.images.T
    return scores
