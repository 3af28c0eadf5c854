"""Where converted models are kept."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path

CACHE_DIR_VARIABLE = "SEMBLANCE_CACHE_DIR"


def cache_folder(chosen: Path | None = None) -> Path:
    """Return the folder of converted models: below the chosen, ``SEMBLANCE_CACHE_DIR`` or the user's cache folder."""
    named = chosen or os.environ.get(CACHE_DIR_VARIABLE)
    return (Path(named) if named else user_cache_path("semblance")) / "converted"
