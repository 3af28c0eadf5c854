"""Why a caption was found: by which words, its own and the query's, and where in the image that was searched by.

The score of an image and a caption is the same whichever of both was searched by. So any method that explains an image
by a sentence explains a caption by an image: the caption takes the place of the sentence, the query's image that of
the result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from models.composition import Term, compose
from models.evidence import Evidence, EvidenceMap, TermWords
from models.explain.breakdown import breakdown
from models.explain.words import word_saliency
from models.protocols import Explainer, Match


def explain_caption(
    match: Match, caption: str, explainer: Callable[[], Explainer], blocks: tuple[int, ...] = ()
) -> Evidence:
    """Explain the score of a caption.

    Args:
        match: of the query and the caption: its vector is the caption's, and of the images there is that of the query
            alone, if the query has one.
        caption: its text.
        explainer: loads what explains the image that was searched by; not called where there is none.
        blocks: of the encoder's vectors (see ``models.explain.blocks``).
    """
    mirrored = Match(
        query=compose([Term(caption, match.vector, text=caption)]),
        vector=match.query.vector,
        images={"result": match.images["query"]} if "query" in match.images else {},
        encode_texts=match.encode_texts,
        encode_left=match.encode_left,
    )
    of_query = word_saliency(match, blocks)
    if not mirrored.images:
        own = _own(word_saliency(mirrored, blocks))
        return Evidence((), 0.0, (*of_query, *own), breakdown(match))
    return _as_found(explainer().explain(mirrored), match, of_query)


def _as_found(mirrored: Evidence, match: Match, of_query: tuple[TermWords, ...]) -> Evidence:
    """Put the evidence of the query's image for a caption into units of the query's score for that caption."""
    part = float(match.query.parts[0] @ match.query.terms[0].vector)  # that the image has of the query
    whole, parts = mirrored.whole(), breakdown(match)
    others = sum(value for _, value in parts[1:])
    return Evidence(
        maps=(EvidenceMap(whole.values * part, whole.region, "query"),),
        scale=mirrored.scale * part,
        words=(*of_query, *_own(mirrored.words, part)),
        contributions=parts,
        baseline=None if mirrored.baseline is None else mirrored.baseline * part + others,
        unrelated=mirrored.unrelated,
    )


def _own(terms: tuple[TermWords, ...], part: float = 1.0) -> tuple[TermWords, ...]:
    """Mark the words as the caption's own."""
    return tuple(
        replace(
            term,
            of="result",
            words=tuple(
                word if word.values is None else replace(word, values=word.values * part) for word in term.words
            ),
        )
        for term in terms
    )
