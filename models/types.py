"""The few types that every part of Semblance shares.

Conventions: vectors are unit-length float32, C-contiguous, ``(N, D)``; scores are inner products, larger is better;
pixels are uint8 RGB, ``(H, W, 3)``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Side = Literal["image", "text"]


@dataclass(frozen=True)
class Photograph:
    """A decoded image, upright and in RGB, with the facts that its file told.

    Attributes:
        pixels: ``(H, W, 3)`` uint8; may be smaller than the original when the decoder was allowed to shrink it.
        width: of the original after the EXIF turn, in pixels.
        height: of the original after the EXIF turn, in pixels.
        format: of the file: ``JPEG``, ``PNG``, ``WEBP``, ``GIF`` or ``HEIF``.
        taken_at: EXIF date (the camera's local time, no zone) or None.
        camera: EXIF make and model, or None.
    """

    pixels: Pixels
    width: int
    height: int
    format: str
    taken_at: datetime | None = None
    camera: str | None = None


@dataclass(frozen=True)
class Preprocessing:
    """How pixels become a model's input; its digest is part of an index's identity.

    Attributes:
        size: side of the square input, in pixels.
        fit: ``squash`` scales both sides to the square (all of the picture is seen, the aspect ratio is not kept);
            ``crop`` scales the shorter side and cuts the middle.
        resample: Pillow's filter, ``bilinear`` or ``bicubic``.
        mean: per channel, of pixels scaled to 0..1; subtracted inside the model.
        std: per channel; divided by inside the model.
    """

    size: int
    fit: Literal["squash", "crop"]
    resample: Literal["bilinear", "bicubic"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical JSON of these fields."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def visible_region(self, width: int, height: int) -> tuple[float, float, float, float]:
        """Return the part of a photograph that the model sees, as fractions ``(left, top, right, bottom)``."""
        if self.fit == "squash":
            return 0.0, 0.0, 1.0, 1.0
        side = min(width, height)
        x, y = (1 - side / width) / 2, (1 - side / height) / 2
        return x, y, 1 - x, 1 - y


@dataclass(frozen=True)
class ModelCard:
    """What a person and an index must know of a model: identity, shape, licence, training, measured quality."""

    name: str
    description: str
    dimension: int
    preprocessing: Preprocessing
    weights_sha256: str
    weights_bytes: int
    licence: str
    languages: tuple[str, ...] = ("en",)
    training: Mapping[str, Any] = field(default_factory=dict)
    quality: Mapping[str, Any] = field(default_factory=dict)


class DualEncoder(Protocol):
    """Embeds photographs and sentences on one unit sphere; safe to call from several threads.

    ``prepare`` is the CPU-side step (resize), separate so that it runs in decoding threads; normalisation to the
    model's numeric range happens inside ``encode_images``.
    """

    @property
    def card(self) -> ModelCard:
        """The model's card."""
        ...

    def prepare(self, pixels: Pixels) -> Pixels:
        """Turn ``(H, W, 3)`` uint8 of any size into the model's ``(S, S, 3)`` uint8 input."""
        ...

    def encode_images(self, prepared: Pixels) -> Vectors:
        """Embed ``(N, S, S, 3)`` uint8 as ``(N, D)`` unit vectors; N may be 0."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed N sentences as ``(N, D)`` unit vectors; N may be 0."""
        ...


class Explainer(Protocol):
    """Shows where in a photograph a score comes from."""

    method: str

    def heat_map(self, prepared: Pixels, query: Vectors) -> NDArray[np.float32]:
        """Explain the inner product of one image ``(S, S, 3)`` with one query ``(D,)``.

        Returns ``(rows, columns)`` in 0..1, over the model's square input (see ``Preprocessing.visible_region``);
        all zeros where nothing in the image speaks for the query.
        """
        ...
