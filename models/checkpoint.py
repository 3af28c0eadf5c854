"""Reads weights: one safetensors file a model, compared with the hash on its card first; nothing unpickles."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from models.cards import WeightsCard
from models.errors import CheckpointError
from models.files import file_sha256
from models.shipped import part_card, weights_folder

if TYPE_CHECKING:
    from torch import Tensor, nn

WEIGHTS = "weights.safetensors"
INT8_SCALE = ".int8_scale"
"""Behind the name of an int8 matrix: the tensor of the size of a step in each of its rows, ``(N, 1)``."""


def read_weights(folder: Path, card: WeightsCard) -> dict[str, Tensor]:
    """Read a model's weights as tensors; see ``read_arrays``."""
    import torch

    return {name: torch.from_numpy(value) for name, value in read_arrays(folder, card).items()}


def read_arrays(folder: Path, card: WeightsCard) -> dict[str, NDArray[Any]]:
    """Read a model's weights as float32, after comparing the file's hash with the card's.

    Raises:
        CheckpointError: missing, damaged or other weights.
    """
    path = folder / WEIGHTS
    if not path.is_file():
        raise CheckpointError(f"the weights of {card.name!r} are missing; install semblance again")
    if (found := file_sha256(path)) != card.weights_sha256:
        raise CheckpointError(
            f"the weights of {card.name!r} are damaged: SHA-256 is {found[:12]}…, "
            f"its card says {card.weights_sha256[:12]}…; install semblance again"
        )
    stored = {
        name: value.astype(np.float32) if np.issubdtype(value.dtype, np.floating) else value
        for name, value in load_file(path).items()
    }
    scales = {name.removesuffix(INT8_SCALE): stored.pop(name) for name in list(stored) if name.endswith(INT8_SCALE)}
    return stored | {name: stored[name] * scale for name, scale in scales.items()}


def load_into(module: nn.Module, tensors: Mapping[str, Tensor], card: WeightsCard) -> None:
    """Give a module its weights.

    Raises:
        CheckpointError: names or shapes do not fit.
    """
    try:
        module.load_state_dict(dict(tensors))
    except RuntimeError as error:  # torch's word for names or shapes that do not fit
        raise foreign_weights(card) from error


def foreign_weights(card: WeightsCard) -> CheckpointError:
    """Return the error that says that a model's weights are those of another architecture."""
    return CheckpointError(f"the weights of {card.name!r} are not of this architecture")


def load_part(name: str, expected_sha256: str | None = None) -> dict[str, Tensor]:
    """Read weights that several models share as tensors; see ``load_part_arrays``."""
    import torch

    return {part: torch.from_numpy(value) for part, value in load_part_arrays(name, expected_sha256).items()}


def load_part_arrays(name: str, expected_sha256: str | None = None) -> dict[str, NDArray[Any]]:
    """Read weights that several models share.

    Args:
        name: of the part.
        expected_sha256: of the part that the model was trained over, from its card.

    Raises:
        UnknownModelError: no such part.
        CheckpointError: missing, damaged, or other than the model expects.
    """
    card = part_card(name)
    if expected_sha256 not in (None, card.weights_sha256):
        raise CheckpointError(
            f"the shared weights {name!r} are not those that the model was trained over; install semblance again"
        )
    return read_arrays(weights_folder(name), card)
