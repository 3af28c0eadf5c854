"""Reads image files: which image each one is, what it tells, and the pixels that models lack of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from indexer.catalog.base import ImageFacts
from indexer.ingest.content_key import content_key
from indexer.ingest.encoded_vectors import KnownRows
from indexer.ingest.failures import MAX_FILE_BYTES, Failure, failure_of, too_many_bytes
from indexer.ingest.image_facts import facts_beside_pixels, facts_of_photograph
from indexer.ingest.image_pass import PassWorker
from indexer.sources.base import FoundFile, PhotoSource
from models.errors import ImageError
from models.imaging.decode import ImageDecoder
from models.imaging.formats import DECODER_REVISION
from models.imaging.revision import is_changed
from models.types import Pixels


@dataclass(frozen=True)
class ReadFile:
    """A file that was read: what to note of it, and what each pass that it needs takes in.

    Attributes:
        file: as its storage describes it.
        sha256: of its image (see ``content_key``); None where it is none.
        facts: that it told; None where nothing new can have come.
        prepared: the input of each pass by the name of its model.
        former: what an earlier version knew the same image by.
        anew: the vectors that there are of it, under either, are of an earlier decoder and wrong now.
        failure: why it is no image.
        unreadable: why it could not be read; nothing is noted then.
    """

    file: FoundFile
    sha256: bytes | None = None
    facts: ImageFacts | None = None
    prepared: Mapping[str, Pixels] = field(default_factory=dict)
    former: bytes | None = None
    anew: bool = False
    failure: Failure | None = None
    unreadable: str | None = None


class ImageReader:
    """Reads files; safe in many threads.

    Args:
        source: of the files.
        workers: the passes that need pixels, by the names of their models.
        known: tells which models lack an image.
        revisions: of the decoder that read it, by the SHA-256 of each image that the catalog has.
        decoder: of the files.
        added_at: noted of images that are new.
    """

    def __init__(
        self,
        source: PhotoSource,
        workers: Mapping[str, PassWorker],
        known: KnownRows,
        revisions: Mapping[bytes, int],
        decoder: ImageDecoder,
        added_at: datetime,
    ) -> None:
        self._source, self._workers, self._known = source, workers, known
        self._revisions, self._decoder, self._added_at = revisions, decoder, added_at
        self._shrink_to = max(worker.card.preprocessing.size for worker in workers.values())
        self._any_former = any(revision == 0 for revision in revisions.values())

    def read(self, found: FoundFile) -> ReadFile:
        """Read a file; decode it where a model lacks its image, or nothing but the decoder can tell its facts."""
        if found.size > MAX_FILE_BYTES:
            return ReadFile(found, failure=too_many_bytes(found.size, self._decoder.limits))
        try:
            content = self._source.read(found.key)
        except OSError as error:
            return ReadFile(found, unreadable=error.strerror or str(error))
        try:
            return self._read(found, content)
        except ImageError as error:
            return ReadFile(found, failure=failure_of(error, self._decoder.limits))

    def _read(self, found: FoundFile, content: bytes) -> ReadFile:
        """Read a file's content; raises ``ImageError`` as the decoder does."""
        sha256 = content_key(content)
        known_as = self._known_as(sha256, content)
        revision = DECODER_REVISION if known_as is None else self._revisions[known_as]
        anew = is_changed(content, revision, self._shrink_to)
        lacking = self._lacking(sha256, known_as, anew=anew)
        former = None if known_as == sha256 else known_as
        if known_as is not None and not lacking:
            facts = facts_beside_pixels(sha256, content, found.key)
            # Where only the decoder could tell, the key is of all bytes: facts that it told before still hold.
            if facts or revision == DECODER_REVISION:
                return ReadFile(found, sha256, facts, former=former)
        photo = self._decoder.decode(content, shrink_to=self._shrink_to)
        facts = facts_of_photograph(sha256, photo, found.key, self._added_at if known_as is None else None)
        serving = {name: worker for name, worker in self._workers.items() if worker.serves(lacking)}
        prepared = {name: worker.prepare(photo.pixels) for name, worker in serving.items()}
        return ReadFile(found, sha256, facts, prepared, former, anew)

    def _known_as(self, sha256: bytes, content: bytes) -> bytes | None:
        """Return what the catalog knows an image by, None where it does not; earlier versions hashed whole files."""
        if sha256 in self._revisions:
            return sha256
        whole = hashlib.sha256(content).digest() if self._any_former else sha256
        return whole if self._revisions.get(whole) == 0 else None

    def _lacking(self, sha256: bytes, known_as: bytes | None, *, anew: bool) -> Sequence[str]:
        """Return the models that have no vector of an image, or one that is wrong."""
        if anew:
            return [card.name for worker in self._workers.values() for card in worker.gives]
        lacking = self._known.lacking("image", sha256)
        if known_as is None or not lacking:
            return lacking
        return [model for model in lacking if model in self._known.lacking("image", known_as)]
