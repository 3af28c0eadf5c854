"""Where the few dimensions come from that two vectors share most: which places make two images alike.

Gordo and Larlus, "Beyond instance-level image retrieval: Leveraging captions to learn a global visual representation
for semantic retrieval", CVPR 2017: Grad-CAM by the 5 dimensions of the signatures that contribute most to their inner
product, on both images. ``grad-cam`` explains the whole inner product.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from models.explain.blocks import meaning
from models.explain.grad_cam import GradCam
from models.explain.source import ExplainerSource
from models.types import Vectors

DIMENSIONS = 5
"""As in the paper."""


def top_dimensions(query: Vectors, image: Vectors, among: int | None = None) -> Vectors:
    """Return a query's vector ``(D,)``, zero but for the dimensions that add most to its inner product with another.

    Args:
        query: its vector.
        image: the other's.
        among: only so many dimensions, from the first on; None for all.
    """
    top = np.argsort(-(query * image)[:among], kind="stable")[:DIMENSIONS]
    kept = np.zeros_like(query)
    kept[top] = query[top]
    return kept


def load_explainer(source: ExplainerSource) -> GradCam:
    """Load the image tower in torch, as ``grad-cam`` does."""
    target = partial(top_dimensions, among=meaning(source.blocks))
    return GradCam(source.load_image_tower(), device=source.compiler.device, blocks=source.blocks, target=target)
