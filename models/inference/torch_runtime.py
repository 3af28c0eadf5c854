"""Runs a module with torch: on GPUs (bf16, channels-last), and on CPUs without OpenVINO."""

from __future__ import annotations

import copy
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn


class TorchRunner:
    """Eager torch.

    Args:
        module: takes and gives tensors.
        device: a torch device name.
        threads: cap on torch's threads on the CPU.
        mixed_precision: bfloat16 where it is safe, and channels-last; by default on every device but the CPU, where
            both are slower without special instructions.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        device: str = "cpu",
        threads: int | None = None,
        mixed_precision: bool | None = None,
    ) -> None:
        self._device = torch.device(device)
        self._mixed = self._device.type != "cpu" if mixed_precision is None else mixed_precision
        if threads:
            torch.set_num_threads(threads)
        module = copy.deepcopy(module).eval().requires_grad_(False).to(self._device)
        if self._mixed:
            module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._module = module

    def __call__(self, *inputs: NDArray[Any]) -> NDArray[np.float32]:
        """Run one batch; where the device's memory is too small for it, its halves one after the other.

        Raises:
            torch.OutOfMemoryError: it is too small for a single input.
        """
        try:
            return self._run(*inputs)
        except torch.OutOfMemoryError:
            if len(inputs[0]) == 1:
                raise
        # out of the except block, whose traceback would keep the tensors of the failed run
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        half = len(inputs[0]) // 2
        return np.concatenate([self(*(x[part] for x in inputs)) for part in (slice(half), slice(half, None))])

    def _run(self, *inputs: NDArray[Any]) -> NDArray[np.float32]:
        precision = torch.autocast(self._device.type, torch.bfloat16) if self._mixed else nullcontext()
        with torch.inference_mode(), precision:
            tensors = [torch.from_numpy(np.ascontiguousarray(x)).to(self._device) for x in inputs]
            return self._module(*tensors).float().cpu().numpy()  # type: ignore[no-any-return]
