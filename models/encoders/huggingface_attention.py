r"""The vision model of CLIP, SigLIP and SigLIP2 once more, with its attention in sight.

Transformers computes attention in fused kernels, which give no matrix to differentiate by. Here each layer is

.. math:: y = x + W_o [A_h V_h]_h, \quad A_h = \mathrm{softmax}(Q_h K_h^\top / \sqrt{d}), \; x' = y + \mathrm{MLP}(y)

over the normalised x and y, with the checkpoint's own weights; the vectors are the same.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F


class Tokens(NamedTuple):
    """What enters the first layer.

    Attributes:
        states: ``(N, C)``, of one picture.
        rows: of patches.
        columns: of patches.
        first: place of the first patch among the tokens; the others follow it, row by row.
    """

    states: Tensor
    rows: int
    columns: int
    first: int

    def grid(self, values: Tensor) -> Tensor:
        """Return what ``(N,)`` values say of the patches, ``(rows, columns)``."""
        return values[self.first : self.first + self.rows * self.columns].reshape(self.rows, self.columns)


class AttentionTower(Protocol):
    """An image tower whose vision model can be followed from its tokens on.

    Attributes:
        model: of transformers.
    """

    model: Any

    def tokens(self, pixels: Tensor) -> Tokens:
        """Return what ``(1, S, S, 3)`` uint8 pixels become before the first layer."""
        ...


class VisionAttention:
    """Layers and head of a vision model.

    Args:
        model: of transformers, CLIP, SigLIP or SigLIP2.
    """

    def __init__(self, model: Any) -> None:
        self._model, self._vision = model, model.vision_model
        self.layers = self._vision.encoder.layers
        self.has_class_token = model.config.model_type == "clip"

    def layer(self, number: int, states: Tensor) -> tuple[Tensor, Tensor]:
        """Run a layer on ``(N, C)`` states; return what it gives and its attention ``(heads, N, N)``."""
        layer = self.layers[number]
        own, x = layer.self_attn, layer.layer_norm1(states)
        attention = _attention(own.q_proj(x), own.k_proj(x), own.num_heads)
        y = states + own.out_proj(_mixed(attention, own.v_proj(x)))
        return y + layer.mlp(layer.layer_norm2(y)), attention

    def run(self, states: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Run all layers; return what each gives, and the attention of each."""
        given, attentions = [], []
        for number in range(len(self.layers)):
            states, attention = self.layer(number, states)
            given.append(states)
            attentions.append(attention)
        return given, attentions

    def pooled(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Return the unit vector ``(D,)`` of what the last layer gives, and which tokens it is of, ``(heads, 1, N)``.

        CLIP's is that of its class token; SigLIP's head asks all tokens by an attention of its own.
        """
        states = self._vision.post_layernorm(states)
        if self.has_class_token:
            share = F.one_hot(torch.tensor([[0]], device=states.device), len(states)).to(states.dtype)
            return self.projected(states[0]), share
        head = self._vision.head
        attending = head.attention
        weights, biases = attending.in_proj_weight.chunk(3), attending.in_proj_bias.chunk(3)
        query = F.linear(head.probe[0], weights[0], biases[0])
        keys, values = (F.linear(states, weights[part], biases[part]) for part in (1, 2))
        attention = _attention(query, keys, attending.num_heads)
        found = attending.out_proj(_mixed(attention, values))
        return F.normalize((found + head.mlp(head.layernorm(found)))[0], dim=0), attention

    def projected(self, state: Tensor) -> Tensor:
        """Return the unit vector ``(D,)`` of CLIP's normalised state ``(C,)``."""
        vector: Tensor = self._model.visual_projection(state)
        return F.normalize(vector, dim=0)

    def mean(self, states: Tensor) -> Tensor:
        """Return the unit vector ``(D,)`` of the mean of the states ``(N, C)`` of a layer, for CLIP."""
        return self.projected(self._vision.post_layernorm(states.mean(dim=0)))


def _attention(queries: Tensor, keys: Tensor, heads: int) -> Tensor:
    """Return which keys each query asks, ``(heads, M, N)``, of ``(M, C)`` queries and ``(N, C)`` keys."""
    q, k = _by_head(queries, heads), _by_head(keys, heads)
    agreement: Tensor = q @ k.transpose(1, 2) / math.sqrt(q.shape[2])
    return agreement.softmax(dim=2)


def _mixed(attention: Tensor, values: Tensor) -> Tensor:
    """Return what the queries get of ``(N, C)`` values, ``(M, C)``."""
    mixed: Tensor = attention @ _by_head(values, len(attention))
    return mixed.transpose(0, 1).flatten(1)


def _by_head(x: Tensor, heads: int) -> Tensor:
    return x.reshape(len(x), heads, -1).transpose(0, 1)
