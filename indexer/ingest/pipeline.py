"""Brings a collection up to date in four steps: plan, encode the images, place the captions, publish.

Every step can be killed: vectors are kept as they are made, and the last generation stays current until the next is
whole. Running again does only what is left to do.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime

from indexer.catalog.base import CatalogWriter
from indexer.catalog.opening import frozen_locators
from indexer.collections import locked
from indexer.errors import EngineAwayError
from indexer.ingest.departed import KEPT_GENERATIONS, drop_departed
from indexer.ingest.encode_images import encode_images
from indexer.ingest.encoded_vectors import EncodedVectors
from indexer.ingest.image_batches import EncodedBatch, batches_here
from indexer.ingest.image_pass import ImagePass, PassWorker
from indexer.ingest.image_reader import ImageReader
from indexer.ingest.image_worker import WorkerTask, identities
from indexer.ingest.place_captions import place_captions
from indexer.ingest.plan import Plan, make_plan
from indexer.ingest.publish_changes import publish_changes
from indexer.ingest.request import IndexReport, IndexRequest, Progress
from indexer.ingest.restore import restore_work
from indexer.layout import CollectionLayout, collection_layout
from indexer.publish import sweep
from indexer.store.durable import clear_storage_errors
from indexer.store.vector_engine import drop_unused, point_aliases
from models.cards import EncoderCard, MatcherCard
from models.errors import InputError
from models.files import flush, make_folder
from models.imaging.decode import ImageDecoder, InProcessDecoder
from models.protocols import ModelLibrary


def run_passes(
    request: IndexRequest,
    passes: Sequence[ImagePass],
    library: ModelLibrary,
    *,
    decoder: ImageDecoder | None = None,
    progress: Progress = lambda stage, done, total: None,  # noqa: ARG005 - silence
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> IndexReport:
    """Run some passes over what a collection lacks, and publish the result.

    Args:
        request: what to index; its names of models and matchers are passed over in favour of the passes.
        passes: what runs over the images, at least one encoder's; the first is the collection's own choice.
        library: holds the models of the passes.
        decoder: of the images; by default in this process, within the default limits.
        progress: told how far the images and the captions are.
        now: tells the time that the generation bears.

    Raises:
        SourceError: a place does not exist, or they are of several storages or an unknown one.
        EmptyCollectionError: there is no image to index; the last generation stays.
        CaptionFileError: a caption file cannot be read; nothing has been encoded yet.
        CollectionBusyError: another process indexes the collection.
        StorageError: the disk is full or cannot be written; what was stored stays.
    """
    decoder = decoder or InProcessDecoder()
    layout = collection_layout(request.data_dir, request.collection)
    workers = [one.load(library) for one in passes]
    encoders = [worker.encoder for worker in workers if worker.encoder]
    cards = _cards(workers)
    with _opened(layout, cards) as (catalog, vectors):
        started = time.perf_counter()
        plan, captions_before = make_plan(request, catalog, vectors, decoder.limits), catalog.caption_texts()
        batches = _batches(request, plan, passes, workers, vectors, decoder, now())
        images = encode_images(plan, batches, vectors, catalog, progress)
        captions = place_captions(plan, images.ids, encoders, vectors, catalog, progress)
        captions_removed = len(captions_before - catalog.caption_texts())
        published = publish_changes(layout, plan, cards, vectors, catalog, now, request.keep)
        if published.generation or request.purge:
            drop_departed(catalog, vectors, published.current, keep=0 if request.purge else KEPT_GENERATIONS)
        seconds = time.perf_counter() - started
    return IndexReport(
        collection=layout.name,
        generation=published.generation,
        images=published.images,
        captions=published.captions,
        captions_removed=captions_removed,
        added=images.added,
        reused=published.images - images.added,
        deleted=images.deleted,
        away=images.away,
        duplicates=len(images.ids) - published.images,
        remarks=tuple(sorted(images.remarks)),
        failed=tuple(sorted([*images.failed, *captions.failed])),
        unsupported=dict(plan.found.unsupported),
        skipped=dict(plan.found.skipped),
        excluded=plan.found.excluded,
        links=plan.found.links,
        unmatched_captions=captions.unmatched,
        images_per_s=images.images_per_s,
        captions_per_s=captions.captions_per_s,
        seconds=seconds,
    )


def _batches(
    request: IndexRequest,
    plan: Plan,
    passes: Sequence[ImagePass],
    workers: Sequence[PassWorker],
    vectors: EncodedVectors,
    decoder: ImageDecoder,
    added_at: datetime,
) -> Iterator[EncodedBatch]:
    """Read and encode the files of a plan as the batches are asked for, here or on a cluster."""
    if not request.workers and request.ray is None:
        by_name = {worker.card.name: worker for worker in workers}
        reader = ImageReader(plan.source, by_name, vectors, plan.revisions, decoder, added_at)
        yield from batches_here(reader, by_name, plan.to_read)
        return
    try:
        from indexer.ingest.ray_batches import Cluster, batches_on_ray
    except ImportError as error:
        raise InputError(f"workers need the extra ray: pip install 'semblance[ray]' ({error})") from None

    def task_for(cores: int) -> WorkerTask:
        return WorkerTask(
            passes=tuple(passes),
            roots=tuple(plan.source.roots),
            missing_roots=tuple(plan.source.missing_roots()),
            made_by=identities(workers),
            limits=decoder.limits,
            known=vectors.known_images(),
            revisions=plan.revisions,
            added_at=added_at,
            cores=cores,
        )

    yield from batches_on_ray(Cluster(request.workers, request.ray), task_for, plan.to_read)


@contextmanager
def _opened(
    layout: CollectionLayout, cards: Sequence[EncoderCard | MatcherCard]
) -> Iterator[tuple[CatalogWriter, EncodedVectors]]:
    """Hold a collection, made where it is not there, and open its catalog and its vectors."""
    with clear_storage_errors(layout.root):
        make_folder(layout.root)
        flush(layout.root.parent)  # a run that a kill ended may have made it
        with locked(layout) as database:
            is_new = not layout.work.exists() and not layout.generations.exists()
            sweep(layout)
            database.keep_only(frozen_locators(layout))
            with suppress(EngineAwayError):  # publishing will tell
                drop_unused(layout)
            try:
                had_vectors = (layout.work / "vectors").exists()
                with ExitStack() as opened:
                    vectors = opened.enter_context(closing(EncodedVectors(layout.work / "vectors", cards)))
                    restore_work(layout, database, vectors, had_vectors=had_vectors)
                    yield opened.enter_context(closing(database.open_writer())), vectors
                    with suppress(EngineAwayError):  # all is published; the next run drops what this one left
                        database.keep_only(frozen_locators(layout))
                        drop_unused(layout)
                        point_aliases(layout)
            except InputError:
                if is_new:  # nothing to index: leave no empty collection behind
                    database.drop()
                    shutil.rmtree(layout.root)
                raise


def _cards(workers: Sequence[PassWorker]) -> list[EncoderCard | MatcherCard]:
    """Return the cards of all that rows are kept of, models before matchers."""
    cards = [card for worker in workers for card in worker.gives]
    return sorted(cards, key=lambda card: isinstance(card, MatcherCard))
