"""Search by bare names: is a picture among the first results for the name of its file?

Captions rarely name a species; people who search do. Each file's name is a query (``red_panda_2.webp``: "red panda")
for that file among all of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.data.pixels import Progress
from lab.evaluation.calibration import WORDS
from lab.evaluation.encoded import encode_files
from lab.metrics.ranking import best_ranks
from models.calibration import POSSIBLE, Calibrations, standing
from models.errors import InputError
from models.imaging.formats import SUPPORTED_SUFFIXES
from models.protocols import DualEncoder
from models.types import Vectors

CUTOFFS = (1, 3, 10)


def named_files(folder: Path) -> list[Path]:
    """Return the images under a folder whose names hold a letter.

    Raises:
        InputError: there is none.
    """
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix.lower() in SUPPORTED_SUFFIXES and bare_name(path)
    ]
    if not files:
        raise InputError(f"no image with a name of letters under {folder}")
    return files


def bare_name(file: Path) -> str:
    """Return a file's name as a query: without suffix, everything but letters as spaces."""
    return " ".join(re.sub(r"[\W\d_]+", " ", file.stem).split())


def evaluate_names(encoder: DualEncoder, files: Sequence[Path], on_progress: Progress | None = None) -> dict[str, Any]:
    """Ask for every file by its bare name; return the share found among the first 1, 3 and 10, and what was missed.

    Of a model that is calibrated also how many are said to match nothing: of all, and of those that come first.
    """
    names = [bare_name(file) for file in files]
    images, queries = encode_files(encoder, files, on_progress), encoder.encode_texts(names)
    ranks = best_ranks(queries, images, [[row] for row in range(len(names))])
    missed = [f"{names[row]} ({ranks[row]})" for row in np.flatnonzero(ranks > 3)]
    figures = {**{f"top_{k}": float((ranks <= k).mean()) for k in CUTOFFS}, "pictures": len(files), "missed": missed}
    if calibrations := encoder.card.calibrations:
        told = _said_to_match_nothing(calibrations, queries, images)
        figures |= {"told": float(told.mean()), "told_first": float(told[ranks == 1].mean()) if 1 in ranks else None}
    return figures


def _said_to_match_nothing(calibrations: Calibrations, queries: Vectors, images: Vectors) -> NDArray[np.bool_]:
    """Tell of queries ``(N, D)`` to all images ``(M, D)`` whether no result is even possible, ``(N,)``."""
    best = (queries @ images.T).max(axis=1, keepdims=True)
    stood = standing(queries, calibrations.reference)
    confidence = calibrations.kinds[WORDS].confidence(queries, stood, best, np.full(len(queries), len(images)))
    return np.asarray(confidence[:, 0] < POSSIBLE)
