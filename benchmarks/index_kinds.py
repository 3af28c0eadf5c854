"""Measures every kind of index at growing sizes, on one core: ``python benchmarks/index_kinds.py``.

Vectors are those of the collection that ``benchmarks/run.py`` indexes, and beyond its size unit sums of pairs of them,
drawn at random: they lie as densely as the real ones' neighbours do, not anywhere on the sphere. Queries are captions
of its photographs. Of each kind and size: CPU seconds to build, bytes a vector (of the index in memory; exact vectors
are beside it on disk, four bytes a dimension), recall at ten against a scan, and the time of one query at a time, at
many quantiles, which ``benchmarks/scale.py`` reads.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.figures import Figure, format_csv, percentile
from benchmarks.indexing import DATA_DIR
from benchmarks.photographs import load_photographs
from benchmarks.provenance import provenance
from indexer.store.brute_force import BruteForceStore
from indexer.store.generation import open_current
from indexer.store.index_kind import kind_named
from indexer.tune import RECALL_WANTED, recall_against
from models.inference.execution import Execution
from models.library import InstalledModels
from models.types import Vectors

RESULTS = Path(__file__).parent / "results" / "index_kinds.csv"
SIZES = {"flat": (10_000, 50_000, 200_000), "ivf_sq8": (100_000, 200_000, 400_000)}
QUANTILES = (1, 5, 10, 25, 50, 75, 90, 95, 98, 99, 99.5)
_QUERIES = 400
_SEED = 7


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the smallest sizes only; nothing is written")
    quick = parser.parse_args().quick
    photographs = load_photographs(quick=False)
    figures = []
    with open_current(DATA_DIR / "collections" / photographs.name) as generation:
        catalog = next(file.bytes for file in generation.manifest.files if file.name.startswith("catalog"))
        each = catalog / generation.catalog.image_count
        figures.append(Figure("catalog, bytes a photograph", each, "bytes", note="without captions"))
        model = generation.models[0]
        images = np.array(generation.vector_set(model, "image").matrix)
    queries = InstalledModels(Execution(device="cpu")).encoder(model).encode_texts(photographs.queries()[:_QUERIES])
    largest = max(sizes[0 if quick else -1] for sizes in SIZES.values())
    vectors = grown(images, largest)
    for name, sizes in SIZES.items():
        for size in sizes[:1] if quick else sizes:
            figures += list(measure(name, vectors[:size], queries))
    text = format_csv(figures, provenance("python benchmarks/index_kinds.py"))
    print(text)
    if not quick:
        RESULTS.write_text(text, encoding="utf-8")


def grown(vectors: Vectors, size: int) -> Vectors:
    """Return ``(size, D)`` unit vectors: the ``(N, D)`` given ones, then unit sums of pairs of them."""
    random = np.random.default_rng(_SEED)
    more = max(0, size - len(vectors))
    share = random.uniform(0.5, 1, (more, 1)).astype(np.float32)
    first, second = random.integers(len(vectors), size=(2, more))
    sums = share * vectors[first] + (1 - share) * vectors[second]
    sums /= np.linalg.norm(sums, axis=1, keepdims=True)
    return np.ascontiguousarray(np.concatenate([vectors[:size], sums]))


def measure(name: str, vectors: Vectors, queries: Vectors) -> Iterator[Figure]:
    """Build one kind for ``(N, D)`` vectors and ask it ``(Q, D)`` queries one by one."""
    kind, what = kind_named(name), f"{name}, {len(vectors):,} vectors"
    truth = BruteForceStore(vectors).search(queries, 10)[0]
    started = time.process_time()
    stores = kind.build(vectors, seed=_SEED)
    store = next(stores)
    built = time.process_time() - started
    recall = recall_against(truth, store, queries)
    for more in stores:  # the same index, of which more is looked at
        if recall >= RECALL_WANTED:
            break
        store, recall = more, recall_against(truth, more, queries)
    with tempfile.TemporaryDirectory() as folder:
        file = kind.save(store, Path(folder) / "index").file
        size = vectors.nbytes if file is None else file.stat().st_size
    seconds = []
    for query in queries:
        before = time.perf_counter()
        store.search(query[None], 10)
        seconds.append(time.perf_counter() - before)
    yield Figure(f"{what}: build", built, "CPU s")
    yield Figure(f"{what}: index", size / len(vectors), "bytes a vector")
    yield Figure(f"{what}: recall@10", recall, "share", f">= {RECALL_WANTED}")
    for quantile in QUANTILES:
        yield Figure(f"{what}: search, p{quantile}", percentile(seconds, quantile) * 1e3, "ms")


if __name__ == "__main__":
    main()
