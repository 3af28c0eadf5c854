"""Reads and writes shipped weights: one safetensors file and one JSON card a model; nothing unpickles."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from models.calibration import read_calibrations
from models.errors import CheckpointError
from models.types import CaptionerCard, MatcherCard, ModelCard, PartCard, Preprocessing

if TYPE_CHECKING:
    from torch import Tensor, nn

C = TypeVar("C", bound=PartCard)

Kinds = Literal["model", "matcher", "captioner", "part"]

CARD = "card.json"
WEIGHTS = "weights.safetensors"
CALIBRATION = "calibration.json"

VOCABULARY_ROWS = 10_000
"""From how many rows on a matrix is taken for a vocabulary's, and stored as int8."""

_SCALE = ".int8_scale"


def file_sha256(path: Path) -> str:
    """Return the hex SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_card(folder: Path) -> ModelCard:
    """Read a dual encoder's card, and the calibrations of its weights where there are some.

    Raises:
        CheckpointError: no card there, or one that does not fit.
    """
    card = _read_card(folder, ModelCard)
    return replace(card, calibrations=read_calibrations(folder / CALIBRATION, card.weights_sha256))


def read_matcher_card(folder: Path) -> MatcherCard:
    """Read a matcher's card; raises as ``read_card``."""
    return _read_card(folder, MatcherCard)


def read_captioner_card(folder: Path) -> CaptionerCard:
    """Read a captioner's card; raises as ``read_card``."""
    return _read_card(folder, CaptionerCard)


def read_part_card(folder: Path) -> PartCard:
    """Read the card of shared weights; raises as ``read_card``."""
    return _read_card(folder, PartCard)


def card_kind(folder: Path) -> Kinds:
    """Tell what a card is of; one that does not say is a dual encoder's."""
    kind: Kinds = _fields(folder).get("kind", "model")
    return kind


def write_checkpoint(
    folder: Path, tensors: Mapping[str, Tensor], card: Mapping[str, Any], *, int8_rows: int = VOCABULARY_ROWS
) -> None:
    """Write weights and card.

    Matrices are stored as float16; vectors (biases, batch-norm statistics, a thousandth of the bytes) stay float32;
    matrices of many rows, such as vocabularies, become int8 with a scale a row, in a tensor of its own.

    Args:
        folder: made when it is not there.
        tensors: the module's state.
        card: the card's fields, without the weights' hash and size; any but a dual encoder's has its ``kind``.
        int8_rows: from how many rows on a matrix becomes int8.
    """
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    stored: dict[str, Tensor] = {}
    for name, value in tensors.items():
        if value.ndim == 2 and value.is_floating_point() and len(value) >= int8_rows:
            stored[name], stored[name + _SCALE] = _quantise(value.detach().float())
        else:
            half = value.ndim > 1 and value.is_floating_point()
            stored[name] = value.detach().to(torch.float16 if half else value.dtype).contiguous()
    save_file(stored, folder / WEIGHTS)
    (folder / WEIGHTS).chmod(0o644)  # safetensors writes private files; an installed package is read by other users
    fields = {
        **card,
        "weights_sha256": file_sha256(folder / WEIGHTS),
        "weights_bytes": (folder / WEIGHTS).stat().st_size,
    }
    (folder / CARD).write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")


def read_weights(folder: Path, card: PartCard) -> dict[str, Tensor]:
    """Read a model's weights as float32, after comparing the file's hash with the card's.

    Raises:
        CheckpointError: missing, damaged or other weights.
    """
    from safetensors.torch import load_file

    path = folder / WEIGHTS
    if not path.is_file():
        raise CheckpointError(f"the weights of {card.name!r} are missing; install semblance again")
    if (found := file_sha256(path)) != card.weights_sha256:
        raise CheckpointError(
            f"the weights of {card.name!r} are damaged: SHA-256 is {found[:12]}…, "
            f"its card says {card.weights_sha256[:12]}…; install semblance again"
        )
    stored = {name: value.float() if value.is_floating_point() else value for name, value in load_file(path).items()}
    scales = {name.removesuffix(_SCALE): stored.pop(name) for name in list(stored) if name.endswith(_SCALE)}
    return stored | {name: stored[name] * scale for name, scale in scales.items()}


def load_into(module: nn.Module, tensors: Mapping[str, Tensor], card: PartCard) -> None:
    """Give a module its weights.

    Raises:
        CheckpointError: names or shapes do not fit.
    """
    try:
        module.load_state_dict(dict(tensors))
    except RuntimeError as error:  # torch's word for names or shapes that do not fit
        raise CheckpointError(f"the weights of {card.name!r} are not of this architecture") from error


def _quantise(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Round each row to 255 steps; return ``(N, D)`` int8 and the size of a step, ``(N, 1)``."""
    import torch

    steps = matrix.abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / 127
    return (matrix / steps).round().to(torch.int8), steps


def _read_card(folder: Path, form: type[C]) -> C:
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
