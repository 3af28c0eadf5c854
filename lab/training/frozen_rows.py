"""Frozen image vectors of the captioned sets, in several views, as rows to draw batches of pairs from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lab.training.captioned_batches import CaptionedRows
from lab.training.frozen import frozen_vectors
from lab.training.job import Job
from models.backbones.frozen import IMAGENET_LITE


def frozen_rows(job: Job, sets: Sequence[str], views: int = 1, backbone: str = IMAGENET_LITE) -> CaptionedRows:
    """Load sets by name with the image vectors of their first views (see ``frozen_vectors``)."""
    parts = job.load(*sets)
    rows = [np.concatenate([frozen_vectors(job, part, view, backbone) for part in parts]) for view in range(views)]
    return CaptionedRows(rows, parts)
