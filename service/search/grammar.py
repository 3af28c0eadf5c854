"""From what a person writes to the parts of a query, checked before anything is encoded.

The grammar of a modifier value, which holds one or several terms::

    value = term (space signed-term)*
    term  = [sign] words          "+beach"  "-two people"  "beach"  "+beach -people"
    sign  = "+" | "-" | U+2212 | U+2013

A term without a sign adds: ``?modifier=+beach`` reaches the application as ``" beach"``, because a plus in a query
string is a space. A sign counts only at the start of a word (``t-shirt`` is one word, ``C++`` too), and no space may
follow it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from models.errors import QueryError
from service.search.query import Modifier, Page, Sentence

WEIGHT_BESIDE_SENTENCE = 0.5
WEIGHT_BESIDE_IMAGE = 1.4
"""The weight of a modifier beside a source, whose own weight is 1.

Cosines between words and images spread less than cosines between images, so that words need more weight beside an
image; ``semblance evaluate modifiers`` chose both numbers (``docs/quality.md``).
"""

_SUBTRACTING = "-\u2212\u2013"
_SIGNS = "+" + _SUBTRACTING
_TERM_STARTS = re.compile(rf"(?:^|(?<=\s))(?=[{re.escape(_SIGNS)}])")


@dataclass(frozen=True)
class QueryLimits:
    """How much a query may ask for; the service's settings give the values."""

    max_query_chars: int = 1000
    max_modifiers: int = 8
    max_k: int = 100
    max_offset: int = 1000


def parse_sentence(text: str, limits: QueryLimits) -> Sentence:
    """Return the sentence with its white space collapsed.

    Raises:
        QueryError: it is empty, longer than ``max_query_chars`` or not valid Unicode.
    """
    return Sentence(_clean(text, "The query", limits))


def parse_modifiers(
    values: Iterable[str], limits: QueryLimits, weight: float = WEIGHT_BESIDE_SENTENCE
) -> tuple[Modifier, ...]:
    """Parse the values of a repeated ``modifier`` parameter in their order; the weights are ``weight`` or ``-weight``.

    Raises:
        QueryError: a value is empty, a sign stands alone or doubled, or there are more than ``max_modifiers`` terms.
    """
    modifiers: list[Modifier] = []
    for value in values:
        for term in _terms(value, limits):
            if len(modifiers) == limits.max_modifiers:
                raise QueryError(f"There are too many modifiers: the limit is {limits.max_modifiers}.")
            modifiers.append(_modifier(term, weight))
    return tuple(modifiers)


def parse_page(k: int, offset: int, limits: QueryLimits) -> Page:
    """Return a page of results.

    Raises:
        QueryError: ``k`` is not in 1..max_k or ``offset`` not in 0..max_offset.
    """
    if not 1 <= k <= limits.max_k:
        raise QueryError(f"k is {k}: it must be between 1 and {limits.max_k}.")
    if not 0 <= offset <= limits.max_offset:
        raise QueryError(f"offset is {offset}: it must be between 0 and {limits.max_offset}.")
    return Page(k, offset)


def _terms(value: str, limits: QueryLimits) -> list[str]:
    """Split a value before each sign that starts a word."""
    _clean(value, "A modifier", limits)
    return [term for term in _TERM_STARTS.split(value) if term.strip()]


def _modifier(term: str, weight: float) -> Modifier:
    term = term.strip()
    sign, words = (term[0], term[1:]) if term[0] in _SIGNS else ("+", term)
    if not words or words[0].isspace() or words[0] in _SIGNS:
        raise QueryError(f"The modifier {term!r} has a sign without a word: write +beach or -people, without a space.")
    return Modifier(" ".join(words.split()), -weight if sign in _SUBTRACTING else weight)


def _clean(text: str, what: str, limits: QueryLimits) -> str:
    """Collapse white space and check what remains."""
    text = " ".join(text.split())
    if not text:
        raise QueryError(f"{what} is empty: write some words.")
    if len(text) > limits.max_query_chars:
        raise QueryError(f"{what} has {len(text)} characters: the limit is {limits.max_query_chars}.")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise QueryError(f"{what} is not valid Unicode: it holds half of a surrogate pair.")
    return text
