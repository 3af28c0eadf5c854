"""Begins to load what will be needed soon, beside what is loaded meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from models.errors import ModelError


def load_ahead(load: Callable[[], object]) -> None:
    """Load in a thread of its own, at the caller's priority; a failure is raised again in whoever needs it."""
    threading.Thread(target=_quietly, args=(load,), name="load-ahead", daemon=True).start()


def _quietly(load: Callable[[], object]) -> None:
    with suppress(ModelError):
        load()
