"""Trains in bfloat16 where that is faster."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from models.inference.device import multiplies_bfloat16


def mixed_precision() -> AbstractContextManager[object]:
    """Within the block compute in bfloat16, if the processor has instructions for it (without, it is far slower)."""
    if multiplies_bfloat16("cpu"):
        return torch.autocast("cpu", torch.bfloat16)
    return nullcontext()
