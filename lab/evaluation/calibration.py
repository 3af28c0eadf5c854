"""Fits a model's calibrations, and measures them: on one half of the photographs after fitting on the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.evaluation.asked import Ask, EncodeTexts, ask_images, ask_steered, ask_words
from lab.evaluation.encoded import EncodedSet
from lab.evaluation.matched import MatchedSet
from lab.evaluation.pool import HALVES, Pool, make_pool
from lab.evaluation.trials import SIZES, Items, Trials, kinds_of, make_trials
from lab.metrics.reliability import equal_mass_bins, expected_calibration_error
from models.calibration import POSSIBLE, Calibration, Calibrations, Numbers, log_among, standing
from models.errors import InputError
from models.matchers.contribution import rerank_contributions
from models.types import Vectors

ABSENT_WEIGHT = 0.1
"""What a trial with nothing to find weighs in a fit, beside one with something; every kind of query weighs the same."""

FILLED_WEIGHT = 0.2
"""What a trial with distractors among its best weighs: the model has learned these, and scores them otherwise."""

WELL_FOUND = 0.8
"""From this precision of the best results, an answer must not be said to match nothing."""

_COMPONENTS = 160
"""Principal components of the queries that the direction is fitted in."""

_QUERIES_EACH = 8
"""So many queries there are at least for each of these components."""

_PENALTY = 30.0
"""On the squared weights of standardised features."""

WORDS = "text-to-image"
"""The search that no calibration does without."""

_REFERENCE, _MEMBERS = 512, 4
"""Vectors of the reference set at most, and of how many photographs each is the mean at least: of no single one."""


@dataclass(frozen=True)
class Search:
    """The trials of one kind of search, with the names of its kinds of queries."""

    trials: Trials
    kinds: Sequence[str]


@dataclass(frozen=True)
class Judged:
    """The same with the confidence in each result, ``(T, R)``."""

    search: Search
    confidence: Numbers


@dataclass(frozen=True)
class Material:
    """What calibrations are fitted to and measured on.

    Attributes:
        searches: the trials of each kind of search, ``SOURCE-to-TARGET``.
        left_out: the kinds of search for which the photographs are too few: nothing shows what is asked, or all does.
        pool: the photographs behind those for images.
        words: the queries by words that are put to them.
        names: of the sets that queries are made of.
        reference: ``(K, D)``, what queries are compared with.
    """

    searches: Mapping[str, Search]
    left_out: Sequence[str]
    pool: Pool
    words: Sequence[Ask]
    names: Sequence[str]
    reference: Vectors

    def mixture(self) -> dict[str, dict[str, int]]:
        """Return how many queries of each kind are fitted, by kind of search."""
        return {
            name: {
                kind: len(np.unique(search.trials.number[search.trials.kind == number]))
                for number, kind in enumerate(search.kinds)
            }
            for name, search in self.searches.items()
        }


def make_material(
    sets: Sequence[EncodedSet],
    distractors: Sequence[EncodedSet],
    encode_texts: EncodeTexts,
    of_each: int,
    seed: int,
    matched: Sequence[Sequence[MatchedSet]] = (),
) -> Material:
    """Make queries and put them to collections.

    Args:
        sets: captioned photographs; their captions are also what is found where texts are searched.
        distractors: fill up larger collections, and are what the reference set is made of, where there are some.
        encode_texts: of the model that encoded them.
        of_each: queries of each kind, of each half of each set, at most.
        seed: of the halves, the queries and the collections.
        matched: the sets as each of some matchers sees them, whose re-ranked answers are judged, too; without
            distractors.
    """
    searches, asked = {}, {}
    pools = {"image": make_pool(sets, distractors, seed), "text": make_pool(sets, [], seed)}
    for target, pool in pools.items():
        items = Items(pool.vectors, np.arange(len(pool.vectors))) if target == "image" else _captions(sets)
        asked[target] = _sources(pool, encode_texts, of_each, seed)
        for source, queries in asked[target].items():
            searches[f"{source}-to-{target}"] = Search(make_trials(pool, queries, items, seed), kinds_of(queries))
    for seen in matched:
        queries, name = asked["text"]["text"], seen[0].matcher.card.name
        trials = make_trials(pools["text"], queries, _reranked(pools["text"], seen), seed)
        searches[f"{WORDS}-{name}"] = Search(trials, kinds_of(queries))
    reference = make_reference(np.concatenate([one.images for one in distractors or sets]), seed)
    left_out = [name for name, search in searches.items() if name != WORDS and not _can_be_fitted(search)]
    searches = {name: search for name, search in searches.items() if name not in left_out}
    names = [one.data.name for one in sets]
    return Material(searches, left_out, pools["image"], asked["image"]["text"], names, reference)


def _can_be_fitted(search: Search) -> bool:
    """Tell whether each half has results that are relevant and results that are not."""
    trials = search.trials
    halves = [trials.relevant[trials.half == half] for half in range(HALVES)]
    return all(relevant.any() and not relevant.all() for relevant in halves)


def _sources(pool: Pool, encode_texts: EncodeTexts, of_each: int, seed: int) -> dict[str, list[Ask]]:
    words, images = ask_words(pool, encode_texts, of_each, seed), ask_images(pool, of_each, seed)
    steered = ask_steered(pool, encode_texts, of_each, seed)
    return {
        "text": words,
        "image": images,
        "steered-text": [one for one in steered if one.finds_itself],
        "steered-image": [one for one in steered if not one.finds_itself],
        "embedding": words[:: max(1, len(words) // max(1, len(images)))] + images,  # nobody tells of what it is
    }


def _captions(sets: Sequence[EncodedSet]) -> Items:
    counts = np.concatenate([[0], np.cumsum([one.image_count for one in sets])])
    image_of = [one.image_of_caption + before for one, before in zip(sets, counts, strict=False)]
    return Items(np.concatenate([one.captions for one in sets]), np.concatenate(image_of))


def _reranked(pool: Pool, matched: Sequence[MatchedSet]) -> Items:
    matcher, features = matched[0].matcher, np.concatenate([one.features for one in matched])

    def rescore(text: str, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        return rerank_contributions(matcher, text, features[rows])

    return Items(pool.vectors, np.arange(len(pool.vectors)), rescore)


def make_reference(vectors: Vectors, seed: int) -> Vectors:
    """Return what queries are compared with, ``(K, D)``: centres of clusters of ``(N, D)`` photographs (k-means)."""
    from sklearn.cluster import MiniBatchKMeans

    count = max(1, min(_REFERENCE, len(vectors) // (2 * _MEMBERS)))
    fitted = MiniBatchKMeans(count, n_init=1, random_state=seed).fit(vectors)
    members = np.bincount(fitted.labels_, minlength=count)
    return np.ascontiguousarray(
        fitted.cluster_centers_[members >= min(_MEMBERS, members.max())], dtype=np.float16
    ).astype(np.float32)


def fit_calibration(search: Search, reference: Vectors) -> Calibration:
    """Fit the logistic regression of ``models.calibration`` by penalised maximum likelihood.

    Raises:
        InputError: no result is relevant, all are, or the better-scored ones are not more often.
    """
    from sklearn.linear_model import LogisticRegression

    trials = search.trials
    if trials.relevant.all() or not trials.relevant.any():
        raise InputError("of the results that a calibration is fitted to, some must be relevant and some not")
    stood, axes = standing(trials.query, reference), _axes(trials)
    of_query = np.column_stack([stood.mean, stood.spread, log_among(trials.among), trials.query @ axes])
    features = np.column_stack(
        [stood.deviations(trials.scores).ravel(), np.repeat(of_query, trials.scores.shape[1], axis=0)]
    )
    centre, scale = features.mean(axis=0), features.std(axis=0)
    fitted = LogisticRegression(C=1 / _PENALTY, solver="newton-cholesky").fit(
        (features - centre) / scale, trials.relevant.ravel(), np.repeat(_weights(trials), trials.scores.shape[1])
    )
    weights = fitted.coef_[0] / scale
    if weights[0] <= 0:
        raise InputError("the model's relevant results do not score above the others: there is nothing to calibrate")
    score, mean, spread, among = map(float, weights[:4])
    intercept = float(fitted.intercept_[0] - weights @ centre)
    return Calibration(intercept, score, mean, spread, (axes @ weights[4:]).astype(np.float32), among)


def _axes(trials: Trials) -> NDArray[np.float32]:
    """Return the principal axes of the queries, ``(D, C)``: few beside the number of queries."""
    queries = trials.query[np.unique(trials.number, return_index=True)[1]]
    axes = np.linalg.svd(queries - queries.mean(axis=0), full_matrices=False)[2]
    return np.ascontiguousarray(axes[: min(_COMPONENTS, len(queries) // _QUERIES_EACH)].T)


def judge(calibration: Calibration, search: Search, reference: Vectors) -> Judged:
    """Apply a calibration."""
    trials = search.trials
    stood = standing(trials.query, reference)
    confidence = calibration.confidence(trials.query, stood, trials.scores, trials.among)
    return Judged(search, confidence)


def judge_halves(search: Search, reference: Vectors) -> Judged:
    """Judge every trial by a calibration fitted on the other half of the photographs."""
    confidence = np.zeros(search.trials.scores.shape)
    for half in range(HALVES):
        other, own = search.trials.half != half, search.trials.half == half
        fitted = fit_calibration(Search(search.trials.where(other), search.kinds), reference)
        confidence[own] = judge(fitted, Search(search.trials.where(own), search.kinds), reference).confidence
    return Judged(search, confidence)


def measure(judged: Judged, names: Sequence[str]) -> dict[str, Any]:
    """Return the figures of judged trials, also by kind of query, size of the collection and set of the query."""
    trials, confidence = judged.search.trials, judged.confidence
    bins = equal_mass_bins(confidence[~trials.absent].ravel(), trials.relevant[~trials.absent].ravel())
    groups = {
        "kinds": [(name, trials.kind == number) for number, name in enumerate(judged.search.kinds)],
        "sizes": [(str(size), trials.size == size) for size in SIZES],
        "sets": [(name, trials.dataset == number) for number, name in enumerate(names)],
    }
    return {
        **_figures(trials, confidence),
        **{name: dict(_parts(trials, confidence, members)) for name, members in groups.items()},
        "distractors": _distractors(trials, confidence),
        "reliability": [asdict(one) for one in bins],
    }


def evaluate_calibration(material: Material) -> tuple[dict[str, Any], Calibrations]:
    """Measure every kind of search on halves, and fit it on everything.

    Returns:
        The figures, by kind of search; and what was fitted.
    """
    figures = {
        name: measure(judge_halves(search, material.reference), material.names)
        for name, search in material.searches.items()
    }
    return figures, fit_all(material)


def fit_all(material: Material) -> Calibrations:
    """Fit every kind of search on all of its trials."""
    reference = material.reference
    fitted = {name: fit_calibration(search, reference) for name, search in material.searches.items()}
    return Calibrations(reference, fitted)


def _weights(trials: Trials) -> NDArray[np.float64]:
    """Return what each trial weighs: kinds of queries the same, absent things ``ABSENT_WEIGHT``."""
    counts = np.bincount(trials.kind)
    even = len(trials.kind) / np.count_nonzero(counts) / counts[trials.kind]
    weights = even * np.where(trials.absent, ABSENT_WEIGHT, 1) * np.where(trials.filled, FILLED_WEIGHT, 1)
    return np.asarray(weights)


def _parts(
    trials: Trials, confidence: Numbers, members: Sequence[tuple[str, NDArray[np.bool_]]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, rows in members:
        if (rows & ~trials.absent).any():
            yield name, _figures(trials.where(rows), confidence[rows])


def _figures(trials: Trials, confidence: Numbers) -> dict[str, Any]:
    """Return calibration error, means and AUROC of results where the thing is there; how often nothing is found."""
    from sklearn.metrics import roc_auc_score

    there = ~trials.absent
    told, relevant, sure = confidence[:, 0] < POSSIBLE, trials.relevant[there], confidence[there]
    well = there & (trials.relevant.mean(axis=1) >= WELL_FOUND)
    bins = equal_mass_bins(sure.ravel(), relevant.ravel())
    return {
        "queries": int(there.sum()),
        "expected_calibration_error": expected_calibration_error(bins),
        "confidence": float(sure.mean()),
        "precision": float(relevant.mean()),
        "auroc": float(roc_auc_score(relevant.ravel(), sure.ravel()))
        if relevant.any() and not relevant.all()
        else None,
        "well_found": int(well.sum()),
        "false_nothing": float(told[well].mean()) if well.any() else None,
        "told_absent": float(told[trials.absent].mean()) if trials.absent.any() else None,
        "told_present": float(told[there].mean()),
        "told_first_right": float(told[there & trials.relevant[:, 0]].mean()) if relevant[:, 0].any() else None,
    }


def _distractors(trials: Trials, confidence: Numbers) -> dict[str, dict[str, float]]:
    """Return mean confidence and precision of results that are distractors and of those that are not."""
    there = np.repeat(~trials.absent[:, None], confidence.shape[1], axis=1)
    members = {"distractors": there & trials.trained, "others": there & ~trials.trained}
    return {
        name: {
            "results": int(rows.sum()),
            "confidence": float(confidence[rows].mean()),
            "precision": float(trials.relevant[rows].mean()),
        }
        for name, rows in members.items()
        if rows.any()
    }
