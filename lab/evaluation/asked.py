"""What is asked of a pool of photographs, by the kind of search: a vector, and which photographs show it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, reduce

import numpy as np

from lab.evaluation.pool import Pool
from lab.evaluation.query_kinds import AskedOf, find_nouns, make_queries, shown_nouns
from lab.evaluation.shown import Mask
from models.types import Vectors
from service.search.grammar import WEIGHT_BESIDE_IMAGE, WEIGHT_BESIDE_SENTENCE

EncodeTexts = Callable[[Sequence[str]], Vectors]

_SENTENCES = ("caption", "sentences")


@dataclass(frozen=True)
class Ask:
    """One query.

    Attributes:
        kind: what figures are told by.
        text: empty where it is an image.
        vector: ``(D,)``.
        image: the photograph that it is made of, which is in every collection that it is put to.
        shows: tells which photographs of the pool show what is asked, ``(N,)``.
        finds_itself: whether its own photograph may be among its results.
    """

    kind: str
    text: str
    vector: Vectors
    image: int
    shows: Callable[[], Mask]
    finds_itself: bool = True


def ask_words(pool: Pool, encode_texts: EncodeTexts, of_each_kind: int, seed: int) -> list[Ask]:
    """Ask by words: as many of each kind, of each half of each set, as its captions give."""
    random = np.random.default_rng(seed)
    queries = [
        query
        for rows, dataset in pool.parts()
        for query in _queries_of(pool, rows.tolist(), dataset, of_each_kind, random)
    ]
    vectors = encode_texts([query.text for query in queries])
    return [
        Ask(query.kind, query.text, vector, query.image, partial(_shows_text, pool, query))
        for query, vector in zip(queries, vectors, strict=True)
    ]


def ask_images(pool: Pool, of_each_half: int, seed: int) -> list[Ask]:
    """Ask by photographs; one is no result for itself."""
    random = np.random.default_rng(seed)
    images = [image for rows, _ in pool.parts() for image in random.permutation(rows)[:of_each_half].tolist()]
    return [
        Ask("image", "", pool.vectors[image], image, partial(pool.shown.image, image), finds_itself=False)
        for image in images
    ]


def ask_steered(pool: Pool, encode_texts: EncodeTexts, of_each_half: int, seed: int) -> list[Ask]:
    """Ask by a noun, or by a photograph, with one signed noun beside it.

    What is asked is shown where one of the source's nouns is, and the signed noun is (``+``) or is not (``-``).
    """
    random = np.random.default_rng(seed)
    steered = []
    for rows, dataset in pool.parts():
        nouns = find_nouns([caption for captions in pool.of(dataset) for caption in captions])
        every = {image: sorted(shown_nouns(pool.captions[image], nouns)) for image in rows.tolist()}
        words = sorted({word for own in every.values() for word in own})
        for image in random.permutation(rows)[:of_each_half].tolist():
            own = random.permutation(every[image]).tolist()
            others = [word for word in random.permutation(words)[:20].tolist() if not pool.shown.words(word)[image]]
            if len(own) > 1 and others:
                steered += [
                    ("words +", image, own[:1], own[1]),
                    ("words -", image, own[:1], others[0]),
                    ("image +", image, own, others[0]),
                    ("image -", image, own[1:], own[0]),
                ]
    texts = sorted({word for _, _, source, word in steered for word in (source[0], word)})
    vector_of = dict(zip(texts, encode_texts(texts), strict=True))
    return [_steer(pool, vector_of, *one) for one in steered]


def _steer(pool: Pool, vector_of: dict[str, Vectors], kind: str, image: int, source: Sequence[str], word: str) -> Ask:
    by_words, sign = kind.startswith("words"), 1 if kind.endswith("+") else -1
    start = vector_of[source[0]] if by_words else pool.vectors[image]
    vector = start + sign * (WEIGHT_BESIDE_SENTENCE if by_words else WEIGHT_BESIDE_IMAGE) * vector_of[word]

    def shows() -> Mask:
        wanted = reduce(np.logical_or, map(pool.shown.words, source))
        has = pool.shown.words(word)
        return np.asarray(wanted & (has if sign > 0 else ~has))

    return Ask(kind, "", vector / np.linalg.norm(vector), image, shows, finds_itself=by_words)


def _queries_of(
    pool: Pool, rows: Sequence[int], dataset: int, of_each_kind: int, random: np.random.Generator
) -> list[AskedOf]:
    """Make queries of some photographs of a set, whose nouns are told by all of its captions."""
    first = pool.first_of(dataset)
    made = make_queries(pool.of(dataset), [row - first for row in rows], of_each_kind, random)
    return [AskedOf(query.text, query.kind, query.image + first) for query in made]


def _shows_text(pool: Pool, query: AskedOf) -> Mask:
    mask = pool.shown.sentences(query.text) if query.kind in _SENTENCES else pool.shown.words(query.text)
    mask[query.image] = True
    return mask
