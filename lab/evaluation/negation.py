"""Does ``a beach without people`` bring beaches, and no people?

Two kinds of sentences are asked as the service reads them, and with ``negation=off``. *Words*: the 100 commonest pairs
of content words of which the second is in 20 to 80 % of the images that have the first, as ``dog without grass`` and
``dog with no grass``. *Captions*: a caption with ``without`` and the word that most of its ten best images have and the
captions of its own image lack. *Unwanted* is the share of the ten best images whose captions have the word that the
sentence denies. *Retention* is what is left of the rest: of words the share of the ten best that have the first word,
of captions NDCG@10 by relevance to the captions of the caption's image, with / without.

*Left alone* is the share of sentences whose ``no`` or ``not`` means something else (``negation_left_alone.txt``) that
are read as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.evaluation.encoded import EncodedSet
from lab.evaluation.frequent_words import FrequentWords, frequent_words
from lab.evaluation.relevance import Relevance
from lab.metrics.ndcg import ideal_gains, ndcg_curve
from models.composition import Term, compose
from models.errors import InputError
from models.types import Vectors
from service.search.grammar import QueryLimits, parse_query
from service.search.negation import split_absences
from service.search.query import Query

_TOP = 10
_WORDS = 200
_PAIRS = 100
_CAPTIONS = 300
_TEMPLATES = ("{} without {}", "{} with no {}")
_NUMBERS = frozenset({"one", "two", "three", "four", "five", "several"})
_LEFT_ALONE = Path(__file__).with_name("negation_left_alone.txt")

EncodeTexts = Callable[[Sequence[str]], Vectors]


@dataclass(frozen=True)
class Asked:
    """Q sentences and what is right about the images that they find.

    Attributes:
        texts: the sentences, Q.
        plain: the same without what they deny.
        unwanted: ``(Q, N)``, whether an image has what the sentence denies.
        gains: ``(Q, N)``, how much an image is of the rest of the sentence.
    """

    texts: list[str]
    plain: list[str]
    unwanted: NDArray[np.bool_]
    gains: NDArray[np.floating[Any]]


def evaluate_negation(
    encoded: EncodedSet, encode_texts: EncodeTexts, relevance: Relevance, *, seed: int = 0
) -> dict[str, Any]:
    """Measure both kinds of sentences, and what is left alone.

    Args:
        encoded: the set.
        encode_texts: of the model that encoded it.
        relevance: of its images to each other.
        seed: of the draw of captions.

    Raises:
        InputError: fewer than 11 images, or captions without such words.
    """
    if len(encoded.images) <= _TOP:
        raise InputError(f"the set has {len(encoded.images)} images: a top {_TOP} needs more than {_TOP}")
    words = frequent_words(encoded.data.captions, _WORDS)
    kinds = {
        "words": word_sentences(words),
        "captions": caption_sentences(encoded, words, relevance, np.random.default_rng(seed)),
    }
    if not all(asked.texts for asked in kinds.values()):
        raise InputError("the captions have no two words that go together in some images and not in others")
    return {
        **{kind: _measure(asked, encoded.images, encode_texts) for kind, asked in kinds.items()},
        "left_alone": left_alone(),
    }


def left_alone() -> float:
    """Return the share of the listed sentences that are read as they are."""
    sentences = _LEFT_ALONE.read_text(encoding="utf-8").splitlines()
    return sum(not split_absences(sentence)[1] for sentence in sentences) / len(sentences)


def word_sentences(words: FrequentWords) -> Asked:
    """Return both templates of the commonest pairs; words in -ing and numbers are left out."""
    together = words.present.T.astype(np.int64) @ words.present
    having = words.present.sum(axis=0)
    share = together / np.maximum(having[:, np.newaxis], 1)
    fitting = (share >= 0.2) & (share <= 0.8) & (having[:, np.newaxis] - together >= _TOP)
    named = np.array([_names_a_thing(word) for word in words.texts])
    fitting &= named & named[:, np.newaxis]
    pairs = sorted(zip(*np.nonzero(fitting), strict=True), key=lambda pair: (-together[pair], pair))[:_PAIRS]
    wanted, denied = ([pair[side] for pair in pairs for _ in _TEMPLATES] for side in (0, 1))
    return Asked(
        [template.format(words.texts[one], words.texts[other]) for one, other in pairs for template in _TEMPLATES],
        [words.texts[one] for one in wanted],
        words.present[:, denied].T,
        words.present[:, wanted].T.astype(np.float64),
    )


def caption_sentences(
    encoded: EncodedSet, words: FrequentWords, relevance: Relevance, random: np.random.Generator
) -> Asked:
    """Return captions that deny what most of their best images have and their own image lacks."""
    captions, _ = encoded.data.flat_captions()
    rows = random.permutation(len(captions))[:_CAPTIONS]
    own = encoded.image_of_caption[rows]
    best = _best(encoded.captions[rows], encoded.images)
    named = np.array([_names_a_thing(word) for word in words.texts])
    among_best = words.present[best].mean(axis=1) * (named & ~words.present[own])
    denied = among_best.argmax(axis=1)
    kept = np.flatnonzero(among_best.max(axis=1) > 0)
    plain = [captions[rows[at]].rstrip(" .!") for at in kept]
    return Asked(
        [f"{text} without {words.texts[denied[at]]}" for text, at in zip(plain, kept, strict=True)],
        plain,
        words.present[:, denied[kept]].T,
        relevance(own[kept]),
    )


def _names_a_thing(word: str) -> bool:
    return not word.endswith("ing") and word not in _NUMBERS


def _measure(asked: Asked, images: Vectors, encode_texts: EncodeTexts) -> dict[str, Any]:
    """Return unwanted shares and retention: as read, with negation off, and without what is denied."""
    read = np.stack([_vector(text, encode_texts) for text in asked.texts])
    tops = {"on": read, "off": encode_texts(asked.texts), "plain": encode_texts(asked.plain)}
    figures: dict[str, Any] = {"sentences": len(asked.texts)}
    ndcg = {}
    for name, vectors in tops.items():
        best = _best(vectors, images)
        figures[f"unwanted_{name}"] = float(np.take_along_axis(asked.unwanted, best, axis=1).mean())
        gains = np.take_along_axis(asked.gains, best, axis=1)
        ndcg[name] = float(ndcg_curve(gains, ideal_gains(asked.gains, _TOP))[:, -1].mean())
    return {
        **figures,
        "retention": ndcg["on"] / ndcg["off"],
        "retention_of_plain": ndcg["on"] / ndcg["plain"],
    }


def _vector(text: str, encode_texts: EncodeTexts) -> Vectors:
    """Compose a sentence as a search does."""
    query = Query(*parse_query(text, (), QueryLimits()))
    vectors = encode_texts(query.words)
    return compose(
        [Term(part.label, vector, part.weight) for part, vector in zip(query.parts, vectors, strict=True)]
    ).vector


def _best(queries: Vectors, images: Vectors) -> NDArray[np.int64]:
    return np.argsort(-(queries @ images.T), axis=1, kind="stable")[:, :_TOP]
