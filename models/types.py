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
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from models.calibration import Calibration

Vectors = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Features = NDArray[np.float16]
"""What a matcher keeps of N images, ``(N, *feature_shape)``."""
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
            ``crop`` scales the shorter side and cuts the middle; ``inside`` scales the longer side to the square's and
            keeps the aspect ratio (see ``fit_square``).
        resample: Pillow's filter, ``bilinear`` or ``bicubic``.
        mean: per channel, of pixels scaled to 0..1; subtracted inside the model.
        std: per channel; divided by inside the model.
    """

    size: int
    fit: Literal["squash", "crop", "inside"]
    resample: Literal["bilinear", "bicubic"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical JSON of these fields."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def visible_region(self, width: int, height: int) -> tuple[float, float, float, float]:
        """Return the part of a photograph that the model sees, as fractions ``(left, top, right, bottom)``."""
        if self.fit != "crop":
            return 0.0, 0.0, 1.0, 1.0
        side = min(width, height)
        x, y = (1 - side / width) / 2, (1 - side / height) / 2
        return x, y, 1 - x, 1 - y


@dataclass(frozen=True, kw_only=True)
class PartCard:
    """The card of weights that several models share, such as a frozen backbone."""

    name: str
    description: str
    weights_sha256: str
    weights_bytes: int
    licence: str
    training: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Card(PartCard):
    """What a person and an index must know of a model: identity, licence, training, measured quality.

    Attributes:
        architecture: module that loads it: of ``models.dual``, ``models.matchers`` or ``models.captioning``.
        options: what tells the members of a family apart, as the architecture's module reads it.
        parts: the shared weights that it stands on, each with the SHA-256 that it was trained over.
    """

    preprocessing: Preprocessing
    architecture: str
    options: Mapping[str, Any] = field(default_factory=dict)
    parts: Mapping[str, str] = field(default_factory=dict)
    languages: tuple[str, ...] = ("en",)
    quality: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ModelCard(Card):
    """The card of a dual encoder, of vectors ``(dimension,)``.

    ``calibrations`` turn scores into probabilities, by ``SOURCE-to-TARGET`` (``text-to-image``), where they are fitted.
    """

    dimension: int
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class MatcherCard(Card):
    """The card of a matcher.

    ``weights_sha256`` must differ whenever the features would: an index is told apart by it and the preprocessing.

    Attributes:
        encoder: the dual encoder whose results it re-ranks.
        feature_shape: of what it keeps of one image, stored as float16.
        weight: what one unit of its score adds to the encoder's score of a result.
    """

    encoder: str
    feature_shape: tuple[int, ...]
    weight: float


@dataclass(frozen=True, kw_only=True)
class CaptionerCard(Card):
    """The card of a model that writes captions."""


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


@runtime_checkable
class FeatureEncoder(DualEncoder, Protocol):
    """A dual encoder whose pass over an image also gives the features of matchers, which then cost nothing."""

    @property
    def matchers(self) -> Sequence[MatcherCard]:
        """The matchers whose features it gives."""
        ...

    def encode_images_with_features(self, prepared: Pixels) -> tuple[Vectors, Mapping[str, Features]]:
        """Embed ``(N, S, S, 3)`` uint8; also return the features by the name of their matcher."""
        ...


class Matcher(Protocol):
    """Scores how well a sentence fits images by more than one vector of each; safe to call from several threads.

    It re-orders the best results of a dual encoder. What it needs of an image is computed when the image is indexed.
    """

    @property
    def card(self) -> MatcherCard:
        """The matcher's card."""
        ...

    def prepare(self, pixels: Pixels) -> Pixels:
        """Turn ``(H, W, 3)`` uint8 of any size into the ``(S, S, 3)`` uint8 that it takes in."""
        ...

    def encode_images(self, prepared: Pixels) -> Features:
        """Return the features of ``(N, S, S, 3)`` uint8, ``(N, *feature_shape)`` float16; N may be 0."""
        ...

    def score(self, text: str, features: Features) -> NDArray[np.float32]:
        """Score one sentence against M images of ``(M, *feature_shape)`` features, ``(M,)``; larger is better."""
        ...


@runtime_checkable
class FeatureNetwork(Protocol):
    """One network whose pass over an image gives what several matchers keep of it."""

    @property
    def matchers(self) -> Sequence[MatcherCard]:
        """The matchers, at least one, whose features it gives."""
        ...

    def prepare(self, pixels: Pixels) -> Pixels:
        """Turn ``(H, W, 3)`` uint8 of any size into the ``(S, S, 3)`` uint8 that it takes in."""
        ...

    def encode_features(self, prepared: Pixels) -> Mapping[str, Features]:
        """Return the features of ``(N, S, S, 3)`` uint8 by the name of their matcher; N may be 0."""
        ...


class Explainer(Protocol):
    """Shows where in a photograph a score comes from."""

    method: str

    def heat_map(self, prepared: Pixels, query: Vectors) -> NDArray[np.float32]:
        """Explain the inner product of one image ``(S, S, 3)`` with one query ``(D,)``.

        Returns ``(rows, columns)`` in 0..1, over what the model sees of the photograph (see
        ``Preprocessing.visible_region``), and so not over the padding of a picture that does not fill
        the square; all zeros where nothing in the image speaks for the query.
        """
        ...
