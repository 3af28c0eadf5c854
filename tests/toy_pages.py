"""The service behind the page's tests: over toy models, on a free port."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import uvicorn
from PIL import Image
from toy_captioner import NAMES as CAPTIONERS
from toy_encoder import ToyEncoder
from toy_library import ToyLibrary

from models.evidence import Evidence, EvidenceMap, ImageRole
from models.explain.breakdown import breakdown
from models.explain.words import word_saliency
from models.protocols import Match
from service.app import create_app
from service.settings import load_settings

ALBUM, DATED = 130, 123
"""Photographs of the album, and those of them that have a date; their names repeat in each folder."""
DATE_TIME = 0x0132

NO_OBSERVER = "delete window.IntersectionObserver"
"""Makes a page that goes on by its button alone, so that a test knows how much it shows."""


class BrightestCells:
    """Explains a toy score: each cell of a 4 x 4 grid is as hot as its colour agrees with the query."""

    looks_at = frozenset[ImageRole]({"result"})

    def explain(self, match: Match) -> Evidence:
        image = match.images["result"]
        step = image.pixels.shape[0] // 4
        cells = image.pixels.reshape(4, step, 4, step, 3).mean(axis=(1, 3)) / 255
        found = EvidenceMap((cells @ match.query.vector[:3]).astype(np.float32), image.region)
        return Evidence((found,), 1.0, word_saliency(match), breakdown(match))


def save_dated(path: Path, number: int) -> None:
    """Save a picture taken so many days before the end of May 2024, the last ones without a date."""
    picture = Image.new("RGB", (60, 40), (number, 255 - number, 37 * number % 256))
    exif = Image.Exif()
    if number < DATED:
        exif[DATE_TIME] = (datetime(2024, 5, 31, 12) - timedelta(days=number)).strftime("%Y:%m:%d %H:%M:%S")
    path.parent.mkdir(exist_ok=True)
    picture.save(path, **({"exif": exif} if exif else {}))


@contextmanager
def serving(encoder: ToyEncoder | None = None, **settings: object) -> Iterator[str]:
    """Serve until the block ends; gives the address."""
    chosen = load_settings(**{"captioner": CAPTIONERS[0], **settings})
    app = create_app(
        chosen, ToyLibrary(lambda _: encoder or ToyEncoder(), explainers=lambda _: {"grad-cam": BrightestCells})
    )
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started or app.state.parts.generations.loading != ():
        assert thread.is_alive(), "the service did not start"
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
