"""Compiles a module for the runtime that executes it: torch or OpenVINO."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.errors import RuntimeUnavailableError
from models.inference.execution import Execution

if TYPE_CHECKING:  # what runs a converted model needs no torch
    from torch import Tensor, nn


class Runner(Protocol):
    """A compiled forward pass; safe to call from several threads."""

    def __call__(self, *inputs: NDArray[Any]) -> NDArray[np.float32]:
        """Run one batch; the inputs' first axis is the batch."""
        ...


def compile_module(
    module: nn.Module,
    examples: Sequence[Tensor],
    dynamic_axes: Sequence[tuple[int, ...]],
    execution: Execution = Execution(),  # noqa: B008 - it is immutable
) -> Runner:
    """Compile a module for inference.

    Args:
        module: in evaluation mode; takes the examples, returns one tensor.
        examples: one tensor for each input, to trace with.
        dynamic_axes: for each input, the axes whose length varies.
        execution: runtime, device and threads.

    Raises:
        RuntimeUnavailableError: OpenVINO was asked for and is not installed, or cannot serve the device.
    """
    runtime, device = execution.runtime, execution.device
    if runtime == "torch" or (runtime == "auto" and (device != "cpu" or not _openvino_installed())):
        from models.inference.torch_runtime import TorchRunner

        return TorchRunner(module, device=device, threads=execution.threads)
    if device != "cpu":
        raise RuntimeUnavailableError(f"OpenVINO serves the CPU here, not {device!r}; use the torch runtime")
    if not _openvino_installed():
        raise RuntimeUnavailableError(
            "OpenVINO is not installed: pip install 'semblance[cpu]' or use the torch runtime"
        )
    from models.inference.openvino_runtime import OpenVinoRunner

    return OpenVinoRunner(module, examples, dynamic_axes, threads=execution.threads)


def _openvino_installed() -> bool:
    from importlib.util import find_spec

    return find_spec("openvino") is not None
