"""Chooses where models run. Torch is asked only where there may be a GPU: importing it takes a second."""

from __future__ import annotations

import sys
from pathlib import Path

from models.errors import RuntimeUnavailableError

_GPU_DRIVERS = ("/dev/nvidiactl", "/dev/nvhost-ctrl", "/dev/dxg", "/dev/kfd")
"""Of NVIDIA's cards, its Jetsons, Windows' subsystem for Linux and AMD's cards."""


def resolve_device(name: str) -> str:
    """Return a torch device name: ``auto`` is the first GPU that torch can use, or else the CPU.

    Raises:
        RuntimeUnavailableError: torch cannot use the device here.
    """
    if name == "cpu" or (name == "auto" and not _may_have_gpu()):
        return "cpu"
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:  # AssertionError: torch was built without CUDA
        raise RuntimeUnavailableError(f"torch cannot use the device {name!r} here; try 'auto' or 'cpu'") from error
    return name


def multiplies_bfloat16(device: str) -> bool:
    """Tell whether bfloat16 is faster than float32 there: on GPUs, and on processors with instructions for it."""
    import torch

    return not device.startswith("cpu") or bool(torch.cpu.get_capabilities().get("avx512_bf16"))


def _may_have_gpu() -> bool:
    return sys.platform != "linux" or any(Path(driver).exists() for driver in _GPU_DRIVERS)
