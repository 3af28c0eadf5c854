"""MiniLM-L6, the small sentence encoder: its network, and the released weights that ship."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.checkpoint import load_part
from models.text.bert import Bert, BertShape

MINILM = "minilm"
"""The shared weights: all-MiniLM-L6-v2 as it was released."""

_SHAPE = BertShape(vocabulary=30522, width=384, layers=6, heads=12, hidden=1536)
SENTENCE = _SHAPE.width


class MiniLM(nn.Module):
    """Token ids and mask ``(B, T)`` to the mean of the last layer over the real tokens, ``(B, 384)``."""

    def __init__(self) -> None:
        super().__init__()
        self.bert = Bert(_SHAPE)

    def tokens(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return the last layer, ``(B, T, 384)``."""
        return self.bert(ids, mask)  # type: ignore[no-any-return]

    def pooled(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Average the last layer over the real tokens: ``(B, 384)``."""
        states = self.tokens(ids, mask)
        weights = mask.unsqueeze(-1).to(states.dtype)
        return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Encode sentences."""
        return self.pooled(ids, mask)


def token_examples() -> list[Tensor]:
    """Return ids and mask ``(2, T)`` to trace a sentence encoder with."""
    return [torch.tensor([[101, 1037, 3899, 102, 0], [101, 1037, 3899, 3216, 102]]),
            torch.tensor([[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]])]  # fmt: skip


def load_minilm(expected_sha256: str | None = None) -> MiniLM:
    """Load the released MiniLM that ships, in evaluation mode and without gradients.

    Raises:
        UnknownModelError: it does not ship.
        CheckpointError: missing, damaged, or other weights than expected.
    """
    encoder = MiniLM()
    encoder.bert.load_state_dict(load_part(MINILM, expected_sha256))
    return encoder.eval().requires_grad_(False)
