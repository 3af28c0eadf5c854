r"""METEOR of a sentence against references, with the stages of exact words and of stems.

Words of the hypothesis are linked one to one with words of the reference: first equal words, then, among those left,
words of one stem (Snowball's, for the Porter stems of the paper). Of all ways to link the most words, one with the
fewest chunks is taken: runs of links that follow one another in both sentences. With m links, P = m / words of the
hypothesis and R = m / words of the reference,

.. math::
    F = \frac{P R}{\alpha P + (1 - \alpha) R}, \qquad
    \mathrm{METEOR} = F \left(1 - \gamma \left(\frac{chunks}{m}\right)^\beta\right)

with :math:`\alpha = 0.9, \beta = 3, \gamma = 0.5` (Banerjee and Lavie 2005). The best of several references counts.
METEOR 1.5, which captioning works use, also matches synonyms and paraphrases, tells content from function words, and
has other parameters: its figures are not to be compared with these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from models.text.stems import stem
from models.text.vocabulary import split_words

ALPHA, BETA, GAMMA = 0.9, 3.0, 0.5

_BEAM = 100
"""Beginnings of an alignment that are kept; the search is exact up to so many, which captions do not reach."""


def meteor(hypothesis: str, references: Sequence[str]) -> float:
    """Return the METEOR score of a sentence against the best of its references, in 0..1; 0 without any."""
    words, own_stems = _split(hypothesis)
    return max((_score(words, own_stems, *_split(reference)) for reference in references), default=0.0)


@lru_cache(maxsize=100_000)
def _split(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    words = split_words(text)
    return tuple(words), tuple(map(stem, words))


def _score(
    words: tuple[str, ...], own_stems: tuple[str, ...], their_words: tuple[str, ...], their_stems: tuple[str, ...]
) -> float:
    links, chunks = _align(words, own_stems, their_words, their_stems)
    if not links:
        return 0.0
    precision, recall = links / len(words), links / len(their_words)
    mean = precision * recall / (ALPHA * precision + (1 - ALPHA) * recall)
    return float(mean * (1 - GAMMA * (chunks / links) ** BETA))


def _align(
    words: tuple[str, ...], own_stems: tuple[str, ...], their_words: tuple[str, ...], their_stems: tuple[str, ...]
) -> tuple[int, int]:
    """Return the number of links and of chunks of the best alignment."""
    places: dict[str, list[int]] = {}
    for place, their_stem in enumerate(their_stems):
        places.setdefault(their_stem, []).append(place)
    surplus = {name: count > len(places.get(name, ())) for name, count in Counter(own_stems).items()}
    # a beginning: which of the reference's words are taken (bits), the one last linked if the last word was -> the
    # best (equal words, links, -chunks) that lead there
    beginnings: dict[tuple[int, int], tuple[int, int, int]] = {(0, -2): (0, 0, 0)}
    for word, own_stem in zip(words, own_stems, strict=True):
        longer: dict[tuple[int, int], tuple[int, int, int]] = {}
        for (taken, last), (equal, links, runs) in beginnings.items():
            options = [
                (
                    (taken | 1 << place, place),
                    (equal + (word == their_words[place]), links + 1, runs - (place != last + 1)),
                )
                for place in places.get(own_stem, ())
                if not taken >> place & 1
            ]
            if surplus[own_stem]:  # one without a surplus is linked in every alignment with the most links
                options.append(((taken, -2), (equal, links, runs)))
            for state, figures in options:
                longer[state] = max(figures, longer.get(state, figures))
        if len(longer) > _BEAM:
            longer = dict(sorted(longer.items(), key=lambda item: item[1], reverse=True)[:_BEAM])
        beginnings = longer
    _, links, runs = max(beginnings.values(), default=(0, 0, 0))
    return links, -runs
