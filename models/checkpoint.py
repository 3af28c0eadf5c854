"""Reads and writes shipped weights: one safetensors file and one JSON card a model; nothing unpickles."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from models.calibration import read_calibrations
from models.errors import CheckpointError
from models.types import Card, MatcherCard, ModelCard, Preprocessing

if TYPE_CHECKING:
    from torch import Tensor

C = TypeVar("C", bound=Card)

CARD = "card.json"
WEIGHTS = "weights.safetensors"
CALIBRATION = "calibration.json"

_VOCABULARY_ROWS = 10_000
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


def is_matcher(folder: Path) -> bool:
    """Tell whether the card is a matcher's, by its ``kind``."""
    return bool(_fields(folder).get("kind") == "matcher")


def write_checkpoint(folder: Path, tensors: Mapping[str, Tensor], card: Mapping[str, Any]) -> None:
    """Write weights and card.

    Matrices are stored as float16; vectors (biases, batch-norm statistics, a thousandth of the bytes) stay float32;
    vocabularies (matrices of 10,000 rows and more) become int8 with a scale a row, in a tensor of its own.

    Args:
        folder: made when it is not there.
        tensors: the module's state.
        card: the card's fields, without the weights' hash and size; a matcher's has ``kind`` ``matcher``.
    """
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    stored: dict[str, Tensor] = {}
    for name, value in tensors.items():
        if value.ndim == 2 and len(value) >= _VOCABULARY_ROWS:
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


def read_weights(folder: Path, card: Card) -> dict[str, Tensor]:
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


def _quantise(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Round each row to 255 steps; return ``(N, D)`` int8 and the size of a step, ``(N, 1)``."""
    import torch

    steps = matrix.abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / 127
    return (matrix / steps).round().to(torch.int8), steps


def _read_card(folder: Path, form: type[C]) -> C:
    fields = _fields(folder)
    fields.pop("kind", None)
    try:
        shape = fields.pop("preprocessing")
        fields["preprocessing"] = Preprocessing(**{**shape, "mean": tuple(shape["mean"]), "std": tuple(shape["std"])})
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
