"""MiniLM-L6, the small sentence encoder: its network, and the released weights that ship."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from models.checkpoint import load_part

MINILM = "minilm"
"""The shared weights: all-MiniLM-L6-v2 as it was released."""

_CONFIG: dict[str, Any] = {
    "vocab_size": 30522, "hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12,
    "intermediate_size": 1536, "max_position_embeddings": 512,
}  # fmt: skip
SENTENCE: int = _CONFIG["hidden_size"]
MAX_TOKENS = 64
"""Of a sentence, specials included; longer ones are cut."""

TOKENISER = "tokenizer.json"


class MiniLM(nn.Module):
    """Token ids and mask ``(B, T)`` to the mean of the last layer over the real tokens, ``(B, 384)``."""

    def __init__(self) -> None:
        super().__init__()
        from transformers import BertConfig, BertModel, logging

        logging.set_verbosity_error()  # it warns of a training loss that nobody asked for
        self.bert = BertModel(BertConfig(**_CONFIG), add_pooling_layer=False)

    def tokens(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return the last layer, ``(B, T, 384)``."""
        return self.bert(input_ids=ids, attention_mask=mask).last_hidden_state  # type: ignore[no-any-return]

    def pooled(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Average the last layer over the real tokens: ``(B, 384)``."""
        states = self.tokens(ids, mask)
        weights = mask.unsqueeze(-1).to(states.dtype)
        return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Encode sentences."""
        return self.pooled(ids, mask)


def load_minilm(expected_sha256: str | None = None) -> MiniLM:
    """Load the released MiniLM that ships, in evaluation mode and without gradients.

    Raises:
        UnknownModelError: it does not ship.
        CheckpointError: missing, damaged, or other weights than expected.
    """
    encoder = MiniLM()
    encoder.bert.load_state_dict(load_part(MINILM, expected_sha256))
    return encoder.eval().requires_grad_(False)
