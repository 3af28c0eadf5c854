"""BERT's encoder: a Transformer each of whose tokens attends to all the others.

J. Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding" (2019), after
A. Vaswani et al., "Attention Is All You Need" (2017). The parameters have the names and shapes of the released
checkpoints (transformers' ``BertModel`` without its pooler), so that those load unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_EPSILON = 1e-12  # BERT's; torch's default of 1e-5 would give other vectors
_PADDING = 0
"""The id of ``[PAD]``, whose embedding is not trained."""


@dataclass(frozen=True)
class BertShape:
    """The sizes of an encoder.

    Attributes:
        vocabulary: number of token ids.
        width: D, of a token's vector; a multiple of ``heads``.
        layers: how many Transformer layers.
        heads: H, of each layer's attention.
        hidden: width of each layer's feed-forward network.
        positions: most tokens that a sentence can have.
        token_types: kinds of segments the checkpoint knows; all tokens are of the first.
        dropout: share of values dropped in training, of vectors and of attention weights.
    """

    vocabulary: int
    width: int
    layers: int
    heads: int
    hidden: int
    positions: int = 512
    token_types: int = 2
    dropout: float = 0.1


class Bert(nn.Module):
    """Token ids and mask ``(B, T)`` to the vectors of the last layer, ``(B, T, D)``.

    The mask is 1 at real tokens and 0 at padding, which no token attends to. T is at most ``shape.positions``.
    """

    def __init__(self, shape: BertShape) -> None:
        super().__init__()
        self.embeddings = _Embeddings(shape)
        self.encoder = _Encoder(shape)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Encode tokens."""
        attended = mask[:, None, None, :].bool()  # the same keys for every head and every query
        return self.encoder(self.embeddings(ids), attended)  # type: ignore[no-any-return]


class _Embeddings(nn.Module):
    """Token ids ``(B, T)`` to ``(B, T, D)``: what the token is, where it stands, and of which segment it is."""

    def __init__(self, shape: BertShape) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(shape.vocabulary, shape.width, padding_idx=_PADDING)
        self.position_embeddings = nn.Embedding(shape.positions, shape.width)
        self.token_type_embeddings = nn.Embedding(shape.token_types, shape.width)
        self.LayerNorm = nn.LayerNorm(shape.width, eps=_EPSILON)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, ids: Tensor) -> Tensor:
        # looked up, and the scale of attention named, as transformers does it: OpenVINO then rounds to bfloat16 at the
        # same places, and shipped vectors stay as they were to the last bit
        segment = self.token_type_embeddings(torch.zeros_like(ids))
        position = self.position_embeddings.weight[: ids.shape[1]]
        return self.dropout(self.LayerNorm(self.word_embeddings(ids) + segment + position))  # type: ignore[no-any-return]


class _Encoder(nn.Module):
    """All layers, one after another."""

    def __init__(self, shape: BertShape) -> None:
        super().__init__()
        self.layer = nn.ModuleList(_Layer(shape) for _ in range(shape.layers))

    def forward(self, states: Tensor, attended: Tensor) -> Tensor:
        for layer in self.layer:
            states = layer(states, attended)
        return states


class _Layer(nn.Module):
    """Self-attention, then a feed-forward network on each token alone; both as residual blocks."""

    def __init__(self, shape: BertShape) -> None:
        super().__init__()
        self.attention = _Attention(shape)
        self.intermediate = _Expansion(shape)
        self.output = _AddAndNorm(shape.hidden, shape)

    def forward(self, states: Tensor, attended: Tensor) -> Tensor:
        states = self.attention(states, attended)
        return self.output(self.intermediate(states), states)  # type: ignore[no-any-return]


class _Attention(nn.Module):
    """Multi-head self-attention as a residual block."""

    def __init__(self, shape: BertShape) -> None:
        super().__init__()
        self.self = _SelfAttention(shape)
        self.output = _AddAndNorm(shape.width, shape)

    def forward(self, states: Tensor, attended: Tensor) -> Tensor:
        return self.output(self.self(states, attended), states)  # type: ignore[no-any-return]


class _SelfAttention(nn.Module):
    """Scaled dot-product attention of H heads, ``(B, T, D)`` to ``(B, T, D)``."""

    def __init__(self, shape: BertShape) -> None:
        super().__init__()
        self.query = nn.Linear(shape.width, shape.width)
        self.key = nn.Linear(shape.width, shape.width)
        self.value = nn.Linear(shape.width, shape.width)
        self._heads, self._dropout = shape.heads, shape.dropout
        self._scale = (shape.width // shape.heads) ** -0.5

    def forward(self, states: Tensor, attended: Tensor) -> Tensor:
        query, key, value = (self._split(project(states)) for project in (self.query, self.key, self.value))
        dropout = self._dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(
            query, key, value, attn_mask=attended, dropout_p=dropout, scale=self._scale
        )
        return mixed.transpose(1, 2).flatten(2)

    def _split(self, states: Tensor) -> Tensor:
        """Divide ``(B, T, D)`` among the heads, ``(B, H, T, D / H)``."""
        heads: Tensor = states.unflatten(2, (self._heads, -1))  # type: ignore[no-untyped-call]
        return heads.transpose(1, 2)


class _Expansion(nn.Module):
    """The wide half of the feed-forward network, with the exact GELU."""

    def __init__(self, shape: BertShape) -> None:
        super().__init__()
        self.dense = nn.Linear(shape.width, shape.hidden)

    def forward(self, states: Tensor) -> Tensor:
        return F.gelu(self.dense(states))


class _AddAndNorm(nn.Module):
    """The end of a residual block: project, add to what went in, normalise after the sum ("post-norm")."""

    def __init__(self, inputs: int, shape: BertShape) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, shape.width)
        self.LayerNorm = nn.LayerNorm(shape.width, eps=_EPSILON)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, block: Tensor, states: Tensor) -> Tensor:
        return self.LayerNorm(self.dropout(self.dense(block)) + states)  # type: ignore[no-any-return]
