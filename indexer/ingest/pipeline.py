"""Indexes a collection: scan, read and encode what is new, place the captions, publish a generation.

Every step can be killed: vectors are kept as they are made, and the last generation stays current until the next is
whole. Running again does only what is left to do.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from indexer.catalog.base import CatalogWriter, SeenFile, content_id, text_sha256
from indexer.catalog.opening import catalog_database
from indexer.collections import locked
from indexer.errors import (
    CaptionFileError,
    DamagedGenerationError,
    EmptyCollectionError,
    NoGenerationError,
)
from indexer.ingest.captions import match, read_caption_file, read_captions_beside
from indexer.ingest.encode import ImageEncoding, Progress, encode_captions
from indexer.ingest.image_pass import FeatureSource, cards_of, features_given, image_passes
from indexer.ingest.plan import choose_sources, files_to_read, nothing_to_index, out_of_sight
from indexer.ingest.scan import scan
from indexer.ingest.vector_shelf import VectorShelf
from indexer.layout import CollectionLayout, collection_layout
from indexer.publish import Content, publish, sweep
from indexer.store.durable import clear_storage_errors
from indexer.store.manifest import damaged_files, read_manifest, read_pointer
from models.errors import InputError
from models.imaging.decode import InProcessDecoder
from models.protocols import DualEncoder
from models.types import Side


@dataclass(frozen=True)
class IndexRequest:
    """What to index.

    Attributes:
        data_dir: where collections are kept.
        collection: its name; it is made where there is none.
        paths: folders, or single files.
        captions: a caption file (see ``ingest.captions``), beside the text files that lie next to images.
        add: extend the folders and caption files of the last run instead of replacing them.
    """

    data_dir: Path
    collection: str
    paths: tuple[Path, ...]
    captions: Path | None = None
    add: bool = False


@dataclass(frozen=True)
class IndexReport:
    """What indexing did.

    Attributes:
        collection: its name.
        generation: the number published, or None because nothing had changed.
        images: in the collection now.
        captions: distinct ones in the collection now.
        added: images encoded in this run.
        reused: images whose vectors were there already.
        deleted: images that no file holds any more.
        duplicates: files whose content another file has too.
        failed: files that could not be read or decoded, each with the reason.
        unsupported: number of files by suffix, of formats that cannot be read here.
        links: symbolic links that were not followed.
        unmatched_captions: names in caption files that fit no image, or several that differ.
        images_per_s: read, decoded, encoded and stored; None where there were none to do.
        captions_per_s: encoded and stored; None where there were none to do.
        seconds: for everything.
    """

    collection: str
    generation: int | None
    images: int
    captions: int
    added: int
    reused: int
    deleted: int
    duplicates: int
    failed: tuple[tuple[str, str], ...]
    unsupported: Mapping[str, int]
    links: int
    unmatched_captions: tuple[str, ...]
    images_per_s: float | None
    captions_per_s: float | None
    seconds: float


def index_collection(
    request: IndexRequest,
    encoders: Sequence[DualEncoder],
    matchers: Sequence[FeatureSource] = (),
    *,
    progress: Progress = lambda stage, done, total: None,  # noqa: ARG005 - silence
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> IndexReport:
    """Bring a collection up to date with its folders and publish the result.

    Args:
        request: what to index.
        encoders: the models; the first is the collection's own choice. Features that they give along are kept.
        matchers: those whose features are to be kept and that no encoder gives along, or what gives several of them.
        progress: told how far the images and the captions are.
        now: the time that the generation bears.

    Raises:
        SourceError: a path does not exist.
        EmptyCollectionError: there is no image to index; the last generation stays.
        CaptionFileError: a caption file cannot be read; nothing has been encoded yet.
        CollectionBusyError: another process indexes the collection.
        StorageError: the disk is full or cannot be written; what was stored stays.
    """
    layout = collection_layout(request.data_dir, request.collection)
    with clear_storage_errors(layout.root):
        layout.root.mkdir(parents=True, exist_ok=True)
        with locked(layout):
            is_new = not layout.work.exists()
            sweep(layout)
            catalog = catalog_database(layout).open_writer()
            models = _Models(encoders, matchers)
            shelf = VectorShelf(layout.work / "vectors", [*models.cards, *models.matcher_cards])
            try:
                return _Run(layout, request, models, catalog, shelf, progress).finish(now)
            except InputError:
                if is_new:  # nothing to index: leave no empty collection behind
                    shutil.rmtree(layout.root)
                raise
            finally:
                shelf.close()
                catalog.close()


class _Models:
    """What a run encodes with, and the cards of all that it keeps rows of."""

    def __init__(self, encoders: Sequence[DualEncoder], matchers: Sequence[FeatureSource]) -> None:
        self.encoders = encoders
        self.passes = image_passes(encoders, matchers)
        self.cards = [encoder.card for encoder in encoders]
        apart = [card for source in matchers for card in cards_of(source)]
        self.matcher_cards = [*features_given(encoders).values(), *apart]


class _Run:
    """One run of the indexer over an open and locked collection."""

    def __init__(
        self,
        layout: CollectionLayout,
        request: IndexRequest,
        models: _Models,
        catalog: CatalogWriter,
        shelf: VectorShelf,
        progress: Progress,
    ) -> None:
        self._started = time.perf_counter()
        self._layout, self._models = layout, models
        self._catalog, self._shelf, self._progress = catalog, shelf, progress
        self._roots, self._caption_files = choose_sources(
            request.paths, request.captions, catalog.sources() if request.add else None
        )
        self._named_captions = [caption for path in self._caption_files for caption in read_caption_file(path)]
        self._found = scan(self._roots)
        self._failed = list(self._found.unreadable)

    def finish(self, now: Callable[[], datetime]) -> IndexReport:
        """Do everything and tell what was done."""
        seen = self._catalog.seen_files()
        kept = out_of_sight(seen, self._found)
        if not self._found.files and not kept:
            raise nothing_to_index(self._roots, self._found)
        encoding, images_per_s = self._encode_images(seen)
        deleted = self._forget({*seen} - {*self._found.files} - kept, encoding)
        files = self._catalog.seen_files()
        self._failed += [(file.key, file.failure) for file in files.values() if file.failure]
        images = {file.key: content_id(file.sha256) for file in files.values() if file.sha256}
        if not images:
            path, reason = self._failed[0]
            raise EmptyCollectionError(f"none of the {len(self._failed)} images could be read; {path}: {reason}")
        unmatched, captions_per_s = self._place_captions(images)
        generation, image_count, caption_count = self._publish(now)
        return IndexReport(
            collection=self._layout.name,
            generation=generation,
            images=image_count,
            captions=caption_count,
            added=len(encoding.encoded),
            reused=image_count - len(encoding.encoded),
            deleted=deleted,
            duplicates=len(images) - image_count,
            failed=tuple(sorted(self._failed)),
            unsupported=dict(self._found.unsupported),
            links=self._found.links,
            unmatched_captions=tuple(unmatched),
            images_per_s=images_per_s,
            captions_per_s=captions_per_s,
            seconds=time.perf_counter() - self._started,
        )

    def _encode_images(self, seen: Mapping[str, SeenFile]) -> tuple[ImageEncoding, float | None]:
        started = time.perf_counter()
        known = {file.sha256 for file in seen.values() if file.sha256}
        encoding = ImageEncoding(self._models.passes, self._shelf, self._catalog, known, InProcessDecoder())
        files = list(files_to_read(self._found.files.values(), seen, self._shelf))
        if files:
            encoding.run(files, self._progress)
        return encoding, len(files) / (time.perf_counter() - started) if files else None

    def _forget(self, gone: set[str], encoding: ImageEncoding) -> int:
        """Forget files that are gone, and images that cannot be read now and lack a vector; count the images."""
        self._failed += encoding.unreadable
        gone.update(path for path, _ in encoding.unreadable)
        for file in self._catalog.seen_files().values():
            if file.sha256 and file.key not in gone and self._shelf.lacking("image", file.sha256):
                gone.add(file.key)
                self._failed.append((file.key, "cannot be read now, and has not been encoded with this model"))
        return self._catalog.forget(sorted(gone))

    def _place_captions(self, images: Mapping[str, str]) -> tuple[list[str], float | None]:
        """Give images their captions and encode the new ones; return the names that fit no image, and the rate."""
        placed, unmatched = match(self._named_captions, images, self._roots)
        for path, beside in self._found.captions_beside.items():
            if path in images:
                try:
                    placed.setdefault(images[path], []).extend(read_captions_beside(Path(beside)))
                except CaptionFileError as error:
                    self._failed.append((beside, str(error)))
        by_image = {image: list(dict.fromkeys(texts)) for image, texts in placed.items()}
        self._catalog.set_captions(by_image)
        started = time.perf_counter()
        distinct = dict.fromkeys(text for texts in by_image.values() for text in texts)
        encoded = encode_captions(distinct, self._models.encoders, self._shelf, self._progress)
        return unmatched, encoded / (time.perf_counter() - started) if encoded else None

    def _publish(self, now: Callable[[], datetime]) -> tuple[int | None, int, int]:
        """Publish what differs from the current generation; return its number, its images and its captions."""
        self._catalog.set_sources([str(path) for path in self._roots], [str(path) for path in self._caption_files])
        cards, matchers = self._models.cards, self._models.matcher_cards
        identities = [(card.name, card.weights_sha256, card.preprocessing.digest) for card in (*cards, *matchers)]
        fingerprint = self._catalog.fingerprint(identities)
        if counts := _sound_current_counts(self._layout, fingerprint):
            return None, *counts
        keys: dict[Side, list[bytes]] = {}
        keys["image"], texts = self._catalog.number_rows(_shown_name)
        keys["text"] = [text_sha256(text) for text in texts]

        def rows(model: str, side: Side) -> Iterable[NDArray[Any]]:
            return self._shelf.log(model, side).rows(keys[side])

        def freeze(path: Path) -> None:
            self._catalog.freeze(str(path))

        content = Content(len(keys["image"]), len(texts), fingerprint, freeze, cards, rows, matchers)
        manifest = publish(self._layout, content, now())
        self._shelf.compact(keys)
        return manifest.generation, manifest.images, manifest.captions


def _shown_name(path: str) -> str:
    """Return the base name as text that any encoding can carry, whatever bytes the file system holds."""
    return Path(path).name.encode("utf-8", "replace").decode()


def _sound_current_counts(layout: CollectionLayout, fingerprint: str) -> tuple[int, int] | None:
    """Return the counts of the current generation where it has this content and no damage."""
    try:
        manifest = read_manifest(layout, read_pointer(layout))
    except (NoGenerationError, DamagedGenerationError):
        return None
    if manifest.content_sha256 != fingerprint:
        return None
    damage = next(damaged_files(layout.generation(manifest.generation), manifest), None)
    return None if damage else (manifest.images, manifest.captions)
