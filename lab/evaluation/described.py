"""A captioner's captions of image files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lab.data.pixels import Progress, prepared_batches
from models.protocols import Captioner, Decoder, GeneratedCaption


def describe_files(
    captioner: Captioner, files: Sequence[Path], decoder: Decoder, on_progress: Progress | None = None
) -> list[GeneratedCaption]:
    """Write a caption for each image file."""
    size = captioner.card.preprocessing.size
    batches = prepared_batches(files, size, captioner.prepare, on_progress)
    return [caption for batch in batches for caption in captioner.describe(batch, decoder)]
