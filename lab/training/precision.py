"""Trains in bfloat16 where that is faster."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from models.inference.device import multiplies_bfloat16


def mixed_precision(device: str = "cpu") -> AbstractContextManager[object]:
    """Within the block compute in bfloat16, if the device has instructions for it (without, it is far slower)."""
    if multiplies_bfloat16(device):
        return torch.autocast(torch.device(device).type, torch.bfloat16)
    return nullcontext()
