"""Agreement with people: which of two images is nearer to a third, and how well a caption describes an image."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.data.captioned import CaptionedImages
from lab.data.judgements import Rating, Triplet
from lab.data.pixels import Progress
from lab.evaluation.encoded import encode_files, extract_features
from lab.evaluation.matched import score_pairs
from lab.evaluation.relevance import Relevance
from lab.metrics.agreement import agreement_with_users, inter_user_agreement, random_agreement
from models.errors import InputError
from models.protocols import DualEncoder, Matcher
from models.types import Vectors


def evaluate_agreement(
    encoder: DualEncoder,
    judgements: Sequence[Triplet] | Sequence[Rating],
    images: Path,
    on_progress: Progress | None = None,
    matcher: Matcher | None = None,
) -> dict[str, Any]:
    """Compare a model's scores with judgements of one kind; encode only what they name.

    Args:
        encoder: the model.
        judgements: see ``lab.data.judgements``.
        images: folder of the images.
        on_progress: called with images done and total.
        matcher: adds its score, times its card's weight, to the encoder's, as re-ranking does.

    Returns:
        Of triplets: the agreement of the model, between users (None where no triplet has two choices) and of a random
        ranking, and how many triplets somebody decided. Of ratings: Kendall's tau-b and tau-c, and how many there are.

    Raises:
        InputError: nothing can be compared: nobody chose an image, or all ratings or scores are equal; or a matcher,
            which compares sentences with images, is given for triplets.
    """
    triplets = [judgement for judgement in judgements if isinstance(judgement, Triplet)]
    ratings = [judgement for judgement in judgements if isinstance(judgement, Rating)]
    if matcher and triplets:
        raise InputError(f"{matcher.card.name!r} scores sentences with images: it has no score for triplets of images")
    names = [rating.image for rating in ratings]
    names += [name for triplet in triplets for name in _names(triplet)]
    rows = _rows(names)
    vectors = encode_files(encoder, [images / name for name in rows], on_progress)
    if triplets:
        return _on_triplets(triplets, vectors, rows)
    scores = _rating_scores(ratings, vectors[[rows[name] for name in names]], encoder)
    if matcher:
        files = [images / name for name in rows]
        scores = scores + matcher.card.weight * _matched(ratings, files, [rows[name] for name in names], matcher)
    return _on_ratings(ratings, scores)


def evaluate_proxy_agreement(
    build: Callable[[CaptionedImages], Relevance],
    judgements: Sequence[Triplet] | Sequence[Rating],
    images: Path,
    captions: Mapping[str, str],
) -> dict[str, Any]:
    """Compare a proxy's relevances with triplets; figures and errors as above.

    Args:
        build: makes the proxy of the images that the triplets name.
        judgements: triplets, the only ones that compare images.
        images: folder of the images.
        captions: by their names, ``name.jpg#i``.

    Raises:
        InputError: no triplets, an image without a caption, or nobody chose an image.
    """
    triplets = [judgement for judgement in judgements if isinstance(judgement, Triplet)]
    if not triplets:
        raise InputError("a proxy compares images: it can be scored on triplets alone, not on ratings of captions")
    rows = _rows(name for triplet in triplets for name in _names(triplet))
    own: dict[str, list[str]] = {name: [] for name in rows}
    for key, caption in captions.items():
        if (name := key.rpartition("#")[0]) in own:
            own[name].append(caption)
    if without := [name for name, texts in own.items() if not texts]:
        raise InputError(f"{len(without)} images of the triplets have no caption, such as {without[0]}")
    texts = tuple(map(tuple, own.values()))
    relevance = build(CaptionedImages("triplets", tuple(images / name for name in own), texts))
    query, first, second = ([rows[name] for name in names] for names in zip(*map(_names, triplets), strict=True))
    scores = np.stack([relevance(np.array([row]))[0, [a, b]] for row, a, b in zip(query, first, second, strict=True)])
    return _agreements(triplets, scores[:, 0], scores[:, 1])


def _on_triplets(triplets: list[Triplet], vectors: Vectors, rows: dict[str, int]) -> dict[str, Any]:
    query, first, second = (
        vectors[[rows[name] for name in names]] for names in zip(*map(_names, triplets), strict=True)
    )
    return _agreements(triplets, _inner(query, first), _inner(query, second))


def _names(triplet: Triplet) -> tuple[str, str, str]:
    return triplet.query, triplet.first, triplet.second


def _agreements(
    triplets: Sequence[Triplet], first: NDArray[np.floating], second: NDArray[np.floating]
) -> dict[str, Any]:
    votes = np.array([triplet.votes for triplet in triplets])
    agreement = agreement_with_users(votes, first, second)
    if math.isnan(agreement):
        raise InputError(f"of {len(triplets):,} triplets none has a vote for one of its images")
    between = inter_user_agreement(votes)
    return {
        "agreement": agreement,
        "inter_user_agreement": None if math.isnan(between) else between,
        "random_agreement": random_agreement(votes),
        "triplets": int((votes[:, :2].sum(axis=1) > 0).sum()),
    }


def _rating_scores(ratings: list[Rating], images: Vectors, encoder: DualEncoder) -> NDArray[np.float32]:
    rows = _rows(rating.caption for rating in ratings)
    return _inner(images, encoder.encode_texts(list(rows))[[rows[rating.caption] for rating in ratings]])


def _matched(ratings: list[Rating], files: list[Path], rows: list[int], matcher: Matcher) -> NDArray[np.float32]:
    """Return the matcher's score of each rating's caption with its image, by the row of its file, ``(R,)``."""
    size = matcher.card.preprocessing.size
    features = extract_features(files, size, matcher.prepare, matcher.encode_images)
    scores: NDArray[np.float32] = score_pairs(
        matcher, [rating.caption for rating in ratings], features, np.array(rows)[:, np.newaxis]
    )[:, 0]
    return scores


def _on_ratings(ratings: list[Rating], scores: NDArray[np.float32]) -> dict[str, Any]:
    from scipy.stats import kendalltau

    people = [rating.score for rating in ratings]
    taus = {f"tau_{kind}": float(kendalltau(scores, people, variant=kind).statistic) for kind in ("b", "c")}
    if any(map(math.isnan, taus.values())):
        raise InputError(f"tau needs ratings and scores that differ; there are {len(ratings):,} points")
    return {**taus, "pairs": len(ratings)}


def _rows(names: Iterable[str]) -> dict[str, int]:
    return {name: row for row, name in enumerate(dict.fromkeys(names))}


def _inner(left: Vectors, right: Vectors) -> NDArray[np.float32]:
    # row by row, so that equal vectors give equal scores: a matrix product may round them differently
    scores: NDArray[np.float32] = (left * right).sum(axis=1)
    return scores
