"""A block of the vectors from the names of ImageNet's 1,000 classes: it finds what captions never name, too.

ConSE (Norouzi et al., "Zero-Shot Learning by Convex Combination of Semantic Embeddings", ICLR 2014): a photograph is
the mean of the word vectors of its most probable classes, weighted by their probabilities; a query is its own word
vector. ``alpaca`` is no class of ImageNet, but its vector lies near ``llama``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CLASSES = 1000
_LIKELIEST = 10


class NameSpace(nn.Module):
    """Sentence vectors ``(B, S)`` on the unit sphere of the class names' principal components, ``(B, D)``."""

    centre: Tensor
    basis: Tensor

    def __init__(self, sentence: int, dimension: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(sentence))
        self.register_buffer("basis", torch.zeros(sentence, dimension))

    @torch.no_grad()
    def span(self, names: Tensor) -> None:
        """Set centre and basis from the sentence encoder's vectors ``(1000, S)`` of the class names."""
        unit = F.normalize(names, dim=1)
        self.centre.copy_(unit.mean(dim=0))
        components = torch.linalg.svd(unit - self.centre, full_matrices=False).Vh
        self.basis.copy_(components[: self.basis.shape[1]].T)

    def forward(self, sentences: Tensor) -> Tensor:
        """Embed sentences."""
        return F.normalize((F.normalize(sentences, dim=1) - self.centre) @ self.basis, dim=1)


class ClassMixture(nn.Module):
    """The backbones' features ``(B, F)`` to unit vectors ``(B, D)``: the mean of their most probable classes' names."""

    names: Tensor

    def __init__(self, features: int, dimension: int) -> None:
        super().__init__()
        self.classifier = nn.Linear(features, CLASSES)
        self.register_buffer("names", torch.zeros(CLASSES, dimension))

    def forward(self, features: Tensor) -> Tensor:
        """Embed features."""
        return self.mixture(self.classifier(features))

    def mixture(self, logits: Tensor) -> Tensor:
        """Embed the classifier's logits ``(B, 1000)``."""
        probabilities = logits.softmax(dim=1)
        least = probabilities.topk(_LIKELIEST, dim=1).values[:, -1:]
        return F.normalize(probabilities * (probabilities >= least) @ self.names, dim=1)
