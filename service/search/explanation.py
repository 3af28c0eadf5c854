"""Why an image matches a query: the score's exact parts, where in the picture it comes from, what each word adds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.explain.words import WordSaliency, leave_one_out
from models.protocols import Explainer
from models.types import Pixels, Vectors
from service.search.compose import Term, compose

_VANISHING = 1e-6


@dataclass(frozen=True)
class TermWords:
    """What the words of one term of the query add to the score."""

    label: str
    words: tuple[WordSaliency, ...]


@dataclass(frozen=True)
class Explanation:
    """Why one image has its score.

    Attributes:
        score: of the image, as a search gives it.
        contributions: ``(label, value)`` of each term; their sum is the score.
        heat: ``(rows, columns)`` in 0..1, over ``region``.
        region: the part of the photograph that the model sees, as fractions ``(left, top, right, bottom)``.
        words: of each term that is made of words.
    """

    score: float
    contributions: tuple[tuple[str, float], ...]
    heat: NDArray[np.float32]
    region: tuple[float, float, float, float]
    words: tuple[TermWords, ...]


def explain(
    terms: Sequence[Term],
    image: Vectors,
    prepared: Pixels,
    region: tuple[float, float, float, float],
    explainer: Explainer,
    encode_texts: Callable[[Sequence[str]], Vectors],
) -> Explanation:
    """Explain the score of an image for a query.

    Args:
        terms: of the query.
        image: the image's vector ``(D,)`` as the index holds it.
        prepared: the image as the model sees it, ``(S, S, 3)``.
        region: where that is in the photograph.
        explainer: of the same model.
        encode_texts: of the same model.

    Raises:
        QueryError: the terms cancel each other out.
    """
    query = compose(terms)
    contributions = query.contributions(image[np.newaxis])
    return Explanation(
        score=float(query.scores(contributions)[0]),
        contributions=tuple(zip(query.labels, contributions[0].tolist(), strict=True)),
        heat=explainer.heat_map(prepared, query.vector),
        region=region,
        words=tuple(
            TermWords(term.label, tuple(leave_one_out(term.text, _rescored(terms, index, image, encode_texts))))
            for index, term in enumerate(terms)
            if term.text is not None
        ),
    )


def _rescored(
    terms: Sequence[Term], index: int, image: Vectors, encode_texts: Callable[[Sequence[str]], Vectors]
) -> Callable[[Sequence[str]], NDArray[np.float32]]:
    """Return a function from texts to the score that the query has with each of them in place of one term's words."""
    others = sum(
        (np.float64(term.weight) * term.vector for place, term in enumerate(terms) if place != index),
        start=np.zeros(len(image)),
    )

    def score(texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), len(image)))
        written = [place for place, text in enumerate(texts) if text.strip()]  # no words: the term is not there
        vectors[written] = encode_texts([texts[place] for place in written])
        queries = others + terms[index].weight * vectors
        lengths = np.linalg.norm(queries, axis=1)
        products = queries @ image.astype(np.float64)
        scores = np.divide(products, lengths, out=np.zeros_like(products), where=lengths > _VANISHING)
        return np.asarray(scores, dtype=np.float32)

    return score
