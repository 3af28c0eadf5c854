r"""LeGrad: to which patches the attention of a vision transformer should move for the score to grow.

Bousselham et al., "LeGrad: An Explainability Method for Vision Transformers via Feature Formation Sensitivity", ICCV
2025. The tokens of each of the last layers are pooled and scored as if that layer were the last, :math:`s^l`, and

.. math:: E^l_j = \frac{1}{H N} \sum_{h, i} \Bigl(\frac{\partial s^l}{\partial A^l_{hij}}\Bigr)^+, \qquad
          E = \frac{1}{|S|} \sum_{l \in S} E^l

with the attention :math:`A^l` of the layer, :math:`(H, N, N)`, and the tokens' mean as what is pooled; where a head of
its own attends to the tokens (SigLIP), :math:`A^l` is the attention of that head over the layer's tokens,
:math:`(H, 1, N)`. The head of a checkpoint knows tokens behind the last layer norm: they pass through it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor

from models.encoders.huggingface_attention import AttentionTower, VisionAttention
from models.explain.by_gradient import ByGradient
from models.explain.source import ExplainerSource

LAYERS = 2
"""Of the last layers, as the authors' program takes for CLIP and SigLIP."""


class LeGrad(ByGradient):
    """The ``Explainer``. Its maps say nothing against a query; their unit is score by attention.

    Args:
        tower: of a checkpoint.
        layers: how many of the last are looked at, all where there are fewer.
        device: that it runs on.
    """

    def __init__(self, tower: AttentionTower, *, layers: int = LAYERS, device: str = "cpu") -> None:
        super().__init__(tower, device=device)
        self._tower, self._layers = tower, layers
        self._vision = VisionAttention(tower.model)

    def places(self, pixels: Tensor, targets: Tensor) -> Iterator[Tensor]:
        """See ``ByGradient``."""
        tokens, vision = self._tower.tokens(pixels), self._vision
        given, attentions = vision.run(tokens.states.requires_grad_())
        last = range(max(0, len(given) - self._layers), len(given))
        if vision.has_class_token:
            pooled = [(vision.mean(given[number]), attentions[number]) for number in last]
        else:
            pooled = [vision.pooled(given[number]) for number in last]
        for target in targets:
            relevance = torch.zeros(len(tokens.states), device=pixels.device)
            for vector, attention in pooled:
                (gradient,) = torch.autograd.grad(vector @ target, attention, retain_graph=True)
                relevance += gradient.clamp(min=0).flatten(0, -2).mean(dim=0) / len(last)
            yield tokens.grid(relevance)


def load_explainer(source: ExplainerSource) -> LeGrad:
    """Load the checkpoint's image tower in torch."""
    return LeGrad(cast(AttentionTower, source.load_image_tower()), device=source.compiler.device)
