"""How a model is run: by which runtime, where, and on how many threads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RuntimeName = Literal["auto", "openvino", "torch"]


@dataclass(frozen=True)
class Execution:
    """How a model is run.

    Attributes:
        runtime: ``openvino`` (CPU), ``torch`` (CPU or GPU), or ``auto``: OpenVINO on a CPU where it is installed.
        device: a torch device name; anything but ``cpu`` needs torch.
        threads: cap on the runtime's threads; all cores when None.
    """

    runtime: RuntimeName = "auto"
    device: str = "cpu"
    threads: int | None = None
