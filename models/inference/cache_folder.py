"""Where converted models are kept."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path

CACHE_DIR_VARIABLE = "SEMBLANCE_CACHE_DIR"


def cache_folder() -> Path:
    """Return the folder of converted models: below ``SEMBLANCE_CACHE_DIR``, or the user's own cache folder."""
    chosen = os.environ.get(CACHE_DIR_VARIABLE)
    return (Path(chosen) if chosen else user_cache_path("semblance")) / "converted"
