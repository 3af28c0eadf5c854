"""The default explanation of ``semblance-base``: signed evidence by places, on the runtime that serves.

What a place adds to the score (``models.explain.places``) is exact for the features, but the backbones' features see
far beyond their place. The words' own search for places (``models.explain.word_regions``) is sharper, and has no units.
Both together are better than either: the second moves evidence between places and adds none, so that the map still
sums to score - baseline. The baseline is the score of the mean features of the photographs that the model was trained
on, as its head holds them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.calibration import standing
from models.composition import ComposedQuery
from models.evidence import Evidence, EvidenceMap, ImageRole
from models.explain.breakdown import breakdown
from models.explain.places import GRID, PlaceVectors
from models.explain.source import ExplainerSource
from models.explain.word_regions import MATCHER, WordRegions
from models.explain.words import word_saliency
from models.load_ahead import load_ahead
from models.protocols import Match, SeenImage
from models.shipped import encoder_card, matcher_card, weights_folder
from models.types import Vectors

RELATED_DEVIATIONS = 2.0
"""A query has to do with a picture from so many standard deviations above its mean score of the reference pictures."""
LEAST_SCALE = 0.01
"""The least value that is painted at full strength, in units of the score: faint evidence is painted faintly."""
MOVED = 1.5
"""Spread of what the words' places move, as a multiple of the spread of what places add; chosen on the dev sets."""
DRAWN = 1.0
"""How much more of the evidence a place draws to itself for each standard deviation that it fits better; chosen there
too."""

Map = NDArray[np.float32]


class PlaceEvidence:
    """The ``Explainer`` by places; looks at both images where an image was searched by.

    Args:
        places: takes pictures apart.
        words: compares sentences with places; None where the model has no such matcher.
        blocks: of the model's vectors, see ``models.explain.blocks``.
        reference: ``(K, D)``, pictures that tell which scores mean something; None where the model has none, and then
            no query is said to be unrelated.
    """

    looks_at = frozenset[ImageRole]({"result", "query"})

    def __init__(
        self, places: PlaceVectors, words: WordRegions | None, blocks: tuple[int, ...], reference: Vectors | None
    ) -> None:
        self._places, self._words, self._blocks, self._reference = places, words, blocks, reference

    def explain(self, match: Match) -> Evidence:
        """See ``Explainer``."""
        image = match.images["result"]
        shares = self._places.shares(image.pixels)
        vectors = self._places.of(shares)
        query, region = match.query, image.region
        terms = self._term_maps(query, vectors, shares)
        maps = [EvidenceMap(_grid(terms.sum(axis=0)), region)]
        if len(terms) > 1:
            maps += [EvidenceMap(_grid(v), region, term=t.label) for t, v in zip(query.terms, terms, strict=True)]
        if (asked := match.images.get("query")) is not None:
            maps.append(EvidenceMap(_grid(self._of_query_image(asked, match)), asked.region, "query"))
        score = float(match.vector @ query.vector)
        return Evidence(
            maps=tuple(maps),
            scale=max(LEAST_SCALE, *(float(found.values.max()) for found in maps)),
            words=word_saliency(match, self._blocks, vectors, (GRID, GRID)),
            contributions=breakdown(match),
            baseline=float(self._places.origin @ query.vector),
            unrelated=self._unrelated(query.vector, score),
        )

    def _term_maps(self, query: ComposedQuery, vectors: Vectors, shares: NDArray[np.float32]) -> Map:
        """Return what each place adds to each term's share, ``(T, GRID * GRID)``."""
        terms: Map = (query.parts @ vectors.T).astype(np.float32)
        if self._words is None or not any(term.text for term in query.terms):
            return terms
        fit = self._words(shares * len(shares))  # the mean of the features in each place
        return np.stack(
            [moved(values, fit, term.text, term.weight) for values, term in zip(terms, query.terms, strict=True)]
        )

    def _of_query_image(self, asked: SeenImage, match: Match) -> Map:
        """Return what each place of the image that was searched by adds to its share, ``(GRID * GRID,)``."""
        vectors = self._places.of(self._places.shares(asked.pixels))
        values: Map = vectors @ match.vector * match.query.first_weight
        return values

    def _unrelated(self, query: Vectors, score: float) -> bool:
        if self._reference is None:
            return False
        return float(standing(query, self._reference).deviations(np.array([score]))[0]) < RELATED_DEVIATIONS


def moved(values: Map, fit: Callable[[str], Map], text: str | None, weight: float) -> Map:
    r"""Move evidence ``(P,)`` to the places that a text fits; the sum stays. Without a text, nothing is moved.

    With the standard scores z of the fit, in two steps: added are z times ``MOVED`` of the values' own spread, so that
    little is moved where there is little evidence. Then what speaks for the query is shared out anew among its places
    by :math:`v_g e^{cz_g}`, and what speaks against it by :math:`v_g e^{-cz_g}`, with c = ``DRAWN``, each to the same
    sum as before: places that nothing of the text fits keep next to nothing.

    Args:
        values: what places add to a term's share.
        fit: tells of a text how well it fits each place, ``(P,)``.
        text: of the term.
        weight: of the term; where it is negative, what speaks for its text is negative.
    """
    if not text:
        return values
    similarities = fit(text)
    spread = float(similarities.std())
    if spread == 0:
        return values
    towards = (similarities - similarities.mean()) / spread * np.float32(np.sign(weight))
    added = values + np.float32(MOVED) * values.std() * towards
    found: Map = _drawn(added.clip(min=0), towards) - _drawn((-added).clip(min=0), -towards)
    return found.astype(np.float32)


def _drawn(values: Map, towards: Map) -> Map:
    """Share positive values ``(P,)`` out anew among their places; the sum stays."""
    drawn: Map = values * np.exp(np.float32(DRAWN) * towards)
    total = drawn.sum()
    return drawn * (values.sum() / total) if total > 0 else values


def load_explainer(source: ExplainerSource) -> PlaceEvidence:
    """Compile the pieces of the image tower; torch is loaded only where they were not converted before.

    Raises:
        CheckpointError: weights are missing or damaged.
    """
    card, compiler = encoder_card(source.model), source.compiler

    def graph(name: str) -> Callable[[], object]:
        def build() -> object:
            from models.explain import place_graphs

            return getattr(place_graphs, f"{name}_graph")(source.load_image_tower())

        return build

    runners = {
        name: compiler.runner(f"{card.name}.{name}", card.made_of, graph(name), full_precision=name != "shares")  # type: ignore[arg-type]
        for name in ("shares", "linear", "vectors")
    }
    mean = compiler.kept(f"{card.name}.mean-features", card.made_of, lambda: _mean_features(source))
    places = PlaceVectors(**runners, mean=np.frombuffer(mean, np.float32).copy())
    reference = None if card.calibrations is None else card.calibrations.reference
    return PlaceEvidence(places, _word_regions(source), source.blocks, reference)


def _mean_features(source: ExplainerSource) -> bytes:
    """Return the mean features of the photographs that the model was trained on, which its head subtracts."""
    from models.explain.place_graphs import mean_features

    return mean_features(source.load_image_tower()).tobytes()  # type: ignore[arg-type]


def _word_regions(source: ExplainerSource) -> WordRegions | None:
    card = matcher_card(MATCHER)
    if card.encoder != source.model:
        return None
    load_ahead(lambda: source.models.matcher(MATCHER).score("warm-up", np.zeros((1, *card.feature_shape), np.float16)))

    def regions() -> object:
        from models.explain.place_graphs import regions_graph
        from models.matchers.late_interaction_module import load_heads

        return regions_graph(lambda: load_heads(card, weights_folder(card.name)).image)

    runner = source.compiler.runner(f"{card.name}.places", card.made_of, regions, full_precision=True)  # type: ignore[arg-type]
    return WordRegions(runner, lambda: source.models.matcher(MATCHER))  # type: ignore[arg-type,return-value]


def _grid(values: Map) -> Map:
    return values.reshape(GRID, GRID).astype(np.float32)
