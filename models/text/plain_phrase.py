"""Quotes around words, and an article before a short phrase, ask for nothing: ``a giraffe`` is ``giraffe``.

Vectors of short texts lie apart by such words further than their pictures do. In a sentence the article stays:
captions, which the model has learned from, begin with one.
"""

from __future__ import annotations

import re

from models.text.normalise import SENTENCE_WORDS

_QUOTES = re.compile(r'["“”„«»]')
_ARTICLE = re.compile(r"\s*(?:an?|the)\s+(?=\S)", re.IGNORECASE)


def plain_phrase(text: str) -> str:
    """Return a text without quotes, and a phrase of few words without its leading article."""
    unquoted = _QUOTES.sub(" ", text)
    if not unquoted.strip():
        return text
    article = _ARTICLE.match(unquoted)
    is_phrase = len(unquoted.split()) < SENTENCE_WORDS
    return unquoted[article.end() :] if article and is_phrase else unquoted
