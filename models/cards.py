"""What a model is on paper: identity, licence, training, measured quality. Reading a card loads no torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from models.calibration import Calibrations, read_calibrations
from models.errors import CheckpointError
from models.types import Side

CARD = "card.json"
CALIBRATION = "calibration.safetensors"

CardKind = Literal["model", "matcher", "captioner", "part"]


@dataclass(frozen=True)
class Preprocessing:
    """How pixels become a model's input; its digest is part of an index's identity.

    Attributes:
        size: side of the square input, in pixels.
        fit: ``squash`` scales both sides to the square (all of the picture is seen, the aspect ratio is not kept);
            ``crop`` scales the shorter side and cuts the middle; ``inside`` scales the longer side to the square's and
            keeps the aspect ratio; ``patches`` keeps it, too, within a number of patches (see ``fit_square``).
        resample: Pillow's filter, ``bilinear`` or ``bicubic``.
        mean: per channel, of pixels scaled to 0..1; subtracted inside the model.
        std: per channel; divided by inside the model.
        patch: side of the patches that ``fit="patches"`` cuts, in pixels.
        max_patches: how many of them at most.
    """

    size: int
    fit: Literal["squash", "crop", "inside", "patches"]
    resample: Literal["bilinear", "bicubic"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    patch: int | None = None
    max_patches: int | None = None

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical JSON of the fields that are not None."""
        fields = {name: value for name, value in asdict(self).items() if value is not None}
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()

    def visible_region(self, width: int, height: int) -> tuple[float, float, float, float]:
        """Return the part of a photograph that the model sees, as fractions ``(left, top, right, bottom)``."""
        if self.fit != "crop":
            return 0.0, 0.0, 1.0, 1.0
        side = min(width, height)
        x, y = (1 - side / width) / 2, (1 - side / height) / 2
        return x, y, 1 - x, 1 - y


class ModelIdentity(NamedTuple):
    """What made an array of vectors or features; those of another identity are not comparable with them.

    Attributes:
        name: of the model.
        weights_sha256: of its weights, hex.
        preprocessing_digest: of its ``Preprocessing``, hex; of what it makes of captions, of how it reads them.
    """

    name: str
    weights_sha256: str
    preprocessing_digest: str

    def __str__(self) -> str:
        return f"{self.name} (weights {self.weights_sha256[:16]}, preprocessing {self.preprocessing_digest[:16]})"


@dataclass(frozen=True, kw_only=True)
class WeightsCard:
    """The card of a file of weights."""

    name: str
    description: str
    weights_sha256: str
    weights_bytes: int
    licence: str
    training: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PartCard(WeightsCard):
    """The card of weights that several models share, such as a frozen backbone."""


@dataclass(frozen=True, kw_only=True)
class ModelCard(WeightsCard):
    """What the cards of encoders, matchers and captioners have in common.

    Attributes:
        preprocessing: how an image becomes the model's input.
        architecture: module that loads it: of ``models.encoders``, ``models.matchers`` or ``models.captioning``.
        options: what tells the members of a family apart, as the architecture's module reads it.
        parts: the shared weights that it stands on, each with the SHA-256 that it was trained over.
        languages: that it reads, as BCP 47 tags.
        quality: measured figures, by the name of the data set.
    """

    preprocessing: Preprocessing
    architecture: str
    options: Mapping[str, Any] = field(default_factory=dict)
    parts: Mapping[str, str] = field(default_factory=dict)
    languages: tuple[str, ...] = ("en",)
    quality: Mapping[str, Any] = field(default_factory=dict)

    @property
    def made_of(self) -> tuple[str, ...]:
        """The SHA-256 of all weights that it computes with: its own, and those of its parts."""
        return self.weights_sha256, *(self.parts[name] for name in sorted(self.parts))

    @property
    def identity(self) -> ModelIdentity:
        """What an index stores of the model, to refuse vectors of another one."""
        return ModelIdentity(self.name, self.weights_sha256, self.preprocessing.digest)


@dataclass(frozen=True, kw_only=True)
class EncoderCard(ModelCard):
    """The card of a dual encoder, of vectors ``(dimension,)``.

    Attributes:
        calibrations: turn its scores into probabilities, where they are fitted; they are arrays, and no part of JSON.
        text_form: number of the rules by which it reads sentences (see ``models.text.normalise``); 0 where it reads
            them as they are.
    """

    dimension: int
    text_form: int = 0
    calibrations: Calibrations | None = field(default=None, repr=False, compare=False)

    def identity_of(self, side: Side) -> ModelIdentity:
        """Return what an index stores of the vectors of one side: images do not depend on how sentences are read."""
        if side == "image" or not self.text_form:
            return self.identity
        digest = hashlib.sha256(f"text form {self.text_form}".encode()).hexdigest()
        return self.identity._replace(preprocessing_digest=digest)


@dataclass(frozen=True, kw_only=True)
class MatcherCard(ModelCard):
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
class CaptionerCard(ModelCard):
    """The card of a model that writes captions."""


C = TypeVar("C", bound=WeightsCard)


def read_encoder_card(folder: Path) -> EncoderCard:
    """Read a dual encoder's card, and the calibrations of its weights where there are some.

    Raises:
        CheckpointError: no card there, or one that does not fit.
    """
    card = _read(folder, EncoderCard)
    return replace(card, calibrations=read_calibrations(folder / CALIBRATION, card.weights_sha256))


def read_matcher_card(folder: Path) -> MatcherCard:
    """Read a matcher's card; raises as ``read_encoder_card``."""
    return _read(folder, MatcherCard)


def read_captioner_card(folder: Path) -> CaptionerCard:
    """Read a captioner's card; raises as ``read_encoder_card``."""
    return _read(folder, CaptionerCard)


def read_part_card(folder: Path) -> PartCard:
    """Read the card of shared weights; raises as ``read_encoder_card``."""
    return _read(folder, PartCard)


def card_kind(folder: Path) -> CardKind:
    """Return what a card is of; one that does not say is a dual encoder's."""
    kind: CardKind = _fields(folder).get("kind", "model")
    return kind


def _read(folder: Path, form: type[C]) -> C:
    fields = _fields(folder)
    fields.pop("kind", None)
    try:
        if shape := fields.pop("preprocessing", None):
            lists = {name: tuple(shape[name]) for name in ("mean", "std")}
            fields["preprocessing"] = Preprocessing(**{**shape, **lists})
        fields.update({name: tuple(fields[name]) for name in ("languages", "feature_shape") if name in fields})
        return form(**fields)
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"no readable model card in {folder.name}: {error}") from error


def _fields(folder: Path) -> dict[str, Any]:
    try:
        fields: dict[str, Any] = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"no readable model card in {folder.name}: {error}") from error
    return fields
