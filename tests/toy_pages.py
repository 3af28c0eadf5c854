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
from models.types import Pixels, Vectors
from service.app import create_app
from service.settings import load_settings

ALBUM, DATED = 130, 123
"""Photographs of the album, and those of them that have a date; their names repeat in each folder."""
DATE_TIME = 0x0132
UNRELATED = 0.02
"""A query of a score below it has nothing to do with a picture."""

NO_OBSERVER = "delete window.IntersectionObserver"
"""Makes a page that goes on by its button alone, so that a test knows how much it shows."""


class BrightestCells:
    """Explains a toy score: each cell of a 4 x 4 grid is as hot as its colour agrees with the query.

    Both images have a map, each term and each word; a query of a score below ``UNRELATED`` has nothing to do with the
    picture.
    """

    looks_at = frozenset[ImageRole]({"result", "query"})

    def explain(self, match: Match) -> Evidence:
        cells = {role: _cells(image.pixels) for role, image in match.images.items()}
        sought = {"result": match.query.vector, "query": match.vector}
        maps = tuple(
            EvidenceMap((of @ sought[role]).reshape(4, 4).astype(np.float32), match.images[role].region, role)
            for role, of in cells.items()
        )
        if len(match.query.terms) > 1:
            shares = (match.query.parts @ cells["result"].T).reshape(-1, 4, 4).astype(np.float32)
            region = match.images["result"].region
            maps += tuple(
                EvidenceMap(values, region, term=term.label)
                for values, term in zip(shares, match.query.terms, strict=True)
            )
        words = word_saliency(match, (), cells["result"], (4, 4))
        unrelated = float(match.vector @ match.query.vector) < UNRELATED
        return Evidence(maps, 1.0, words, breakdown(match), unrelated=unrelated)


class CoveredCells(BrightestCells):
    """The same, of the result alone: another method to choose."""

    looks_at = frozenset[ImageRole]({"result"})


def _cells(pixels: Pixels) -> Vectors:
    """Return the mean colours of 4 x 4 cells, ``(16, 4)``, as vectors of the toy encoder without its constant."""
    step = pixels.shape[0] // 4
    colours = pixels.reshape(4, step, 4, step, 3).mean(axis=(1, 3)).reshape(16, 3) / 255
    return np.pad(colours, ((0, 0), (0, 1))).astype(np.float32)


METHODS = {"brightest": BrightestCells, "covered": CoveredCells}


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
    app = create_app(chosen, ToyLibrary(lambda _: encoder or ToyEncoder(), explainers=lambda _: METHODS))
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
