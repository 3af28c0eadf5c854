"""Quotes around words, and an article before a short phrase, ask for nothing: ``a giraffe`` is ``giraffe``.

Vectors of short texts lie apart by such words further than their pictures do. In a sentence the article stays:
captions, which the model has learned from, begin with one.
"""

from __future__ import annotations

import re

from models.text.normalise import SENTENCE_WORDS

_QUOTES = re.compile(r'["“”„«»]')
_ARTICLE = re.compile(r"\s*(?:an?|the)\s+(?=\S)", re.IGNORECASE)


def plain_phrase(text: str, like: str | None = None) -> str:
    """Return a text without quotes, and a phrase of few words without its leading article.

    Args:
        text: that is read.
        like: what it is left of: where that is no phrase, or has no article, an article stays; None for itself.
    """
    unquoted = _QUOTES.sub(" ", text)
    if not unquoted.strip():
        return text
    article = _ARTICLE.match(unquoted)
    whole = unquoted if like is None else _QUOTES.sub(" ", like)
    is_phrase = len(whole.split()) < SENTENCE_WORDS and _ARTICLE.match(whole)
    return unquoted[article.end() :] if article and is_phrase else unquoted
