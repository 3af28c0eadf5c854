"""Measures indexing of large photographs: the demonstration's, enlarged to what cameras write, in both kinds of JPEG.

``python benchmarks/large_photographs.py`` writes 1,000 files of 12, 24 and 39 megapixels (40 is the limit of one image)
into a scratch folder, indexes them, and writes ``benchmarks/results/large_photographs.csv``: the rate beside what
decoding and encoding alone allow on all cores, timed before and after. Files of one size and kind repeat the same
pixels under other comments, for making 1,000 different ones would take an hour.
"""

from __future__ import annotations

import argparse
import io
import random
import statistics
import tempfile
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

from PIL import Image

from benchmarks.figures import Figure, between, format_csv, median_ratio
from benchmarks.indexing import decode_alone, encode_alone, prepared_batch
from benchmarks.provenance import provenance
from indexer.indexing import index_collection
from indexer.ingest.model_choice import NO_MATCHER
from indexer.ingest.request import IndexRequest
from models.library import InstalledModels
from models.names import DEFAULT_MODEL

RESULTS = Path(__file__).parent / "results" / "large_photographs.csv"
_PHOTOGRAPHS = Path(__file__).parents[1] / "demo" / "photographs"
_MEGAPIXELS = (12, 24, 39)
_EACH = 4
_COMMENT = b"\xff\xfe\x00\x06"


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        files = write_files(Path(scratch, "photographs"), options.files)
        figures = measure(files, Path(scratch, "data"), options.rounds)
    RESULTS.write_text(format_csv(figures, provenance("python benchmarks/large_photographs.py")), encoding="utf-8")


def measure(files: list[Path], data_dir: Path, rounds: int) -> list[Figure]:
    """Index the files anew in each round, between two timings of decoding and of encoding alone."""
    library = InstalledModels()
    encoder = library.encoder(DEFAULT_MODEL)
    batch = prepared_batch(encoder, files)
    encoder.encode_images(batch)
    sample = random.Random(0).sample(files, min(96, len(files)))
    alone_s, reports = [], []
    for number in range(rounds + 1):
        alone_s.append((decode_alone(encoder, sample), encode_alone(encoder.encode_images, batch, 256)))
        if number < rounds:
            where = data_dir / str(number)
            request = IndexRequest(where, "large", (files[0].parent,), models=(DEFAULT_MODEL,), matchers=(NO_MATCHER,))
            reports.append(index_collection(request, library))
    rates = [report.images / report.seconds for report in reports]
    bounds = [1 / seconds for seconds in between([decode + encode for decode, encode in alone_s])]
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    sizes = ", ".join(map(str, _MEGAPIXELS))
    note = f"{len(files):,} files of {sizes} megapixels, baseline and progressive; {rounds} rounds"
    return [
        Figure("large photographs, end to end", statistics.median(rates), "files/s", note=note),
        Figure("the same in bytes", statistics.median(rates) * megabytes / len(files), "MB/s"),
        Figure("decoding alone", statistics.median(d for d, _ in alone_s) * 1e3, "ms a file", note="all cores"),
        Figure("encoding alone", statistics.median(e for _, e in alone_s) * 1e3, "ms a file", note="all cores"),
        Figure("bound 1 / (decode + encode)", statistics.median(bounds), "files/s"),
        Figure("indexing over its bound", median_ratio(rates, bounds), "ratio", ">= 0.85", "median of rounds"),
    ]


def write_files(folder: Path, count: int) -> list[Path]:
    """Write different files of every size and kind in turns."""
    folder.mkdir()
    files = []
    for number, content in enumerate(islice(cycle(list(_contents())), count)):
        path = folder / f"{number:04}.jpg"
        # a comment after the start marker makes another file of the same picture
        path.write_bytes(content[:2] + _COMMENT + number.to_bytes(4, "big") + content[2:])
        files.append(path)
    return files


def _contents() -> Iterator[bytes]:
    for path in sorted(_PHOTOGRAPHS.glob("*.jpg"))[:_EACH]:
        with Image.open(path) as photograph:
            for megapixels in _MEGAPIXELS:
                scale = (megapixels * 1e6 / (photograph.width * photograph.height)) ** 0.5
                sides = int(photograph.width * scale), int(photograph.height * scale)
                enlarged = photograph.convert("RGB").resize(sides, Image.Resampling.BICUBIC)
                for progressive in (False, True):
                    file = io.BytesIO()
                    enlarged.save(file, "JPEG", quality=92, progressive=progressive)
                    yield file.getvalue()


if __name__ == "__main__":
    main()
