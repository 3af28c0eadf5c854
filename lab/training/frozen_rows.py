"""Frozen image vectors of the captioned sets, in several views, as rows to draw batches of pairs from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lab.training.captioned_batches import CaptionedRows
from lab.training.frozen import frozen_vectors
from lab.training.job import Job
from models.backbones.frozen import IMAGENET_LITE


def frozen_rows(
    job: Job, sets: Sequence[str], views: int = 1, backbones: Sequence[str] = (IMAGENET_LITE,), apart: bool = True
) -> CaptionedRows:
    """Load sets by name with the image vectors of their first views (see ``frozen_vectors``, ``CaptionedRows``).

    Those of several backbones lie side by side.
    """
    parts = job.load(*sets)

    def vectors(view: int) -> NDArray[np.float16]:
        sides = [np.concatenate([frozen_vectors(job, part, view, name) for part in parts]) for name in backbones]
        return np.concatenate(sides, axis=1)

    return CaptionedRows([vectors(view) for view in range(views)], parts, apart)
