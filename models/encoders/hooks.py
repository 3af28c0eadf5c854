"""Changes what goes into a layer for the length of one ``with`` block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn


@contextmanager
def replaced_input(layer: nn.Module, replace: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Within the block, pass a layer's first positional input through ``replace``; the hook goes on every way out."""
    handle = layer.register_forward_pre_hook(lambda _, inputs: (replace(inputs[0]), *inputs[1:]))
    try:
        yield
    finally:
        handle.remove()
