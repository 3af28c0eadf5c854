"""The interface between a model and what executes it."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Runner(Protocol):
    """A compiled forward pass; safe to call from several threads."""

    def __call__(self, *inputs: NDArray[Any]) -> NDArray[np.float32]:
        """Run one batch; the inputs' first axis is the batch."""
        ...
