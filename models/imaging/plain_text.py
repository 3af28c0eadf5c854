"""Makes texts of image files presentable: whatever bytes they hold, one bounded line without control characters."""

from __future__ import annotations

import unicodedata
from contextlib import suppress


def plain_text(value: object, most: int) -> str | None:
    """Return one line of at most ``most`` characters, or None where nothing is left or the value is no text.

    Bytes are UTF-8 or else Latin-1, the encoding of old files, as which Pillow reads all EXIF.
    """
    if isinstance(value, str):
        with suppress(UnicodeEncodeError):
            value = value.encode("latin-1")
    if isinstance(value, bytes):
        value = _decoded(value)
    if not isinstance(value, str):
        return None
    spaced = (" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in value[: 8 * most])
    return " ".join("".join(spaced).split())[:most].strip() or None


def _decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
