"""Where the few dimensions come from that two vectors share most: which places make two images alike.

Gordo and Larlus, "Beyond instance-level image retrieval: Leveraging captions to learn a global visual representation
for semantic retrieval", CVPR 2017: Grad-CAM by the 5 dimensions of the signatures that contribute most to their inner
product, on both images. ``grad-cam`` explains the whole inner product.
"""

from __future__ import annotations

import numpy as np

from models.explain.grad_cam import GradCam
from models.explain.source import ExplainerSource
from models.types import Vectors

DIMENSIONS = 5
"""As in the paper."""


def top_dimensions(query: Vectors, image: Vectors) -> Vectors:
    """Return a query's vector ``(D,)``, zero but for the dimensions that add most to its inner product with another."""
    top = np.argsort(-query * image, kind="stable")[:DIMENSIONS]
    kept = np.zeros_like(query)
    kept[top] = query[top]
    return kept


def load_explainer(source: ExplainerSource) -> GradCam:
    """Load the image tower in torch, as ``grad-cam`` does."""
    return GradCam(
        source.load_image_tower(), device=source.compiler.device, blocks=source.blocks, target=top_dimensions
    )
