"""Writes what ships of a model: one safetensors file and one JSON card; ``models.checkpoint`` reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from models.cards import CARD
from models.checkpoint import INT8_SCALE, WEIGHTS
from models.files import file_sha256

VOCABULARY_ROWS = 10_000
"""From how many rows on a matrix is taken for a vocabulary's, and stored as int8."""


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
    folder.mkdir(parents=True, exist_ok=True)
    stored: dict[str, Tensor] = {}
    for name, value in tensors.items():
        if value.ndim == 2 and value.is_floating_point() and len(value) >= int8_rows:
            stored[name], stored[name + INT8_SCALE] = _quantise(value.detach().float())
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


def _quantise(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Round each row to 255 steps; return ``(N, D)`` int8 and the size of a step, ``(N, 1)``."""
    steps = matrix.abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / 127
    return (matrix / steps).round().to(torch.int8), steps
