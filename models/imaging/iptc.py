"""Reads the keywords and the title of IPTC-IIM datasets (IPTC-NAA Information Interchange Model, version 4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from models.imaging.plain_text import plain_text

_MARKER = 0x1C
_APPLICATION = 2
_OBJECT_NAME, _KEYWORD, _CAPTION = 5, 25, 120
_MOST_DATASETS = 2000
_WORD_CHARS, _TITLE_CHARS = 120, 500


@dataclass(frozen=True)
class Description:
    """What IPTC or XMP tell; see ``Photograph``."""

    title: str | None = None
    description: str | None = None
    tags: tuple[str, ...] = ()


def read_iptc(iptc: bytes) -> Description:
    """Read datasets; of garbage what comes before it."""
    texts: dict[int, list[str]] = {_OBJECT_NAME: [], _KEYWORD: [], _CAPTION: []}
    for number, data in _datasets(iptc):
        if number in texts and (text := plain_text(data, _WORD_CHARS if number == _KEYWORD else _TITLE_CHARS)):
            texts[number].append(text)
    title, description = (next(iter(texts[number]), None) for number in (_OBJECT_NAME, _CAPTION))
    return Description(title, description, tuple(texts[_KEYWORD]))


def _datasets(iptc: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield number and data of each dataset of the application record; long ones (over 32 KB) end the reading."""
    at = 0
    for _ in range(_MOST_DATASETS):
        head = iptc[at : at + 5]
        if len(head) < 5 or head[0] != _MARKER or head[3] & 0x80:
            return
        end = at + 5 + int.from_bytes(head[3:5], "big")
        if head[1] == _APPLICATION:
            yield head[2], iptc[at + 5 : end]
        at = end
