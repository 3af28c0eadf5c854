"""Chooses where torch runs."""

from __future__ import annotations

from dataclasses import replace

from models.errors import RuntimeUnavailableError
from models.inference.execution import Execution


def resolve_device(name: str) -> str:
    """Return a torch device name: ``auto`` is the first GPU that torch can use, or else the CPU.

    Raises:
        RuntimeUnavailableError: torch cannot use the device here.
    """
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:  # AssertionError: torch was built without CUDA
        raise RuntimeUnavailableError(f"torch cannot use the device {name!r} here; try 'auto' or 'cpu'") from error
    return name


def resolved(execution: Execution) -> Execution:
    """Return the same with the device's name resolved; raises as ``resolve_device``."""
    return replace(execution, device=resolve_device(execution.device))


def multiplies_bfloat16(device: str) -> bool:
    """Tell whether bfloat16 is faster than float32 there: on GPUs, and on processors with instructions for it."""
    import torch

    return not device.startswith("cpu") or bool(torch.cpu.get_capabilities().get("avx512_bf16"))
