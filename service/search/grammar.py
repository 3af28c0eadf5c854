"""From what a person writes to the parts of a query, checked before anything is encoded.

A query is a sentence, in which signed words may stand: ``mountain +snow -castle``. Quotation marks protect what is
between them: ``"+1" -castle``. A sign that no word follows directly is a sign of the sentence: ``dogs - and cats``.
What the sentence says is absent is subtracted, too: ``a beach without people`` is ``a beach -people``.

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
from dataclasses import dataclass, replace

from models.errors import QueryError
from service.search.negation import split_absences
from service.search.query import Modifier, Page, Sentence

WEIGHT_BESIDE_SENTENCE = 0.5
WEIGHT_BESIDE_IMAGE = 1.6
"""The weight of a modifier beside a source, whose own weight is 1.

Cosines between words and images spread less than cosines between images, so that words need more weight beside an
image; ``semblance evaluate modifiers`` chose both numbers (``docs/quality.md``). Several modifiers beside an image
divide it by the root of their number: so much longer is a sum of vectors that have nothing in common, and the image
would be lost beside it.
"""
SUBTRACTED_BESIDE_SENTENCE = 0.8
"""The weight of what is subtracted from a sentence, chosen by ``semblance evaluate negation``: half as many of the ten
best images show it, on both dev sets."""

_EMPTY = "{} is empty: write some words."
_SUBTRACTING = "-\u2212\u2013"
_SIGNS = "+" + _SUBTRACTING
_TERM_STARTS = re.compile(rf"(?:^|(?<=\s))(?=[{re.escape(_SIGNS)}])")
_SIGNED_WORD = re.compile(rf"(?:^|(?<=\s))(?=[{re.escape(_SIGNS)}][^\s{re.escape(_SIGNS)}])")
_QUOTED = re.compile(r'"([^"]*)"|\u201c([^\u201d]*)\u201d')


@dataclass(frozen=True)
class QueryLimits:
    """How much a query may ask for; the service's settings give the values."""

    max_query_chars: int = 1000
    max_modifiers: int = 8
    max_k: int = 100
    max_offset: int = 1000


def parse_query(
    text: str, values: Iterable[str], limits: QueryLimits, *, negation: bool = True
) -> tuple[Sentence | None, tuple[Modifier, ...]]:
    """Split what is written into the sentence, None where there is none, and the modifiers, those of ``values`` last.

    Modifiers alone are a query, too.

    Args:
        text: the sentence with signed words in it.
        values: more signed words.
        limits: of the query.
        negation: take what the sentence says is absent as subtracted words (see ``service.search.negation``).

    Raises:
        QueryError: as ``parse_sentence`` and ``parse_modifiers``.
    """
    values = list(values)
    if not text.strip() and values:
        return None, parse_modifiers(values, limits)
    _clean(text, "The query", limits)
    protected: list[str] = []

    def protect(quoted: re.Match[str]) -> str:
        protected.append(quoted[1] if quoted[1] is not None else quoted[2])
        return f"\0{len(protected) - 1}\0"

    def restored(part: str) -> str:
        return re.sub("\0(\\d+)\0", lambda place: protected[int(place[1])], part)

    first, *signed = _SIGNED_WORD.split(_QUOTED.sub(protect, text.replace("\0", " ")))
    first, absences = split_absences(first) if negation else (first, ())
    sentence = parse_sentence(restored(first), limits) if restored(first).strip() else None
    terms = [Modifier(absence.thing, -WEIGHT_BESIDE_SENTENCE, restored(absence.source)) for absence in absences]
    terms += [_modifier(term, WEIGHT_BESIDE_SENTENCE) for term in signed]
    modifiers = [replace(term, text=_clean(restored(term.text), "A modifier", limits)) for term in terms]
    modifiers += parse_modifiers(values, limits)
    if len(modifiers) > limits.max_modifiers:
        raise _too_many(limits)
    if sentence is None:
        if not terms:
            raise QueryError(_EMPTY.format("The query"))
        return None, tuple(modifiers)
    return sentence, tuple(map(_beside_sentence, modifiers))


def as_query(sentence: Sentence) -> str:
    """Return what ``parse_query`` reads as just this sentence."""
    return f'"{sentence.text}"' if _SIGNED_WORD.search(sentence.text) else sentence.text


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

    Beside a sentence ``parse_query`` gives those that subtract a weight of their own.

    Raises:
        QueryError: a value is empty, a sign stands alone or doubled, or there are more than ``max_modifiers`` terms.
    """
    modifiers: list[Modifier] = []
    for value in values:
        for term in _terms(value, limits):
            if len(modifiers) == limits.max_modifiers:
                raise _too_many(limits)
            modifiers.append(_modifier(term, weight))
    return tuple(modifiers)


def parse_beside_image(values: Iterable[str], limits: QueryLimits) -> tuple[Modifier, ...]:
    """Parse the modifiers beside an image, or another vector; see ``parse_modifiers`` and ``WEIGHT_BESIDE_IMAGE``."""
    modifiers = parse_modifiers(values, limits, WEIGHT_BESIDE_IMAGE)
    share = len(modifiers) ** -0.5 if modifiers else 1.0
    return tuple(replace(one, weight=one.weight * share) for one in modifiers)


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


def _beside_sentence(modifier: Modifier) -> Modifier:
    return modifier if modifier.weight > 0 else replace(modifier, weight=-SUBTRACTED_BESIDE_SENTENCE)


def _too_many(limits: QueryLimits) -> QueryError:
    return QueryError(f"There are too many modifiers: the limit is {limits.max_modifiers}.")


def _terms(value: str, limits: QueryLimits) -> list[str]:
    """Split a value before each sign that starts a word."""
    _clean(value, "A modifier", limits)
    return [term for term in _TERM_STARTS.split(value) if term.strip()]


def _modifier(term: str, weight: float) -> Modifier:
    term = term.strip()
    sign, words = (term[0], term[1:]) if term[0] in _SIGNS else ("+", term)
    if not words or words[0].isspace() or words[0] in _SIGNS:
        raise QueryError(
            f"The modifier {term[:64]!r} has a sign without a word: write +beach or -people, without a space."
        )
    return Modifier(" ".join(words.split()), -weight if sign in _SUBTRACTING else weight)


def _clean(text: str, what: str, limits: QueryLimits) -> str:
    """Collapse white space and check what remains."""
    text = " ".join(text.split())
    if not text:
        raise QueryError(_EMPTY.format(what))
    if len(text) > limits.max_query_chars:
        raise QueryError(f"{what} has {len(text)} characters: the limit is {limits.max_query_chars}.")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise QueryError(f"{what} is not valid Unicode: it holds half of a surrogate pair.")
    return text
