"""What a person who searches is told beside the results, each with a code that a program can tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

Code = Literal["no_likely_match", "unknown_words", "query_cut", "no_captions", "no_confidence"]


class Notice(NamedTuple):
    """One thing that is told."""

    code: Code
    text: str


NO_LIKELY_MATCH = Notice("no_likely_match", "No result is a likely match: these are the nearest.")
NO_CAPTIONS = Notice("no_captions", "This collection has no captions, so there is no text to find.")
NO_CONFIDENCE = Notice(
    "no_confidence", "Results of this kind of query have no confidence, so that min_confidence leaves all of them out."
)


def query_cut(words_read: int) -> Notice:
    """Tell that only so many words of a sentence were read."""
    return Notice("query_cut", f"The query was cut after {words_read} words: the model reads no more of a sentence.")


def unknown_words(words: Sequence[str]) -> Notice:
    """Tell which words a model of English does not know; there is at least one."""
    *others, last = (f"“{word}”" for word in words)
    listed = f"{', '.join(others)} or {last}" if others else last
    return Notice("unknown_words", f"The model reads English and does not know {listed}.")
