"""The region maxima of the captioned photographs, computed once and shared by the models over R-MAC."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lab.data.captioned import CaptionedImages
from lab.training.features import cached_features
from lab.training.job import Job
from models.backbones.frozen import IMAGENET_LITE
from models.backbones.lite_maps import LiteMaps
from models.backbones.region_layout import LEVELS, SCALES
from models.encoders.semantic import RegionReader
from models.encoders.semantic_module import INPUT, backbone_graph
from models.inference.compiler import Compiler
from models.shipped import part_card


def cached_regions(job: Job, data: CaptionedImages, backbones: Sequence[str], view: int = 0) -> NDArray[np.float16]:
    """Return the maxima of all regions of both scales, ``(N, R, C)`` float16.

    The photographs must all be squares, as those of the training sets are: others have other regions.

    Args:
        job: gives the cache and reports progress.
        data: the photographs.
        backbones: backbones, whose feature maps are concatenated.
        view: of each (see ``training_view``).
    """
    weights = part_card(IMAGENET_LITE).weights_sha256
    return cached_features(
        data.files,
        INPUT,
        RegionReader(Compiler().runner("unnamed", (), lambda: backbone_graph(LiteMaps(backbones, weights)))),
        identity=f"region maxima of {backbones} {weights}, levels {LEVELS}, scales {SCALES}",
        cache=job.features,
        view=view,
        on_progress=lambda done, total: job.reporter.features(f"{data.name}, regions, view {view}", done, total),
    )
