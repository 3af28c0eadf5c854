"""Words as one array of bytes, so that the hash of a file of weights covers them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor


def pack_words(words: Sequence[str]) -> Tensor:
    """Return words as one tensor: UTF-8, a line a word, uint8."""
    import torch

    return torch.tensor(list("\n".join(words).encode()), dtype=torch.uint8)


def unpack_words(packed: NDArray[Any] | Tensor) -> list[str]:
    """Return the words of ``pack_words``."""
    return bytes(packed.tolist()).decode().split("\n")
