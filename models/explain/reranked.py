"""What a matcher adds to a re-ranked score: its share, where it found it, and by which words.

A method explains the vectors' part of a score. Whichever that is, the matcher's part is the matcher's own: of one that
compares words with regions, each region has what was found in it, so that its map adds up to its share exactly; of
one that sees a picture as a whole, there is no map, and its share is ``Evidence.unplaced``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.evidence import Evidence, EvidenceMap, TermWords
from models.explain.grids import on_grid
from models.explain.words import leave_one_out
from models.matchers.contribution import rerank_label
from models.protocols import Match, Matcher, RegionMatcher
from models.types import Features

Map = NDArray[np.float32]


def with_matcher(evidence: Evidence, match: Match) -> Evidence:
    """Add the part of the matcher that re-ranked a match to the evidence of its vectors; without one, as it is.

    Args:
        evidence: by any method, whose contributions name the matcher's share already.
        match: that it is of.
    """
    matcher, sentence = match.matcher, match.query.terms[0].text
    if matcher is None or sentence is None:
        return evidence
    label, features = rerank_label(matcher), match.features[matcher.card.name]
    words = (*evidence.words, _words(matcher, sentence, features, label))
    if any(found.term == label for found in evidence.maps) or evidence.of_matcher is not None:
        return replace(evidence, words=words)  # the method has explained the matcher itself, or another
    if not isinstance(matcher, RegionMatcher):
        return replace(evidence, words=words, unplaced=evidence.unplaced + dict(evidence.contributions)[label])
    return _mapped(replace(evidence, words=words), match, label, _maps(matcher, [sentence], features)[0])


def _mapped(evidence: Evidence, match: Match, label: str, values: Map) -> Evidence:
    """Add a matcher's map to the map of the whole query, and beside those of its terms."""
    whole = evidence.whole()
    rows, columns = whole.values.shape
    sum_of_both = replace(whole, values=whole.values + on_grid(values, (rows, columns)))
    others = [found for found in evidence.maps if found is not whole]
    if not any(found.term is not None for found in others):  # of a single term, the whole was the term's
        others.insert(0, replace(whole, term=match.query.labels[0]))
    maps = (sum_of_both, *others, EvidenceMap(values, whole.region, term=label))
    return replace(evidence, maps=maps, scale=max(evidence.scale, float(sum_of_both.values.max())))


def _words(matcher: Matcher, sentence: str, features: Features, label: str) -> TermWords:
    """Leave the words of a sentence out of the matcher's score one at a time, and of its map where it has one."""
    left: list[Map] = []

    def scores(texts: Sequence[str]) -> list[float]:
        if isinstance(matcher, RegionMatcher):
            left[:] = _maps(matcher, texts, features)
            return [float(values.sum()) for values in left]
        return _scores(matcher, texts, features)

    words = leave_one_out(sentence, scores)
    if not words:
        return TermWords(label, ())
    if left:
        words = [replace(word, values=left[0] - without) for word, without in zip(words, left[1:], strict=True)]
    (whole,) = scores([sentence])
    return TermWords(label, tuple(words), whole - sum(word.value for word in words))


def _scores(matcher: Matcher, texts: Sequence[str], features: Features) -> list[float]:
    """Return what the matcher adds for each of several texts; nothing for an empty one."""
    some = [text for text in texts if text]
    alike = np.broadcast_to(features, (len(some), 1, *features.shape))
    scored = iter(matcher.score_pairs(some, alike)[:, 0].tolist() if some else ())
    return [matcher.card.weight * next(scored) if text else 0.0 for text in texts]


def _maps(matcher: RegionMatcher, texts: Sequence[str], features: Features) -> list[Map]:
    """Return what the matcher adds in each region for each of several texts; nothing for an empty one."""
    some = [text for text in texts if text]
    found: Iterator[Map] = iter(matcher.region_scores(some, features) * np.float32(matcher.card.weight) if some else ())
    return [next(found) if text else np.zeros(matcher.grid, np.float32) for text in texts]
