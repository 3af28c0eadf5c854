"""Corrects words in which one letter is wrong: missing, too many, another one, or exchanged with its neighbour.

Only a word that no vocabulary knows is corrected, and only to a word of the captions that shipped models were trained
on: that is what they know best. Names, of species, people and places, are known as word pieces or by the dictionary of
English (pyspellchecker's, which is opened with the first word that neither captions nor word pieces know).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple
from unicodedata import combining, normalize

from spellchecker import SpellChecker
from tokenizers import Tokenizer

from models.names import DEFAULT_MODEL
from models.shipped import weights_folder
from models.text.shipped_vocabulary import load_vocabulary
from models.text.tokeniser import TOKENISER

_SHORTEST = 3
"""Letters of a word that is corrected; of two letters too many words are one letter away."""
_QUOTED_OR_WORD = re.compile(r'"[^"]*"|“[^”]*”|(?<![\w\'’.])(?:(?<![^\s])[-−–+])?(?P<word>[^\W\d_]+)(?![\w\'’])')
"""What is quoted stays as a whole; a word may bear a sign, and is no part of ``it's`` or of what holds digits."""


class Correction(NamedTuple):
    """A query as it was written, and as it is read."""

    written: str
    read: str


class Spelling:
    """Corrects queries.

    Args:
        frequent: words to correct to, the most frequent first.
        known: tells whether another word is one, in lower case; asked only for words that are not ``frequent``.
        near: all that is one letter away from a word.
    """

    def __init__(
        self, frequent: Sequence[str], known: Callable[[str], bool], near: Callable[[str], Sequence[str]]
    ) -> None:
        self._rank = {word: rank for rank, word in enumerate(frequent)}
        self._known, self._near = known, near

    def is_doubtful(self, text: str) -> bool:
        """Tell whether a text holds a word that is not ``frequent``, and so may need a correction: a fast look."""
        return any(word.lower() not in self._rank for word in _words(text))

    def correct(self, text: str, also_known: Callable[[str], bool] = lambda _word: False) -> Correction | None:
        """Return the correction of a query, None where nothing is to be corrected.

        A query is left alone as a whole where two words or more are unknown, or where most of its other words are not
        those of captions: it may be of another language.

        Args:
            text: the query, which may hold quoted and signed words.
            also_known: tells whether a word occurs where it is searched, in lower case.
        """
        words = _words(text)
        unknown = {word for word in words if word.isascii() and not self._is_known(word.lower())}
        others = [word for word in words if word not in unknown]
        if len(unknown) != 1 or 2 * sum(word.lower() in self._rank for word in others) < len(others):
            return None
        (word,) = unknown
        right = self._right(word.lower(), alone=not others)
        if right is None or _is_name(word, text) or also_known(word.lower()):
            return None
        read = _QUOTED_OR_WORD.sub(lambda found: _replaced(found, word, right), text)
        return Correction(text, read)

    def unknown(self, text: str, also_known: Callable[[str], bool] = lambda _word: False) -> list[str]:
        """Return the words of a query that nobody knows, each once; arguments are those of ``correct``."""
        words = dict.fromkeys(_words(text))
        return [word for word in words if not (self._is_known(_plain(word)) or also_known(word.lower()))]

    def _is_known(self, word: str) -> bool:
        return (word.isascii() and len(word) < _SHORTEST) or word in self._rank or self._known(word)

    def _right(self, word: str, *, alone: bool) -> str | None:
        """Return the most frequent word that is near; one that stands alone may be of another language (``hund``).

        Those differ from English words of other meaning by another letter, and from their relatives (``girafe``) by one
        more or less.
        """
        candidates = [near for near in self._near(word) if near in self._rank and len(near) >= _SHORTEST]
        if alone:
            candidates = [near for near in candidates if len(near) != len(word) or sorted(near) == sorted(word)]
        return min(candidates, key=self._rank.__getitem__, default=None)


class _English:
    """Word pieces that are words, and the dictionary of English, each opened when it is first asked."""

    def __contains__(self, word: str) -> bool:
        return word in self._pieces or word in self._dictionary

    def near(self, word: str) -> Sequence[str]:
        """Return all strings that are one letter away from a word."""
        return list(self._dictionary.edit_distance_1(word))

    @cached_property
    def _pieces(self) -> frozenset[str]:
        tokenizer = Tokenizer.from_file(str(weights_folder(DEFAULT_MODEL) / TOKENISER))
        return frozenset(tokenizer.get_vocab())

    @cached_property
    def _dictionary(self) -> SpellChecker:
        return SpellChecker(language="en", distance=1)


def load_spelling() -> Spelling:
    """Load what corrects to the words of the training captions."""
    english = _English()
    return Spelling(load_vocabulary().words, english.__contains__, english.near)


def _plain(word: str) -> str:
    """Return a word in lower case and without accents, as the tokeniser reads it."""
    return "".join(letter for letter in normalize("NFD", word.lower()) if not combining(letter))


def _words(text: str) -> list[str]:
    return [found["word"] for found in _QUOTED_OR_WORD.finditer(text) if found["word"]]


def _is_name(word: str, text: str) -> bool:
    """Tell whether a word begins with a capital where not every word does, and not because it comes first."""
    return word[0].isupper() and any(other[0].islower() for other in _words(text)) and not text.startswith(word)


def _replaced(found: re.Match[str], word: str, right: str) -> str:
    if found["word"] != word:
        return found[0]
    return found[0].removesuffix(word) + (right.capitalize() if word[0].isupper() else right)
