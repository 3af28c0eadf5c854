"""Publishes a collection from arrays and records, for tests that need one but no photographs."""

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from indexer.catalog.base import ImageFacts, SeenFile, content_id
from indexer.catalog.opening import catalog_database
from indexer.layout import collection_layout
from indexer.publish import Content, publish
from models.protocols import DualEncoder
from models.types import Vectors


def publish_collection(
    data_dir: Path,
    name: str,
    image_paths: Sequence[Path],
    image_vectors: Vectors,
    encoder: DualEncoder,
    captions: dict[Path, list[str]] | None = None,
) -> list[str]:
    """Publish images under absolute paths (files need not exist; then the path stands for the content).

    Image i gets ``image_vectors[i]``; captions (by path) are encoded by the encoder. Returns the images' ids in the
    order of the paths given; rows are in the order of the sorted paths.
    """
    layout = collection_layout(data_dir, name)
    catalog = catalog_database(layout).open_writer()
    hashes = {p: sha256(p.read_bytes() if p.exists() else str(p).encode()).digest() for p in image_paths}
    catalog.set_sources(sorted({str(path.parent) for path in image_paths}), [])
    catalog.record(
        [ImageFacts(key, 640, 480, "JPEG", datetime(2020, 1, 2, 3, 4, 5), "Maker One") for key in hashes.values()],
        [SeenFile(str(path), 1, 1, key) for path, key in hashes.items()],
    )
    catalog.set_captions({content_id(hashes[path]): texts for path, texts in (captions or {}).items()})
    rows, texts = catalog.number_rows(lambda key: Path(key).name)
    by_hash = dict(zip(hashes.values(), image_vectors, strict=True))

    def vectors(_model: str, side: str):
        yield from ([by_hash[key]] for key in rows) if side == "image" else [encoder.encode_texts(texts)]

    content = Content(
        images=len(rows),
        captions=len(texts),
        sha256=catalog.fingerprint([name]),
        snapshot=catalog.freeze,
        cards=[encoder.card],
        rows=vectors,
    )
    publish(layout, content, datetime.now(UTC))
    catalog.close()
    return [content_id(hashes[path]) for path in image_paths]
