"""How much each word of a query adds to a score."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from models.composition import score_of
from models.evidence import TermWords, WordSaliency
from models.explain.breakdown import rerank_share
from models.protocols import Match

_WORD = re.compile(r"\w+(?:['’-]\w+)*")


def word_saliency(match: Match) -> tuple[TermWords, ...]:
    """Measure the words of every term that is made of words; what is left out is also left out for the matcher."""
    return tuple(
        TermWords(term.label, tuple(leave_one_out(term.text, partial(_scores, match, at))))
        for at, term in enumerate(match.query.terms)
        if term.text is not None
    )


def leave_one_out(text: str, scores_of: Callable[[Sequence[str]], Sequence[float]]) -> list[WordSaliency]:
    """Measure each word by leaving it out (Li, Monroe and Jurafsky 2016, representation erasure).

    Args:
        text: the query; words are runs of letters and digits with inner hyphens and apostrophes.
        scores_of: N texts to their N scores. The last of them is empty where the text has a single word.

    Returns:
        The words in the order of the text; of a text without words, none.
    """
    words = list(_WORD.finditer(text))
    if not words:
        return []
    without = [" ".join((text[: w.start()] + text[w.end() :]).split()) for w in words]
    whole, *rest = scores_of([text, *without])
    return [WordSaliency(w.group(), w.start(), w.end(), whole - score) for w, score in zip(words, rest, strict=True)]


def _scores(match: Match, at: int, texts: Sequence[str]) -> list[float]:
    """Return the score of a match with each of several texts in place of one term's; an empty text is no term."""
    terms = match.query.terms
    written = [text for text in texts if text]
    vectors = dict(zip(written, match.encode_texts(written), strict=True))
    scores = []
    for text in texts:
        instead = [replace(terms[at], text=text, vector=vectors[text])] if text else []
        scores.append(score_of([*terms[:at], *instead, *terms[at + 1 :]], match.vector))
        if at == 0 and text:  # the matcher reads the first term
            scores[-1] += rerank_share(match, text)
    return scores
