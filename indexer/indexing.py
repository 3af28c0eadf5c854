"""Indexes a collection: chooses its models and matchers, and runs them over its photographs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from indexer.collections import collection_contents
from indexer.ingest.image_pass import plan_passes
from indexer.ingest.model_choice import choose_matchers, choose_models
from indexer.ingest.pipeline import run_passes
from indexer.ingest.request import IndexReport, IndexRequest, Progress
from models.imaging.decode import ImageDecoder
from models.protocols import ModelLibrary


def index_collection(
    request: IndexRequest,
    library: ModelLibrary,
    *,
    decoder: ImageDecoder | None = None,
    progress: Progress = lambda stage, done, total: None,  # noqa: ARG005 - silence
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> IndexReport:
    """Bring a collection up to date with its photographs and publish the result.

    Args:
        request: what to index, and with which models.
        library: gives the models.
        decoder: of the photographs; by default in this process, within the default limits.
        progress: told how far the images and the captions are.
        now: tells the time that the generation bears.

    Raises:
        UnknownModelError: no model or matcher of a name.
        InputError: the request names a matcher of a model that does not run, or nothing that can be indexed.
        StorageError: another process indexes the collection, or the disk cannot be written; what was stored stays.
    """
    held_models, held_matchers = collection_contents(request.data_dir, request.collection) or (None, None)
    models = choose_models(request.models, held_models)
    matchers = choose_matchers(request.matchers, models, held_matchers)
    passes = plan_passes(models, matchers, library, request.execution)
    return run_passes(request, passes, library, decoder=decoder, progress=progress, now=now)
