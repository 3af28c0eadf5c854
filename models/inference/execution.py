"""How a model is run: by which runtime, where, and on how many threads."""

from __future__ import annotations

import os
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
        text_streams: batches of texts that OpenVINO runs at one time, each on one thread. Few texts gain little from
            more threads, and threads that wait for each other suffer most where others want the processors. None: one
            batch at a time, on all threads.
    """

    runtime: RuntimeName = "auto"
    device: str = "cpu"
    threads: int | None = None
    text_streams: int | None = None


def available_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
