"""The third step: gives images their captions, and encodes the captions that are new."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from indexer.catalog.base import CatalogWriter, text_sha256
from indexer.errors import CaptionFileError
from indexer.ingest.background_writer import BackgroundWriter
from indexer.ingest.captions import match, read_captions_beside
from indexer.ingest.encoded_vectors import EncodedVectors
from indexer.ingest.plan import Plan
from indexer.ingest.request import Progress
from models.inference.batches import TEXT_BATCH
from models.protocols import DualEncoder


@dataclass(frozen=True)
class PlacedCaptions:
    """What came of the captions.

    Attributes:
        unmatched: names in caption files that fit no image, or several that differ.
        failed: text files beside images that cannot be read, each with the reason.
        captions_per_s: encoded and stored in a second; None where there were none to encode.
    """

    unmatched: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]
    captions_per_s: float | None


def place_captions(
    plan: Plan,
    ids: Mapping[str, str],
    encoders: Sequence[DualEncoder],
    vectors: EncodedVectors,
    catalog: CatalogWriter,
    progress: Progress,
) -> PlacedCaptions:
    """Note the captions of images, the titles in their files among them, and store the vectors that a model lacks.

    Images that were kept though their files are away keep their captions, whose files may be away, too.

    Args:
        plan: of the run.
        ids: of the images, by the key of each file that holds one.
        encoders: the models.
        vectors: where rows are stored.
        catalog: where captions are noted.
        progress: told how many are encoded.

    Raises:
        ModelError: a model gave what is no row.
        StorageError: the disk is full or cannot be written.
    """
    placed, unmatched = match(plan.captions, ids, plan.source)
    failed = []
    for key, beside in plan.found.captions_beside.items():
        if key in ids:
            try:
                placed.setdefault(ids[key], []).extend(read_captions_beside(plan.source, beside))
            except CaptionFileError as error:
                failed.append((beside, str(error)))
    for image, title in catalog.titles().items():
        placed.setdefault(image, []).append(title)
    away = {image for key, image in ids.items() if key not in plan.found.files}
    former = {image: texts for image, texts in catalog.captions().items() if image in away} if away else {}
    by_image = {
        image: list(dict.fromkeys((*former.get(image, ()), *placed.get(image, ())))) for image in (*former, *placed)
    }
    catalog.set_captions(by_image)
    started = time.perf_counter()
    distinct = dict.fromkeys(text for texts in by_image.values() for text in texts)
    encoded = _encode(distinct, encoders, vectors, progress)
    rate = encoded / (time.perf_counter() - started) if encoded else None
    return PlacedCaptions(tuple(unmatched), tuple(failed), rate)


def _encode(
    captions: Iterable[str], encoders: Sequence[DualEncoder], vectors: EncodedVectors, progress: Progress
) -> int:
    """Encode and store the captions that a model lacks; return how many there were."""
    lacking = {caption: vectors.lacking("text", text_sha256(caption)) for caption in captions}
    # Of similar length together: a batch is padded to its longest.
    waiting = sorted((caption for caption, models in lacking.items() if models), key=len)
    with BackgroundWriter() as writer:
        for start in range(0, len(waiting), TEXT_BATCH):
            batch = waiting[start : start + TEXT_BATCH]
            for encoder in encoders:
                model = encoder.card.name
                texts = [caption for caption in batch if model in lacking[caption]]
                if texts:
                    keys, rows = [text_sha256(text) for text in texts], encoder.encode_texts(texts)
                    writer.submit(partial(vectors.append, model, "text", keys, rows))
            progress("captions", start + len(batch), len(waiting))
    return len(waiting)
