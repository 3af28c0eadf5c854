"""Long inputs in batches that a runtime takes at once."""

from __future__ import annotations

from collections.abc import Iterator

from models.types import Pixels

IMAGE_BATCH = 32
"""Images of one pass: beyond it the rate no longer grows, and memory does."""
TEXT_BATCH = 64


def image_batches(prepared: Pixels) -> Iterator[Pixels]:
    """Yield ``(N, S, S, 3)`` pixels as batches ``(B, S, S, 3)`` of at most ``IMAGE_BATCH``; none where N is 0."""
    for start in range(0, len(prepared), IMAGE_BATCH):
        yield prepared[start : start + IMAGE_BATCH]
