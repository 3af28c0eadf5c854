"""Trains in bfloat16 where that is faster."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch


def mixed_precision() -> AbstractContextManager[object]:
    """Within the block compute in bfloat16, if the processor has instructions for it (without, it is far slower)."""
    if torch.cpu.get_capabilities().get("avx512_bf16"):
        return torch.autocast("cpu", torch.bfloat16)
    return nullcontext()
