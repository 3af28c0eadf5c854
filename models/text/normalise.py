"""One sentence however it is typed: before a shipped model reads it, what does not change its meaning is made equal.

Capitals, extra spaces, compatibility forms of letters (NFKC), curly quotes, emoji and punctuation at the end. A phrase
ends without punctuation, a sentence with a full stop: most captions have that form, and recall on both dev sets stayed
what it was (``docs/experiments.md``).
"""

from __future__ import annotations

import re
import unicodedata

FORM = 2
"""Number of all rules by which shipped models read sentences: these, ``plain_phrase``, ``plurals``, and how many word
pieces are read. A change of any makes other vectors of captions, and so takes another number here and as ``text_form``
of the cards."""

SENTENCE_WORDS = 5
"""From how many words on a text is a sentence."""

_END = re.compile(r"[\s.!?,;:]+$")
_STRAIGHT = str.maketrans({"‘": "'", "’": "'", "‚": "'", "‛": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"'})
_EMOJI = ((0x231A, 0x23FF), (0x2600, 0x27BF), (0x2B00, 0x2BFF), (0x1F000, 0x1FAFF))
"""Blocks of symbols that show things; other symbols, such as ©, are not named."""
_UNSAID = ("VARIATION SELECTOR", "EMOJI MODIFIER", "ZERO WIDTH JOINER", "REGIONAL INDICATOR")
"""Beginnings of the names of what only changes the symbol beside it."""


def normalise(text: str, like: str | None = None) -> str:
    """Return a text in lower case with single spaces, plain letters and quotes, emoji by name, and a uniform end.

    A text of nothing but punctuation stays.

    Args:
        text: that is read.
        like: what it is left of, by which it is a phrase or a sentence; None for itself.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_STRAIGHT)
        text = "".join(map(_said, text))
    text = " ".join(text.lower().split())
    without_end = _END.sub("", text)
    if not without_end:
        return text
    is_sentence = normalise(like).endswith(".") if like is not None else without_end.count(" ") >= SENTENCE_WORDS - 1
    return f"{without_end}." if is_sentence else without_end


def _said(character: str) -> str:
    """Return an emoji as the words of its name, and any other character as it is."""
    if character < "\u200d":  # most letters: the first character that has no sound
        return character
    name = unicodedata.name(character, "")
    if name.startswith(_UNSAID):
        return ""
    return f" {name.lower()} " if any(first <= ord(character) <= last for first, last in _EMOJI) else character
