"""Measures a catalog in PostgreSQL, over the loopback, against the same in SQLite.

``python -m benchmarks.catalogs`` makes the same catalog in both, of images that have all facts and two captions each,
and writes ``benchmarks/results/catalogs.csv``: how long a page of 50 results takes to look up, and each step of
indexing. The two are asked in turns, so that whatever else the machine does meets both. It starts a server of its own.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from benchmarks.figures import Figure, format_csv, percentile
from benchmarks.postgres_server import PostgresServer
from benchmarks.provenance import provenance
from indexer.catalog.base import CatalogDatabase, CatalogReader, ImageFacts, SeenFile, content_id
from indexer.catalog.postgres_database import PostgresDatabase
from indexer.catalog.sqlite_database import SqliteDatabase

RESULTS = Path(__file__).parent / "results" / "catalogs.csv"
_ROWS_AT_ONCE = 1000
_PAGE = 50
_AT_MOST = 2
_COMPARED = {10: "of the undisturbed ones", 50: "of the medians; a busy machine lets two processes wait for each other"}


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--look-ups", type=int, default=1000)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    server = PostgresServer()
    try:
        with tempfile.TemporaryDirectory() as folder:
            figures = measure(Path(folder), server, options.images, options.look_ups)
    finally:
        server.stop()
    told = provenance(f"python -m benchmarks.catalogs --images {options.images} --look-ups {options.look_ups}")
    options.output.write_text(format_csv(figures, told), encoding="utf-8")


def measure(folder: Path, server: PostgresServer, images: int, look_ups: int) -> list[Figure]:
    """Return all figures of catalogs of so many images."""
    databases: dict[str, CatalogDatabase] = {
        "SQLite": SqliteDatabase(folder / "work" / "catalog.sqlite"),
        "PostgreSQL": PostgresDatabase(server.url, 5.0, folder),
    }
    figures, readers = [], {}
    for name, database in databases.items():
        seconds, locator = fill(database, folder, images)
        figures += [Figure(f"{step}, {name}", value, "s", note=f"{images:,} images") for step, value in seconds.items()]
        readers[name] = database.open_reader(locator)
    pages: dict[str, Callable[[CatalogReader, list[int]], object]] = {
        "look up 50 images": lambda reader, rows: reader.images_at(rows),
        "look up 50 captions": lambda reader, rows: reader.captions_at(rows),
        "browse 50 by date": lambda reader, rows: reader.browse("taken", rows[0], _PAGE),
    }
    for name, look_up in pages.items():
        taken = ask(readers, look_up, images, look_ups)
        for database_name, times in taken.items():
            for share in (10, 50, 99):
                figures.append(Figure(f"{name}, {database_name}, p{share}", percentile(times, share) * 1e3, "ms"))
        aim = f"<= {_AT_MOST}" if name.startswith("look up") else ""
        for share, note in _COMPARED.items():
            ratio = percentile(taken["PostgreSQL"], share) / percentile(taken["SQLite"], share)
            figures.append(Figure(f"{name}, PostgreSQL to SQLite, p{share}", ratio, "ratio", aim, note))
    for reader in readers.values():
        reader.close()
    return figures


def fill(database: CatalogDatabase, folder: Path, images: int) -> tuple[Mapping[str, float], str]:
    """Index so many images; return the seconds of each step, and the locator of what was frozen."""
    parts = [range(start, min(images, start + _ROWS_AT_ONCE)) for start in range(0, images, _ROWS_AT_ONCE)]
    with database.lock(), closing(database.open_writer()) as writer:
        captions = {content_id(image_of(n).sha256): [f"caption {n}", f"another of {n}"] for n in range(images)}
        locator = str(folder / writer.frozen_name)

        def record() -> None:
            for part in parts:
                facts = [image_of(number) for number in part]
                writer.record(facts, [SeenFile(str(one.told_by), 1, 2, one.sha256) for one in facts])

        steps: dict[str, Callable[[], object]] = {
            "record": record,
            "set captions": lambda: writer.set_captions(captions),
            "number rows": lambda: writer.number_rows(lambda key: key.removeprefix("/")),
            "fingerprint": lambda: writer.fingerprint([]),
            "freeze": lambda: writer.freeze(locator),
        }
        return {name: timed(step) for name, step in steps.items()}, locator


def timed(step: Callable[[], object]) -> float:
    """Return the seconds that a step takes."""
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def image_of(number: int) -> ImageFacts:
    """Return an image that has all facts."""
    return ImageFacts(
        sha256=sha256(str(number).encode()).digest(),
        width=6000,
        height=4000,
        format="JPEG",
        taken_at=datetime(2020, 1 + number % 12, 1 + number % 28, number % 24, number % 60),
        camera="Canon EOS R5",
        lens="RF 50mm F1.2 L USM",
        iso=200,
        latitude=48.2,
        longitude=16.37,
        tags=("sea", "rock"),
        title=f"Number {number}",
        added_at=datetime(2024, 1, 1, tzinfo=UTC),
        decoder_revision=1,
        told_by=f"/photographs/{number % 100:02}/{number:09}.jpg",
    )


def ask(
    readers: Mapping[str, CatalogReader],
    look_up: Callable[[CatalogReader, list[int]], object],
    images: int,
    look_ups: int,
) -> dict[str, list[float]]:
    """Return the seconds of each look-up, of each reader, in turns over the same rows."""
    chance, taken = random.Random(1), {name: list[float]() for name in readers}
    for _ in range(look_ups):
        rows = chance.sample(range(images), min(images, _PAGE))
        for name, reader in readers.items():
            taken[name].append(timed(lambda reader=reader, rows=rows: look_up(reader, rows)))  # type: ignore[misc]
    return taken


if __name__ == "__main__":
    main()
