r"""Attention roll-out weighted by gradients: what of each patch has reached the vector through all layers.

Chefer, Gur and Wolf, "Generic Attention-model Explainability for Interpreting Bi-Modal and Encoder-Decoder
Transformers", ICCV 2021. With the attention :math:`A^l` of each layer, :math:`(H, N, N)`, and the score s,

.. math:: \bar A^l = \frac{1}{H} \sum_h \Bigl(\frac{\partial s}{\partial A^l_h} \odot A^l_h\Bigr)^+, \qquad
          R \leftarrow R + \bar A^l R, \quad R = 1 \text{ at first}

The map is the row of R of the class token; where a head of its own attends to the tokens (SigLIP), its
:math:`\bar A` times R.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor

from models.encoders.huggingface_attention import AttentionTower, VisionAttention
from models.explain.by_gradient import ByGradient
from models.explain.source import ExplainerSource


class RollOut(ByGradient):
    """The ``Explainer``. Its maps say nothing against a query, and have no unit."""

    def __init__(self, tower: AttentionTower, *, device: str = "cpu") -> None:
        super().__init__(tower, device=device)
        self._tower, self._vision = tower, VisionAttention(tower.model)

    def places(self, pixels: Tensor, targets: Tensor) -> Iterator[Tensor]:
        """See ``ByGradient``."""
        tokens, vision = self._tower.tokens(pixels), self._vision
        given, attentions = vision.run(tokens.states.requires_grad_())
        vector, pooling = vision.pooled(given[-1])
        attended = attentions if vision.has_class_token else [*attentions, pooling]
        for target in targets:
            gradients = torch.autograd.grad(vector @ target, attended, retain_graph=True)
            relevance = torch.eye(len(tokens.states), device=pixels.device)
            for attention, gradient in zip(attentions, gradients, strict=False):
                relevance = relevance + _weighted(attention, gradient) @ relevance
            read = pooling[0] if vision.has_class_token else _weighted(pooling, gradients[-1])
            yield tokens.grid((read @ relevance)[0])


def _weighted(attention: Tensor, gradient: Tensor) -> Tensor:
    return (gradient * attention).clamp(min=0).mean(dim=0)


def load_explainer(source: ExplainerSource) -> RollOut:
    """Load the checkpoint's image tower in torch."""
    return RollOut(cast(AttentionTower, source.load_image_tower()), device=source.compiler.device)
