"""The seam between a model and what executes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from models.errors import RuntimeUnavailableError

RuntimeName = Literal["auto", "openvino", "torch"]


class Runner(Protocol):
    """A compiled forward pass; safe to call from several threads."""

    def __call__(self, *inputs: NDArray[Any]) -> NDArray[np.float32]:
        """Run one batch; the inputs' first axis is the batch."""
        ...


def compile_module(
    module: nn.Module,
    examples: Sequence[Tensor],
    dynamic_axes: Sequence[tuple[int, ...]],
    *,
    runtime: RuntimeName = "auto",
    device: str = "cpu",
    threads: int | None = None,
) -> Runner:
    """Compile a module for inference.

    Args:
        module: in evaluation mode; takes the examples, returns one tensor.
        examples: one tensor for each input, to trace with.
        dynamic_axes: for each input, the axes whose length varies.
        runtime: ``openvino`` (CPU), ``torch`` (CPU or GPU), or ``auto``: OpenVINO on a CPU where it is installed.
        device: a torch device name; anything but ``cpu`` needs torch.
        threads: cap on the runtime's threads; all cores when None.

    Raises:
        RuntimeUnavailableError: OpenVINO was asked for and is not installed, or cannot serve the device.
    """
    if runtime == "torch" or (runtime == "auto" and (device != "cpu" or not _openvino_installed())):
        from models.runtime.torch_runtime import TorchRunner

        return TorchRunner(module, device=device, threads=threads)
    if device != "cpu":
        raise RuntimeUnavailableError(f"OpenVINO serves the CPU here, not {device!r}; use the torch runtime")
    if not _openvino_installed():
        raise RuntimeUnavailableError(
            "OpenVINO is not installed: pip install 'semblance[cpu]' or use the torch runtime"
        )
    from models.runtime.openvino_runtime import OpenVinoRunner

    return OpenVinoRunner(module, examples, dynamic_axes, threads=threads)


def _openvino_installed() -> bool:
    from importlib.util import find_spec

    return find_spec("openvino") is not None
