"""A forward pass that is to be compiled: made only where no converted model of it is kept, for it needs torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Graph:
    """A module and how its inputs vary.

    Attributes:
        module: in evaluation mode; takes the examples, returns one tensor.
        examples: one tensor for each input, to trace with.
        dynamic_axes: for each input, the axes whose length varies.
        has_loop: it loops over an axis whose length varies: it is compiled from its source, not from a trace.
    """

    module: nn.Module
    examples: Sequence[Tensor]
    dynamic_axes: Sequence[tuple[int, ...]]
    has_loop: bool = False
